"""What loading and unloading the plug-in does: the node type, the paintable maps, and listening for scenes that come and go."""

from __future__ import annotations

from typing import Any

from maya import OpenMaya, OpenMayaMPx, cmds

from aim_maya.core.errors import AimError

from . import host_paths, log
from .attributes import TYPE_ID, TYPE_NAME
from .node import AimDeformer, creator

_PAINTABLE = ("weights", "thicknessMap")


def register(plugin: Any) -> None:
    """Add the node type. Raises AimError when another copy of the plug-in has already done so."""
    try:
        plugin.registerNode(TYPE_NAME, OpenMaya.MTypeId(TYPE_ID), creator, AimDeformer.initialize, OpenMayaMPx.MPxNode.kDeformerNode)
    except RuntimeError as error:
        raise AimError(
            f"The node type '{TYPE_NAME}' (id 0x{TYPE_ID:08X}) could not be registered: {str(error).strip()}.",
            "A second copy of AIM for Maya is on the plug-in path and was loaded first, or another plug-in uses this id.",
            "Unload the other in the Plug-in Manager; Check installation lists the copies.",
        ) from error
    for attribute in _PAINTABLE:
        cmds.makePaintable(TYPE_NAME, attribute, attrType="multiFloat", shapeMode="deformer")
    host_paths.install()
    log.install()


def deregister(plugin: Any) -> None:
    """Remove the node type; Maya refuses while a scene uses it."""
    plugin.deregisterNode(OpenMaya.MTypeId(TYPE_ID))
    host_paths.remove()
    log.remove()
    for attribute in _PAINTABLE:
        cmds.makePaintable(TYPE_NAME, attribute, remove=True)
