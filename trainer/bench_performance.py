"""What a frame of a performance costs: one weight a target, weights that vary over the face, and those blended with the sliders."""

from __future__ import annotations

from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.performance import PerformanceData
from aim_maya.runtime import FaceModel, Performance

from .bench import paired
from .fit.performance import build_performance

_FRAMES, _COLUMNS = 64, 150  # as many functions as fits have


def made_up(model: FaceModel, columns: int) -> Performance:
    """A performance of random numbers on `columns` spatial functions (1: global); every target moves in every frame."""
    rng, t, v = np.random.default_rng(0), len(model.data.rig.targets), len(model.data.neutral)
    basis = np.ones((v, 1), np.float32) if columns == 1 else rng.dirichlet(np.ones(columns), v).astype(np.float32)
    motion = np.stack([rigid.exp(x) for x in rng.normal(0, 0.1, (_FRAMES, 6))])
    coefficients = rng.uniform(0.05, 0.95, (_FRAMES, t, columns)).astype(np.float32)
    offsets = None if columns == 1 else rng.normal(0, 0.1, (_FRAMES, columns, 3)).astype(np.float32)
    arrays = PerformanceData(30.0, motion, motion, coefficients, basis, offsets=offsets)
    return Performance(build_performance(model, arrays, tied=False, figures={}))


def performance_frames(model: FaceModel, rounds: int) -> dict[str, Any]:
    """Median and 99th percentile in ms of moments between frames, in the head's space and with the head's motion in the local one."""
    one, local = made_up(model, 1), made_up(model, _COLUMNS)
    weights = np.linspace(0, 0.5, len(model.targets))
    times = paired(
        {
            "global": lambda i: model.performance_points(one, i % _FRAMES + 0.5, head=False),
            "local": lambda i: model.performance_points(local, i % _FRAMES + 0.5, head=False),
            "local, blended": lambda i: model.performance_points(local, i % _FRAMES + 0.5, head=False, weights=weights, blend=0.5),
            "local, head": lambda i: model.performance_points(local, i % _FRAMES + 0.5),
        },
        rounds,
    )
    rows = {name: {"median_ms": float(np.median(t)), "p99_ms": float(np.quantile(t, 0.99))} for name, t in times.items()}
    return {"vertices": len(model.data.neutral), "targets": len(model.data.rig.targets), "columns": _COLUMNS, "moments": rows}
