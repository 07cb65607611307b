"""Capture reads an actor off the scene and leaves the scene as it was."""

from __future__ import annotations

import numpy as np
from maya import cmds

from aim_maya.core import rigid
from aim_maya.core.actor_folder import read_actor, write_actor, write_dataset
from aim_maya.core.errors import Cancelled
from aim_maya.core.mesh import Mesh
from aim_maya.scene.actions.capture import Parts, capture, find_parts
from aim_maya.scene.rig.meshes import read_mesh

from .checks_attach import busy_rig, snapshot
from .lab import Lab, Rig, close, refused


def check_targets_knots_and_combinations(lab: Lab) -> None:
    """Sparse indices, aliases, an in-between as a knot of its control, a combination at its full pose; live
    or deleted targets."""
    head = lab.head
    for keep in (False, True):
        cmds.file(newFile=True, force=True)
        rig = lab.rig(keep_targets=keep)
        actor = capture(rig.mesh, any_size=True).actor
        assert actor.rig.names == head.rig.names, actor.rig.names
        assert [c.index for c in actor.rig.controls] == [c.index for c in head.rig.controls]
        assert [c.knots for c in actor.rig.controls] == [c.knots for c in head.rig.controls]
        assert [(p.target, dict(p.weights), p.method) for p in actor.rig.poses] == [
            ("jawOpenSmile", {"jawOpen": 1.0, "mouthSmile_L": 1.0}, "multiply")
        ]
        assert actor.neutral.topology_hash == head.mesh.topology_hash
        close(actor.neutral.points, head.mesh.points)
        for target in head.rig.targets:
            close(actor.shapes[target], head.shapes[target])
        assert actor.mm_per_unit == 10.0
    cmds.setAttr("jawOpenSmile_combination.combinationMethod", 1)
    assert [p.method for p in capture(rig.mesh, any_size=True).actor.rig.poses] == ["lowest"]


def check_uvs_are_read(lab: Lab) -> None:
    """A plane's map: u goes along x, v against z, at every corner of its faces."""
    plane = cmds.polyPlane(subdivisionsX=3, subdivisionsY=2, constructionHistory=False)[0]
    mesh = read_mesh(cmds.listRelatives(plane, shapes=True, fullPath=True)[0])
    assert mesh.uvs is not None
    x, _, z = mesh.points[mesh.corners].T
    close(mesh.uvs[mesh.uv_corners], np.stack([0.5 + x, 0.5 - z], 1), 1e-5)


def check_the_scene_is_left_as_it_was(lab: Lab) -> None:
    """Locked, keyed and driven weights, envelope, mutes: all put back exactly, also when the capture is
    stopped half-way."""
    rig = busy_rig(lab)
    cmds.setAttr(f"{rig.node}.targetVisibility[{rig.index['mouthSmile_L']}]", False)
    cmds.currentTime(5)
    before, shown = snapshot(rig), lab.points(rig.mesh)
    undo = cmds.undoInfo(query=True, undoName=True)
    result = capture(rig.mesh, any_size=True)
    close(result.actor.shapes["mouthSmile_L"], lab.head.shapes["mouthSmile_L"])
    for name, value in snapshot(rig).items():
        assert value == before[name], name
    assert np.array_equal(lab.points(rig.mesh), shown)
    try:
        capture(rig.mesh, any_size=True, progress=lambda fraction, _: fraction < 0.4)
    except Cancelled:
        pass
    else:
        raise AssertionError("the capture was not stopped")
    for name, value in snapshot(rig).items():
        assert value == before[name], f"{name} after a stop"
    assert cmds.undoInfo(query=True, undoName=True) == undo
    assert cmds.getAttr(f"{rig.node}.targetVisibility[{rig.index['mouthSmile_L']}]") is False


def check_painted_weights_are_listed(lab: Lab) -> None:
    """Per-target paint is part of the shape; base paint is not, and is given back for the deformer."""
    rig, head = lab.rig(), lab.head
    moved = int(np.abs(head.shapes["browUp"] - head.mesh.points).max(1).argmax())
    group = f"{rig.node}.inputTarget[0].inputTargetGroup[{rig.index['browUp']}]"
    cmds.setAttr(f"{group}.targetWeights[{moved}]", 0.5)
    cmds.setAttr(f"{rig.node}.inputTarget[0].baseWeights[{moved}]", 0.25)
    result = capture(rig.mesh, any_size=True)
    expected = head.mesh.points[moved] + 0.5 * (head.shapes["browUp"] - head.mesh.points)[moved]
    close(result.actor.shapes["browUp"][moved], expected)
    assert result.painted is not None
    assert result.painted[moved] == 0.25
    assert any("browUp" in note and "painted" in note for note in result.notes), result.notes
    assert any("base weights" in note for note in result.notes), result.notes


