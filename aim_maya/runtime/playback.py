"""A performance on a model: its points at a moment, alone or blended with the sliders.

    c = (1 - b) a(w) + b c_f(v),   T = exp((1 - b) gain sum a_i xi_i + b gain log T_f),   head = exp(b log H_f)

b = 1 is the performance, b = 0 the sliders. Edits act as on the sliders: thickness and bones move the rest, the expression gain scales
displacements and offsets, the jaw gain both twists. The linear look (jaw_arc) is defined for the sliders only and fades out with them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.controls import Weights
from aim_maya.core.errors import AimError

from .performance import Playing

if TYPE_CHECKING:
    from .face_model import FaceModel

Floats = NDArray[np.floating]


def blended_jaw(model: FaceModel, playing: Playing, weights: Weights | None, gain: float = 1.0) -> Floats:
    """(4, 4) float64 motion of the jaw, its twist times gain; or the edit's jaw pose. Raises AimError as performance_points does."""
    performance, b = playing.performance, clamped(playing.blend)
    performance.check(model)
    if model.jaw_pose is not None:
        return model.jaw_pose
    baked = model.data.baked.gain  # which the model's own twists have in them
    if b == 1.0 or weights is None:
        return rigid.part(performance.jaw(playing.f), b * baked * gain)
    activations, motion = model.data.rig.activations(weights), model.data.motion
    if b == 0.0:
        return motion.transform(activations, gain)
    return rigid.exp(gain * ((1 - b) * (activations @ motion.twists) + b * baked * rigid.log(performance.jaw(playing.f))))


def blended_head(playing: Playing) -> Floats:
    """(4, 4) float64 motion of the head: the sliders leave it where it is."""
    return rigid.part(playing.performance.head(playing.f), clamped(playing.blend))


def head_points(model: FaceModel, playing: Playing, weights: Weights | None, jaw: Floats | None, detail: bool) -> Floats:
    """(V, 3) float32 in the head's space; jaw (4, 4) takes the place of the blended one. Raises AimError as performance_points does."""
    performance, f, b = playing.performance, playing.f, clamped(playing.blend)
    performance.check(model)
    rest = np.zeros(len(model.targets)) if weights is None else weights
    if b == 0.0:
        return model.points(rest, jaw=jaw, detail=detail)
    sliders = np.zeros(len(model.data.rig.targets)) if b == 1.0 else (1 - b) * model.data.rig.activations(rest)
    transform = blended_jaw(model, playing, weights, model.edit.jaw_gain) if jaw is None else jaw
    if performance.is_global:
        points = model.posed(sliders + b * performance.activations_at(f), transform, detail)
    else:
        coefficients, offsets = performance.local.at(*performance.place(f), model.data.template, model.device)
        if b != 1.0:
            coefficients = np.float32(b) * coefficients + sliders.astype(np.float32)[:, None]
            offsets = None if offsets is None else np.float32(b) * offsets
        points = model.local_points(coefficients, offsets, transform, detail)
    if b < 1.0 and jaw is None and model.edit.jaw_arc != 1.0:
        on_arc = model.edited(replace(model.edit, jaw_arc=1.0))
        points += np.float32(1 - b) * (model.points(rest, detail=detail) - on_arc.points(rest, detail=detail))
    return points


def carried(points: Floats, head: Floats) -> Floats:
    """(V, 3) float32 points of the head's space, moved with it."""
    return points if np.array_equal(head, np.eye(4)) else rigid.apply(head, points).astype(np.float32)


def clamped(blend: float) -> float:
    """The blend held between 0 and 1. Raises AimError for a NaN."""
    if math.isnan(blend):
        raise AimError("The performance's blend is nan.", "What drives it divides by zero.")
    return min(max(float(blend), 0.0), 1.0)
