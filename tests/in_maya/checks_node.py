"""The deformer drops in for a blendShape."""

from __future__ import annotations

import shutil

import numpy as np
from maya import cmds

from aim_maya.core import rigid
from aim_maya.core.posing import tolerance
from aim_maya.runtime import FaceModel
from aim_maya.runtime.deformation import open_models
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.maya import from_list, to_list
from aim_maya.scene.node.models import reload_models

from .lab import Lab, close
from .tiny import write_tiny


def status(node: str) -> str:
    """What the node says of itself."""
    return str(cmds.getAttr(f"{node}.status"))


def check_rest_is_the_input_bit_for_bit(lab: Lab) -> None:
    """Zero weights, default edit, identity jaw: nothing moves, to the last bit."""
    rig = lab.rig()
    before = lab.points(rig.mesh)
    node = attach(rig.mesh, lab.model).node
    assert np.array_equal(lab.points(rig.mesh), before)
    cmds.setAttr(f"{node}.jawMode", 1)
    assert np.array_equal(lab.points(rig.mesh), before), "a driven jaw at its bind pose moved something"


def check_every_trained_pose_is_the_blend_shape_s(lab: Lab) -> None:
    """One-hot, in-between and combination: what the blendShape gave."""
    head = lab.head
    for mode in ("replace", "overlay"):
        cmds.file(newFile=True, force=True)
        rig = lab.rig()
        native = {}
        for target in head.rig.targets:
            _pose(rig.node, lab, target)
            native[target] = lab.points(rig.mesh)
            close(native[target], head.shapes[target])
        _pose(rig.node, lab, None)
        node = attach(rig.mesh, lab.model, mode=mode).node
        sliders = node if mode == "replace" else rig.node
        within = 2 * tolerance(head.mesh.points, 10.0)
        for target in head.rig.targets:
            _pose(sliders, lab, target)
            close(lab.points(rig.mesh), native[target], within)
        assert "cached evaluation" in status(node), status(node)


def _pose(node: str, lab: Lab, target: str | None) -> None:
    rig = lab.head.rig
    weights = np.zeros(len(rig.controls)) if target is None else rig.trained_pose(target)
    for control, value in zip(rig.controls, weights, strict=True):
        cmds.setAttr(f"{node}.weight[{control.index}]", float(value))


def check_between_the_poses_the_jaw_turns(lab: Lab) -> None:
    """Half a jawOpen is the model's, not half the shape; jawArc 0 is half the shape."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    model = FaceModel.load(lab.model, "cpu")
    cmds.setAttr(f"{node}.jawOpen", 0.5)
    close(lab.points(rig.mesh), model.points({"jawOpen": 0.5}))
    half = 0.5 * (lab.head.mesh.points + lab.head.shapes["jawOpen"])
    assert float(np.abs(lab.points(rig.mesh) - half).max()) > 0.01
    cmds.setAttr(f"{node}.jawArc", 0.0)
    close(lab.points(rig.mesh), half)


def check_envelope_node_state_and_sliders(lab: Lab) -> None:
    """Envelope scales and 0 does nothing; nodeState HasNoEffect passes through; gains and thickness act."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    full = lab.points(rig.mesh)
    cmds.setAttr(f"{node}.envelope", 0.5)
    close(lab.points(rig.mesh), 0.5 * (rest.astype(float) + full))
    cmds.setAttr(f"{node}.envelope", 0.0)
    assert np.array_equal(lab.points(rig.mesh), rest)
    cmds.setAttr(f"{node}.envelope", 1.0)
    cmds.setAttr(f"{node}.nodeState", 1)
    assert np.array_equal(lab.points(rig.mesh), rest)
    cmds.setAttr(f"{node}.nodeState", 0)
    cmds.setAttr(f"{node}.jawOpen", 0.0)
    cmds.setAttr(f"{node}.thickness", 2.0)
    model = FaceModel.load(lab.model, "cpu")
    close(lab.points(rig.mesh) - rest, model.data.thickness[:, None] * model.data.normals)


