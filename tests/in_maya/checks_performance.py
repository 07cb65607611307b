"""A fitted performance plays on the node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from maya import cmds

from aim_maya.core import rigid
from aim_maya.core.performance import write_performance
from aim_maya.runtime import FaceModel, Performance
from aim_maya.scene.actions.attach import attach
from aim_maya.scene.actions.performances import key_performance, load_performance
from aim_maya.scene.maya import from_list
from aim_maya.scene.node.models import reload_models

from .lab import Lab, close, refused
from .takes import global_performance, local_performance
from .tiny import write_tiny


def _take(lab: Lab, name: str = "take.aimperf", **changes: object) -> tuple[FaceModel, Performance, str]:
    model = FaceModel.load(lab.model, "cpu")
    data = local_performance(model)
    path = lab.folder / name
    write_performance(path, replace(data, **changes))  # type: ignore[arg-type]
    return model, Performance.load(path), path.as_posix()


def _play(node: str, path: str) -> None:
    cmds.setAttr(f"{node}.performance", path, type="string")


def _status(node: str) -> str:
    return str(cmds.getAttr(f"{node}.status"))


def check_a_performance_plays(lab: Lab) -> None:
    """Any moment of it is the model's; jaw and head come out as matrices, the points stay in the head's
    space; keys on its frame play it."""
    model, take, path = _take(lab)
    for mode in ("replace", "overlay"):
        cmds.file(newFile=True, force=True)
        rig = lab.rig()
        node = attach(rig.mesh, lab.model, mode=mode).node
        _play(node, path)
        for f in (0.0, 2.0, 3.4, 99.0):
            cmds.setAttr(f"{node}.performanceFrame", f)
            close(lab.points(rig.mesh), model.performance_points(take, f, head=False))
            close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), take.jaw(f), 1e-6)
            close(from_list(cmds.getAttr(f"{node}.outHeadMatrix")), take.head(f), 1e-6)
        assert f"plays {path}: 6 frames at 30 frames a second, local" in _status(node), _status(node)
        for frame, value in ((1, 0.0), (6, 5.0)):
            cmds.setKeyframe(
                f"{node}.performanceFrame",
                time=frame,
                value=value,
                inTangentType="linear",
                outTangentType="linear",
            )
        for frame in (2, 5):
            cmds.currentTime(frame)
            close(lab.points(rig.mesh), model.performance_points(take, frame - 1, head=False))


def check_a_performance_blends_with_the_sliders(lab: Lab) -> None:
    """performanceBlend 0: the sliders, to the last bit; in between both; 1: the performance; gains and
    thickness act on it."""
    model, take, path = _take(lab)
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    weights = {"jawOpen": 0.6, "mouthSmile_L": 0.4}
    for name, value in weights.items():
        cmds.setAttr(f"{node}.{name}", value)
    slid = lab.points(rig.mesh)
    _play(node, path)
    cmds.setAttr(f"{node}.performanceFrame", 2.5)
    for blend in (1.0, 0.3, 0.0):
        cmds.setAttr(f"{node}.performanceBlend", blend)
        close(
            lab.points(rig.mesh),
            model.performance_points(take, 2.5, head=False, weights=weights, blend=blend),
        )
        close(
            from_list(cmds.getAttr(f"{node}.outJawMatrix")),
            model.performance_jaw(take, 2.5, weights=weights, blend=blend),
            1e-5,
        )
        close(from_list(cmds.getAttr(f"{node}.outHeadMatrix")), rigid.part(take.head(2.5), blend), 1e-6)
    assert np.array_equal(lab.points(rig.mesh), slid)
    cmds.setAttr(f"{node}.performanceBlend", 1.0)
    for name, value in (("jawGain", 0.5), ("expressionGain", 0.7), ("thickness", 1.3)):
        cmds.setAttr(f"{node}.{name}", value)
    from aim_maya.runtime import Edit

    edited = model.edited(Edit(jaw_gain=0.5, expression_gain=0.7, thickness=1.3))
    close(lab.points(rig.mesh), edited.performance_points(take, 2.5, head=False), 1e-3)
    close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), edited.performance_jaw(take, 2.5), 1e-5)


def check_detail_is_in_a_performance(lab: Lab) -> None:
    """The detail layer, of a model whose fields miss a fifth of every shape: on it plays, off it does not."""
    model = FaceModel.load(write_tiny(lab.folder / "coarse.aim", lab.head, coarse=0.2).as_posix(), "cpu")
    path = lab.folder / "take.aimperf"
    write_performance(path, local_performance(model))
    rig = lab.rig()
    node = attach(rig.mesh, str(model.data.path)).node
    _play(node, path.as_posix())
    shown = []
    for detail in (True, False):
        cmds.setAttr(f"{node}.detail", detail)
        expected = model.performance_points(Performance.load(path), 0, head=False, detail=detail)
        shown.append(lab.points(rig.mesh))
        close(shown[-1], expected)
    assert np.abs(shown[0] - shown[1]).max() > 0.01


def check_a_driven_jaw_on_a_performance(lab: Lab) -> None:
    """jawMode driven takes the place of the performance's jaw, added turns it on."""
    model, take, path = _take(lab)
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    _play(node, path)
    cmds.setAttr(f"{node}.performanceFrame", 3)
    jaw = cmds.createNode("transform", name="jaw")
    cmds.connectAttr(f"{jaw}.worldMatrix[0]", f"{node}.jawMatrix")
    cmds.setAttr(f"{jaw}.rotateX", 10.0)
    face = from_list(cmds.getAttr(f"{rig.mesh}.worldMatrix[0]"))
    for mode in (1, 2):
        cmds.setAttr(f"{node}.jawMode", mode)
        turn = np.linalg.inv(face) @ from_list(cmds.getAttr(f"{jaw}.worldMatrix[0]")) @ face
        expected = turn if mode == 1 else turn @ take.jaw(3)
        close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), expected, 1e-5)
        close(lab.points(rig.mesh), model.performance_points(take, 3, head=False, jaw=expected), 2e-3)


