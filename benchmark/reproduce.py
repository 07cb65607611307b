"""The benchmark from beginning to end: unpack two actors, train, compare with the baselines, ablate, and
write one page with tables, curves and pictures, the paper's numbers beside ours.

    python benchmark/reproduce.py [--quick] [--out out/reproduce] [--actors actor_a actor_b] [--resume]

Every step is a command of `aimface`, printed before it runs, so that each can be repeated alone. What it says
is in OUT/logs.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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


@dataclass(frozen=True)
class Step:
    """One command: the name of its figures, its words, and the step whose model it takes."""

    name: str
    words: tuple[object, ...]
    after: str = ""


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass
class Run:
    """One reproduction: where it is written, what was run and how long it took. Steps that do not wait for each
    other run two at a time, each with its share of the cores.
    """

    out: Path
    resume: bool
    cores: int = field(default_factory=available_cores)
    ran: list[tuple[str, float]] = field(default_factory=list)

    @property
    def lanes(self) -> int:
        """How many steps run at once."""
        return min(2, self.cores)

    def figures(self, name: str) -> Any:
        """The figures of a step that was done."""
        return read_json(self._file(name))

    def all(self, steps: Sequence[Step]) -> None:
        """Do them, with resume those that have no figures. Raises SystemExit with the code of the first that does
        not end well; what runs beside it is ended.
        """
        waiting = [s for s in steps if not (self.resume and self._file(s.name).exists())]
        done = {s.name for s in steps if s not in waiting} | {""}
        running: dict[Future[int], tuple[Step, float]] = {}
        children: list[subprocess.Popen[bytes]] = []
        with ThreadPoolExecutor(self.lanes) as pool:
            try:
                while waiting or running:
                    for step in [s for s in waiting if s.after in done][: self.lanes - len(running)]:
                        waiting.remove(step)
                        sys.stdout.write(f"\n$ {said(step)}\n  (what it says: {self._log(step)})\n")
                        begun = pool.submit(
                            aimface, self._words(step), self._log(step), self._threads, children
                        )
                        running[begun] = step, time.perf_counter()
                    sys.stdout.flush()
                    for ended in wait(running, return_when=FIRST_COMPLETED).done:
                        step, began = running.pop(ended)
                        self._judge(step, ended.result(), time.perf_counter() - began)
                        done.add(step.name)
            finally:
                for child in children:
                    child.terminate()  # nothing happens to one that has ended

    def _judge(self, step: Step, code: int, seconds: float) -> None:
        if code:
            log = read_text(self._log(step), errors="replace") if self._log(step).exists() else ""
            sys.stderr.write(f"\n{said(step)}\nended with {code}:\n{log[-2000:]}\n")
            raise SystemExit(code)
        self.ran.append((said(step), seconds))
        sys.stdout.write(f"\n{step.name}: {seconds:.0f} s\n")

    @property
    def _threads(self) -> int:
        return max(1, self.cores // self.lanes)

    def _words(self, step: Step) -> list[str]:
        return [*map(str, step.words), "--json", str(self._file(step.name))]

    def _file(self, name: str) -> Path:
        return self.out / "figures" / f"{name}.json"

    def _log(self, step: Step) -> Path:
        return self.out / "logs" / f"{step.name}.log"


def said(step: Step) -> str:
    """The command as it is typed."""
    return f"aimface {shlex.join(map(str, step.words))}"


def aimface(words: list[str], log: Path, threads: int, children: list[subprocess.Popen[bytes]]) -> int:
    """One command in a process of its own, which is put into `children`; returns its exit code."""
    path = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, str(threads))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "trainer", *words],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        children.append(child)
        return child.wait()


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


def steps_of(plan: Plan, actors: list[str], out: Path) -> list[Step]:
    """In the order in which they are begun, as soon as what they need is there: the longest first."""

    def given(name: str, fold: str) -> tuple[object, ...]:
        taken = (out / name, out / f"{name}.npz", "--model", out / f"{name}.aim")
        return ("compare", *taken, "--score-vertices", "0:6706", "-o", out / f"{fold}-{name}")

    marks = ("--landmarks", HERE / "landmarks68.json", "--resume")
    first, last = actors[0], actors[-1]
    neural = ("--methods", NEURAL, "--settings", "all", *plan.neural)
    curve = ("--curve", "--seeds", 1, "--settings", "all", "noise", *plan.curve)
    return [
        *(Step(f"train-{a}", ("train", out / a, "-o", out / f"{a}.aim", *plan.train)) for a in actors),
        Step(f"ablate-{first}", ("ablate", out / first, "-o", out / f"ablate-{first}", *plan.ablate)),
        Step(f"curve-{last}", (*given(last, "curve"), *curve), f"train-{last}"),
        *(
            Step(f"compare-{a}", (*given(a, "compare"), *marks, *plan.compare), f"train-{a}")
            for a in reversed(actors)
        ),
        *(
            Step(f"neural-{a}", (*given(a, "neural"), *marks, *neural), f"train-{a}")
            for a in actors[: plan.neural_actors]
        ),
    ]


def reproduce(plan: Plan, actors: list[str], run: Run) -> dict[str, Any]:
    """Everything but the page; {part: {actor: figures}}."""
    out, first, last = run.out, actors[0], actors[-1]
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for name in actors:
        unpack(name, out, plan.of_a_clip)
    run.all(steps_of(plan, actors, out))
    compared = {name: run.figures(f"compare-{name}")["results"] for name in actors}
    for name in actors[: plan.neural_actors]:
        compared[name] += run.figures(f"neural-{name}")["results"]
    return {
        "train": {name: run.figures(f"train-{name}") for name in actors},
        "compare": compared,
        "curve": {last: run.figures(f"curve-{last}")["curve"]},
        "ablate": {first: run.figures(f"ablate-{first}")},
    }


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
            "machine": f"{run.cores} core{'s' * (run.cores > 1)}, {platform.platform()}, Python {platform.python_version()}",
        }
        write_text(options.out / "index.html", page(found, run.ran, about, options.out))
    except AimError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write(f"\n{about['minutes']:.1f} minutes. Open {options.out / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
