"""The benchmark from beginning to end: unpack two actors, train, compare with the baselines, ablate, and
write one page with tables, curves and pictures, the paper's numbers beside ours.

    python benchmark/reproduce.py [--quick] [--out out/reproduce] [--actors actor_a actor_b] [--resume]

Every step is a command of `aimface`, printed before it runs, so that each can be repeated alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from aim_maya.core.actor_folder import write_actor  # noqa: E402
from aim_maya.core.arrays import read_arrays  # noqa: E402
from aim_maya.core.errors import AimError  # noqa: E402
from aim_maya.core.files import read_json, read_text, write_text  # noqa: E402
from benchmark.page import page  # noqa: E402
from trainer.__main__ import main as aimface  # noqa: E402
from trainer.sample import read_packed  # noqa: E402

NEURAL = "AIM local, neural"


@dataclass(frozen=True)
class Plan:
    """How much is done: frames taken of every clip, 0 for all of them; for how many actors the slow networks
    are fitted; the others are ends of command lines.
    """

    of_a_clip: int = 0
    train: tuple[str, ...] = ()
    compare: tuple[str, ...] = ("--seeds", "3")
    neural: tuple[str, ...] = ("--every", "2")
    neural_actors: int = 2
    curve: tuple[str, ...] = ("--every", "4", "--methods", "GBS", "PBS", "ALM", "AIM local")
    ablate: tuple[str, ...] = ()


FULL = Plan()
QUICK = Plan(
    of_a_clip=4,
    train=("--steps", "600", "--anatomy-steps", "400"),
    compare=("--seeds", "1", "--settings", "all", "noise", "landmarks"),
    neural=("--neural-steps", "1000"),
    neural_actors=1,
    curve=("--every", "6", "--methods", "PBS", "AIM local", "--curve-unknowns", "300", "1200", "2400"),
    ablate=(
        *("--steps", "500", "--anatomy-steps", "400"),
        *("--only", "as configured", "ReLU", "the paper's losses and form"),
    ),
)


@dataclass
class Run:
    """One reproduction: where it is written, what was run and how long it took."""

    out: Path
    resume: bool
    ran: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, *words: object) -> None:
        """One command, said and timed. Raises SystemExit with its code when it does not end well."""
        line = [str(word) for word in words]
        said = f"aimface {shlex.join(line)}"
        sys.stdout.write(f"\n$ {said}\n")
        sys.stdout.flush()
        began = time.perf_counter()
        code = aimface(line)
        if code:
            raise SystemExit(code)
        self.ran.append((said, time.perf_counter() - began))

    def figures(self, name: str, *words: object) -> Any:
        """The figures of a command: with resume those of an earlier run, where there are any."""
        file = self.out / "figures" / f"{name}.json"
        if not (self.resume and file.exists()):
            self(*words, "--json", file)
        return read_json(file)


def unpack(name: str, out: Path, of_a_clip: int = 0) -> None:
    """The actor's folder and its true frames, as the commands read them: all, or the middle of every clip."""
    actor = read_packed(HERE / name / "head.npz")
    write_actor(actor, out / name)
    packed = read_arrays(HERE / name / "performance_open.npz")
    clip = packed["clip"]
    kept = np.concatenate([middle(np.flatnonzero(clip == c), of_a_clip) for c in np.unique(clip)])
    frames = actor.neutral.points + packed["frames_q"][kept] * float(packed["scale_mm"])
    np.savez(
        out / f"{name}.npz",
        frames=frames.astype(np.float32),
        fps=packed["fps"],
        clip=clip[kept],
        jaw_matrices=packed["jaw_matrices"][kept],
    )
    write_text(out / "LICENSES.txt", read_text(HERE / "LICENSES.txt"))


def middle(frames: np.ndarray, count: int) -> np.ndarray:
    """So many neighbours from the middle; 0: all."""
    first = (len(frames) - count) // 2
    return frames[max(first, 0) :][:count] if count else frames


def reproduce(plan: Plan, actors: list[str], run: Run) -> dict[str, Any]:
    """Everything but the page; {part: {actor: figures}}."""
    out, found = run.out, {"train": {}, "compare": {}, "curve": {}, "ablate": {}}
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name in actors:
        unpack(name, out, plan.of_a_clip)
        model, frames = out / f"{name}.aim", out / f"{name}.npz"
        found["train"][name] = run.figures(f"train-{name}", "train", out / name, "-o", model, *plan.train)
        given = (out / name, frames, "--model", model, "--score-vertices", "0:6706")
        given = (*given, "--landmarks", HERE / "landmarks68.json", "--resume")
        found["compare"][name] = run.figures(
            f"compare-{name}", "compare", *given, "-o", out / f"compare-{name}", *plan.compare
        )["results"]
        if name in actors[: plan.neural_actors]:
            found["compare"][name] += run.figures(
                *(f"neural-{name}", "compare", *given, "-o", out / f"neural-{name}"),
                *("--methods", NEURAL, "--settings", "all", *plan.neural),
            )["results"]
    last = actors[-1]
    found["curve"][last] = run.figures(
        *(f"curve-{last}", "compare", out / last, out / f"{last}.npz", "--model", out / f"{last}.aim"),
        *("--score-vertices", "0:6706", "-o", out / f"curve-{last}", "--curve", "--seeds", 1),
        *("--settings", "all", "noise", *plan.curve),
    )["curve"]
    first = actors[0]
    found["ablate"][first] = run.figures(
        f"ablate-{first}", "ablate", out / first, "-o", out / f"ablate-{first}", *plan.ablate
    )
    return found


def main() -> int:
    """Exit codes as of every `aimface` command."""
    parser = argparse.ArgumentParser(description="Train, compare, ablate, and write one page.")
    parser.add_argument("--out", type=Path, default=Path("out/reproduce"), help="folder for everything")
    parser.add_argument(
        "--quick", action="store_true", help="ten minutes on two cores: shorter, fewer frames"
    )
    parser.add_argument("--actors", nargs="+", choices=("actor_a", "actor_b"), default=["actor_a", "actor_b"])
    parser.add_argument(
        "--resume", action="store_true", help="go on where an earlier run of the same stopped"
    )
    options = parser.parse_args()
    run, began = Run(options.out, options.resume), time.perf_counter()
    try:
        found = reproduce(QUICK if options.quick else FULL, options.actors, run)
        about = {
            "quick": options.quick,
            "minutes": (time.perf_counter() - began) / 60,
            "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
        }
        write_text(options.out / "index.html", page(found, run.ran, about, options.out))
    except AimError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write(f"\n{about['minutes']:.1f} minutes. Open {options.out / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