def check_deformers_before_the_blend_shape_are_left_out(lab: Lab) -> None:
    """A cluster upstream moves the face in the scene and not in the capture."""
    rig = lab.rig()
    cluster = cmds.cluster(rig.mesh, frontOfChain=True)
    cmds.setAttr(f"{cluster[1]}.translateX", 4.0)
    moved = lab.points(rig.mesh)
    close(capture(rig.mesh, any_size=True).actor.neutral.points, lab.head.mesh.points)
    assert np.array_equal(lab.points(rig.mesh), moved)


def check_bones_come_into_the_face_s_space(lab: Lab) -> None:
    """World matrices of both are honoured; API centimetres whatever the UI unit; a non-uniform scale is
    refused."""
    for unit in ("cm", "mm", "m"):
        cmds.file(newFile=True, force=True)
        cmds.currentUnit(linear=unit)
        rig = lab.rig()
        bone = lab.mesh(
            "skull", Mesh(lab.head.mesh.points * 0.9, lab.head.mesh.counts, lab.head.mesh.corners)
        )
        bone = lab.beside(rig, bone)
        cmds.setAttr(f"{rig.mesh}.rotateY", 30.0)
        cmds.setAttr(f"{bone}.translateX", 1.0)
        cmds.setAttr(f"{bone}.scale", 2.0, 2.0, 2.0, type="double3")
        actor = capture(rig.mesh, parts=Parts(skull=bone), any_size=True).actor
        assert actor.skull is not None
        shift = {"cm": 1.0, "mm": 0.1, "m": 100.0}[unit]
        face = np.eye(4)
        face[0, 0], face[0, 2], face[2, 0], face[2, 2] = np.cos(np.pi / 6), 0.5, -0.5, np.cos(np.pi / 6)
        expected = rigid.apply(np.linalg.inv(face), lab.head.mesh.points * 1.8 + [shift, 0, 0])
        close(actor.skull.points, expected, 1e-3)
        close(actor.neutral.points, lab.head.mesh.points)
        cmds.setAttr(f"{bone}.scaleX", 3.0)
        with refused("scaled by"):
            capture(rig.mesh, parts=Parts(skull=bone), any_size=True)
    cmds.currentUnit(linear="cm")


def _teeth(lab: Lab) -> Mesh:
    mesh = lab.head.mesh
    points = mesh.points * 0.2 + np.array([0.5, 150.0, 2.0]) * 0.8 + [0, -5, 5]
    return Mesh(points, mesh.counts, mesh.corners)


def check_teeth_by_their_own_blend_shape(lab: Lab) -> None:
    """A blendShape on the teeth with the same aliases gives the teeth in every target."""
    rig, head, teeth = lab.rig(), lab.head, _teeth(lab)
    mesh = lab.beside(rig, lab.mesh("lower_teeth", teeth))
    opened = rigid.apply(head.jaw_poses["jawOpen"], teeth.points)
    target = lab.mesh("jawOpen_teeth", teeth.with_points(opened))
    shapes = cmds.blendShape(target, mesh, name="teeth_shapes")[0]
    cmds.aliasAttr("jawOpen", f"{shapes}.weight[0]")
    result = capture(rig.mesh, parts=Parts(lower_teeth=mesh), any_size=True)
    actor = result.actor
    assert actor.lower_teeth is not None
    close(actor.lower_teeth_shapes["jawOpen"], opened)
    close(actor.lower_teeth_shapes["browUp"], teeth.points)
    assert any("lower teeth" in note for note in result.notes), result.notes


def _driven_joint(lab: Lab, rig: Rig) -> tuple[str, str]:
    """A slider that drives jawOpen and a joint by driven keys; returns both."""
    slider = cmds.createNode("transform", name="sliders")
    cmds.addAttr(slider, longName="open", attributeType="double", keyable=True)
    joint = lab.beside(rig, cmds.createNode("joint", name="jaw_jnt"))
    cmds.setAttr(f"{joint}.translate", 0.5, 149.0, -2.0, type="double3")
    for driver, weight, angle in ((0.0, 0.0, 0.0), (10.0, 1.0, np.degrees(0.3))):
        cmds.setDrivenKeyframe(
            f"{rig.node}.jawOpen", currentDriver=f"{slider}.open", driverValue=driver, value=weight
        )
        cmds.setDrivenKeyframe(
            f"{joint}.rotateX", currentDriver=f"{slider}.open", driverValue=driver, value=angle
        )
    return slider, joint


def check_teeth_by_a_jaw_joint(lab: Lab) -> None:
    """A joint driven by the same slider, by a driven key, is sampled while the slider is stepped; teeth under
    it come along."""
    rig = lab.rig()
    slider, joint = _driven_joint(lab, rig)
    before = snapshot(rig)
    result = capture(rig.mesh, parts=Parts(jaw_control=joint), any_size=True)
    assert result.actor.jaw_poses is not None
    close(result.actor.jaw_poses["jawOpen"], lab.head.jaw_poses["jawOpen"], 1e-3)
    close(result.actor.jaw_poses["browUp"], np.eye(4), 1e-6)
    for name, value in snapshot(rig).items():
        assert value == before[name], name
    assert cmds.getAttr(f"{slider}.open") == 0.0


