"""What `aim-mayapy batch` understands: its options, ranges of frames as people write them;
and a batch as plain values."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aim_maya.core.errors import AimError

# Ranges of frames as people write them, and the times at which they are sampled.

_NUMBER = r"-?\d+(?:\.\d+)?"
_MOST_TIMES = 10**6


def read_range(text: str) -> tuple[float, float]:
    """'1001-1240' as (1001, 1240); '5' is that one frame; negative frames are written as they are. Raises
    AimError."""
    found = re.fullmatch(rf"\s*({_NUMBER})(?:\s*-\s*({_NUMBER}))?\s*", text)
    if not found:
        raise AimError(
            f"'{text}' is no range of frames.", remedy="Write the first and the last frame: 1001-1240."
        )
    first, last = float(found[1]), float(found[2] or found[1])
    if last < first:
        raise AimError(
            f"The frames {first:g}-{last:g} run backwards.",
            "First and last are exchanged.",
            f"Write {last:g}-{first:g}.",
        )
    return first, last


@dataclass(frozen=True)
class Sampling:
    """Frames first, first + step, ... <= last, each sampled at every offset of `sub_frames`."""

    first: float
    last: float
    step: float = 1.0
    sub_frames: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        """Raises AimError for a range, step or sub-frames that cannot be sampled."""
        if not all(math.isfinite(v) for v in (self.first, self.last, self.step, *self.sub_frames)):
            raise AimError(
                f"Frames {self.first:g}-{self.last:g} in steps of {self.step:g}: not all of them are numbers."
            )
        if self.last < self.first:
            raise AimError(
                f"The frames {self.first:g}-{self.last:g} run backwards.",
                "First and last are exchanged.",
                f"Write {self.last:g}-{self.first:g}.",
            )
        if self.step <= 0:
            raise AimError(
                f"The step is {self.step:g}.",
                "It would never reach the last frame.",
                "Give a number above zero.",
            )
        if not self.sub_frames or max(self.sub_frames) - min(self.sub_frames) >= self.step:
            raise AimError(
                f"The sub-frames {', '.join(f'{s:g}' for s in self.sub_frames) or '(none)'} do not fit "
                f"into a step of {self.step:g}.",
                "They would overlap the next frame's.",
                "Keep them less than one step apart: --sub-frames -0.25 0 0.25",
            )
        if (self.last - self.first) / self.step * len(self.sub_frames) > _MOST_TIMES:
            raise AimError(
                f"Frames {self.first:g}-{self.last:g} in steps of {self.step:g} are more than "
                f"{_MOST_TIMES} samples.",
                "The step is too small.",
            )

    @property
    def times(self) -> list[float]:
        """Every time that is sampled, in order."""
        count = math.floor((self.last - self.first) / self.step + 1e-9) + 1
        return [self.first + i * self.step + s for i in range(count) for s in sorted(self.sub_frames)]


# What `aim-mayapy batch` understands.

FORMATS = ("abc", "usd", "usdc", "usda", "fbx")
EXIT_CODES = """exit codes, for a farm:
  0    everything is done, or was done already (--resume)
  1    some scenes failed, the others are done: the report says why; the same again would fail again
  2    the request is wrong: nothing was run
  3    Maya or a plug-in could not be started on this machine: nothing was run
  4    a scene crashed Maya or ran out of time, the others are done: another try may do it
  130  stopped from outside; what was finished is whole
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="aim-mayapy batch",
        description="Work on scenes without an interface.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text, add in (
        ("export", "bake faces to Alembic, USD, or an FBX that needs no plug-in", _export),
        ("attach", "attach a model to the faces it fits, and save", _attach),
        ("restore", "take the models out again, and save", _restore),
        ("check", "open scenes and say what is wrong with their models; nothing is written", lambda _: None),
    ):
        one = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _common(one)
        add(one)
    return top


