"""A jaw that a joint already turns, after the blendShape: with a model attached it could open twice."""

from __future__ import annotations

import re

from maya import cmds

from .blend_shape import Structure
from .chain import stack
from .copies import short

_JAW = re.compile(r"jaw|mandib|kiefer|machoire", re.IGNORECASE)


def is_jaw_name(name: str) -> bool:
    """Does a node's own name (no path, no namespace) speak of a jaw?"""
    return bool(_JAW.search(short(name)))


def jaw_joints_after(structure: Structure) -> list[str]:
    """Joints named like a jaw among the influences of skinClusters between the blendShape and the mesh."""
    found: list[str] = []
    for slot in stack(structure.shape):
        if slot.node == structure.node:
            break
        if cmds.nodeType(slot.node) == "skinCluster":
            found += [j for j in cmds.skinCluster(slot.node, query=True, influence=True) or [] if is_jaw_name(j)]
    return found
