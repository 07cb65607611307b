"""Native blendShapes made from a model: bakeBack's, which approximates the attached model for hosts without
the plug-in; and the sample face, to try everything in a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from maya import cmds

from aim_maya.core.arrays import Floats
from aim_maya.core.bake_back import BakedBack, bake_back, sampled_poses, with_in_betweens
from aim_maya.core.controls import Rig
from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.obj import read_obj
from aim_maya.runtime import FaceModel
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.maya import undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.node.registration import load
from aim_maya.scene.node.settings import positions
from aim_maya.scene.rig.blend_shape import as_alias, find_node, name_weight
from aim_maya.scene.rig.meshes import copy_mesh, loose_mesh, shaded_copy, shape_after, short, transform_of
from aim_maya.scene.rig.plugs import connect, key_linear, source_of

from .anatomy import drive
from .attach import attach


@dataclass(frozen=True)
class Native:
    """The copy of the face and its blendShape; residual in mm on poses that were not fitted."""

    mesh: str
    blend_shape: str
    residual: dict[str, float]


def approximate(
    model: FaceModel, samples: int = 300, progress: Callable[[float], None] = lambda _: None
) -> BakedBack:
    """The model as linear targets, with in-betweens where the jaw turns."""
    rig = model.data.rig
    turns = {c.name: _turn(model, c.knots[-1][1]) for c in rig.controls if c.knots}
    rest = model.data.neutral.astype(np.float64)
    poses, held_out = sampled_poses(rig, samples), sampled_poses(rig, max(samples // 5, 20), seed=1)
    return bake_back(
        model.points, rig, with_in_betweens(rig, turns), rest, poses, held_out, model.mm_per_unit, progress
    )


def _turn(model: FaceModel, target: str) -> float:
    return float(np.linalg.norm(model.data.motion.twists[model.data.rig.targets.index(target)][:3]))


def bake_native(face: str, samples: int = 300, progress: Callable[[float], None] = lambda _: None) -> Native:
    """A copy of the face with a native blendShape that approximates its model, driven by the same weights;
    one undo step.

    The attached face stays as it is. Raises AimError when no model is attached, or its file is missing.
    """
    node = find_node(face)
    model = current_model(paths.file_of(node), "cpu")
    baked = approximate(model, samples, progress)
    with undo_chunk("aimBakeBack"):
        source = transform_of(shape_after(node))
        base, _ = copy_mesh(source, f"{short(source)}_native", model.data.neutral)
        targets = _build(base, baked)
        _drive(node, targets, baked.rig)
    return Native(base, targets, baked.residual)


def _build(base: str, baked: BakedBack) -> str:
    """Add every knot as a target or in-between, then delete the meshes: the deltas stay. Combinations follow
    the controls."""
    node = str(cmds.blendShape(base, name=f"{short(base)}_targets")[0])
    index = 0
    for control in baked.rig.controls:
        for value, target in sorted(control.knots, key=lambda knot: -abs(knot[0])):
            mesh, _ = copy_mesh(base, as_alias(target), baked.shapes[target])
            outermost = abs(value) == max(abs(v) for v, _ in control.knots)
            cmds.blendShape(
                node, edit=True, inBetween=not outermost, target=(base, control.index, mesh, value)
            )
            cmds.delete(mesh)
        if control.knots:
            name_weight(node, control.index, control.name)
        index = max(index, control.index)
    for pose in baked.rig.poses:
        index += 1
        mesh, _ = copy_mesh(base, as_alias(pose.target), baked.shapes[pose.target])
        cmds.blendShape(node, edit=True, target=(base, index, mesh, 1.0))
        cmds.delete(mesh)
        combiner = str(
            cmds.createNode(
                "combinationShape", name=as_alias(f"{short(base)}_{pose.target}_combination"), skipSelect=True
            )
        )
        cmds.setAttr(f"{combiner}.combinationMethod", ("multiply", "lowest").index(pose.method))
        for i, name in enumerate(pose.weights):
            parent = next(c.index for c in baked.rig.controls if c.name == name)
            cmds.connectAttr(f"{node}.weight[{parent}]", f"{combiner}.inputWeight[{i}]")
        cmds.connectAttr(f"{combiner}.outputWeight", f"{node}.weight[{index}]")
    return node


def _drive(node: str, targets: str, rig: Rig) -> None:
    """The copy's weights follow the attached node's, whose indices may be others than the model's."""
    place = {
        position: index
        for index, position in positions(rig, cmds.getAttr(f"{node}.controlMap") or "").items()
    }
    for position, control in enumerate(rig.controls):
        plug = f"{targets}.weight[{control.index}]"
        if control.knots and position in place and source_of(plug) is None:
            connect(f"{node}.weight[{place[position]}]", plug)


