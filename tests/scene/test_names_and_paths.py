"""Names that several objects have, and paths as the user sees them: two characters of one scene never answer
for each other."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.errors import AimError

JAW = "jawOpen"


@pytest.fixture
def lab(maya: Any, tmp_path: Path) -> Any:
    return importlib.import_module("tests.in_maya.lab").Lab(tmp_path)


def character(lab: Any, group: str, parts: tuple[str, ...] = ()) -> dict[str, str]:
    """|GROUP|face with a blendShape, and parts beside it, all by their full paths; every name is taken
    twice."""
    from maya import OpenMaya, cmds

    from aim_maya.scene.rig.meshes import dag_path

    cmds.createNode("transform", name=group)
    rig = lab.rig(f"{group}_face")
    made = {"face": rig.mesh, "node": rig.node}
    made |= {part: lab.mesh(f"{group}_{part}", lab.head.mesh) for part in parts}
    for name in ("face", *parts):
        child = cmds.parent(made[name], f"|{group}", relative=True)[0]
        OpenMaya.MFnDagNode(dag_path(f"|{group}|{child}")).setName(name)
        made[name] = f"|{group}|{name}"
    return made


def test_two_characters_with_the_same_names(maya: Any, lab: Any) -> None:
    """Everything is done to the second; the first stays as it is, whatever its name."""
    from maya import cmds

    from aim_maya.scene.actions.anatomy import drive, release, show
    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.actions.capture import capture, find_parts
    from aim_maya.scene.actions.native import bake_native
    from aim_maya.scene.actions.restore import restore
    from aim_maya.scene.rig.meshes import find_faces

    anna = character(lab, "anna", ("skull", "lower_teeth"))
    bob = character(lab, "bob", ("skull", "lower_teeth"))
    parts = find_parts(bob["face"])
    assert (parts.skull, parts.lower_teeth) == (bob["skull"], bob["lower_teeth"])
    assert len(capture(bob["face"], parts=parts, any_size=True).actor.shapes) == 6
    done = attach(bob["face"], lab.model)
    drive(bob["face"], [bob["lower_teeth"]])
    cmds.setAttr(f"{done.node}.{JAW}", 1.0)
    assert np.abs(lab.points(bob["face"]) - lab.head.shapes[JAW]).max() < 1e-3
    assert np.abs(lab.points(anna["face"]) - lab.head.mesh.points).max() < 1e-3
    assert not np.allclose(cmds.getAttr(f"{bob['lower_teeth']}.worldMatrix[0]"), np.eye(4).ravel())
    assert np.allclose(cmds.getAttr(f"{anna['lower_teeth']}.worldMatrix[0]"), np.eye(4).ravel())
    attach(anna["face"], lab.model)
    for made in (show(anna["face"]), bake_native(anna["face"], 40).mesh):
        assert made.startswith("|anna|")
    assert show(bob["face"]) == "|bob|face_bones"  # a name that anna's bones have, too
    assert bake_native(bob["face"], 40).mesh == "|bob|face_native"
    assert [f.transform for f in find_faces(["|bob|face"])] == [bob["face"]]
    release([bob["lower_teeth"]])
    assert restore(bob["face"]) == bob["node"]
    assert maya.violations == []


def test_a_bare_name_that_two_have_is_refused_by_every_action(maya: Any, lab: Any) -> None:
    from aim_maya.scene.actions.anatomy import drive, release, show
    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.actions.native import bake_native
    from aim_maya.scene.actions.performances import load_performance
    from aim_maya.scene.actions.restore import restore
    from aim_maya.scene.rig.followers import wrap
    from aim_maya.scene.rig.meshes import shape_points

    anna, _ = (character(lab, name, ("lower_teeth",)) for name in ("anna", "bob"))
    attach(anna["face"], lab.model)
    face, teeth = "face", "lower_teeth"
    for ask in (
        lambda: attach(face, lab.model),
        lambda: restore(face),
        lambda: show(face),
        lambda: bake_native(face),
        lambda: load_performance(face, "take.aimperf"),
        lambda: drive(face, [anna["lower_teeth"]]),
        lambda: drive(anna["face"], [teeth]),
        lambda: release([teeth]),
        lambda: wrap(teeth, anna["face"]),
        lambda: wrap(anna["lower_teeth"], face),
        lambda: shape_points(face),
    ):
        with pytest.raises(AimError, match="2 objects are called"):
            ask()


def test_parts_of_another_character_are_never_taken(maya: Any, lab: Any) -> None:
    """Anna has none of her own; Bob's are in the same scene, in a group of their own or under a common
    one."""
    from maya import cmds

    from aim_maya.scene.actions.capture import Parts, find_parts

    anna = character(lab, "anna")
    bob = character(lab, "bob", ("skull", "lower_teeth"))
    joint = cmds.createNode("joint", name="jaw_jnt", parent="|bob")
    assert find_parts(anna["face"]) == Parts()
    assert find_parts(bob["face"]).jaw_control == f"|bob|{joint}"
    cmds.createNode("transform", name="world")
    for group in ("anna", "bob"):
        cmds.parent(f"|{group}", "|world", relative=True)
    assert find_parts("|world|anna|face") == Parts()
    assert find_parts("|world|bob|face").skull == "|world|bob|skull"
    lab.mesh("mandible", lab.head.mesh)  # could be either's
    assert find_parts("|world|anna|face") == Parts()


def test_parts_of_a_lone_character_are_found_anywhere(maya: Any, lab: Any) -> None:
    """Geometry and skeleton in groups of their own, a body with correctives, teeth on the same controls."""
    from maya import cmds

    from aim_maya.scene.actions.capture import find_parts

    face = character(lab, "geo")["face"]
    body = lab.mesh("body", lab.head.mesh)
    cmds.aliasAttr("elbow", f"{cmds.blendShape(lab.mesh('flex', lab.head.mesh), body)[0]}.w[0]")
    teeth = lab.rig("lower_teeth_geo").mesh
    cmds.createNode("transform", name="skeleton")
    cmds.createNode("joint", name="jaw_jnt", parent="skeleton")
    parts = find_parts(face)
    assert (parts.jaw_control, parts.lower_teeth) == ("|skeleton|jaw_jnt", cmds.ls(teeth, long=True)[0])


def test_the_mesh_behind_a_node_is_the_one_it_deforms(maya: Any, lab: Any) -> None:
    """Another mesh that looks at the deformed one, as a target or a wrap does, comes later in its future; it
    is not the face."""
    from maya import cmds

    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.rig.meshes import shape_after

    rig, other = lab.rig(), lab.mesh("aaa_copy", lab.head.mesh)
    node = attach(rig.mesh, lab.model).node
    cmds.blendShape(rig.mesh, other, name="copies")
    cmds.connectAttr(f"{node}.outputGeometry[0]", "copies.inputTarget[0].inputTargetGroup[1]."
                     "inputTargetItem[6000].inputGeomTarget")  # fmt: skip
    assert shape_after(node) == rig.shape
    cluster, _ = cmds.cluster(rig.mesh)
    assert shape_after(node) == rig.shape
    assert shape_after(cluster) == rig.shape
    cmds.disconnectAttr(f"{node}.outputGeometry[0]", f"{cluster}.input[0].inputGeometry")
    with pytest.raises(AimError, match="deforms no visible mesh"):
        shape_after(node)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_path_is_stored_as_the_user_sees_it(maya: Any, lab: Any, tmp_path: Path) -> None:
    """A link, as a mapped drive is one: what it leads to is another machine's business."""
    from maya import cmds

    from aim_maya.scene.actions.attach import attach, file_for_scene

    server = tmp_path / "server" / "export7"
    (server / "anna").mkdir(parents=True)
    (tmp_path / "show").symlink_to(server)
    (tmp_path / "library").symlink_to(server / "anna")
    model = tmp_path / "show" / "anna" / "face.aim"
    model.write_bytes(Path(lab.model).read_bytes())
    rig = lab.rig()
    assert file_for_scene(model) == model.as_posix()  # no scene yet
    cmds.file(rename=(tmp_path / "show" / "anna" / "rig.ma").as_posix())
    assert file_for_scene(model) == "face.aim"
    assert file_for_scene(tmp_path / "library" / "face.aim") == (tmp_path / "library/face.aim").as_posix()
    node = attach(rig.mesh, file_for_scene(model)).node
    assert str(server) not in cmds.getAttr(f"{node}.status")


def test_a_model_beside_another_rig_is_not_stored_by_its_bare_name(
    maya: Any, lab: Any, tmp_path: Path
) -> None:
    """Relative is to the scene or the project, which are this scene's; a referenced rig's folder is not."""
    from maya import cmds

    from aim_maya.scene.actions.attach import file_for_scene

    for name in ("anna", "shots"):
        (tmp_path / name).mkdir()
    lab.rig()
    cmds.file(rename=(tmp_path / "anna/rig.ma").as_posix())
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    cmds.file((tmp_path / "anna/rig.ma").as_posix(), reference=True, namespace="anna")
    cmds.file(rename=(tmp_path / "shots/s1.ma").as_posix())
    assert file_for_scene(tmp_path / "anna/face.aim") == (tmp_path / "anna/face.aim").as_posix()
    assert file_for_scene(tmp_path / "shots/face.aim") == "face.aim"
