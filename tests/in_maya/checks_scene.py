"""Files, references, evaluation modes, teeth, the anatomy view, menu and shelf."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
from maya import cmds

from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.deformation import open_models
from aim_maya.scene.actions.anatomy import drive, release, show
from aim_maya.scene.actions.attach import attach, file_for_scene
from aim_maya.scene.actions.restore import restore
from aim_maya.scene.shelf import menu

from .lab import Lab, close, refused
from .timing import key_everything
from .tiny import Tiny, write_tiny

_ICONS = Path(__file__).resolve().parents[2] / "icons"


def check_every_evaluation_mode_gives_the_same_frames(lab: Lab) -> None:
    """Plain DG, serial and parallel, two rigs at once, under the watchdog; a node never hangs the scene."""
    rigs = [lab.rig("one"), lab.rig("two")]
    for rig in rigs:
        key_everything(rig)
        attach(rig.mesh, lab.model)
    shown: dict[str, list[np.ndarray]] = {}
    for mode in ("off", "serial", "parallel"):
        cmds.evaluationManager(mode=mode)
        frames = []
        for frame in (1, 20, 40, 60, 30):
            cmds.currentTime(frame)
            frames += [lab.points(rig.mesh) for rig in rigs]
        shown[mode] = frames
    cmds.evaluationManager(mode="off")
    assert np.abs(shown["off"][0] - shown["off"][2]).max() > 0.1
    for mode in ("serial", "parallel"):
        for a, b in zip(shown[mode], shown["off"], strict=True):
            assert np.array_equal(a, b), mode
    assert threading.active_count() < 100


def check_saved_scenes_come_back_the_same(lab: Lab) -> None:
    """Aliases, sparse indices, file path, sliders and painted maps survive a .ma."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawOpen", 0.7)
    cmds.setAttr(f"{node}.thickness", 1.2)
    cmds.setAttr(f"{node}.weightList[0].weights[7]", 0.5)
    cmds.setAttr(f"{node}.thicknessList[0].thicknessMap[9]", 2.0)
    shown = lab.points(rig.mesh)
    path = (lab.folder / "scene.ma").as_posix()
    cmds.file(rename=path)
    cmds.file(save=True, type="mayaAscii")
    cmds.file(path, open=True, force=True)
    close(lab.points(rig.mesh), shown, 1e-4)
    assert cmds.getAttr(f"{node}.weight", multiIndices=True)
    assert abs(cmds.getAttr(f"{node}.jawOpen") - 0.7) < 1e-6
    assert cmds.aliasAttr(f"{node}.weight[7]", query=True) == "browUp"


def check_a_model_beside_the_scene_is_found_after_it_moved(lab: Lab) -> None:
    """A path stored relative to the scene goes with the scene's folder."""
    rig = lab.rig()
    scene = lab.folder / "show"
    scene.mkdir(exist_ok=True)
    (scene / "tiny.aim").write_bytes(Path(lab.model).read_bytes())
    cmds.file(rename=(scene / "rig.ma").as_posix())
    cmds.file(save=True, type="mayaAscii")
    stored = file_for_scene(scene / "tiny.aim")
    assert stored == "tiny.aim", stored
    node = attach(rig.mesh, stored).node
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])
    cmds.file(save=True, type="mayaAscii")
    moved = lab.folder / "moved"
    scene.rename(moved)
    cmds.file((moved / "rig.ma").as_posix(), open=True, force=True)
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])


def check_the_same_rig_referenced_twice(lab: Lab) -> None:
    """Two references, each with its own sliders, one model; overlay is the default there; restore in one
    leaves the other."""
    rig = lab.rig()
    path = (lab.folder / "rig.ma").as_posix()
    cmds.file(rename=path)
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    for space in ("a", "b"):
        cmds.file(path, reference=True, namespace=space)
    nodes = {space: attach(f"{space}:{rig.mesh}", lab.model).node for space in ("a", "b")}
    assert cmds.getAttr(f"{nodes['a']}.mode") == 1
    cmds.setAttr("a:face_shapes.jawOpen", 1.0)
    cmds.setAttr("b:face_shapes.browUp", 1.0)
    close(lab.points("a:face"), lab.head.shapes["jawOpen"])
    close(lab.points("b:face"), lab.head.shapes["browUp"])
    assert len([m for m in open_models() if str(m.data.path) == lab.model]) <= 2


def other_actor(head: Tiny) -> Tiny:
    """A head of the very same topology and neutral whose targets go another way."""
    rest = head.mesh.points
    return replace(
        head, shapes={n: rest - 0.7 * (points - rest) for n, points in head.shapes.items()}, jaw_poses={}
    )


def save(path: Path) -> Path:
    """Save the scene under this name."""
    path.parent.mkdir(exist_ok=True)
    cmds.file(rename=path.as_posix())
    cmds.file(save=True, type="mayaAscii")
    return path


