"""What changes on screen when a model takes over: the largest difference from the linear result over the
keyed range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from maya import cmds

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.runtime.deformation import current_model
from aim_maya.runtime.edit import Edit
from aim_maya.runtime.face_model import FaceModel
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.settings import positions
from aim_maya.scene.rig.plugs import node_of, source_of

# How far a model is from the linear blendshape it stands in for, over the frames of an animation.


@dataclass(frozen=True)
class Difference:
    """The largest difference: mm, at which row of the frames, at which vertex, and the active controls there
    {name: weight}."""

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


# What changes on screen when a model takes over: the largest difference from the linear result over the keyed
# range.

_MOST_FRAMES = 500


@dataclass(frozen=True)
class Report:
    """mm: the largest difference; frame and controls {name: weight} where it is; frames: the range that was
    looked at."""

    mm: float
    frame: float
    controls: dict[str, float]
    frames: tuple[float, float]

    def __str__(self) -> str:
        shown = sorted(self.controls.items(), key=lambda item: -abs(item[1]))[:6]
        names = ", ".join(f"{name} {value:.2f}" for name, value in shown) or "no control"
        return (
            f"largest difference from the linear result over frames {self.frames[0]:g} to "
            f"{self.frames[1]:g}: {self.mm:.2f} mm at frame {self.frame:g} ({names})"
        )


def attach_report(node: str) -> Report:
    """Sample the node's weights over their keyed range, or at the present time where nothing is keyed; the
    time does not move.

    Raises AimError for a node that is none of ours, or whose model is missing.
    """
    if cmds.nodeType(node) != TYPE_NAME:
        raise AimError(
            f"{node} is a {cmds.nodeType(node)}, not an {TYPE_NAME}.", remedy="Attach a model first."
        )
    model = current_model(paths.file_of(node), "cpu")
    at = positions(model.data.rig, cmds.getAttr(f"{node}.controlMap") or "")
    first, last = _keyed_range([f"{node}.weight[{index}]" for index in at])
    step = max(1.0, math.ceil((last - first + 1) / _MOST_FRAMES))
    times = np.arange(first, last + 0.5, step)
    frames = np.zeros((len(times), len(model.targets)))
    for index, column in at.items():
        plug = f"{node}.weight[{index}]"
        moves = source_of(plug) is not None
        frames[:, column] = (
            [cmds.getAttr(plug, time=float(t)) for t in times] if moves else cmds.getAttr(plug)
        )
    found = largest_difference(model, frames)
    return Report(found.mm, float(times[found.row]), found.controls, (first, last))


def _keyed_range(plugs: list[str]) -> tuple[float, float]:
    """First and last key of whatever animates the plugs, however far upstream."""
    times = [
        t for curve in _time_curves(plugs) for t in cmds.keyframe(curve, query=True, timeChange=True) or []
    ]
    if not times:
        now = float(cmds.currentTime(query=True))
        return now, now
    return float(math.floor(min(times))), float(math.ceil(max(times)))


def _time_curves(plugs: list[str]) -> set[str]:
    """Animation curves behind plugs. A blendShape is crossed by the weight that leads through it: all else on
    it is another matter."""
    curves, seen, left = set(), set(plugs), list(plugs)
    while left:
        source = source_of(left.pop())
        if source is None or source in seen:
            continue
        seen.add(source)
        node = node_of(source)
        kind = str(cmds.nodeType(node))
        if kind.startswith("animCurveT"):
            curves.add(node)
        elif kind in ("blendShape", TYPE_NAME, "transform", "joint"):
            left.append(source)
        else:
            pairs = (
                cmds.listConnections(
                    node,
                    source=True,
                    destination=False,
                    plugs=True,
                    connections=True,
                    skipConversionNodes=True,
                )
                or []
            )
            left += [plug for plug in pairs[::2] if plug not in seen]
            seen |= set(pairs[::2])
    return curves
