"""A session as a user begins it: Maya was started and nobody has loaded the plug-in. These run first."""

from __future__ import annotations

import numpy as np
from maya import cmds

from aim_maya.runtime import FaceModel
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.actions.native import SAMPLE
from aim_maya.scene.shelf import menu

from .lab import Lab, close

_PLUGIN = "aim_deformer"


def _is_loaded() -> bool:
    return bool(cmds.pluginInfo(_PLUGIN, query=True, loaded=True))


def check_attach_is_the_first_thing_done(lab: Lab) -> None:
    """Nothing is loaded; Attach loads what it needs, and the face deforms."""
    assert not _is_loaded(), (
        "the session was to begin without the plug-in: turn its auto-load off for this test"
    )
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    assert _is_loaded()
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])


def check_a_scene_with_a_face_loads_the_plug_in(lab: Lab) -> None:
    """The plug-in is unloaded as a user does it, in the Plug-in Manager; the scene asks for it when it
    opens."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    path = (lab.folder / "scene.ma").as_posix()
    cmds.file(rename=path)
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    cmds.unloadPlugin(_PLUGIN)
    assert not _is_loaded()
    cmds.file(path, open=True, force=True)
    assert cmds.nodeType(node) == "aimDeformer"
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])


def check_the_sample_face(lab: Lab) -> None:
    """The menu's entry builds it, with a take and its model: every target is its shape, the jaw is on its arc
    in between, the teeth go with it, and one undo takes all of it away."""
    before = set(cmds.ls())
    (entry,) = (e for e in menu.ENTRIES if e.label == "Sample face")
    exec(entry.command, {})  # as Maya runs the menu's item
    (mesh,) = cmds.ls(selection=True, long=True)
    (node,) = cmds.ls(type="aimDeformer")
    model = FaceModel.load(SAMPLE / "sample.aim", "cpu")
    still = np.array(cmds.getAttr(f"{mesh}_lower_teeth.worldMatrix[0]"))
    first, last = (
        cmds.playbackOptions(query=True, minTime=True),
        cmds.playbackOptions(query=True, maxTime=True),
    )
    shown, apart, teeth = 0, 0.0, 0.0
    for frame in [
        *np.arange(first + 4, last - 40, 8),
        *np.arange(last - 40, last + 1, 4),
    ]:  # peaks; mixed poses
        cmds.currentTime(float(frame))
        weights = {name: cmds.getAttr(f"{node}.{name}") for name in model.targets}
        points = lab.points(mesh)
        close(points, model.points(weights))
        shown += bool(np.abs(points - model.data.neutral).max() > 0.01)
        linear = model.data.neutral + sum(
            value * (model.points({name: 1.0}) - model.data.neutral)
            for name, value in weights.items()
            if value
        )
        apart = max(apart, float(np.abs(points - linear).max()))
        now = np.array(cmds.getAttr(f"{mesh}_lower_teeth.worldMatrix[0]"))
        teeth = max(teeth, float(np.abs(now - still).max()))
    assert shown >= len([c for c in model.data.rig.controls if c.knots]), shown
    assert apart > 0.2, f"the model does what a linear blendShape does ({apart:.3g} cm)"
    assert teeth > 0.2, f"the teeth stay ({teeth:.3g})"
    cmds.currentTime(first)
    cmds.undo()  # the time
    for _ in range(100):  # times that were gone to
        if cmds.undoInfo(query=True, undoName=True) == "aimSampleFace":
            break
        cmds.undo()
    cmds.undo()
    assert set(cmds.ls()) == before, set(cmds.ls()) ^ before
    cmds.redo()
    cmds.currentTime(first + 4)
    assert np.abs(lab.points(mesh) - model.data.neutral).max() > 0.01


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
