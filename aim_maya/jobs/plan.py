"""Which scenes, to which outputs: everything that can be refused before Maya is started is refused here."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError

from .options import FORMATS, Sampling, read_range

SCENE_ENDINGS = (".ma", ".mb")
_NOT_SCENES = {".mayaswatches", "incrementalsave", "autosave", "backup"}


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


def make_plan(options: argparse.Namespace) -> Plan:
    """Raises AimError for scenes that are not there, outputs that collide, and values that cannot be
    meant.
    """
    values = vars(options).copy()
    command = values.pop("command")
    if options.timeout < 0:
        raise AimError(
            f"The timeout is {options.timeout:g} seconds.",
            remedy="Give a number above zero, or 0 for no limit.",
        )
    found = _find(options.scenes)
    ending = ""
    if command == "export":
        ending = _check_export(values)
    elif command == "attach":
        values["model"] = _model(options.model)
    items = tuple(
        Item(str(scene), str(_output(values, scene, below, ending, len(found))) if values.get("out") else "")
        for scene, below in found
    )
    if values.get("in_place"):
        items = tuple(Item(i.scene, i.scene) for i in items)
    _check_outputs(items, in_place=bool(values.get("in_place")))
    return Plan(command, values, items)


def sampling(options: dict[str, Any], playback: tuple[float, float]) -> Sampling:
    """The frames asked for, or the scene's playback range. Raises AimError."""
    first, last = read_range(options["frames"]) if options["frames"] is not None else playback
    return Sampling(first, last, options["step"], tuple(options["sub_frames"]))


def _find(given: list[str]) -> list[tuple[Path, Path]]:
    """(scene, its path below the folder that was given) in the order given, folders sorted by name."""
    found: dict[Path, Path] = {}
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            inside = [
                p
                for p in sorted(path.rglob("*"))
                if p.suffix.lower() in SCENE_ENDINGS and p.is_file() and not _set_aside(p.relative_to(path))
            ]
            if not inside:
                raise AimError(
                    f"There is no scene below {path}.",
                    f"No file ends in {' or '.join(SCENE_ENDINGS)}.",
                    "Name the folder that holds them.",
                )
            found |= {p.absolute(): p.relative_to(path) for p in inside}
        elif not path.is_file():
            raise AimError(
                f"There is no scene {path}.",
                "The path is misspelt, or the file was moved.",
                "Check the path.",
            )
        elif path.suffix.lower() not in SCENE_ENDINGS:
            raise AimError(f"{path} is no Maya scene.", f"It does not end in {' or '.join(SCENE_ENDINGS)}.")
        else:
            found[path.absolute()] = Path(path.name)
    return list(found.items())


def _set_aside(path: Path) -> bool:
    return any(part.lower() in _NOT_SCENES or part.startswith(".") for part in path.parts)


def _check_export(values: dict[str, Any]) -> str:
    """Settle format and space; the ending of the outputs."""
    given = Path(values["out"]).suffix.lower().lstrip(".")
    if (
        given
        and values["format"]
        and values["format"] != given
        and values["format"] in FORMATS
        and given in FORMATS
    ):
        raise AimError(f"-o names a .{given}, --format {values['format']}.", remedy="Give one of the two.")
    kind = values["format"] = values["format"] or (given if given in FORMATS else "abc")
    if kind == "fbx" and values["space"] == "world":
        raise AimError(
            "FBX-safe faces are in object space.",
            "Their targets are; the transforms above them go along.",
            "Leave --space out, or take abc or usd.",
        )
    values["space"] = values["space"] or ("object" if kind == "fbx" else "world")
    if values["samples"] < 1:
        raise AimError(f"--samples is {values['samples']}.", remedy="Give a number of poses above zero.")
    sampling(values, (0.0, 0.0))
    return f".{kind}"


def _model(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_file():
        raise AimError(
            f"There is no model {path}.", "The path is misspelt, or the model was moved.", "Check --model."
        )
    return str(path.absolute())


def _output(values: dict[str, Any], scene: Path, below: Path, ending: str, count: int) -> Path:
    out = Path(values["out"]).expanduser().absolute()
    kinds = (f".{k}" for k in FORMATS) if ending else SCENE_ENDINGS
    if out.suffix.lower() in tuple(kinds) and not out.is_dir():
        if count > 1:
            raise AimError(f"{count} scenes cannot all become {out.name}.", "-o is a file.", "Name a folder.")
        return out
    if out.is_file():
        raise AimError(f"{out} is a file.", "-o is to be a folder here.", "Name a folder.")
    return out / below.with_suffix(ending or scene.suffix)


def _check_outputs(items: tuple[Item, ...], *, in_place: bool) -> None:
    seen: dict[str, str] = {}
    scenes = {i.scene for i in items}
    for item in items:
        if not item.output:
            continue
        if item.output in seen:
            raise AimError(
                f"{seen[item.output]} and {item.scene} would both become {item.output}.",
                "They have one name.",
                "Name the folder above them, which keeps them apart.",
            )
        if not in_place and item.output in scenes:
            raise AimError(
                f"{item.output} would be written over a scene that is read.",
                "-o is the scenes' own folder.",
                "Name another folder, or say --in-place.",
            )
        seen[item.output] = item.scene
