"""A performance where curves are expected: its clock, and the weight curves of a global one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.control_weights import control_weights
from aim_maya.core.curves import Curves
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.euler import translations_rotations
from aim_maya.runtime import FaceModel, Performance

Floats = NDArray[np.floating]
ENDING = ".aimperf"
_CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz")
MOTIONS = tuple(f"{part}_{channel}" for part in ("jaw", "head") for channel in _CHANNELS)
"""Columns of motions, which are no weights."""


def is_performance(path: Path) -> bool:
    """Whether a file is a performance, by its ending."""
    return path.suffix.lower() == ENDING


def clock(performance: Performance, fps: float | None = None) -> Curves:
    """A row for every frame and no columns, at the performance's own rate or at fps."""
    rate = exact_rate(fps or performance.fps)
    return Curves((), np.zeros((performance.frame_count, 0)), np.arange(performance.frame_count) / float(rate), float(rate))


def weight_curves(performance: Performance, sampled: Curves, moments: Floats, model: FaceModel | None) -> tuple[Curves, float]:
    """The sampled clock with a column a control (a target, without a model), and the largest difference of an activation that is left.

    A jaw that is free, and the head with it, come as jaw_tx ... head_rz: model unit, degrees, rotated x first, then y, then z.
    Raises AimError for a performance that varies over the face, and for a model that was not the one fitted.
    """
    if performance.data.fields is not None and replace(performance.data, fields=None, amounts=None).is_global:
        raise AimError(
            f"{performance.name} has no weight curves: its retarget carried displacements beside the weights.",
            "Targets of the source have no counterpart, or one control for two halves.",
            "Retarget with --fields 0, which leaves the weights alone; `aimface bake` and the node play it as it is.",
        )
    if not performance.is_global:
        raise AimError(
            f"{performance.name} has no weight curves: its coefficients vary over the face.",
            "It was fitted with --mode local.",
            "Fit it with --mode global; `aimface bake` and the node play it as it is.",
        )
    activations = np.stack([performance.activations_at(f) for f in moments])
    names, weights, left = tuple(performance.data.about["targets"]), activations, 0.0
    if model is not None:
        performance.check(model)
        weights, residual = control_weights(model.data.rig, activations)
        names, left = model.targets, float(residual.max())
    if performance.data.about["jaw"] == "free":
        motions = [np.stack([at(f) for f in moments]) for at in (performance.jaw, performance.head)]
        names += MOTIONS
        weights = np.hstack([weights, *(translations_rotations(motion) for motion in motions)])
    return replace(sampled, names=names, values=weights), left


def head_moves(performance: Performance) -> bool:
    """Whether the head does not stay where the model has it."""
    return bool(np.abs(performance.data.head - np.eye(4)).max() > 1e-6)
