"""Read models and performances again after their files changed on disk."""

from __future__ import annotations

import contextlib

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.runtime import forget

from . import host_paths
from .attributes import TYPE_NAME


def reload_models(nodes: list[str] | None = None) -> list[str]:
    """Let nodes (all of the scene when None), and every other node on the same files, read models and performances anew; returns those nodes.

    A file that cannot be found is left to the node's status.
    """
    host_paths.refresh()
    everyone = cmds.ls(type=TYPE_NAME)
    paths = {node: _paths(node) for node in everyone}
    asked = everyone if nodes is None else nodes
    wanted = set[str]().union(*(paths[node] for node in asked))
    for path in wanted:
        forget(path)
    affected = [node for node in everyone if node in asked or paths[node] & wanted]
    for node in affected:
        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)
    return affected


def _paths(node: str) -> set[str]:
    """The files that a node uses and that are there."""
    found = set()
    for what in ("model", "performance"):
        with contextlib.suppress(AimError):
            found.add(str(host_paths.find(cmds.getAttr(f"{node}.{what}") or "", what)))
    return found
