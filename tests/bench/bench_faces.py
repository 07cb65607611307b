"""Many faces in one process: what a frame of all costs against one face alone, and what each further one
keeps.

python -m tests.bench.bench_faces MODEL.aim [MODEL.aim ...] [--faces 20] [--frames 40] [--play 20000]

Faces take the models in turn. Every second one is edited by itself: tissue here, gains there. A frame poses
all of them, ten active controls each, others in every frame. Memory is what the process's own grew by
(Linux). What the machine gives is measured beside: what a core reads from memory of different sizes, as often as
the frames are timed, and the pages that were given anew. Figures twice those of another run, where it reads half
as fast, say that others had the core or the cache.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import itertools
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.deformation import shared_model

ACTIVE = 10


def resident_mb() -> float:
    """Of this process, MB, what it has freed given back; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    gc.collect()
    with contextlib.suppress(AttributeError):  # not every Linux has glibc
        ctypes.CDLL(None).malloc_trim(0)
    line = next(row for row in status.read_text().splitlines() if row.startswith("VmRSS"))
    return float(line.split()[1]) * 1024 / 1e6


def face(paths: list[Path], i: int) -> FaceModel:
    """Number i: of its file, every second one under an edit of its own."""
    model = shared_model(paths[i % len(paths)], "cpu")
    if i % 2 == 0:
        return model
    thickness = np.float32(1 + 0.02 * i)
    return model.edited(
        Edit(thickness=float(thickness)) if i % 4 == 1 else Edit(expression_gain=float(thickness))
    )


def frames_of(model: FaceModel, count: int, seed: int) -> Floats:
    """(count, C) weights with ACTIVE controls each."""
    rng, controls = np.random.default_rng(seed), len(model.targets)
    rows = np.zeros((count, controls))
    for row in rows:
        row[rng.permutation(controls)[:ACTIVE]] = rng.uniform(0.05, 0.95, min(ACTIVE, controls))
    return rows


_SIZES = {"0.5 MB": 1 << 17, "8 MB": 1 << 21, "64 MB": 1 << 24}


class Machine:
    """How fast a core reads here: float32 numbers that fit its own cache, the last one, and neither."""

    def __init__(self) -> None:
        self._numbers = np.ones(max(_SIZES.values()), np.float32)
        self.seconds: dict[str, list[float]] = {name: [] for name in _SIZES}

    def look(self) -> None:
        """Once more."""
        for name, count in _SIZES.items():
            some = self._numbers[:count]
            some.max()
            begin = time.perf_counter()
            some.max()
            self.seconds[name].append(time.perf_counter() - begin)

    def figures(self) -> list[tuple[str, float]]:
        """GB/s of each size, median and least."""
        return [
            (f"GB/s from {name}, {how}", 4e-9 * _SIZES[name] / float(of(seconds)))
            for name, seconds in self.seconds.items()
            for how, of in (("median", np.median), ("least", np.max))
        ]


