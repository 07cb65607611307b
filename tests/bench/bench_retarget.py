"""How near a retarget comes to the truth: both actors play the same performance, so what each should look
like is known.

    python -m tests.bench.bench_retarget A.aim B.aim --work FOLDER [--step 1] [--json FILE]

Fits are kept in FOLDER and used again. Errors are means over the narrow face (vertices 0 to 6705), mm; teeth:
mean distance of the lower teeth from where the target's true jaw has them, in the mean and the worst frame. A
retarget runs on one thread: on a busy machine look at the processor's time. With --ways also every way of
carrying that was tried.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from aim_maya.core import rigid
from aim_maya.core.files import write_json
from aim_maya.core.obj import read_obj
from aim_maya.core.performance import PerformanceData, read_performance, write_performance
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from tests.conftest import DATA
from tests.helpers.second_actor import in_another_topology
from trainer.evaluate.tables import markdown
from trainer.fit.fit import fit_scans
from trainer.fit.options import FitOptions
from trainer.fit.scans import Frames
from trainer.retarget.mapping import control_map, same_names
from trainer.retarget.moments import PerformanceMoments
from trainer.retarget.retarget import Pair, RetargetOptions, retarget

NARROW = np.arange(11248) < 6706


class Actor:
    """A model with its performance and its truth, every `step`-th frame."""

    def __init__(self, path: Path, work: Path, step: int) -> None:
        self.path, self.model = path, FaceModel.load(path, "cpu")
        folder = DATA / path.stem
        with np.load(folder / "performance.npz", allow_pickle=False) as data:
            self.frames, self.jaws = data["frames"][::step], data["jaw_matrices"][::step]
            fps = float(data["fps"]) / step
        self.teeth = read_obj(folder / "lower_teeth.obj").points
        self.scans = Frames.of(self.frames, np.arange(len(NARROW)), fps)
        self.take = self._fitted(work / f"{path.stem}_{step}.aimperf", step)

    def _fitted(self, kept: Path, step: int) -> Performance:
        if not kept.is_file():
            options = (
                FitOptions() if step == 1 else FitOptions(noise=0.2, outliers=1000.0, smooth=0.0)
            )  # frames far apart in time are single scans
            with Progress("lines") as progress:
                write_performance(kept, fit_scans(self.model, self.scans, options, progress))
        return Performance(read_performance(kept))

    def deltas(self) -> np.ndarray:
        """(T, V, 3)."""
        return np.array(
            [self.model.points({t: 1.0}) - self.model.data.neutral for t in self.model.targets]
        ).astype(np.float64)


def copied_weights(source: Actor, target: Actor) -> np.ndarray:
    """(F, V, 3): global blendshape weights of the source, non-negative least squares over the narrow face, on
    the target's shapes."""
    rows = source.deltas()[:, NARROW].reshape(len(source.model.targets), -1).T
    gram = rows.T @ rows
    root = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)))
    right = [
        (rows.T @ (frame[NARROW] - source.model.data.neutral[NARROW]).ravel())
        for frame in source.frames.astype(np.float64)
    ]
    weights = np.array([nnls(root.T, np.linalg.solve(root, r))[0] for r in right])
    return target.model.data.neutral + np.einsum("ft,tva->fva", weights, target.deltas())


def miss(points: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Mean distance, mm."""
    return float(np.linalg.norm(points[:, where] - truth[:, where], axis=2).mean())


def judged(
    data: PerformanceData, model: FaceModel, truth: np.ndarray, where: np.ndarray, target: Actor
) -> dict[str, Any]:
    """Skin and teeth of a retarget."""
    take = Performance(data)
    points = np.array([model.performance_points(take, f) for f in range(take.frame_count)])
    apart = [
        np.linalg.norm(rigid.apply(a, target.teeth) - rigid.apply(b, target.teeth), axis=1).mean()
        for a, b in zip(data.jaw, target.jaws, strict=True)
    ]
    return {
        "mean_mm": miss(points, truth, where),
        "teeth_mean_mm": float(np.mean(apart)),
        "teeth_worst_mm": float(np.max(apart)),
        **data.about["figures"],
    }


def carried(
    pair: Pair, source: Actor, scans: bool, **options: Any
) -> tuple[PerformanceData, dict[str, float]]:
    """A retarget, and what it takes a frame with all that is prepared for the take: seconds, and of the
    processor."""
    began, busy = time.perf_counter(), time.process_time()
    with Progress("none") as progress:
        data = retarget(
            pair,
            PerformanceMoments(source.model, source.take, source.scans if scans else None),
            RetargetOptions(**options),
            progress,
        )
    frames = source.take.frame_count
    return data, {
        "seconds_a_frame": (time.perf_counter() - began) / frames,
        "processor_seconds_a_frame": (time.process_time() - busy) / frames,
    }


def one_way(source: Actor, target: Actor, work: Path, ways: bool) -> list[dict[str, Any]]:
    """Every row of one direction."""
    name, truth = f"{source.path.stem} -> {target.path.stem}", target.frames
    base = miss(copied_weights(source, target), truth, NARROW)
    rows: list[dict[str, Any]] = [{"way": f"{name}: GBS weights copied", "mean_mm": base, "ratio": 1.0}]

    def add(
        way: str, pair: Pair, where: np.ndarray, shape: np.ndarray, scans: bool = True, **options: Any
    ) -> None:
        data, seconds = carried(pair, source, scans, **options)
        row = judged(data, pair.target, shape, where, target)
        rows.append({"way": f"{name}: {way}", "ratio": row["mean_mm"] / base} | seconds | row)

    a, b = source.model, target.model
    pair = Pair.of(a, b, control_map(same_names(a.data.rig, b.data.rig), a.data.rig, b.data.rig))
    add("with scans", pair, NARROW, truth)
    add("performance alone", pair, NARROW, truth, scans=False)
    for label, options in (
        (
            ("stretch", {"carry": "stretch"}),
            ("thickness", {"carry": "thickness"}),
            ("nothing carried", {"fields": 0}),
        )
        if ways
        else ()
    ):
        add(label, pair, NARROW, truth, **options)
    new = in_another_topology(target.path, work / f"{target.path.stem}_remeshed.aim")
    other = FaceModel.load(work / f"{target.path.stem}_remeshed.aim", "cpu")
    on = Pair.of(a, other, pair.mapping)
    add(
        f"remeshed, {len(new.kept)} vertices",
        on,
        new.carry(NARROW.astype(float)) == 1.0,
        np.array([new.carry(x) for x in truth]),
    )
    return rows


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs=2, type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--ways", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    first, second = (Actor(path, given.work, given.step) for path in given.models)
    rows = one_way(first, second, given.work, given.ways) + one_way(second, first, given.work, given.ways)
    columns = (
        "mean_mm",
        "ratio",
        "teeth_mean_mm",
        "teeth_worst_mm",
        "seconds_a_frame",
        "processor_seconds_a_frame",
        "fields",
    )
    table = [
        [
            row["way"],
            *(f"{row[c]:.3f}" if isinstance(row.get(c), float) else str(row.get(c, "")) for c in columns),
        ]
        for row in rows
    ]
    sys.stdout.write(
        markdown(
            [
                "",
                "mean mm",
                "of GBS",
                "teeth, mean",
                "teeth, worst frame",
                "s a frame",
                "of the processor",
                "fields",
            ],
            table,
        )
        + "\n"
    )
    if given.json:
        write_json(given.json, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
