"""Attach and restore: everything moves, everything comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from maya import cmds

from aim_maya.scene.actions.attach import attach, plan_attach
from aim_maya.scene.actions.attach_report import attach_report
from aim_maya.scene.actions.native import bake_native
from aim_maya.scene.actions.restore import restore
from aim_maya.scene.rig.chain import stack

from .lab import Lab, Rig, close, refused
from .rich import rich
from .timing import key_everything
from .tiny import tiny, write_tiny


def wiring(node: str) -> set[tuple[str, str]]:
    """Every connection of a node, as (source, destination)."""
    into = cmds.listConnections(node, source=True, destination=False, plugs=True, connections=True) or []
    out = cmds.listConnections(node, source=False, destination=True, plugs=True, connections=True) or []
    return {*zip(into[1::2], into[::2], strict=True), *zip(out[::2], out[1::2], strict=True)}


def snapshot(rig: Rig) -> dict[str, Any]:
    """What a rigger would miss: wiring, order of deformers, aliases, values, locks and flags of every
    weight.
    """
    plugs = [f"{rig.node}.weight[{i}]" for i in rig.index.values()] + [f"{rig.node}.envelope"]
    states = {
        p: (
            cmds.getAttr(p),
            cmds.getAttr(p, lock=True),
            cmds.getAttr(p, keyable=True),
            cmds.getAttr(p, channelBox=True),
        )
        for p in plugs
    }
    table = cmds.aliasAttr(rig.node, query=True)
    return {
        "wiring": wiring(rig.node),
        "stack": [s.node for s in stack(rig.shape)],
        "states": states,
        "aliases": set(zip(table[::2], table[1::2], strict=True)),
        "nodes": set(cmds.ls()),
    }


def busy_rig(lab: Lab, name: str = "face") -> Rig:
    """Keys, a driven key, an expression, a combination, a layer's member link, a lock, a mute, a limit and an
    upstream deformer."""
    rig = lab.rig(name)
    cmds.setKeyframe(rig.node, attribute="jawOpen", time=1, value=0.0)
    cmds.setKeyframe(rig.node, attribute="jawOpen", time=10, value=1.0)
    control = cmds.createNode("transform", name=f"{name}_control")
    cmds.addAttr(control, longName="smile", attributeType="double", keyable=True)
    for driver, value in ((0.0, 0.0), (10.0, 1.0)):
        cmds.setDrivenKeyframe(
            f"{rig.node}.mouthSmile_L", currentDriver=f"{control}.smile", driverValue=driver, value=value
        )
    cmds.addAttr(control, longName="brow", attributeType="double", keyable=True)
    cmds.connectAttr(f"{control}.brow", f"{rig.node}.browUp")
    follower = cmds.createNode("transform", name=f"{name}_reader")
    cmds.connectAttr(f"{rig.node}.browUp", f"{follower}.translateY")
    layer = cmds.createNode("animLayer", name=f"{name}_layer")
    cmds.connectAttr(f"{rig.node}.jawOpen", f"{layer}.dagSetMembers", nextAvailable=True)
    cmds.setAttr(f"{rig.node}.eyeBlink_L", 0.3)
    cmds.setAttr(f"{rig.node}.eyeBlink_L", lock=True)
    cmds.setAttr(f"{rig.node}.envelope", 0.9)
    cmds.setAttr(f"{rig.node}.inputTarget[0].baseWeights[4]", 0.5)
    return rig


def check_replace_and_restore_bring_everything_back(lab: Lab) -> None:
    """Place, aliases, values, keys, driven keys, direct drivers, layer links, locks, envelope, combinations:
    there and back."""
    rig = busy_rig(lab)
    cmds.currentTime(5)
    before, shown = snapshot(rig), lab.points(rig.mesh)
    done = attach(rig.mesh, lab.model)
    order = [s.node for s in stack(rig.shape)]
    assert done.node in order, order
    assert rig.node not in order, order
    for alias, index in rig.index.items():
        assert cmds.aliasAttr(f"{done.node}.weight[{index}]", query=True) == alias
    assert cmds.getAttr(f"{done.node}.eyeBlink_L", lock=True)
    assert abs(cmds.getAttr(f"{done.node}.eyeBlink_L") - 0.3) < 1e-6
    assert abs(cmds.getAttr(f"{done.node}.envelope") - 0.9) < 1e-6
    assert abs(cmds.getAttr(f"{done.node}.weightList[0].weights[4]") - 0.5) < 1e-6
    assert cmds.keyframe(f"{done.node}.jawOpen", query=True, keyframeCount=True) == 2
    cmds.setAttr("face_control.smile", 10.0)
    assert abs(cmds.getAttr(f"{done.node}.mouthSmile_L") - 1.0) < 1e-5
    for reader in (
        "face_reader.translateY",
        "face_layer.dagSetMembers",
        "jawOpenSmile_combination.inputWeight",
    ):
        feeding = set(cmds.listConnections(reader, source=True, destination=False) or [])
        assert feeding == {done.node}, f"{reader} is fed by {feeding}"
    assert restore(rig.mesh) == rig.node
    cmds.setAttr("face_control.smile", 0.0)
    _same(snapshot(rig), before)
    assert np.array_equal(lab.points(rig.mesh), shown)


def _same(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name, value in before.items():
        assert now[name] == value, f"{name} differs: {_difference(now[name], value)}"


def _difference(now: Any, before: Any) -> str:
    if isinstance(before, set):
        return f"gone {sorted(before - now)}, new {sorted(now - before)}"
    if isinstance(before, dict):
        return str({k: (before[k], now.get(k)) for k in before if now.get(k) != before[k]})
    return f"{before} -> {now}"


def check_overlay_keeps_the_blend_shape_live(lab: Lab) -> None:
    """The keyed blendShape drives the model after it; deleting the node, or losing the file, leaves the
    native result."""
    rig = busy_rig(lab)
    before = snapshot(rig)
    cmds.currentTime(5)
    native = lab.points(rig.mesh)
    done = attach(rig.mesh, lab.model, mode="overlay")
    assert [s.node for s in stack(rig.shape)][:2] == [done.node, rig.node]
    assert float(np.abs(lab.points(rig.mesh) - native).max()) > 0.005
    cmds.setAttr(f"{done.node}.jawArc", 0.0)
    close(lab.points(rig.mesh), native)
    cmds.setAttr(f"{done.node}.jawArc", 1.0)
    cmds.setAttr(f"{done.node}.model", "gone.aim", type="string")
    assert np.array_equal(lab.points(rig.mesh), native)
    restore(rig.mesh)
    cmds.currentTime(1)
    _same(snapshot(rig), before)
    cmds.currentTime(5)
    assert np.array_equal(lab.points(rig.mesh), native)


def check_attach_and_restore_are_one_undo_step_each(lab: Lab) -> None:
    """Undo, redo, undo of both; an attach that fails leaves nothing."""
    rig = busy_rig(lab)
    before = snapshot(rig)
    attach(rig.mesh, lab.model)
    attached = {s.node for s in stack(rig.shape)}
    cmds.undo()
    _same(snapshot(rig), before)
    cmds.redo()
    assert {s.node for s in stack(rig.shape)} == attached
    restore(rig.mesh)
    _same(snapshot(rig), before)
    cmds.undo()
    assert {s.node for s in stack(rig.shape)} == attached
    cmds.undo()
    _same(snapshot(rig), before)
    with refused("There is no object"):
        attach("nobody", lab.model)
    with refused("was not found"):
        attach(rig.mesh, "nothing.aim")
    _same(snapshot(rig), before)


def check_restore_after_save_and_reopen(lab: Lab) -> None:
    """The scene remembers; so do references to the very same node."""
    rig = busy_rig(lab)
    before = snapshot(rig)
    node = attach(rig.mesh, lab.model).node
    cmds.currentTime(7)
    shown = lab.points(rig.mesh)
    path = (lab.folder / "attached.ma").as_posix()
    cmds.file(rename=path)
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    cmds.file(path, open=True, force=True)
    cmds.currentTime(7)
    close(lab.points(rig.mesh), shown, 1e-4)
    assert cmds.nodeType(node) == "aimDeformer"
    assert restore(rig.mesh) == rig.node
    cmds.currentTime(1)
    _same(snapshot(rig), before)


def check_a_model_of_another_mesh_is_refused(lab: Lab) -> None:
    """Vertex counts and hashes of both; ten times the size: the factor; controls that nothing matches are
    listed."""
    rig = lab.rig()
    plane = cmds.polyPlane(name="plane", subdivisionsX=3, subdivisionsY=3, constructionHistory=False)[0]
    bump = cmds.duplicate(plane, name="bump")[0]
    cmds.blendShape(bump, plane, name="plane_shapes")
    with refused("has 16 vertices"):
        attach(plane, lab.model)
    large = write_tiny(lab.folder / "large.aim", scale=10.0)
    with refused("0.1 times the size"):
        attach(rig.mesh, large.as_posix())
    cmds.aliasAttr("eyebrowUp", f"{rig.node}.weight[{rig.index['browUp']}]")
    plan = plan_attach(rig.mesh, lab.model)
    assert any("browUp" in note and "no weight" in note for note in plan.unmatched), plan.unmatched
    assert any("eyebrowUp" in note and "not in the model" in note for note in plan.unmatched), plan.unmatched


def check_a_jaw_joint_downstream_asks(lab: Lab) -> None:
    """A jaw in a skinCluster after the blendShape has to be decided on; 'still' keeps the learned jaw at
    rest."""
    rig = lab.rig()
    joint = cmds.createNode("joint", name="jaw_jnt")
    cmds.skinCluster(joint, rig.mesh)
    with refused("could open twice"):
        attach(rig.mesh, lab.model)
    node = attach(rig.mesh, lab.model, double_jaw="still").node
    cmds.setAttr(f"{node}.jawOpen", 1.0)
    close(np.ravel(cmds.getAttr(f"{node}.outJawMatrix")), np.eye(4).ravel(), 1e-9)


def check_the_report_names_the_frame(lab: Lab) -> None:
    """The largest difference from the linear result over the keyed range, its frame and controls."""
    rig = lab.rig()
    key_everything(rig)
    node = attach(rig.mesh, lab.model).node
    found = attach_report(node)
    assert found.frames == (1.0, 60.0), found
    assert 10 < found.frame < 50, found
    assert found.mm > 0.1, found
    assert "jawOpen" in found.controls
    assert "mm at frame" in str(found)
    cmds.file(newFile=True, force=True)
    node = attach(lab.rig().mesh, lab.model).node
    for frame, value in ((91, 0.0), (101, 1.0)):
        cmds.setKeyframe(node, attribute="jawOpen", time=frame, value=value)
    found = attach_report(node)
    assert found.frames == (91.0, 101.0), found
    assert 91 < found.frame < 101, found


def check_other_meshes_on_the_same_controls_are_listed(lab: Lab) -> None:
    """Lashes and teeth that share the drivers; a second mesh of the same blendShape goes on moving."""
    rig = lab.rig()
    lashes, teeth = lab.mesh("lashes", tiny().mesh), lab.mesh("lower_teeth", tiny().mesh)
    for mesh in (lashes, teeth):
        up = cmds.duplicate(mesh, name=f"{mesh}_up")[0]
        shapes = cmds.blendShape(up, mesh, name=f"{mesh}_shapes")[0]
        cmds.connectAttr(f"{rig.node}.browUp", f"{shapes}.weight[0]")
    found = {f.mesh.split("|")[-1]: f.how for f in attach(rig.mesh, lab.model).followers}
    assert found == {"lashes": "proximityWrap", "lower_teeth": "jaw"}, found


def check_mutes_and_expressions_move(lab: Lab) -> None:
    """A muted target stays muted, an expression goes on driving; both come back."""
    rig = lab.rig()
    cmds.setAttr(f"{rig.node}.targetVisibility[{rig.index['browUp']}]", False)
    cmds.setAttr(f"{rig.node}.browUp", 1.0)
    cmds.expression(string=f"{rig.node}.eyeBlink_L = time * 0.5;", name="blinker")
    cmds.currentTime(0)
    native = lab.points(rig.mesh)
    before = wiring(rig.node)
    node = attach(rig.mesh, lab.model).node
    close(lab.points(rig.mesh), native)
    assert cmds.getAttr(f"{node}.targetVisibility[{rig.index['browUp']}]") is False
    sources = cmds.listConnections(f"{node}.eyeBlink_L", source=True, destination=False) or []
    assert [s for s in sources if cmds.nodeType(s) == "expression"], sources
    restore(rig.mesh)
    assert wiring(rig.node) == before
    assert cmds.getAttr(f"{rig.node}.targetVisibility[{rig.index['browUp']}]") is False


def check_a_blend_shape_on_two_meshes(lab: Lab) -> None:
    """Replacing it on the face, or on the mesh that came second, leaves the other mesh moving with the same
    sliders; restored, all is as it was."""
    rig = lab.rig(combination=False)
    other = lab.mesh("lashes", tiny().mesh)
    cmds.blendShape(rig.node, edit=True, geometry=other)
    up = lab.mesh("lashes_up", tiny().mesh.with_points(tiny().shapes["browUp"]))
    cmds.blendShape(rig.node, edit=True, target=(other, rig.index["browUp"], up, 1.0))
    before = wiring(rig.node)
    for mesh, follower in ((rig.mesh, "lashes"), (other, rig.mesh)):
        done = attach(mesh, lab.model)
        assert [f.mesh.split("|")[-1] for f in done.followers] == [follower], done.followers
        cmds.setAttr(f"{done.node}.browUp", 1.0)
        close(lab.points(rig.mesh), lab.head.shapes["browUp"])
        close(lab.points(other), lab.head.shapes["browUp"])
        cmds.setAttr(f"{done.node}.browUp", 0.0)
        restore(mesh)
        assert wiring(rig.node) == before


def check_membership_goes_along(lab: Lab) -> None:
    """A blendShape on part of a mesh (a component tag): the node in its place is on that part, too, and knows
    the original geometry."""
    rig = lab.rig()
    original = next(
        s
        for s in cmds.listRelatives(rig.mesh, shapes=True, fullPath=True)
        if cmds.getAttr(f"{s}.intermediateObject")
    )
    cmds.setAttr(f"{original}.componentTags[0].componentTagName", "front", type="string")
    cmds.setAttr(f"{original}.componentTags[0].componentTagContents", 1, "vtx[0:199]", type="componentList")
    cmds.setAttr(f"{rig.node}.input[0].componentTagExpression", "front", type="string")
    rig.set("jawOpen", 1.0)
    native = lab.points(rig.mesh)
    rig.set("jawOpen", 0.0)
    for mode in ("replace", "overlay"):
        node = attach(rig.mesh, lab.model, mode=mode).node
        assert cmds.getAttr(f"{node}.input[0].componentTagExpression") == "front"
        feeding = (
            cmds.listConnections(f"{node}.originalGeometry[0]", source=True, destination=False, shapes=True)
            or []
        )
        assert [cmds.ls(f, uuid=True) for f in feeding] == [cmds.ls(original, uuid=True)], feeding
        sliders = node if mode == "replace" else rig.node
        cmds.setAttr(f"{sliders}.jawOpen", 1.0)
        close(lab.points(rig.mesh), native)
        cmds.setAttr(f"{sliders}.jawOpen", 0.0)
        restore(rig.mesh)


def check_a_model_trained_again_is_taken(lab: Lab) -> None:
    """Restore, train to the same path, attach: the new file, although the old model is still in the undo
    queue."""
    rig = lab.rig()
    path = lab.folder / "again.aim"
    write_tiny(path)
    attach(rig.mesh, path.as_posix())
    lab.points(rig.mesh)
    restore(rig.mesh)
    head = tiny()
    stronger = head.mesh.points + 2 * (head.shapes["browUp"] - head.mesh.points)
    write_tiny(
        path,
        type(head)(
            head.mesh, head.rig, head.shapes | {"browUp": stronger}, head.jaw_poses, head.weight, head.normals
        ),
    )
    node = attach(rig.mesh, path.as_posix()).node
    cmds.setAttr(f"{node}.browUp", 1.0)
    close(lab.points(rig.mesh), stronger)
    assert "warning" not in str(cmds.getAttr(f"{node}.status"))


def check_conversion_factors_survive(lab: Lab) -> None:
    """A unitConversion used as a multiplier, into a weight and out of one: same values attached and
    restored.
    """
    rig = lab.rig()
    control = cmds.createNode("transform", name="slider")
    factor = cmds.createNode("unitConversion", name="tenth")
    cmds.setAttr(f"{factor}.conversionFactor", 0.1)
    cmds.connectAttr(f"{control}.translateX", f"{factor}.input")
    cmds.connectAttr(f"{factor}.output", f"{rig.node}.browUp")
    cmds.setAttr(f"{control}.translateX", 5.0)
    value, before = cmds.getAttr(f"{rig.node}.browUp"), wiring(rig.node)
    node = attach(rig.mesh, lab.model).node
    assert abs(cmds.getAttr(f"{node}.browUp") - value) < 1e-6
    restore(rig.mesh)
    assert abs(cmds.getAttr(f"{rig.node}.browUp") - value) < 1e-6
    assert wiring(rig.node) == before


def check_overlay_is_off_where_the_blend_shape_is(lab: Lab) -> None:
    """Painted weights, a mute set later and nodeState act on the overlay as on the blendShape."""
    rig = lab.rig()
    count = len(lab.head.mesh.points)
    cmds.setAttr(f"{rig.node}.inputTarget[0].baseWeights[0:{count - 1}]", *([0.0] * count), size=count)
    attach(rig.mesh, lab.model, mode="overlay")
    rig.set("jawOpen", 0.5)
    close(lab.points(rig.mesh), lab.head.mesh.points)
    cmds.file(newFile=True, force=True)
    rig = lab.rig()
    attach(rig.mesh, lab.model, mode="overlay")
    rig.set("jawOpen", 0.5)
    cmds.setAttr(f"{rig.node}.targetVisibility[{rig.index['jawOpen']}]", False)
    close(lab.points(rig.mesh), lab.head.mesh.points)
    cmds.setAttr(f"{rig.node}.targetVisibility[{rig.index['jawOpen']}]", True)
    cmds.setAttr(f"{rig.node}.nodeState", 1)
    close(lab.points(rig.mesh), lab.head.mesh.points)


def check_names_that_the_node_has_itself_are_refused(lab: Lab) -> None:
    """A target called 'thickness' could not be an alias on the node: said before anything is changed."""
    rig = lab.rig()
    cmds.aliasAttr("thickness", f"{rig.node}.weight[{rig.index['browUp']}]")
    before = snapshot(rig)
    with refused("the name of an attribute"):
        attach(rig.mesh, lab.model)
    _same(snapshot(rig), before)


def check_an_action_that_fails_at_once_undoes_nothing_of_the_user_s(lab: Lab) -> None:
    """The last undo step is the user's own when the action never came to change anything."""
    from aim_maya.scene.maya import undo_chunk

    made = cmds.createNode("transform", name="mine")
    try:
        with undo_chunk("aimAttach"):
            raise ValueError("before the first command")
    except ValueError:
        pass
    assert cmds.objExists(made)


