"""maya.cmds: all commands, by importing the files that define them."""

from __future__ import annotations

from . import anim, application, attributes, blend, deform, driving, dynamic, edit, exporters, files, interface, namespaces, nodes, query, scene, selecting, transforms
from .core import COMMANDS

__all__ = [
    "COMMANDS",
    "anim",
    "application",
    "driving",
    "files",
    "namespaces",
    "selecting",
    "attributes",
    "blend",
    "deform",
    "dynamic",
    "edit",
    "exporters",
    "interface",
    "nodes",
    "query",
    "scene",
    "transforms",
]
