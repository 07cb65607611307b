"""The native rig: Maya's own nodes give the model's points, and take the place of a live blendShape or of the
node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from maya import cmds

from aim_maya.core.controls import Rig as Controls
from aim_maya.core.posing import tolerance
from aim_maya.runtime import Edit, FaceModel
from aim_maya.scene.actions.anatomy import drive
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.actions.native import bake_native
from aim_maya.scene.actions.native_rig import native_rig
from aim_maya.scene.actions.restore import restore
from aim_maya.scene.rig.blend_shape import as_alias

from .checks_attach import busy_rig, snapshot
from .lab import Lab, Rig, close, refused
from .rich import random_weights, rich
from .tiny import Tiny, write_tiny

PLAIN = {
    "blendShape",
    "combinationShape",
    "expression",
    "fourByFourMatrix",
    "joint",
    "multMatrix",
    "skinCluster",
    "transform",
}


def _made(before: set[str]) -> list[str]:
    return sorted(set(cmds.ls()) - before)


def _follows(lab: Lab, rig: Rig, face: FaceModel, rows: Any) -> float:
    """The largest difference in centimetres over rows of weights, which are left at the last."""
    worst = 0.0
    for row in rows:
        for name, value in zip(face.targets, row.tolist(), strict=True):
            rig.set(name, value)
        worst = max(worst, float(np.abs(lab.points(rig.mesh) - face.points(row)).max()))
    return worst


def check_points_are_the_models_with_plain_nodes(lab: Lab) -> None:
    """Knots on both sides of zero and beyond one, combinations, the jaw up to full, one to ten sliders at
    once."""
    lab = Lab(lab.folder, rich())
    rig = lab.rig(combination=False)
    cmds.setAttr(f"{rig.node}.supportNegativeWeights", True)
    before = set(cmds.ls())
    made = native_rig(rig.mesh, lab.model)
    rig.node = made.blend_shape
    assert {cmds.nodeType(n) for n in _made(before)} <= PLAIN
    model = FaceModel.load(lab.model, "cpu")
    within = tolerance(lab.head.mesh.points, 10.0)
    worst = _follows(lab, rig, model, random_weights(lab.head.rig, 200))
    assert worst <= within, f"{10 * worst:.6f} mm, more than {10 * within:.6f}"


def check_the_number_of_nodes_grows_with_combinations_alone(lab: Lab) -> None:
    """Controls cost no node; a combination costs one."""
    counts = []
    for head in (lab.head, rich()):
        lab = Lab(lab.folder, head)
        rig = lab.rig(combination=False)
        before = set(cmds.ls())
        native_rig(rig.mesh, lab.model)
        counts.append(len(_made(before)))
    assert counts == [9, 10], counts  # one combinationShape, then two: the third is in the expression


def check_one_undo_step_and_restore(lab: Lab) -> None:
    """Keys, drivers, painted weights and other meshes move to the native rig and back."""
    rig = lab.rig()
    cmds.setKeyframe(f"{rig.node}.jawOpen", time=1, value=0.0)
    cmds.setKeyframe(f"{rig.node}.jawOpen", time=10, value=1.0)
    cmds.currentTime(10)
    rig.set("mouthSmile_L", 0.5)
    shown, before = lab.points(rig.mesh), set(cmds.ls())
    made = native_rig(rig.mesh, lab.model)
    model = FaceModel.load(lab.model, "cpu")
    close(lab.points(rig.mesh), model.points({"jawOpen": 1.0, "mouthSmile_L": 0.5}))
    cmds.undo()
    assert set(cmds.ls()) == before
    close(lab.points(rig.mesh), shown)
    made = native_rig(rig.mesh, lab.model)
    assert cmds.keyframe(f"{made.blend_shape}.jawOpen", query=True, valueChange=True) == [0.0, 1.0]
    assert restore(rig.mesh) == rig.node
    assert set(cmds.ls()) == before
    assert cmds.keyframe(f"{rig.node}.jawOpen", query=True, valueChange=True) == [0.0, 1.0]
    close(lab.points(rig.mesh), shown)


def check_restore_after_save_and_reopen(lab: Lab) -> None:
    """A file holds all of it: the points, the live jaw, and the way back; no plug-in is asked for."""
    rig = lab.rig()
    native_rig(rig.mesh, lab.model)
    path = (lab.folder / "native.ma").as_posix()
    cmds.file(rename=path)
    cmds.file(save=True, type="mayaAscii")
    assert "aimDeformer" not in (lab.folder / "native.ma").read_text(encoding="utf-8")
    cmds.file(path, open=True, force=True)
    model = FaceModel.load(lab.model, "cpu")
    node = next(n for n in cmds.ls(type="blendShape") if "native" in n)
    for name, value in (("jawOpen", 0.8), ("mouthSmile_L", 0.3)):
        cmds.setAttr(f"{node}.{name}", value)
    close(lab.points(rig.mesh), model.points({"jawOpen": 0.8, "mouthSmile_L": 0.3}))
    assert restore(rig.mesh) == rig.node
    close(cmds.getAttr(f"{rig.node}.jawOpen"), 0.8, 1e-6)


def check_a_busy_rig_comes_back_as_it_was(lab: Lab) -> None:
    """Keys, driven keys, expressions, layers, locks, painted weights, mutes: there and back."""
    rig = busy_rig(lab)
    before = snapshot(rig)
    native_rig(rig.mesh, lab.model)
    assert restore(rig.mesh) == rig.node
    assert snapshot(rig) == before


def check_it_takes_the_nodes_place_as_edited(lab: Lab) -> None:
    """The edit of this moment is in it, at rest too, and teeth that followed the jaw follow its joint."""
    rig = lab.rig()
    teeth = lab.mesh("lower_teeth", lab.head.mesh)
    rest = cmds.getAttr(f"{teeth}.worldMatrix[0]")
    node = attach(rig.mesh, lab.model).node
    drive(rig.mesh, [teeth])
    for name, value in (("jawGain", 1.3), ("thickness", 1.2), ("expressionGain", 0.8)):
        cmds.setAttr(f"{node}.{name}", value)
    weights = {"jawOpen": 0.7, "mouthSmile_L": 0.4, "eyeBlink_L": 0.3}
    for name, value in weights.items():
        cmds.setAttr(f"{node}.{name}", value)
    shown, hangs = lab.points(rig.mesh), cmds.getAttr(f"{teeth}.worldMatrix[0]")
    made = native_rig(rig.mesh)
    assert not cmds.objExists(node)
    close(lab.points(rig.mesh), shown)
    close(cmds.getAttr(f"{teeth}.worldMatrix[0]"), hangs, 1e-6)
    face = FaceModel.load(lab.model, "cpu").edited(Edit(thickness=1.2, jaw_gain=1.3, expression_gain=0.8))
    for name in weights:
        cmds.setAttr(f"{made.blend_shape}.{name}", 0.0)
    close(lab.points(rig.mesh), face.points({}))
    restore(rig.mesh)
    close(cmds.getAttr(f"{teeth}.worldMatrix[0]"), rest, 1e-9)


def check_a_face_that_is_moved_turned_and_scaled(lab: Lab) -> None:
    """The joints sit in the face's own space: its transform is free, also after the rig was made."""
    rig = lab.rig()
    for name, value in (
        ("translateX", 7.0),
        ("rotateY", 30.0),
        ("scaleX", 2.0),
        ("scaleY", 2.0),
        ("scaleZ", 2.0),
    ):
        cmds.setAttr(f"{rig.mesh}.{name}", value)
    made = native_rig(rig.mesh, lab.model)
    cmds.setAttr(f"{made.blend_shape}.jawOpen", 1.0)
    expected = FaceModel.load(lab.model, "cpu").points({"jawOpen": 1.0})
    close(lab.points(rig.mesh), expected)
    cmds.setAttr(f"{rig.mesh}.translateX", -20.0)
    close(lab.points(rig.mesh), expected)