def check_bake_back_is_a_native_blend_shape_that_follows(lab: Lab) -> None:
    """Plain nodes only; near the model at poses between the trained ones, nearer than the linear sum; one
    undo step."""
    rig = lab.rig(shift=5)  # the model was trained with other indices
    node = attach(rig.mesh, lab.model).node
    before = set(cmds.ls())
    bake_native(rig.mesh, samples=20)
    cmds.undo()
    assert set(cmds.ls()) == before, "baking back was more than one step"
    native = bake_native(rig.mesh, samples=60)
    assert native.residual["rms"] < native.residual["linear_rms"], native.residual
    cmds.setAttr(f"{node}.jawOpen", 0.5)
    linear = 0.5 * (lab.head.mesh.points + lab.head.shapes["jawOpen"])
    model = lab.points(rig.mesh)
    assert np.abs(lab.points(native.mesh) - model).max() < 0.5 * np.abs(linear - model).max()
    assert cmds.nodeType(native.blend_shape) == "blendShape"


def check_bake_back_tells_targets_from_in_betweens(lab: Lab) -> None:
    """As the Shape Editor lists them: a row a control, named for its outermost knots; the rest in between."""
    lab = Lab(lab.folder, rich())
    rig = lab.rig(combination=False)
    attach(rig.mesh, lab.model)
    node, between = bake_native(rig.mesh, samples=20).blend_shape, 0
    listed = cmds.getAttr(f"{node}.targetDirectory[0].childIndices")
    for index in cmds.getAttr(f"{node}.inputTarget[0].inputTargetGroup", multiIndices=True):
        group = f"{node}.inputTarget[0].inputTargetGroup[{index}].inputTargetItem"
        items = cmds.getAttr(group, multiIndices=True)
        outermost = max(abs(item - 5000) for item in items)
        names = f"{node}.inbetweenInfoGroup[{index}].inbetweenInfo[{{}}].inbetweenTargetName"
        named = [item for item in items if cmds.getAttr(names.format(item))]
        assert named == [item for item in items if abs(item - 5000) < outermost], (index, items, named)
        assert index in listed, (index, listed)
        between += len(named)
    assert between, "no control with an in-between was tried"