def actor_folder(lab: Lab, name: str, head: Tiny) -> Path:
    """NAME/rig.ma, an attached face that names its model face.aim, and that model beside it."""
    folder = lab.folder / name
    folder.mkdir()
    write_tiny(folder / "face.aim", head)
    cmds.file(newFile=True, force=True)
    rig = lab.rig()
    save(folder / "rig.ma")
    attach(rig.mesh, "face.aim")
    return save(folder / "rig.ma")


def off(lab: Lab, mesh: str, head: Tiny, target: str = "jawOpen") -> float:
    """How far (centimetres) a mesh is from a head's target."""
    return float(np.abs(lab.points(mesh) - head.shapes[target]).max())


def check_two_actors_in_one_shot_keep_their_own_faces(lab: Lab) -> None:
    """Both referenced rigs name face.aim, each with its own beside it; same topology, other shapes."""
    heads = {"anna": lab.head, "bob": other_actor(lab.head)}
    rigs = {name: actor_folder(lab, name, head) for name, head in heads.items()}
    cmds.file(newFile=True, force=True)
    for name, rig in rigs.items():
        cmds.file(rig.as_posix(), reference=True, namespace=name)
        cmds.setAttr(f"{name}:face_aim.jawOpen", 1.0)
    for name, head in heads.items():
        assert off(lab, f"{name}:face", head) < 1e-3, name
        assert (lab.folder / name).as_posix() in cmds.getAttr(f"{name}:face_aim.status"), name
    shot = save(lab.folder / "shots" / "s1.ma")
    cmds.file(shot.as_posix(), open=True, force=True)
    for name, head in heads.items():
        assert off(lab, f"{name}:face", head) < 1e-3, name


def check_a_rig_inside_a_referenced_file_finds_its_model(lab: Lab) -> None:
    """shot > character > rig: the model lies beside the rig, another actor's of that name beside the shot;
    the reference is unloaded, loaded and loaded again."""
    rig = actor_folder(lab, "rig", lab.head)
    cmds.file(newFile=True, force=True)
    cmds.file(rig.as_posix(), reference=True, namespace="rig")
    character = save(lab.folder / "character" / "anna.ma")
    cmds.file(newFile=True, force=True)
    save(lab.folder / "shots" / "s1.ma")
    write_tiny(lab.folder / "shots" / "face.aim", other_actor(lab.head))
    cmds.file(character.as_posix(), reference=True, namespace="anna")
    cmds.setAttr("anna:rig:face_aim.jawOpen", 1.0)
    assert off(lab, "anna:rig:face", lab.head) < 1e-3
    for _ in range(2):
        cmds.file(loadReference="annaRN")
        assert off(lab, "anna:rig:face", lab.head) < 1e-3
        cmds.file(unloadReference="annaRN")
        assert not cmds.objExists("anna:rig:face")
    cmds.file(loadReference="annaRN")
    assert off(lab, "anna:rig:face", lab.head) < 1e-3


def check_membership_subsets(lab: Lab) -> None:
    """A deformer on part of a mesh moves that part only: scattered vertices, another part of the same size,
    another tag."""
    mesh = lab.mesh("part", lab.head.mesh)
    node = cmds.deformer(mesh, type="aimDeformer")[0]
    original = next(
        s
        for s in cmds.listRelatives(mesh, shapes=True, fullPath=True)
        if cmds.getAttr(f"{s}.intermediateObject")
    )
    cmds.setAttr(f"{original}.componentTags[0].componentTagName", "front", type="string")
    cmds.setAttr(f"{original}.componentTags[1].componentTagName", "back", type="string")
    cmds.setAttr(f"{original}.componentTags[1].componentTagContents", 1, "vtx[60:79]", type="componentList")
    cmds.setAttr(f"{node}.input[0].componentTagExpression", "front", type="string")
    cmds.setAttr(f"{node}.model", lab.model, type="string")
    cmds.setAttr(f"{node}.weight[0]", 1.0)
    opened, rest = FaceModel.load(lab.model, "cpu").points({"jawOpen": 1.0}), lab.head.mesh.points

    def moved(ids: list[int]) -> None:
        inside = np.isin(np.arange(len(rest)), ids)
        close(lab.points(mesh), np.where(inside[:, None], opened, rest))

    contents = f"{original}.componentTags[0].componentTagContents"
    cmds.setAttr(contents, 2, "vtx[3]", "vtx[300:398]", type="componentList")
    moved([3, *range(300, 399)])
    cmds.setAttr(contents, 2, "vtx[3]", "vtx[301:399]", type="componentList")
    moved([3, *range(301, 400)])
    cmds.setAttr(f"{node}.input[0].componentTagExpression", "back", type="string")
    moved(list(range(60, 80)))


