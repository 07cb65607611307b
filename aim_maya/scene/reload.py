"""Read model files again after they changed on disk."""

from __future__ import annotations

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.runtime import forget

from . import host_paths
from .attributes import TYPE_NAME


def reload_models(nodes: list[str] | None = None) -> list[str]:
    """Let nodes (all of the scene when None), and every other node on the same files, read their models anew; returns those nodes.

    A file that cannot be found is left to the node's status.
    """
    host_paths.refresh()
    everyone = cmds.ls(type=TYPE_NAME)
    paths = {node: _path(node) for node in everyone}
    wanted = {paths[node] for node in (everyone if nodes is None else nodes)}
    for path in wanted - {None}:
        forget(path)  # type: ignore[arg-type]
    affected = [node for node in everyone if paths[node] in wanted]
    for node in affected:
        cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)
    return affected


def _path(node: str) -> str | None:
    try:
        return str(host_paths.find(cmds.getAttr(f"{node}.model") or ""))
    except AimError:
        return None
