"""Editing by anatomy on the node: handles, presets, edit files, and a sculpt of the bone surface."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from maya import OpenMaya, cmds

from aim_maya.core import rigid
from aim_maya.runtime import FaceModel
from aim_maya.runtime.edit import preset
from aim_maya.scene.actions.anatomy import edit_from_sculpt, sculpt_target, set_preset, show
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.maya import from_list
from aim_maya.scene.node.attributes import BY_NAME, HANDLES
from aim_maya.scene.node.geometry import as_point_array
from aim_maya.scene.rig.meshes import dag_path

from .lab import Lab, close, refused


def check_handles_and_presets_show_at_rest_and_in_poses(lab: Lab) -> None:
    """Keyable handles in mm and presets bend the face as the model under that edit; undo takes a preset back;
    all at zero is no change to the last bit."""
    rig, model = lab.rig(), FaceModel.load(lab.model, "cpu")
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh)
    for weights in ({}, {"jawOpen": 0.7}):
        for name, value in weights.items():
            cmds.setAttr(f"{node}.{name}", value)
        plain = lab.points(rig.mesh)
        for attribute, handle in HANDLES.items():
            cmds.setAttr(f"{node}.{attribute}", 4.0)
            close(lab.points(rig.mesh), model.edited({"bones": {handle: 4.0}}).points(weights))
            cmds.setAttr(f"{node}.{attribute}", 0.0)
        assert np.array_equal(lab.points(rig.mesh), plain)
        set_preset(rig.mesh, "long_jaw")
        close(lab.points(rig.mesh), model.edited(preset("long_jaw")).points(weights))
        cmds.setAttr(f"{node}.presetAmount", 0.5)
        close(lab.points(rig.mesh), model.edited(preset("long_jaw", 0.5)).points(weights))
        cmds.setAttr(f"{node}.presetAmount", 1.0)
        cmds.undo()
        cmds.undo()
        cmds.undo()
        assert cmds.getAttr(f"{node}.preset") == 0
        assert np.array_equal(lab.points(rig.mesh), plain)
    cmds.setAttr(f"{node}.jawOpen", 0.0)
    assert np.array_equal(lab.points(rig.mesh), rest)
    with refused("There is no preset 'fat'"):
        set_preset(rig.mesh, "fat")
    assert set(HANDLES) <= set(BY_NAME)


def check_an_edit_file_with_regions_and_what_it_clamps(lab: Lab) -> None:
    """Regions, handles, a jaw pose and a jaw gain from a file; teeth follow the same jaw; what is clamped is
    in `status`; a bad file leaves the face."""
    rig, model = lab.rig(), FaceModel.load(lab.model, "cpu")
    node = attach(rig.mesh, lab.model).node
    rest, file = lab.points(rig.mesh), lab.folder / "edit.json"

    def use(entries: object) -> None:
        file.write_text(json.dumps(entries))
        cmds.setAttr(f"{node}.edit", "", type="string")
        cmds.setAttr(f"{node}.edit", file.as_posix(), type="string")
        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)

    entries = {"thickness": {"chin": 1.5}, "bones": {"jaw_wider_mm": 3}, "jaw_gain": 0.5}
    use(entries)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    edited = model.edited(entries)
    close(lab.points(rig.mesh), edited.points({"jawOpen": 1.0}))
    close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), edited.jaw({"jawOpen": 1.0}), 1e-6)
    pose = rigid.exp([0.1, 0, 0, 0, 0, 0])
    use({"jaw_pose": pose.tolist()})
    close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), pose, 1e-6)
    close(lab.points(rig.mesh), model.points({"jawOpen": 1.0}, jaw=pose))
    cmds.setAttr(f"{node}.jawOpen", 0.0)
    use({"thickness": {"lips": -1}})
    lab.points(rig.mesh)
    assert "warning: Bone came through the skin" in cmds.getAttr(f"{node}.status")
    use({"thickness": {"lip": 2}})
    assert np.array_equal(lab.points(rig.mesh), rest)
    assert "Did you mean 'lips'" in cmds.getAttr(f"{node}.status")


def check_a_sculpt_of_the_bones_becomes_an_edit(lab: Lab) -> None:
    """The surface that View anatomy shows, moved aside and sculpted, bends the face by what was sculpted; the
    old edit's other entries stay; one undo step."""
    rig, model = lab.rig(), FaceModel.load(lab.model, "cpu")
    node = attach(rig.mesh, lab.model).node
    old = Path(lab.folder / "old.json")
    old.write_text('{"jaw_gain": 0.5, "bone_offset": "gone.npz"}')
    bones, out = show(rig.mesh), lab.folder / "sculpts" / "brow.json"
    cmds.setAttr(f"{bones}.translateX", 25.0)
    with refused("nothing was sculpted"):
        edit_from_sculpt(rig.mesh, bones, out)
    offset = np.zeros_like(model.data.bone)
    offset[40:60] = [0.0, 0.1, 0.4]
    with as_point_array(model.data.bone + offset) as array:
        OpenMaya.MFnMesh(dag_path(cmds.listRelatives(bones, shapes=True, fullPath=True)[0])).setPoints(
            array, OpenMaya.MSpace.kObject
        )
    cmds.setAttr(f"{node}.edit", old.as_posix(), type="string")
    done = edit_from_sculpt(rig.mesh, bones, out)
    assert done["vertices"] == 20
    assert abs(done["largest_mm"] - 10 * np.hypot(0.1, 0.4)) < 1e-3
    assert json.loads(out.read_text())["jaw_gain"] == 0.5
    assert json.loads(out.read_text())["bone_offset"] == "brow.npz"
    close(lab.points(rig.mesh), model.data.neutral + offset)
    with as_point_array(model.data.bone + 2 * offset) as array:
        OpenMaya.MFnMesh(dag_path(cmds.listRelatives(bones, shapes=True, fullPath=True)[0])).setPoints(
            array, OpenMaya.MSpace.kObject
        )
    edit_from_sculpt(rig.mesh, bones, out)  # sculpted on, into the same file
    close(lab.points(rig.mesh), model.data.neutral + 2 * offset)
    cmds.undo()
    cmds.undo()
    assert cmds.getAttr(f"{node}.edit") == old.as_posix()
    with refused("is not the bone surface of"):
        edit_from_sculpt(
            rig.mesh,
            lab.mesh(
                "other",
                lab.head.mesh.__class__(
                    lab.head.mesh.points[:4], np.array([4], np.int32), np.arange(4, dtype=np.int32)
                ),
            ),
            out,
        )


