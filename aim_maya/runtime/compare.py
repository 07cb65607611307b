"""How far a model is from the linear blendshape it stands in for, over the frames of an animation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .edit import Edit
from .face_model import FaceModel

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Difference:
    """The largest difference: mm, at which row of the frames, at which vertex, and the active controls there {name: weight}."""

    mm: float
    row: int
    vertex: int
    controls: dict[str, float]


def largest_difference(model: FaceModel, frames: Floats) -> Difference:
    """Over frames (F, C) of control weights, between the model and its own linear sum (jaw_arc 0)."""
    linear = model.edited(Edit(jaw_arc=0.0))
    best = Difference(0.0, 0, 0, {})
    for row, weights in enumerate(frames):
        apart = np.linalg.norm(model.points(weights) - linear.points(weights), axis=1) * model.mm_per_unit
        vertex = int(apart.argmax())
        if apart[vertex] > best.mm:
            active = {name: float(w) for name, w in zip(model.targets, weights, strict=True) if w != 0.0}
            best = Difference(float(apart[vertex]), row, vertex, active)
    return best
