"""Performances made by hand: one weight for the whole face, and weights that vary over it. No more than the
runtime is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.performance import PerformanceData
from aim_maya.runtime import FaceModel


def about(model: FaceModel, **changes: Any) -> dict[str, Any]:
    """What a fit says of itself, for a model."""
    found = {
        "targets": list(model.data.rig.targets),
        "model": str(model.manifest["name"]),
        "topology_hash": model.manifest["topology_hash"],
        "vertices": len(model.mesh.points),
        "mm_per_unit": model.mm_per_unit,
        "mode": "global",
        "solver": "linear",
        "jaw": "free",
        "figures": {"mean_mm": 0.2},
    }
    return found | changes


def motions(frames: int, model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """head, jaw (F, 4, 4) that turn and move, about no axis of symmetry, in the model's unit."""
    size = float(np.ptp(model.mesh.points, axis=0).max())
    t = np.arange(frames)[:, None]
    head = np.stack(
        [
            rigid.exp(x)
            for x in np.hstack(
                [[0.05, -0.08, 0.03] * (1 + 0.3 * t), size * np.array([0.01, 0.02, -0.015]) * t]
            )
        ]
    )
    jaw = np.stack(
        [
            rigid.exp(x)
            for x in np.hstack(
                [[0.06, 0.01, -0.005] * np.sin(0.4 + t), size * np.array([0.001, -0.004, 0.006]) * t]
            )
        ]
    )
    return head, jaw


def global_performance(
    model: FaceModel, frames: int = 6, seed: int = 0, *, jaw: str = "free", fps: float = 30.0
) -> PerformanceData:
    """One weight a target and frame; half of the targets never move. With jaw 'tied' the jaw follows from the
    weights."""
    rng, t = np.random.default_rng(seed), len(model.data.rig.targets)
    weights = rng.uniform(0, 1, (frames, t)) * (rng.random(t) < 0.5)
    head, free = motions(frames, model)
    tied = np.stack([model.data.motion.transform(row.astype(np.float32)) for row in weights])
    basis = np.ones((len(model.mesh.points), 1), np.float32)
    return PerformanceData(
        fps,
        head,
        tied if jaw == "tied" else free,
        weights[..., None].astype(np.float32),
        basis,
        about=about(model, jaw=jaw),
    )


def local_performance(
    model: FaceModel, frames: int = 6, columns: int = 4, seed: int = 0, *, offsets: bool = True
) -> PerformanceData:
    """Weights that vary over the face on a smooth partition of unity, and a smooth offset that no target
    explains."""
    rng, points = np.random.default_rng(seed), model.mesh.points
    size = float(np.ptp(points, axis=0).max())
    centres = points[rng.choice(len(points), columns, replace=False)]
    basis = np.exp(-((np.linalg.norm(points[:, None] - centres, axis=2) / (0.3 * size)) ** 2)) + 1e-3
    basis /= basis.sum(1, keepdims=True)
    coefficients = rng.uniform(-0.2, 1, (frames, len(model.data.rig.targets), columns)).astype(np.float32)
    head, jaw = motions(frames, model)
    moved = rng.normal(0, 0.01 * size, (frames, columns, 3)).astype(np.float32) if offsets else None
    return PerformanceData(
        30.0,
        head,
        jaw,
        coefficients,
        basis.astype(np.float32),
        offsets=moved,
        about=about(model, mode="local"),
    )
