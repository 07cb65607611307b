"""The neural solver on a real head's performance: error against iterations, time a frame, and the fitted jaw.

python -m tests.bench.bench_neural actor.aim PERFORMANCE.npz --every 6 --iterations 500 1500
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from aim_maya.core import rigid
from aim_maya.core.obj import read_obj
from aim_maya.core.performance import PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from trainer.evaluate.tables import markdown
from trainer.fit.neural.fit import fit_neural
from trainer.fit.options import FitOptions, NeuralOptions
from trainer.fit.scans import Frames

NARROW = 6706  # the face without ears, neck and scalp, on heads of this topology
Floats = NDArray[np.floating]


def global_blendshapes(model: FaceModel, frames: Floats) -> Floats:
    """(F, NARROW) mm: what non-negative weights of the linear blendshape leave over, one set a frame."""
    rest = model.data.neutral.astype(np.float64)
    shapes = np.stack([model.points({name: 1.0}) - rest for name in model.targets])[:, :NARROW].reshape(
        len(model.targets), -1
    )
    q, r = np.linalg.qr(shapes.T)
    left = []
    for frame in frames:
        moved = (frame - rest)[:NARROW].ravel()
        left.append(np.linalg.norm((moved - shapes.T @ nnls(r, q.T @ moved)[0]).reshape(-1, 3), axis=1))
    return np.array(left) * model.mm_per_unit


def local_errors(model: FaceModel, data: PerformanceData, frames: Floats) -> Floats:
    """(F, NARROW) mm, as the runtime plays it."""
    take = Performance(data)
    left = [
        np.linalg.norm((model.performance_points(take, f) - points)[:NARROW], axis=1)
        for f, points in enumerate(frames)
    ]
    return np.array(left) * model.mm_per_unit


def teeth_mm(model: FaceModel, data: PerformanceData, truth: Floats, teeth: Floats) -> float:
    """Mean distance, mm, of the lower teeth under the fitted head and jaw from where they truly are."""
    apart = [
        np.linalg.norm(rigid.apply(h @ j, teeth) - rigid.apply(t, teeth), axis=1).mean()
        for h, j, t in zip(data.head, data.jaw, truth, strict=True)
    ]
    return float(np.mean(apart)) * model.mm_per_unit


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("performance", type=Path)
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--iterations", type=int, nargs="+", default=[500, 1500])
    parser.add_argument("--activation", nargs="+", default=["sine"])
    parser.add_argument("--jaw", nargs="+", default=["free"], choices=["free", "tied", "alone"])
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    model = FaceModel.load(given.model, "cpu")
    with np.load(given.performance) as file:
        frames, truth = file["frames"][:: given.every], file["jaw_matrices"][:: given.every]
    teeth = read_obj(given.performance.parent / "lower_teeth.obj").points
    clock = time.process_time if given.device == "cpu" else time.perf_counter  # a processor may be shared
    linear = global_blendshapes(model, frames)
    rows: list[list[object]] = [["global blendshapes", "", "", *_figures(linear, linear), "", ""]]
    for iterations, activation, jaw in itertools.product(given.iterations, given.activation, given.jaw):
        neural = NeuralOptions(iterations=iterations, activation=activation, jaw_alone=jaw == "alone")
        began = clock()
        with Progress("lines") as progress:
            data = fit_neural(
                model,
                Frames.of(frames, np.arange(frames.shape[1])),
                FitOptions(jaw="tied" if jaw == "tied" else "free"),
                neural,
                progress,
                device=given.device,
            )
        took = (clock() - began) / len(frames)
        rows.append(
            [
                jaw,
                activation,
                iterations,
                *_figures(local_errors(model, data, frames), linear),
                f"{teeth_mm(model, data, truth, teeth):.2f}",
                f"{took:.2f}",
            ]
        )
    sys.stdout.write(
        markdown(
            [
                "jaw",
                "activation",
                "iterations",
                "mean mm",
                "p95",
                "max",
                "of global",
                "teeth mm",
                "CPU s a frame",
            ],
            rows,
        )
        + "\n"
    )


def _figures(errors: Floats, linear: Floats) -> list[str]:
    return [
        f"{errors.mean():.3f}",
        f"{np.percentile(errors, 95):.2f}",
        f"{errors.max():.1f}",
        f"{errors.mean() / linear.mean():.2f}",
    ]


if __name__ == "__main__":
    main()