def check_painted_weights_are_sparse_and_follow_changes(lab: Lab) -> None:
    """Missing elements count as 1; a change is seen; the map of the thickness too."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh).astype(float)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    full = lab.points(rig.mesh).astype(float)
    moved = int(np.abs(full - rest).max(1).argmax())
    cmds.setAttr(f"{node}.weightList[0].weights[{moved}]", 0.25)
    now = lab.points(rig.mesh)
    close(now[moved], rest[moved] + 0.25 * (full - rest)[moved])
    close(np.delete(now, moved, 0), np.delete(full, moved, 0))
    cmds.setAttr(f"{node}.weightList[0].weights[{moved}]", 0.75)
    close(lab.points(rig.mesh)[moved], rest[moved] + 0.75 * (full - rest)[moved])
    cmds.setAttr(f"{node}.jawOpen", 0.0)
    cmds.setAttr(f"{node}.thicknessList[0].thicknessMap[5]", 3.0)
    model = FaceModel.load(lab.model, "cpu")
    change = lab.points(rig.mesh) - rest
    close(change[5], 2 * model.data.thickness[5] * model.data.normals[5])
    close(np.delete(change, 5, 0), 0)


def check_a_driven_jaw(lab: Lab) -> None:
    """jawMode driven: identity at bind; a turned joint carries the chin, whatever the head does; outJawMatrix
    is that motion."""
    rig = lab.rig()
    cmds.setAttr(f"{rig.mesh}.translateX", 3.0)
    cmds.setAttr(f"{rig.mesh}.rotateY", 30.0)
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh).astype(float)
    head, jaw = (
        cmds.createNode("transform", name="head"),
        cmds.createNode("transform", name="jaw", parent="head"),
    )
    cmds.setAttr(f"{head}.translateY", 140.0)
    cmds.setAttr(f"{jaw}.translateZ", 4.0)
    for name, transform in (("jaw", jaw), ("head", head)):
        cmds.setAttr(f"{node}.{name}BindMatrix", cmds.getAttr(f"{transform}.worldMatrix[0]"), type="matrix")
        cmds.connectAttr(f"{transform}.worldMatrix[0]", f"{node}.{name}Matrix")
    cmds.setAttr(f"{node}.jawMode", 1)
    assert np.array_equal(lab.points(rig.mesh), rest.astype(np.float32))
    cmds.setAttr(f"{jaw}.rotateX", 30.0)
    opened = lab.points(rig.mesh)
    motion = from_list(cmds.getAttr(f"{node}.outJawMatrix"))
    model = FaceModel.load(lab.model, "cpu")
    close(opened, model.points({}, jaw=motion))
    chin = int(model.data.weight.argmax())
    face = from_list(cmds.getAttr(f"{rig.mesh}.worldMatrix[0]"))
    bind, now = (
        from_list(cmds.getAttr(f"{node}.jawBindMatrix")),
        from_list(cmds.getAttr(f"{jaw}.worldMatrix[0]")),
    )
    closed, share = rigid.apply(face, rest[chin]), float(model.data.weight[chin])
    carried = rigid.apply(now @ np.linalg.inv(bind), closed)
    close(rigid.apply(face, opened[chin]), closed + share * (carried - closed), 1e-3)
    cmds.setAttr(f"{head}.rotateY", 40.0)
    close(lab.points(rig.mesh), opened)
    cmds.setAttr(f"{node}.jawMode", 2)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), motion @ model.jaw({"jawOpen": 1.0}), 1e-3)


def check_row_and_column_vectors(lab: Lab) -> None:
    """Thirty degrees and a translation survive the way to Maya and back, and mean the same there."""
    made = cmds.createNode("transform", name="probe")
    cmds.setAttr(f"{made}.translate", 1.0, 2.0, 3.0, type="double3")
    cmds.setAttr(f"{made}.rotateZ", 30.0)
    read = from_list(cmds.getAttr(f"{made}.worldMatrix[0]"))
    expected = np.eye(4)
    expected[:2, :2] = [[np.cos(np.pi / 6), -0.5], [0.5, np.cos(np.pi / 6)]]
    expected[:3, 3] = [1, 2, 3]
    close(read, expected, 1e-6)
    cmds.setAttr(f"{made}.offsetParentMatrix", to_list(read), type="matrix")
    close(from_list(cmds.getAttr(f"{made}.worldMatrix[0]")), read @ read, 1e-6)


def check_upstream_and_downstream_deformers(lab: Lab) -> None:
    """What comes before survives under the model; a skinCluster after it turns the result."""
    rig = lab.rig()
    joint = cmds.createNode("joint", name="spine")
    cmds.skinCluster(joint, rig.mesh)
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    plain = lab.points(rig.mesh).astype(float)
    cmds.setAttr(f"{joint}.translateX", 5.0)
    face = from_list(cmds.getAttr(f"{rig.mesh}.worldMatrix[0]"))
    close(lab.points(rig.mesh), plain + np.linalg.inv(face[:3, :3]) @ [5.0, 0, 0], 1e-3)


def check_another_mesh_passes_through(lab: Lab) -> None:
    """Vertex count and topology are named in status; the face is not thrown away."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    plane = cmds.polyPlane(name="other", subdivisionsX=3, subdivisionsY=3, constructionHistory=False)[0]
    shape = cmds.listRelatives(plane, shapes=True, fullPath=True)[0]
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    target = cmds.duplicate(plane, name="passed")[0]
    out = cmds.listRelatives(target, shapes=True, fullPath=True)[0]
    cmds.connectAttr(f"{shape}.outMesh", f"{node}.input[3].inputGeometry")
    cmds.connectAttr(f"{node}.outputGeometry[3]", f"{out}.inMesh", force=True)
    assert np.array_equal(lab.points(target), lab.points(plane))
    assert "16 vertices" in status(node), status(node)
    assert str(len(lab.head.mesh.points)) in status(node)