def check_what_cannot_be_played_leaves_the_sliders(lab: Lab) -> None:
    """A missing, damaged or foreign performance: the sliders go on, status says why, and taking it away mends
    it."""
    model, take, path = _take(lab)
    _, _, foreign = _take(
        lab, "foreign.aimperf", about=dict(take.data.about) | {"topology_hash": "0" * 64, "model": "bob"}
    )
    (lab.folder / "cut.aimperf").write_bytes((lab.folder / "take.aimperf").read_bytes()[:3000])
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.jawOpen", 0.7)
    slid = lab.points(rig.mesh)
    for name, says in (
        ("nowhere.aimperf", "The performance 'nowhere.aimperf' was not found. Tried:"),
        (foreign, "was fitted with 'bob'"),
        ((lab.folder / "cut.aimperf").as_posix(), "cannot be read as a .aimperf file"),
        (lab.model, "is a model, and a performance is needed"),
    ):
        _play(node, name)
        assert np.array_equal(lab.points(rig.mesh), slid), name
        assert f"performance: {says}" in _status(node) or says in _status(node), _status(node)
        close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), model.jaw({"jawOpen": 0.7}), 1e-6)
        close(from_list(cmds.getAttr(f"{node}.outHeadMatrix")), np.eye(4), 0.0)
    _play(node, path)
    close(lab.points(rig.mesh), model.performance_points(take, 0, head=False))
    assert "performance:" not in _status(node), _status(node)
    _play(node, "")
    assert np.array_equal(lab.points(rig.mesh), slid)
    assert "plays" not in _status(node)


def check_reload_takes_the_new_performance(lab: Lab) -> None:
    """A performance that is written again is taken at a reload, by every node on it, and not before; until
    then status says so."""
    model, take, path = _take(lab)
    rigs = [lab.rig(name) for name in ("a", "b")]
    nodes = [attach(rig.mesh, lab.model).node for rig in rigs]
    for node in nodes:
        _play(node, path)
    before = lab.points(rigs[0].mesh)
    _, new, _ = _take(lab, coefficients=take.data.coefficients * np.float32(0.5))
    cmds.setAttr(f"{nodes[0]}.performanceFrame", 1e-3)
    cmds.setAttr(f"{nodes[0]}.performanceFrame", 0)
    assert np.array_equal(lab.points(rigs[0].mesh), before)
    assert "warning: the performance has changed on disk" in _status(nodes[0]), _status(nodes[0])
    assert sorted(reload_models([nodes[0]])) == sorted(nodes)
    for rig in rigs:
        close(lab.points(rig.mesh), model.performance_points(new, 0, head=False))