# The sample face: mesh, blendShape, teeth and a keyed take in the open scene, with the model that is shipped.

SAMPLE = MODULE_ROOT / "aim_maya" / "sample"
_STEP = 4  # frames from rest to a pose, and back
_MIXED = (  # poses that show what the model adds: the jaw on its arc under other shapes
    {"jawOpen": 1.0, "mouthSmile_L": 1.0, "mouthSmile_R": 1.0},
    {"jawOpen": 1.0, "mouthClose": 1.0},
    {"jawOpen": 0.7, "jawLeft": 1.0, "mouthStretch_L": 0.6},
    {"jawOpen": 0.5, "mouthFunnel": 1.0, "browInnerUp": 1.0},
    {"jawForward": 1.0, "mouthFrown_L": 0.8, "mouthFrown_R": 0.8, "browDown_L": 1.0, "browDown_R": 1.0},
)


@dataclass(frozen=True)
class Sample:
    """The sample face by the full paths of its mesh and lower teeth, its node, and its take (frames)."""

    mesh: str
    teeth: str
    node: str
    frames: tuple[float, float]


def sample_face() -> Sample:
    """Build the sample actor in the open scene, key a test take, attach its model, and let its teeth follow;
    one undo step. Raises AimError when the module is not whole."""
    load()
    model = current_model(SAMPLE / "sample.aim", "cpu")
    skin, teeth = model.data.mesh.with_points(model.data.neutral), read_obj(SAMPLE / "lower_teeth.obj")
    with loose_mesh(skin) as raw_skin, loose_mesh(teeth) as raw_teeth, undo_chunk("aimSampleFace"):
        mesh = shaded_copy(raw_skin, "aimSample")
        targets = _build(mesh, BakedBack(model.data.rig, _linear_targets(model), {}))
        frames = _key_take(targets, model.data.rig)
        node = attach(mesh, (SAMPLE / "sample.aim").as_posix(), targets).node
        lower = shaded_copy(raw_teeth, f"{short(mesh)}_lower_teeth")
        drive(mesh, [lower])
        cmds.playbackOptions(minTime=frames[0], maxTime=frames[1])
        cmds.select(mesh)
    return Sample(mesh, lower, node, frames)


def _linear_targets(model: FaceModel) -> dict[str, Floats]:
    """{target: (V, 3)} the shapes that the model was trained on; a combination without its parents, as a
    blendShape has it."""
    rig, rest = model.data.rig, model.data.neutral.astype(np.float64)
    shapes = {target: model.points(rig.trained_pose(target)) for target in rig.targets}
    for pose in rig.poses:
        parents = [c.knots[-1][1] for c in rig.controls if c.name in pose.weights and c.knots]
        shapes[pose.target] = shapes[pose.target] - sum(shapes[p] - rest for p in parents)
    return shapes


def _key_take(targets: str, rig: Rig) -> tuple[float, float]:
    """Key every control up and down, one after the other, then poses of several; returns first and last
    frame."""
    first = float(cmds.playbackOptions(query=True, minTime=True))
    poses = [{control.name: 1.0} for control in rig.controls if control.knots] + [
        {name: value for name, value in pose.items() if name in rig.names} for pose in _MIXED
    ]
    keys: dict[str, list[tuple[float, float]]] = {name: [(first, 0.0)] for name in rig.names}
    for i, pose in enumerate(poses):
        start = first + 2 * _STEP * i
        for name, value in pose.items():
            keys[name] += [(start, 0.0), (start + _STEP, value), (start + 2 * _STEP, 0.0)]
    for control in rig.controls:
        moments = dict(keys[control.name])
        key_linear(f"{targets}.weight[{control.index}]", list(moments), list(moments.values()))
    return first, first + 2 * _STEP * len(poses)
