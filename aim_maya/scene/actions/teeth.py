"""Teeth, tongue and gums that follow the learned jaw: outJawMatrix through their offsetParentMatrix, with
plain Maya nodes.

Row vectors: offsetParentMatrix = O P F^-1 J F P^-1, where O was there before, P is the *parent's* world
matrix, F the face's and J the jaw's motion in the face's object space. The node's own parentMatrix holds
offsetParentMatrix already: using it would be a cycle.
"""

from __future__ import annotations

import numpy as np
from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.scene.maya.buffers import to_list
from aim_maya.scene.maya.undo import undo_chunk
from aim_maya.scene.rig.blend_shape import find_node
from aim_maya.scene.rig.chain import stack
from aim_maya.scene.rig.meshes import one_object, shape_after, short, transform_of, uniform_world_matrix
from aim_maya.scene.rig.plugs import destinations_of, node_of, source_of

_NODE = "aimJawFollow"


def drive(face: str, objects: list[str]) -> list[str]:
    """Let transforms follow the jaw of the model on `face`; one undo step. Returns the multMatrix nodes made.

    A face that a skinCluster moves afterwards does not move its transform: the relation at this moment is
    kept then, so do it in the bind pose, with the objects under the head. Raises AimError for an object that
    is already driven, or is the face itself.
    """
    node = find_node(face)
    shape = shape_after(node)
    transform = transform_of(shape)
    objects = [_checked(name, transform) for name in objects]
    skinned = any(cmds.nodeType(slot.node) == "skinCluster" for slot in stack(shape))
    with undo_chunk("aimDriveTeeth"):
        return [_drive_one(node, transform, name, fixed=skinned) for name in objects]


def release(objects: list[str]) -> None:
    """Take `drive` back: the objects are where they were before it."""
    with undo_chunk("aimReleaseTeeth"):
        for name in map(one_object, objects):
            source = source_of(f"{name}.offsetParentMatrix")
            if source is None or not _is_ours(node_of(source)):
                raise AimError(
                    f"{name} does not follow a jaw.", remedy="Select what was driven by Drive teeth."
                )
            _release(node_of(source))


def release_all(node: str) -> list[str]:
    """Release whatever follows the jaw of a node, so that it does not stay in its last pose when the node
    goes; returns the objects."""
    followers = {node_of(plug) for plug in destinations_of(f"{node}.outJawMatrix")}
    return [name for mult in sorted(followers) if _is_ours(mult) for name in _release(mult)]


def _is_ours(mult: str) -> bool:
    return bool(cmds.attributeQuery("aimOffset", node=mult, exists=True))


def _release(mult: str) -> list[str]:
    before, plugs = cmds.getAttr(f"{mult}.aimOffset"), destinations_of(f"{mult}.matrixSum")
    for plug in plugs:
        cmds.disconnectAttr(f"{mult}.matrixSum", plug)
        cmds.setAttr(plug, before, type="matrix")
    cmds.delete(mult)
    return [node_of(plug) for plug in plugs]


def _checked(name: str, face: str) -> str:
    """The full path of what can follow. Raises AimError."""
    if not cmds.objExists(name) or not cmds.objectType(one_object(name), isAType="transform"):
        raise AimError(
            f"'{name}' is not a transform.", remedy="Select the transforms of teeth, tongue or gums."
        )
    name = one_object(name)
    if name == face:
        raise AimError(
            f"{name} is the face itself.", remedy="Select the face first, then teeth, tongue or gums."
        )
    source = source_of(f"{name}.offsetParentMatrix")
    if source is not None:
        raise AimError(
            f"{name}.offsetParentMatrix is already driven by {source}.",
            "It follows something else, or a jaw already.",
            "Disconnect that first, or put the teeth into a group and drive the group.",
        )
    return name


def _drive_one(node: str, face: str, name: str, *, fixed: bool) -> str:
    parent = (cmds.listRelatives(name, parent=True, fullPath=True) or [None])[0]
    mult = str(cmds.createNode("multMatrix", name=f"{short(name)}_{_NODE}", skipSelect=True))
    cmds.addAttr(mult, longName="aimOffset", attributeType="matrix")
    before = cmds.getAttr(f"{name}.offsetParentMatrix")
    cmds.setAttr(f"{mult}.aimOffset", before, type="matrix")
    cmds.setAttr(f"{mult}.matrixIn[0]", before, type="matrix")
    if fixed:
        relation = np.linalg.inv(uniform_world_matrix(face)) @ (
            uniform_world_matrix(parent) if parent else np.eye(4)
        )
        cmds.setAttr(f"{mult}.matrixIn[1]", to_list(relation), type="matrix")
        cmds.setAttr(f"{mult}.matrixIn[3]", to_list(np.linalg.inv(relation)), type="matrix")
    else:
        for index, plug in ((2, f"{face}.worldInverseMatrix[0]"), (4, f"{face}.worldMatrix[0]")):
            cmds.connectAttr(plug, f"{mult}.matrixIn[{index}]")
        if parent:
            cmds.connectAttr(f"{parent}.worldMatrix[0]", f"{mult}.matrixIn[1]")
            cmds.connectAttr(f"{parent}.worldInverseMatrix[0]", f"{mult}.matrixIn[5]")
    cmds.connectAttr(f"{node}.outJawMatrix", f"{mult}.matrixIn[{2 if fixed else 3}]")
    cmds.connectAttr(f"{mult}.matrixSum", f"{name}.offsetParentMatrix")
    return mult
