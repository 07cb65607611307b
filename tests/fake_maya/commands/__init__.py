"""maya.cmds: all commands, by importing the files that define them."""

from . import (
    anim,
    application,
    attributes,
    blend,
    deform,
    edit,
    exporters,
    files,
    interface,
    nodes,
    polygons,
    query,
)
from .core import COMMANDS

__all__ = ["COMMANDS", "anim", "application", "attributes", "blend", "deform", "edit", "exporters"]
__all__ += ["files", "interface", "nodes", "polygons", "query"]