def _common(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "scenes", nargs="+", metavar="SCENE", help="scene files, or folders: every .ma and .mb below them"
    )
    one.add_argument(
        "--nodes",
        nargs="+",
        default=[],
        metavar="NAME",
        help="meshes or aimDeformers, * allowed; not given: every aimDeformer of the scene (attach: "
        "every mesh that the model fits)",
    )
    one.add_argument(
        "--report", metavar="FILE.json", help="write what was done here; it is kept up to date scene by scene"
    )
    one.add_argument(
        "--resume",
        action="store_true",
        help="skip scenes whose output is there, whole, and made from the same files and options",
    )
    one.add_argument(
        "--timeout",
        type=float,
        default=3600.0,
        metavar="S",
        help="seconds one scene may take before Maya is ended and the next scene begun; 0: no limit (3600)",
    )
    one.add_argument("--skip-user-setup", action="store_true", help="do not run userSetup.py")
    # its first name
    one.add_argument("--skip-startup", dest="skip_user_setup", action="store_true", help=argparse.SUPPRESS)
    one.add_argument(
        "--plug-ins",
        nargs="+",
        default=[],
        metavar="NAME",
        help="more plug-ins to load before the scenes are opened",
    )
    one.add_argument(
        "--allow-none",
        action="store_true",
        help="a scene with nothing in it to do counts as skipped, not as failed",
    )
    one.add_argument(
        "--in-process",
        action="store_true",
        help="no process of its own for Maya: for debugging; a crash or a hang then ends everything",
    )


def _export(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder for <scene>.<format>, below it as the scenes lie below theirs; or a file, for one scene",
    )
    one.add_argument(
        "--format", choices=FORMATS, help="kind of file; by the ending of -o when that is a file, else abc"
    )
    one.add_argument(
        "--frames", metavar="A-B", help="first and last frame; the scene's playback range when not given"
    )
    one.add_argument("--step", type=float, default=1.0, help="frames between samples (1)")
    one.add_argument(
        "--sub-frames",
        nargs="+",
        type=float,
        default=[0.0],
        metavar="T",
        help="samples around each frame, as for motion blur: -0.25 0 0.25",
    )
    one.add_argument(
        "--space",
        choices=("world", "object"),
        help="world (with the transforms of all parents; the default), or object; fbx is always object",
    )
    one.add_argument("--strip-namespaces", action="store_true", help="write names without their namespaces")
    one.add_argument(
        "--allow-broken",
        action="store_true",
        help="bake also where a model is missing or does not fit: the face is then what the node "
        "passes through",
    )
    one.add_argument(
        "--samples", type=int, default=300, help="fbx: poses sampled for the native targets (300)"
    )
    one.add_argument(
        "--max-residual",
        type=float,
        metavar="MM",
        help="fbx: fail when the native targets are further off than this in any frame",
    )


def _attach(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--model",
        required=True,
        metavar="FILE.aim",
        help="the model; stored relative to a scene where it lies below it",
    )
    one.add_argument(
        "--mode",
        choices=("replace", "overlay"),
        help="overlay on referenced rigs, else replace, when not given",
    )
    one.add_argument(
        "--double-jaw",
        choices=("keep", "still"),
        help="what the model's jaw does where a skinned jaw joint follows",
    )
    _saving(one)


def _restore(one: argparse.ArgumentParser) -> None:
    _saving(one)


def _saving(one: argparse.ArgumentParser) -> None:
    place = one.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "-o",
        "--out",
        metavar="FOLDER",
        help="folder for the changed scenes, below it as the scenes lie below theirs; or a file, for "
        "one scene",
    )
    place.add_argument("--in-place", action="store_true", help="save over the scenes themselves")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options. Exits with code 2 and a line on stderr for what is not understood, as argparse does."""
    return parser().parse_args(_with_values(argv))


def _with_values(argv: Sequence[str]) -> list[str]:
    """A range such as -10-20 looks like an option to argparse: it is tied to --frames."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] == "--frames" and word[:1] == "-" and word[1:2].isdigit():
            words[-1] = f"--frames={word}"
        else:
            words.append(word)
    return words


@dataclass(frozen=True)
class Item:
    """One scene and where its result goes; output '' for work that writes none."""

    scene: str
    output: str


@dataclass(frozen=True)
class Plan:
    """The command, its options as plain values, and the scenes in order."""

    command: str
    options: dict[str, Any]
    items: tuple[Item, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the process that does the work."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The inverse of to_json."""
        return cls(data["command"], data["options"], tuple(Item(**i) for i in data["items"]))
