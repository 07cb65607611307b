"""How well 2D landmarks tell the whole face: synthetic cameras see the 68 points of frames that are known,
and the fit is compared with them.

python -m tests.bench.bench_landmarks MODEL.aim FRAMES.npz --sites LANDMARKS.json [--teeth lower_teeth.obj]
[--step 1] [--space local|one|global] [--only WORDS]

Spaces: weights that vary over the face, one weight a target and frame, and the tests' own stand-in for the
latter. Errors in mm over vertices 0..6705 (the narrow face of the heads in shared/data): as they lie in the
world, and after the rigid motion that brings each frame nearest (what is left of the expression when one
camera cannot tell how far away the face is). Teeth: mean distance of the lower teeth, by the fitted jaw and
head, from the true jaw_matrices. Truth is read for scoring only. Cameras: 900 mm away, 2,000 pixels of focal
length, 1920 x 1080; one from 10 degrees to the side, two at -25 and 25 degrees.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.obj import read_obj
from aim_maya.core.performance import PerformanceData
from aim_maya.core.posing import skin
from aim_maya.runtime import FaceModel
from tests.helpers.stand_in_space import global_space
from tests.helpers.synthetic_cameras import Tracker, cameras_round
from trainer.fit.cameras.fit import fit_landmarks
from trainer.fit.options import LandmarkOptions

NARROW = 6706
ANGLES = {1: (10.0,), 2: (-25.0, 25.0)}


@dataclass(frozen=True)
class Case:
    """One line of the table. outline: what the tracker gives for the points 0..16; contour: what the fit
    takes them for."""

    cameras: int = 2
    outline: bool = False
    contour: str = "slide"
    noise: float = 0.0
    focal_known: bool = True
    steady: float = 0.1
    head: str = "free"

    def __str__(self) -> str:
        seen = "outline" if self.outline else "vertices"
        focal = "known" if self.focal_known else "unknown"
        return (
            f"{self.cameras} | {seen} | {self.contour} | {self.noise:g} | {focal} | {self.steady:g} "
            f"| {self.head}"
        )


def cases() -> list[Case]:
    plain = [Case(c, contour=contour) for c in (2, 1) for contour in ("slide", "fixed")]
    outline = [Case(c, outline=True, contour=contour) for c in (2, 1) for contour in ("slide", "fixed")]
    others = [
        case
        for c in (2, 1)
        for case in (Case(c, noise=1.0), Case(c, noise=1.0, steady=0.0), Case(c, focal_known=False))
    ]
    return [*plain, *outline, *others, Case(1, head="still"), Case(1, head="still", noise=1.0)]


def frames_of(model: FaceModel, performance: PerformanceData) -> tuple[np.ndarray, np.ndarray]:
    """(F, V, 3) in the world and (F, 4, 4) the jaw there."""
    data, tables = model.data, model.data.tables(True)
    points = []
    for f in range(performance.frame_count):
        weights = performance.basis @ performance.coefficients[f].T
        p = tables.rest + np.einsum("vt,tvi->vi", weights, tables.displacements)
        if performance.offsets is not None:
            p = p + performance.basis @ performance.offsets[f]
        points.append(
            rigid.apply(
                performance.head[f], skin(p.astype(np.float64), performance.jaw[f], data.weight, data.centre)
            )
        )
    return np.array(points), performance.head @ performance.jaw


def score(
    model: FaceModel,
    space: Any,
    truth: dict[str, np.ndarray],
    teeth: np.ndarray | None,
    sites: Path,
    case: Case,
) -> dict[str, float]:
    """Figures of one case."""
    frames, mm = truth["frames"].astype(np.float64), model.mm_per_unit
    tracker = Tracker.of(model.mesh, json.loads(sites.read_text())["vertex_ids"], mm, outline=case.outline)
    cameras = cameras_round(model.mesh.points, ANGLES[case.cameras], away=900.0 / mm)
    tracks = tracker.tracks(frames, cameras, noise=case.noise, fps=float(truth["fps"]))
    told = (
        cameras
        if case.focal_known
        else tuple(replace(c, fx=2304.0, fy=2304.0, focal_known=False) for c in cameras)
    )
    options = LandmarkOptions(sites=sites, contour=case.contour, steady=case.steady)  # type: ignore[arg-type]
    began = time.perf_counter()
    fitted = fit_landmarks(model, space, tracks, told, options, still_head=case.head == "still")
    seconds = time.perf_counter() - began
    points, jaws = frames_of(model, fitted)
    error = mm * np.linalg.norm(points - frames, axis=2)[:, :NARROW]
    aligned = [
        rigid.apply(rigid.kabsch(p[:NARROW], f[:NARROW]), p)[:NARROW]
        for p, f in zip(points, frames, strict=True)
    ]
    figures = {
        "mean": error.mean(),
        "median": np.median(error),
        "p95": np.percentile(error, 95),
        "worst frame": error.mean(axis=1).max(),
        "aligned": mm * np.linalg.norm(np.array(aligned) - frames[:, :NARROW], axis=2).mean(),
        "residual": np.nanmean(fitted.residual_mm),
        "flagged": (fitted.flags & 4 > 0).mean(),
        "focal": np.mean([c["focal_px"] for c in fitted.about["landmarks"]["cameras"].values()]),
        "ms": 1000 * seconds / len(frames),
    }
    if teeth is not None:
        figures["teeth"] = mm * np.mean(
            [
                np.linalg.norm(rigid.apply(a, teeth) - rigid.apply(b, teeth), axis=1).mean()
                for a, b in zip(jaws, truth["jaw_matrices"], strict=True)
            ]
        )
    return {name: float(value) for name, value in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--sites", type=Path, required=True)
    parser.add_argument("--teeth", type=Path)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--space", choices=("local", "one", "global"), default="local")
    parser.add_argument("--only", default="", help="cases whose line holds this")
    given = parser.parse_args()
    model = FaceModel.load(given.model, "cpu")
    with np.load(given.frames, allow_pickle=False) as stored:
        truth = {
            name: stored[name][:: given.step] if stored[name].ndim else stored[name]
            for name in ("frames", "jaw_matrices", "fps")
        }
    truth["fps"] = truth["fps"] / given.step
    teeth = read_obj(given.teeth).points if given.teeth else None
    space = (
        global_space(model) if given.space == "global" else _face_space(model, local=given.space == "local")
    )
    head = ["mean", "median", "p95", "worst frame", "aligned", "teeth", "residual", "flagged", "focal", "ms"]
    sys.stdout.write(f"cameras | seen | contour | noise px | focal | steady s | head | {' | '.join(head)}\n")
    for case in cases():
        if given.only in str(case):
            figures = score(model, space, truth, teeth, given.sites, case)
            sys.stdout.write(
                f"{case} | "
                + " | ".join(f"{figures[name]:.2f}" if name in figures else "-" for name in head)
                + "\n"
            )
            sys.stdout.flush()


def _face_space(model: FaceModel, *, local: bool) -> Any:
    from trainer.fit.linear import Spaces

    return Spaces.of(model, local=local).fine


if __name__ == "__main__":
    main()
