"""What reaches the points, and when: every kind of attribute, in every way of evaluating."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from maya import cmds

from aim_maya.core import rigid
from aim_maya.runtime import FaceModel
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.maya import from_list
from aim_maya.scene.node.attributes import ATTRIBUTES, TYPE_NAME

from .lab import Floats, Lab, Rig, close

MODES = ("off", "serial", "parallel")


def _opened(lab: Lab) -> tuple[Rig, str, Floats, Floats]:
    """A rig with the model on it and its mouth open; the rig, the node, points at rest and open."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh).astype(float)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    return rig, node, rest, lab.points(rig.mesh).astype(float)


def _in_every_mode(check: Callable[[], None]) -> None:
    before = cmds.evaluationManager(query=True, mode=True)[0]
    try:
        for mode in MODES:
            cmds.evaluationManager(mode=mode)
            check()
    finally:
        cmds.evaluationManager(mode=before)


def check_painted_weights_reach_the_points_in_every_mode(lab: Lab) -> None:
    """Maya's inherited `weights`, painted and driven by time, in the plain DG and under the manager: the map
    is read again each time it changes."""
    rig, node, rest, full = _opened(lab)
    moved = int(np.abs(full - rest).max(1).argmax())
    plug = f"{node}.weightList[0].weights[{moved}]"

    def shows(share: float) -> None:
        close(lab.points(rig.mesh)[moved], rest[moved] + share * (full - rest)[moved])

    def painted() -> None:
        for share in (0.25, 0.75, 1.0):
            cmds.setAttr(plug, share)
            cmds.currentTime(cmds.currentTime(query=True) + 1)
            shows(share)

    _in_every_mode(painted)
    for frame, share in ((100, 0.0), (110, 1.0)):
        cmds.setKeyframe(plug, time=frame, value=share, inTangentType="linear", outTangentType="linear")

    def driven() -> None:
        for frame in (100, 105, 110, 102):
            cmds.currentTime(frame)
            shows((frame - 100) / 10)

    _in_every_mode(driven)


def check_a_painted_thickness_reaches_the_points_in_every_mode(lab: Lab) -> None:
    """Our own painted map, through the edit that is laid out of it."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest, data = lab.points(rig.mesh).astype(float), FaceModel.load(lab.model, "cpu").data

    def painted() -> None:
        for factor in (2.0, 3.0, 1.0):
            cmds.setAttr(f"{node}.thicknessList[0].thicknessMap[5]", factor)
            cmds.currentTime(cmds.currentTime(query=True) + 1)
            change = lab.points(rig.mesh) - rest
            close(change[5], (factor - 1) * data.thickness[5] * data.normals[5])

    _in_every_mode(painted)
    cmds.setAttr(f"{node}.thicknessList[0].thicknessMap[5]", 2.0)
    cmds.setAttr(f"{node}.thickness", 1.5)  # the slider times the map
    change = lab.points(rig.mesh) - rest
    close(change[5], 2.0 * data.thickness[5] * data.normals[5])
    close(change[6], 0.5 * data.thickness[6] * data.normals[6])


def check_weights_are_keyed_and_muted(lab: Lab) -> None:
    """Sliders take keys; a weight is muted by itself and by its Shape Editor group, and comes back."""
    rig, node, rest, full = _opened(lab)
    index = rig.index["jawOpen"]
    assert cmds.getAttr(f"{node}.weight[{index}]", keyable=True)
    for name in ("targetVisibility", "targetParentVisibility"):
        cmds.setAttr(f"{node}.{name}[{index}]", False)
        close(lab.points(rig.mesh), rest)
        assert np.abs(np.array(cmds.getAttr(f"{node}.outJawMatrix")) - np.eye(4).ravel()).max() < 1e-9
        cmds.setAttr(f"{node}.{name}[{index}]", True)
        close(lab.points(rig.mesh), full)
    for frame, value in ((1, 0.0), (11, 1.0)):
        cmds.setKeyframe(node, attribute="jawOpen", time=frame, value=value)

    def keyed() -> None:
        for frame, expected in ((1, rest), (11, full)):
            cmds.currentTime(frame)
            close(lab.points(rig.mesh), expected)

    _in_every_mode(keyed)


def check_the_head_carries_the_jaw_along(lab: Lab) -> None:
    """A driven jaw that hangs on another node than the head: what the head does is taken out of it."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh)
    for name in ("head", "jaw"):
        cmds.createNode("transform", name=name, skipSelect=True)
        cmds.setAttr(f"{name}.translate", 1.0, 140.0, -3.0, type="double3")
        cmds.setAttr(f"{node}.{name}BindMatrix", cmds.getAttr(f"{name}.worldMatrix[0]"), type="matrix")
        cmds.connectAttr(f"{name}.worldMatrix[0]", f"{node}.{name}Matrix")
    cmds.setAttr(f"{node}.jawMode", 1)
    face = from_list(cmds.getAttr(f"{rig.mesh}.worldMatrix[0]"))
    bind = from_list(cmds.getAttr("head.worldMatrix[0]"))
    cmds.setAttr("head.rotateY", 25.0)
    cmds.setAttr("head.translateX", 4.0)
    head = from_list(cmds.getAttr("head.worldMatrix[0]"))
    back = np.linalg.inv(face) @ bind @ np.linalg.inv(head) @ face
    close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), back, 1e-6)
    close(lab.points(rig.mesh), FaceModel.load(lab.model, "cpu").points({}, jaw=back), 1e-3)
    assert rigid.is_rigid(back)
    cmds.setAttr("jaw.rotateY", 25.0)
    cmds.setAttr("jaw.translateX", 4.0)
    close(lab.points(rig.mesh), rest)