def check_capture_away_from_rest(lab: Lab) -> None:
    """With the sliders half open, joint and teeth are still read from their rest, and put back to half
    open.
    """
    rig, head, teeth = lab.rig(), lab.head, _teeth(lab)
    slider, joint = _driven_joint(lab, rig)
    mesh = lab.beside(rig, lab.mesh("lower_teeth", teeth))
    target = lab.mesh(
        "jawOpen_teeth", teeth.with_points(rigid.apply(head.jaw_poses["jawOpen"], teeth.points))
    )
    shapes = cmds.blendShape(target, mesh, name="teeth_shapes")[0]
    cmds.aliasAttr("jawOpen", f"{shapes}.weight[0]")
    cmds.setAttr(f"{shapes}.weight[0]", 0.5)
    cmds.setAttr(f"{slider}.open", 5.0)
    by_joint = capture(rig.mesh, parts=Parts(jaw_control=joint), any_size=True).actor
    assert by_joint.jaw_poses is not None
    close(by_joint.jaw_poses["jawOpen"], head.jaw_poses["jawOpen"], 1e-3)
    by_teeth = capture(rig.mesh, parts=Parts(lower_teeth=mesh), any_size=True).actor
    assert by_teeth.lower_teeth is not None
    close(by_teeth.lower_teeth.points, teeth.points)
    close(by_teeth.lower_teeth_shapes["browUp"], teeth.points)
    close(by_teeth.lower_teeth_shapes["jawOpen"], rigid.apply(head.jaw_poses["jawOpen"], teeth.points))
    assert cmds.getAttr(f"{slider}.open") == 5.0
    assert cmds.getAttr(f"{shapes}.weight[0]") == 0.5


def check_static_teeth_are_said_loudly(lab: Lab) -> None:
    """Teeth that nothing moves tell nothing of the jaw."""
    rig = lab.rig()
    mesh = lab.mesh("lower_teeth", _teeth(lab))
    result = capture(rig.mesh, parts=Parts(lower_teeth=mesh), any_size=True)
    assert result.actor.lower_teeth is None
    assert any("STATIC" in note for note in result.notes), result.notes


def check_namespaces_and_instances(lab: Lab) -> None:
    """A face in a namespace and with a second, moved instance of its shape is captured through the transform
    that was named."""
    cmds.namespace(addNamespace="anna")
    rig = lab.rig("anna:face")
    copy = cmds.instance(rig.mesh, name="anna:face_again")[0]
    cmds.setAttr(f"{copy}.translateX", 40.0)
    bone = lab.beside(rig, lab.mesh("anna:skull", lab.head.mesh))
    result = capture(rig.mesh, parts=find_parts(rig.mesh), any_size=True)
    assert result.actor.name == "face"
    assert result.actor.skull is not None
    close(result.actor.skull.points, lab.head.mesh.points)
    close(result.actor.neutral.points, lab.head.mesh.points)
    assert bone.startswith("anna:")


def check_parts_are_found_by_name(lab: Lab) -> None:
    """Skull, jaw, teeth and a jaw joint by the names riggers give; the face itself is none of them."""
    rig = lab.rig("head_geo")
    for name in ("skull_geo", "jawBone", "teeth_lower_geo", "teeth_upper_geo"):
        lab.mesh(name, lab.head.mesh)
    joint = cmds.createNode("joint", name="jaw_jnt")
    parts = find_parts(rig.mesh)
    found = [str(p).split("|")[-1] for p in (parts.skull, parts.lower_teeth, parts.jaw_control)]
    assert found == ["skull_geo", "teeth_lower_geo", joint], parts


def check_actor_folder_and_dataset(lab: Lab) -> None:
    """What is written reads back the same, in both forms."""
    rig = lab.rig()
    actor = capture(rig.mesh, any_size=True).actor
    write_actor(actor, lab.folder / "actor")
    write_dataset(actor, lab.folder / "dataset.npz")
    for path in (lab.folder / "actor", lab.folder / "dataset.npz"):
        again = read_actor(path, any_size=True)
        assert again.rig == actor.rig
        for target in actor.rig.targets:
            close(again.shapes[target], actor.shapes[target], 1e-5)


def check_what_cannot_be_captured_says_why(lab: Lab) -> None:
    """No mesh, no blendShape, a curve."""
    rig = lab.rig()
    with refused("There is no object 'nobody'"):
        capture("nobody")
    plain = lab.mesh("plain", lab.head.mesh)
    with refused("has 0 blendShape nodes"):
        capture(plain)
    with refused("not a blendShape"):
        capture(rig.mesh, rig.mesh)
    group = cmds.createNode("transform", name="group1")
    with refused("without a mesh"):
        capture(group)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