def check_teeth_follow_the_jaw(lab: Lab) -> None:
    """Through offsetParentMatrix, under a moved parent, with a moved face, and jawGain with them; released,
    they are back."""
    rig = lab.rig()
    cmds.setAttr(f"{rig.mesh}.rotateY", 30.0)
    group = cmds.createNode("transform", name="teeth_group")
    cmds.setAttr(f"{group}.translate", 3.0, -1.0, 2.0, type="double3")
    cmds.setAttr(f"{group}.rotateZ", 20.0)
    teeth = cmds.parent(lab.mesh("lower_teeth", lab.head.mesh), group, relative=True)[0]
    before = np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")).reshape(4, 4).T
    node = attach(rig.mesh, lab.model).node
    drive(rig.mesh, [teeth])
    close(np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")).reshape(4, 4).T, before, 1e-9)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    face = np.array(cmds.getAttr(f"{rig.mesh}.worldMatrix[0]")).reshape(4, 4).T
    model = FaceModel.load(lab.model, "cpu")
    for gain in (1.0, 0.5):
        cmds.setAttr(f"{node}.jawGain", gain)
        jaw = model.edited(Edit(jaw_gain=gain)).jaw({"jawOpen": 1.0})
        close(
            np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")).reshape(4, 4).T,
            face @ jaw @ np.linalg.inv(face) @ before,
            1e-4,
        )
    with refused("already driven"):
        drive(rig.mesh, [teeth])
    with refused("is the face itself"):
        drive(rig.mesh, [rig.mesh])
    release([teeth])
    close(np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")).reshape(4, 4).T, before, 1e-9)


def check_teeth_under_a_skin_cluster_keep_their_relation(lab: Lab) -> None:
    """A skinCluster moves the skin and not the face's transform: nothing of that transform drives the
    teeth."""
    rig = lab.rig()
    cmds.skinCluster(cmds.createNode("joint", name="spine"), rig.mesh)
    node = attach(rig.mesh, lab.model).node
    (made,) = drive(rig.mesh, [lab.mesh("lower_teeth", lab.head.mesh)])
    sources = cmds.listConnections(made, source=True, destination=False, plugs=True) or []
    assert sources == [f"{node}.outJawMatrix"], sources


def check_teeth_are_one_undo_step(lab: Lab) -> None:
    """Two objects driven, and two released: one step each, and nothing of it is left after undo."""
    rig = lab.rig()
    attach(rig.mesh, lab.model)
    teeth = [lab.mesh(name, lab.head.mesh) for name in ("lower_teeth", "tongue")]
    before = set(cmds.ls())
    made = drive(rig.mesh, teeth)
    assert len(made) == 2
    cmds.undo()
    assert set(cmds.ls()) == before, "driving was more than one step"
    cmds.redo()
    assert set(cmds.ls()) == before | set(made)
    release(teeth)
    assert set(cmds.ls()) == before
    cmds.undo()
    assert set(cmds.ls()) == before | set(made), "releasing was more than one step"


def check_teeth_are_released_with_the_model(lab: Lab) -> None:
    """Restore while the jaw is open: the teeth do not stay open, and can be driven again."""
    rig = lab.rig()
    teeth = lab.mesh("lower_teeth", lab.head.mesh)
    before = np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]"))
    node = attach(rig.mesh, lab.model).node
    drive(rig.mesh, [teeth])
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    assert np.abs(np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")) - before).max() > 0.1
    restore(rig.mesh)
    close(np.array(cmds.getAttr(f"{teeth}.worldMatrix[0]")), before, 1e-9)
    attach(rig.mesh, lab.model)
    drive(rig.mesh, [teeth])


def check_the_anatomy_view(lab: Lab) -> None:
    """A mesh at the learned bone points, coloured by thickness, without history; the rig is untouched; undo takes it
    away."""
    rig = lab.rig()
    attach(rig.mesh, lab.model)
    before = set(cmds.ls())
    bones = show(rig.mesh)
    close(lab.points(bones), FaceModel.load(lab.model, "cpu").anatomy.bone_points)
    shape = cmds.listRelatives(bones, shapes=True, fullPath=True)[0]
    assert cmds.polyColorSet(shape, query=True, allColorSets=True) == ["aimThickness"]
    assert len(cmds.listRelatives(bones, shapes=True)) == 1, "colours left an original behind"
    assert not cmds.listConnections(f"{shape}.inMesh", source=True, destination=False), "colours left history"
    cmds.undo()
    assert set(cmds.ls()) == before


def check_shelf_entries_name_what_exists(lab: Lab) -> None:
    """Every button's icon is there and its command can be found."""
    from aim_maya.scene.shelf import commands

    for entry in menu.ENTRIES:
        assert (_ICONS / entry.icon).is_file(), entry.icon
        assert callable(getattr(commands, entry.command.rsplit(".", 1)[1].split("(")[0])), entry.command
        assert entry.tooltip
        compile(entry.command, entry.label, "exec")


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