def check_a_missing_model_is_the_input(lab: Lab) -> None:
    """Every place tried is in status; the file coming back is noticed on reload."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    cmds.setAttr(f"{node}.model", "/nowhere/gone.aim", type="string")
    assert np.array_equal(lab.points(rig.mesh), rest)
    assert "/nowhere/gone.aim" in status(node), status(node)
    cmds.setAttr(f"{node}.model", "", type="string")
    assert "No model file" in status(node), status(node)


def check_reload_takes_the_new_file(lab: Lab) -> None:
    """A file that changed is a warning until reload; then its points are used, by every node on it, and it is
    the model that the node is attached with."""
    rig = lab.rig()
    path = lab.folder / "changing.aim"
    shutil.copy(lab.model, path)
    node = attach(rig.mesh, path.as_posix()).node
    cmds.setAttr(f"{node}.browUp", 1.0)
    before = lab.points(rig.mesh)
    head = lab.head
    stronger = head.mesh.points + 2 * (head.shapes["browUp"] - head.mesh.points)
    write_tiny(
        path,
        type(head)(
            head.mesh, head.rig, head.shapes | {"browUp": stronger}, head.jaw_poses, head.weight, head.normals
        ),
    )
    assert np.array_equal(lab.points(rig.mesh), before)
    assert "changed on disk" in status(node), status(node)
    assert reload_models([node]) == [node]
    close(lab.points(rig.mesh), stronger)
    assert "modelHash differs" not in status(node), status(node)
    cmds.setAttr(f"{node}.modelHash", "another:model", type="string")
    assert "is not the model that this node was attached with" in status(node), status(node)
    close(lab.points(rig.mesh), stronger)


def check_duplicates_and_many_nodes_share_one_model(lab: Lab) -> None:
    """A duplicated node works from its own attributes; two rigs hold one model; the last to go releases
    it.
    """
    first, second = lab.rig("one"), lab.rig("two")
    a, b = attach(first.mesh, lab.model).node, attach(second.mesh, lab.model).node
    cmds.setAttr(f"{a}.jawOpen", 1.0)
    cmds.setAttr(f"{b}.browUp", 1.0)
    close(lab.points(first.mesh), lab.head.shapes["jawOpen"])
    close(lab.points(second.mesh), lab.head.shapes["browUp"])
    assert len([m for m in open_models() if str(m.data.path) == lab.model]) <= 1
    copy = cmds.duplicate(a)[0]
    assert cmds.getAttr(f"{copy}.model") == lab.model
    assert cmds.getAttr(f"{copy}.weight[0]") == 1.0


def check_a_weight_that_is_no_number(lab: Lab) -> None:
    """NaN passes the input through and says which control; recovered, it goes on."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest = lab.points(rig.mesh)
    cmds.setAttr(f"{node}.jawOpen", float("nan"))
    assert np.array_equal(lab.points(rig.mesh), rest)
    assert "jawOpen" in status(node), status(node)
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])
    assert "nan" not in status(node), status(node)


def check_weights_beyond_their_range_are_not_clamped(lab: Lab) -> None:
    """As native: 1.5 goes beyond the shape, negative weights too unless supportNegativeWeights is off."""
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    rest, shape = lab.head.mesh.points, lab.head.shapes["browUp"]
    cmds.setAttr(f"{node}.supportNegativeWeights", True)
    for value in (1.5, -0.5):
        cmds.setAttr(f"{node}.browUp", value)
        close(lab.points(rig.mesh), rest + value * (shape - rest))
    cmds.setAttr(f"{node}.supportNegativeWeights", False)
    close(lab.points(rig.mesh), rest)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
