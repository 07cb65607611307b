"""The aimDeformer of a mesh."""

from __future__ import annotations

from maya import cmds

from aim_maya.core.errors import AimError

from . import chain
from .attributes import TYPE_NAME
from .blend_shape import mesh_shape


def find_node(mesh: str) -> str:
    """The aimDeformer on a mesh, or the node itself. Raises AimError when there is none or more than one."""
    if cmds.ls(mesh, type=TYPE_NAME):
        return mesh
    found = [slot.node for slot in chain.stack(mesh_shape(mesh)) if cmds.nodeType(slot.node) == TYPE_NAME]
    if len(found) != 1:
        raise AimError(
            f"{mesh} has {len(found)} {TYPE_NAME} nodes{': ' + ', '.join(found) if found else ''}.",
            "Name the one to restore." if found else "No model is attached to it.", "Select the mesh that a model was attached to.",
        )  # fmt: skip
    return found[0]
