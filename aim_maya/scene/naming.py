"""Skull, jaw and lower teeth found by the names riggers give them, when nobody says which they are."""

from __future__ import annotations

import re

from maya import cmds

from .blend_shape import mesh_shape
from .capture import Parts
from .copies import short
from .double_jaw import is_jaw_name
from .mesh_reader import transform_of

_SKULL = re.compile(r"skull|cranium", re.IGNORECASE)
_TEETH = re.compile(r"(lower|lo|btm|bottom)_?(teeth|denture)|(teeth|denture)_?(lower|lo|btm|bottom)|mandible_?teeth", re.IGNORECASE)
_CONTROL = re.compile(r"ctrl|control|ctl|jnt|joint|bone", re.IGNORECASE)


def find_parts(face: str) -> Parts:
    """Meshes whose own names say skull, jaw or lower teeth, in the face's namespace first; a joint or control that says jaw."""
    own = transform_of(mesh_shape(face))
    space = own.split("|")[-1].rpartition(":")[0]
    shapes = cmds.ls(type="mesh", noIntermediate=True, long=True)
    transforms = sorted({transform_of(s) for s in shapes} - {own}, key=lambda t: (t.split("|")[-1].rpartition(":")[0] != space, t))
    joints = sorted(cmds.ls(type="joint", long=True))
    return Parts(
        skull=next((t for t in transforms if _SKULL.search(short(t))), None),
        jaw=next((t for t in transforms if is_jaw_name(t) and not _TEETH.search(short(t)) and not _CONTROL.search(short(t))), None),
        lower_teeth=next((t for t in transforms if _TEETH.search(short(t))), None),
        jaw_control=next((j for j in joints if is_jaw_name(j)), None),
    )