def page_faults() -> int:
    """Pages that this process was given so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


_ALIKE = 6  # faces whose growth is measured together: the system gives memory by pages


def by_targets(path: Path) -> list[tuple[str, float]]:
    """MB that a further face of a file takes under an edit of its own, by how many controls it has used."""
    model = shared_model(path, "cpu")
    every = len(model.targets)
    found, kept = [], list[FaceModel]()
    for kind, edit in (
        ("tissue edited", lambda k: Edit(thickness=1.1 + 0.01 * k)),
        ("gains edited", lambda k: Edit(expression_gain=1.1 + 0.01 * k)),
    ):
        kept.append(model.edited(edit(0)))
        kept[-1].points(np.full(every, 0.2))  # what a file needs once
        rest = resident_mb()
        faces = [model.edited(edit(1 + k)) for k in range(_ALIKE)]
        kept += faces
        for used in sorted({0, 1, min(10, every), every // 4, every // 2, every}):
            for made in faces:
                for i in range(used):
                    made.points({model.targets[i]: 0.5})
                made.points(np.zeros(every))
            grown = (resident_mb() - rest) / _ALIKE
            found.append((f"MB of a further face, {kind}, {used} of {every} controls used", grown))
    return found


def in_turns(path: Path, frames: int) -> list[tuple[str, float]]:
    """A frame of faces of one file in turns, each with its own tissue, over one of as many without: the least
    of a few rounds, for takes of one control, of ten, and of most."""
    model, rng = shared_model(path, "cpu"), np.random.default_rng(0)
    every = len(model.targets)

    def take(count: int, others: float) -> Floats:
        active, rows = np.zeros(every, bool), np.zeros((frames, every))
        for row in rows:
            if others == 1 or not active.any():
                active = rng.permutation(every) < count
            elif rng.random() < others:
                active[rng.integers(every)] ^= True
            row[active] = rng.uniform(0.05, 0.6, int(active.sum()))
        return rows

    takes = {
        "one control": take(1, 0),
        "ten": take(min(10, every), 0),
        "ten, others in every frame": take(min(10, every), 1),
        "most, one goes or comes in a fifth": take(every * 3 // 4, 0.2),
    }
    found = []
    for count in (1, 2, 5, 20):
        kinds = (
            [model.edited(Edit()) for _ in range(count)],
            [model.edited(Edit(thickness=1.1 + 0.01 * k)) for k in range(count)],
        )
        for what, rows in takes.items():
            least = np.full((2, frames), np.inf)
            for _ in range(12 if count < 20 else 5):
                for faces, times in zip(kinds, least, strict=True):
                    for k, row in enumerate(rows):
                        begin = time.perf_counter()
                        for made in faces:
                            made.points(row)
                        times[k] = min(times[k], time.perf_counter() - begin)
            plain, edited = 1e3 * least.mean(1) / count
            found.append((f"{count} faces, {what}: ms of one, tissue edited", float(edited)))
            found.append((f"{count} faces, {what}: over one unedited", float(edited / plain)))
    return found


def measure(paths: list[Path], faces: int, frames: int) -> list[tuple[str, float]]:
    """(what, number) in order. What a file needs once, its rows and the field of its edits, is there before
    the first face is counted."""
    before = resident_mb()
    kept = [face(paths, i) for i in range(2 * len(paths))]
    for model in kept:
        model.edited(Edit(thickness=1.01)).points(np.full(len(model.targets), 0.2))
        model.points(np.full(len(model.targets), 0.2))
    once = (resident_mb() - before) / len(paths)
    made: list[FaceModel] = []
    grown, posed = [], []
    for i in range(faces):
        before = resident_mb()
        made.append(face(paths, i))
        posed.append(frames_of(made[i], frames, i))
        for w in posed[i]:
            made[i].points(w)
        grown.append(resident_mb() - before)
    least: dict[int, Floats] = {n: np.full(frames, np.inf) for n in (1, faces // 4, faces // 2, faces)}
    machine, means, pages = Machine(), list[float](), page_faults()
    for _ in range(8):  # in turns, the least of each: the machine may do other work
        machine.look()
        for n, times in least.items():
            start = time.perf_counter()
            for k in range(frames):
                begin = time.perf_counter()
                for model, weights in zip(made[:n], posed, strict=False):
                    model.points(weights[k])
                times[k] = min(times[k], time.perf_counter() - begin)
        means.append((time.perf_counter() - start) / frames)
    pages = page_faults() - pages
    kinds = ("unedited", "tissue edited", "unedited", "gains edited")
    return [
        *((f"ms of a frame of {n} faces", 1e3 * float(times.mean())) for n, times in least.items()),
        ("all over twice half of them", float(least[faces].mean() / (2 * least[faces // 2].mean()))),
        ("ms of a frame of all faces, mean of the best of eight turns", 1e3 * min(means)),
        ("the same, of the worst", 1e3 * max(means)),
        *machine.figures(),
        ("pages given anew for a frame of a face", pages / (8 * frames * sum(least))),
        ("MB of a file, once", once),
        *(
            (
                f"MB of a further face, {kind}, mean",
                float(np.mean([mb for i, mb in enumerate(grown) if i % 4 == k])),
            )
            for k, kind in enumerate(kinds)
            if k != 2
        ),
    ]


_THREADS = 4


def played_long(paths: list[Path], faces: int, frames: int) -> list[tuple[str, float]]:
    """So many frames of every face, sets of controls that grow, shrink and change, the faces dealt to a few
    threads, as a host evaluates nodes: what memory does meanwhile, and whether a frame is another one than
    alone."""
    made = [face(paths, i) for i in range(faces)]
    takes = []
    for i, model in enumerate(made):
        rng, rows = np.random.default_rng(i), np.zeros((97, len(model.targets)))
        active = np.zeros(len(model.targets), bool)
        for k, row in enumerate(rows):
            if k % 16 == 0:
                active = rng.random(len(active)) < rng.choice([0.02, 0.15, 0.4, 0.8])
            active[rng.integers(len(active))] ^= True
            row[active] = rng.uniform(0.05, 0.6, int(active.sum()))
        takes.append(rows)
    alone = [[hash(m.points(w).tobytes()) for w in take] for m, take in zip(made, takes, strict=True)]
    others, sizes = [0] * faces, list[float]()
    steps = np.linspace(0, frames, 11).astype(int).tolist()

    def play(thread: int, begin: int, end: int) -> None:
        for k in range(begin, end):
            for i in range(thread, faces, _THREADS):
                points = made[i].points(takes[i][k % 97])
                if k % 13 == 0 and hash(points.tobytes()) != alone[i][k % 97]:
                    others[i] += 1

    for begin, end in itertools.pairwise(steps):
        threads = [Thread(target=play, args=(t, begin, end)) for t in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sizes.append(resident_mb())
    return [
        (f"MB after {steps[1]} frames of {faces} faces on {_THREADS} threads", sizes[0]),
        *((f"MB more after {steps[k + 1]}", sizes[k] - sizes[0]) for k in (1, 4, 9)),
        ("frames that were not what they are alone, to the last bit", float(sum(others))),
    ]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--faces", type=int, default=20)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument(
        "--play", type=int, help="only this: so many frames of all faces, and what memory does"
    )
    options = parser.parse_args()
    if options.play:
        for what, number in played_long(options.models, options.faces, options.play):
            sys.stdout.write(f"{what}: {number:.4g}\n")
        return
    figures = by_targets(options.models[0]) + in_turns(options.models[0], options.frames)
    figures += measure(options.models, options.faces, options.frames)
    for what, number in figures:
        sys.stdout.write(f"{what}: {number:.4g}\n")


if __name__ == "__main__":
    main()