def check_a_target_is_sculpted(lab: Lab) -> None:
    """The face's duplicate at a target's pose, sculpted, is what the target gives from then on, on an edited
    face too, and for a combination; other targets stay; one undo step."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawLonger", 3.0)
    for names in (("mouthSmile_L",), ("jawOpen", "mouthSmile_L")):
        for name in names:
            cmds.setAttr(f"{node}.{name}", 1.0)
        wanted, out = lab.points(rig.mesh), lab.folder / "sculpts" / f"{len(names)}.json"
        sculpted = lab.mesh("sculpt", lab.head.mesh.with_points(wanted))
        with refused("nothing was sculpted"):
            sculpt_target(rig.mesh, sculpted, out)
        wanted[30:50] += [0.05, 0.1, 0.3]
        cmds.delete(sculpted)
        sculpted = lab.mesh("sculpt", lab.head.mesh.with_points(wanted))
        done = sculpt_target(rig.mesh, sculpted, out)
        assert done["vertices"] == 20
        close(lab.points(rig.mesh), wanted)
        cmds.undo()
        assert (cmds.getAttr(f"{node}.edit") or "").endswith("1.json") == (len(names) == 2)
        assert np.abs(lab.points(rig.mesh) - wanted).max() > 0.2
        cmds.redo()
        close(lab.points(rig.mesh), wanted)
        cmds.delete(sculpted)
    assert set(json.loads(out.read_text())["targets"]) == {"mouthSmile_L", "jawOpenSmile"}
    cmds.setAttr(f"{node}.jawOpen", 0.4)
    with refused("at the pose of no target"):
        sculpt_target(rig.mesh, rig.mesh, out)
    cmds.setAttr(f"{node}.mouthSmile_L", 0.0)
    plain = FaceModel.load(lab.model, "cpu").edited({"bones": {"jaw_longer_mm": 3.0}})
    close(lab.points(rig.mesh), plain.points({"jawOpen": 0.4}))


def check_a_target_is_sculpted_on_a_jaw_of_its_own(lab: Lab) -> None:
    """On a driven and on an added jaw: the face is the sculpt as it was shown there, the target's own motion
    of the jaw is left, and a performance that plays is refused."""
    rig, model = lab.rig(), FaceModel.load(lab.model, "cpu")
    node = attach(rig.mesh, lab.model).node
    jaw = cmds.createNode("transform", name="jaw")
    cmds.connectAttr(f"{jaw}.worldMatrix[0]", f"{node}.jawMatrix")
    cmds.setAttr(f"{jaw}.rotateX", 8.0)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    for mode in (1, 2):
        cmds.setAttr(f"{node}.jawMode", mode)
        cmds.setAttr(f"{node}.edit", "", type="string")
        shown, out = lab.points(rig.mesh), lab.folder / "sculpts" / f"mode{mode}.json"
        same = lab.mesh("same", lab.head.mesh.with_points(shown))
        with refused("nothing was sculpted"):
            sculpt_target(rig.mesh, same, out)
        shown[30:50] += [0.05, 0.1, 0.3]
        sculpted = lab.mesh("sculpt", lab.head.mesh.with_points(shown))
        assert sculpt_target(rig.mesh, sculpted, out)["target"] == "jawOpen"
        close(lab.points(rig.mesh), shown)
        learned = model.edited({"targets": {"jawOpen": str(out.with_name(f"{out.stem}_jawOpen.obj"))}})
        close(learned.jaw({"jawOpen": 1.0}), model.jaw({"jawOpen": 1.0}))
        moved = np.abs(learned.points({"jawOpen": 1.0}) - model.points({"jawOpen": 1.0})).max(1)
        assert moved[30:50].min() > 0.1 and np.delete(moved, np.arange(30, 50)).max() < 1e-4
        cmds.delete(same, sculpted)
    cmds.setAttr(f"{node}.performance", "take.aimperf", type="string")
    with refused("moves the face as well"):
        sculpt_target(rig.mesh, rig.mesh, out)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