def check_what_was_painted_while_attached_comes_back(lab: Lab) -> None:
    """Weights painted on the node become the blendShape's base weights, times what was painted there."""
    rig = lab.rig()
    shape = lab.head.shapes["browUp"]
    moved = int(np.abs(shape - lab.head.mesh.points).max(1).argmax())
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.weightList[0].weights[{moved}]", 0.5)
    cmds.setAttr(f"{node}.browUp", 1.0)
    painted = lab.points(rig.mesh)
    restore(rig.mesh)
    assert abs(cmds.getAttr(f"{rig.node}.inputTarget[0].baseWeights[{moved}]") - 0.5) < 1e-6
    close(lab.points(rig.mesh), painted, 1e-3)


def check_a_weight_that_differs_by_case_is_the_control(lab: Lab) -> None:
    """Another exporter's spelling: matched, and said."""
    rig = lab.rig()
    cmds.aliasAttr("BROWUP", f"{rig.node}.weight[{rig.index['browUp']}]")
    done = attach(rig.mesh, lab.model)
    assert any("differs by case" in note for note in done.notes), done.notes
    cmds.setAttr(f"{done.node}.BROWUP", 1.0)
    close(lab.points(rig.mesh), lab.head.shapes["browUp"])


def check_a_name_that_no_attribute_can_have_is_the_control(lab: Lab) -> None:
    """mouth-open.obj is mouth_open in Maya: a model trained from the files was refused, as another rig's."""
    controls = [replace(c, name=c.name.replace("jawOpen", "jaw-open")) for c in lab.head.rig.controls]
    head = replace(lab.head, rig=replace(lab.head.rig, controls=tuple(controls), poses=()))
    shapes = {target: points for target, points in head.shapes.items() if target != "jawOpenSmile"}
    poses = {"jawOpen": head.jaw_poses["jawOpen"]}
    model = write_tiny(lab.folder / "dashes.aim", replace(head, shapes=shapes, jaw_poses=poses))
    rig = lab.rig("dashes", combination=False)
    cmds.aliasAttr("jaw_open", f"{rig.node}.weight[{rig.index['jawOpen']}]")
    done = attach(rig.mesh, str(model.as_posix()))
    assert not any("jaw" in note for note in done.notes), done.notes
    cmds.setAttr(f"{done.node}.jaw_open", 1.0)
    close(lab.points(rig.mesh), lab.head.shapes["jawOpen"])
    bake_native(rig.mesh)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