def check_loading_a_performance_plays_it_at_its_rate(lab: Lab) -> None:
    """Load performance: one undo step; the take's seconds are the scene's, whatever the rates."""
    model, take, path = _take(lab)
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    before = lab.points(rig.mesh)
    cmds.currentUnit(time="film")
    load_performance(rig.mesh, path, start=101)
    cmds.undo()
    assert not cmds.getAttr(f"{node}.performance")
    assert not cmds.keyframe(f"{node}.performanceFrame", query=True, keyframeCount=True)
    assert np.array_equal(lab.points(rig.mesh), before)
    load_performance(rig.mesh, path, start=101)
    for frame, f in ((101, 0.0), (103, 2.5), (105, 5.0), (100, 0.0)):
        cmds.currentTime(frame)
        close(lab.points(rig.mesh), model.performance_points(take, f, head=False))
    load_performance(rig.mesh, path, start=103)  # in the place of the keys it had
    for frame, f in ((101, 0.0), (103, 0.0), (105, 2.5), (107, 5.0)):
        cmds.currentTime(frame)
        close(lab.points(rig.mesh), model.performance_points(take, f, head=False))
    with refused("There is no performance at"):
        load_performance(rig.mesh, lab.folder / "nowhere.aimperf")


def check_keying_a_global_performance(lab: Lab) -> None:
    """Key performance: sliders, jaw and head as keys show what the file showed, in centimetres and degrees
    and in metres and radians, over a take that played; one undo takes it back."""
    model = FaceModel.load(lab.model, "cpu")
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 1, (5, len(model.targets)))
    activations = np.stack([model.data.rig.activations(row) for row in weights]).astype(np.float32)
    for jaw in ("tied", "free"):
        data = global_performance(model, 5, jaw=jaw)
        moved = (
            np.stack([model.data.motion.transform(row) for row in activations]) if jaw == "tied" else data.jaw
        )
        write_performance(
            lab.folder / "g.aimperf", replace(data, coefficients=activations[..., None], jaw=moved)
        )
        take = Performance.load(lab.folder / "g.aimperf")
        for mode, unit, angle in (("replace", "cm", "deg"), ("overlay", "m", "rad")):
            cmds.file(newFile=True, force=True)
            cmds.currentUnit(linear=unit, time="ntsc", angle=angle)
            rig = lab.rig()
            cmds.setAttr(f"{rig.mesh}.rotateY", 30.0)
            node = attach(rig.mesh, lab.model, mode=mode).node
            key_performance(rig.mesh, lab.folder / "g.aimperf", start=11)
            cmds.undo()
            assert not cmds.objExists(f"{node}_jaw")
            assert cmds.getAttr(f"{node}.jawMode") == 0
            close(lab.points(rig.mesh), lab.head.mesh.points)
            _play(node, (lab.folder / "g.aimperf").as_posix())
            keyed = key_performance(rig.mesh, lab.folder / "g.aimperf", start=11)
            assert len(keyed.plugs) == len(model.targets)
            face = from_list(cmds.getAttr(f"{node}.faceBindMatrix"))
            for f in (0, 1, 4):
                cmds.currentTime(11 + f)
                close(lab.points(rig.mesh), model.performance_points(take, f, head=False), 1e-3)
                close(from_list(cmds.getAttr(f"{node}.outJawMatrix")), take.jaw(f), 1e-4)
                if jaw == "free":
                    close(
                        from_list(cmds.getAttr(f"{keyed.locators[1]}.worldMatrix[0]")),
                        face @ take.head(f) @ np.linalg.inv(face),
                        1e-4,
                    )
    cmds.currentUnit(linear="cm", angle="deg")


def check_what_cannot_be_keyed(lab: Lab) -> None:
    """A performance that varies over the face, sliders that a rig drives, a jaw that is driven: named, and
    nothing is changed."""
    model, _, path = _take(lab)
    write_performance(lab.folder / "g.aimperf", global_performance(model))
    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    with refused("varies over the face"):
        key_performance(rig.mesh, path)
    control = cmds.createNode("transform", name="control")
    cmds.connectAttr(f"{control}.translateX", f"{node}.jawOpen")
    with refused("1 sliders are driven"):
        key_performance(rig.mesh, lab.folder / "g.aimperf")
    cmds.disconnectAttr(f"{control}.translateX", f"{node}.jawOpen")
    cmds.connectAttr(f"{control}.worldMatrix[0]", f"{node}.jawMatrix")
    with refused("is driven by"):
        key_performance(rig.mesh, lab.folder / "g.aimperf")
    assert not cmds.keyframe(f"{node}.jawOpen", query=True, keyframeCount=True)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