def check_several_geometries(lab: Lab) -> None:
    """One node on two meshes: each with its own painted maps, and one that does not fit left alone."""
    rig, node, rest, full = _opened(lab)
    other = lab.mesh("other", lab.head.mesh)
    shown = cmds.duplicate(other, name="shown")[0]
    out, shape = (cmds.listRelatives(m, shapes=True, fullPath=True)[0] for m in (shown, other))
    cmds.connectAttr(f"{shape}.outMesh", f"{node}.input[2].inputGeometry")
    cmds.connectAttr(f"{node}.outputGeometry[2]", f"{out}.inMesh", force=True)
    close(lab.points(shown), full)
    moved = int(np.abs(full - rest).max(1).argmax())
    cmds.setAttr(f"{node}.weightList[2].weights[{moved}:{moved + 2}]", *[0.5] * 3, size=3)
    cmds.setAttr(f"{node}.thicknessList[2].thicknessMap[20]", 2.0)
    data = FaceModel.load(lab.model, "cpu").data
    now = lab.points(shown)
    painted = slice(moved, moved + 3)
    close(now[painted], (rest + 0.5 * (full - rest))[painted])
    close(now[:20], full[:20])
    assert float(np.abs(now[20] - full[20]).max()) > 0.1 * float(data.thickness[20])
    close(lab.points(rig.mesh), full)


def check_a_changed_topology_is_noticed(lab: Lab) -> None:
    """Another mesh on the same input, with other counts, passes through and is named; the face comes back."""
    rig, node, _, full = _opened(lab)
    plug = f"{node}.input[0].inputGeometry"
    before = cmds.listConnections(plug, source=True, destination=False, plugs=True)[0]
    plane = cmds.polyPlane(name="plane", subdivisionsX=3, subdivisionsY=3, constructionHistory=False)[0]
    flat = cmds.listRelatives(plane, shapes=True, fullPath=True)[0]
    cmds.connectAttr(f"{flat}.outMesh", plug, force=True)
    assert np.array_equal(lab.points(rig.mesh), lab.points(plane))
    assert "16 vertices" in str(cmds.getAttr(f"{node}.status"))
    cmds.connectAttr(before, plug, force=True)
    close(lab.points(rig.mesh), full)
    assert "16 vertices" not in str(cmds.getAttr(f"{node}.status"))


def check_what_drives_an_input_may_be_out_of_bounds(lab: Lab) -> None:
    """An enum beyond its fields, a painted element that no vertex has, a head scaled to nothing: said in
    words where it has to be, and never an error of Python's."""
    rig, node, rest, full = _opened(lab)
    cmds.createNode("transform", name="driver", skipSelect=True)
    cmds.addAttr("driver", longName="number", attributeType="long", keyable=True)
    cmds.setAttr("driver.number", 9)
    for name in ("device", "mode"):
        cmds.connectAttr("driver.number", f"{node}.{name}")
    cmds.disconnectAttr("driver.number", f"{node}.mode")
    cmds.setAttr(f"{node}.mode", 0)
    cmds.setAttr(f"{node}.weightList[0].weights[100000]", 0.5)
    close(lab.points(rig.mesh), full)
    assert "unexpected" not in str(cmds.getAttr(f"{node}.status"))
    cmds.connectAttr("driver.worldMatrix[0]", f"{node}.headMatrix")
    cmds.setAttr(f"{node}.jawMode", 1)
    cmds.setAttr("driver.scale", 0.0, 0.0, 0.0, type="double3")
    assert np.array_equal(lab.points(rig.mesh), rest.astype(np.float32))
    assert "cannot be inverted" in str(cmds.getAttr(f"{node}.status"))


def check_every_attribute_is_what_the_table_says(lab: Lab) -> None:
    """Keyable, hidden, stored, file, ranges, fields; outputs cannot be set; multis grow as deformers' do, by
    a builder (MFnAttribute: without it an array that is written in evaluation is refused)."""
    node = attach(lab.rig().mesh, lab.model).node
    for entry in ATTRIBUTES:

        def asked(name: str = entry.name, **what: bool) -> object:
            return cmds.attributeQuery(name, node=node, **what)

        assert asked(shortName=True) == entry.short, entry.name
        assert asked(niceName=True) == entry.nice, entry.name
        assert asked(hidden=True) == entry.hidden, entry.name
        assert asked(keyable=True) == entry.keyable, entry.name
        assert asked(multi=True) == asked(usesMultiBuilder=True) == entry.array, entry.name
        assert asked(writable=True) == asked(storable=True) == (not entry.output), entry.name
        assert asked(usedAsFilename=True) == (entry.kind == "file"), entry.name
        if entry.soft:
            assert asked(softRange=True) == list(entry.soft), entry.name
        assert asked(minExists=True) == (entry.low is not None), entry.name
        if entry.low is not None:
            assert asked(minimum=True) == [entry.low], entry.name
        if entry.fields:
            assert asked(listEnum=True) == [":".join(entry.fields)], entry.name
        if entry.kind in ("float", "int", "bool", "enum"):
            assert asked(listDefault=True) == [float(entry.default)], entry.name
    assert not cmds.attributeQuery("status", node=node, cachedInternally=True)
    assert cmds.nodeType(node) == TYPE_NAME
    for output in (a for a in ATTRIBUTES if a.output and a.kind == "matrix"):
        try:
            cmds.connectAttr(f"{node}.jawBindMatrix", f"{node}.{output.name}")
        except RuntimeError:
            continue
        raise AssertionError(f"{output.name} can be driven, though the node computes it")


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