def check_what_cannot_be_is_refused(lab: Lab) -> None:
    """One sentence, and the scene is as it was."""
    rig = lab.rig()
    with refused("No model is attached"):
        native_rig(rig.mesh)
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawArc", 0.5)
    before = set(cmds.ls())
    with refused("no linear look"):
        native_rig(rig.mesh)
    assert set(cmds.ls()) == before
    cmds.setAttr(f"{node}.jawArc", 1.0)
    native_rig(rig.mesh)
    with refused("has a native rig already"):
        native_rig(rig.mesh)
    with refused("has a native rig"):
        attach(rig.mesh, lab.model)


ODD = {  # hyphens and spaces, a digit first, letters of another script, two that Maya takes for one
    "jawOpen": "mouth-open",
    "eyeBlink_L": "2nd blink",
    "browUp": "\u7b11\u9854",
    "jawForward": "jaw forward",
    "jawOpenSmile": "mouth-open+smile",
}
DOUBLED = {"mouthSmile_L": "mouth-smile", "browUp": "mouth_smile", "jawOpen": "envelope"}


def _called(head: Tiny, names: dict[str, str]) -> Tiny:
    """The head with other names for controls and combinations."""
    controls = tuple(replace(c, name=names.get(c.name, c.name)) for c in head.rig.controls)
    poses = tuple(
        replace(p, weights={names.get(c, c): v for c, v in p.weights.items()}) for p in head.rig.poses
    )
    knots = tuple(replace(c, knots=tuple((v, names.get(t, t)) for v, t in c.knots)) for c in controls)
    targets = tuple(replace(p, target=names.get(p.target, p.target)) for p in poses)
    return replace(
        head,
        rig=Controls(knots, targets),
        shapes={names.get(t, t): points for t, points in head.shapes.items()},
        jaw_poses={names.get(t, t): pose for t, pose in head.jaw_poses.items()},
    )


def check_names_that_maya_cannot_have(lab: Lab) -> None:
    """A native rig made on a scene whose aliases are what Maya made of them follows the model."""
    lab = Lab(lab.folder, rich())
    rig = lab.rig(combination=False)
    cmds.setAttr(f"{rig.node}.supportNegativeWeights", True)
    for name, other in ODD.items():
        if name in rig.index:
            cmds.aliasAttr(as_alias(other), f"{rig.node}.weight[{rig.index[name]}]")
    head = _called(lab.head, ODD)
    file = str(write_tiny(lab.folder / "odd names.aim", head).as_posix())
    made = native_rig(rig.mesh, file)
    rig.node, model = made.blend_shape, FaceModel.load(file, "cpu")
    rig.index = {ODD.get(name, name): index for name, index in rig.index.items()}
    within = tolerance(lab.head.mesh.points, 10.0)
    assert _follows(lab, rig, model, random_weights(head.rig, 40)) <= within


def check_names_that_are_one_in_maya(lab: Lab) -> None:
    """Bake back to a blendShape: each control has a weight of its own, nothing ends halfway."""
    file = str(write_tiny(lab.folder / "doubled.aim", _called(lab.head, DOUBLED)).as_posix())
    rig = lab.rig()
    before = set(cmds.ls())
    attach(rig.mesh, file)
    made = bake_native(rig.mesh, samples=20)
    aliases = set((cmds.aliasAttr(made.blend_shape, query=True) or [])[::2])
    assert {"mouth_smile", "mouth_smile_2", "envelope_2"} <= aliases, aliases
    cmds.undo()
    cmds.undo()
    assert set(cmds.ls()) == before


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
