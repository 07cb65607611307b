"""maya.cmds: all commands, by importing the files that define them."""

from __future__ import annotations

from . import attributes, blend, deform, nodes, scene
from .core import COMMANDS

__all__ = ["COMMANDS", "attributes", "blend", "deform", "nodes", "scene"]
