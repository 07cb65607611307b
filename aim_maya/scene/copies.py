"""Plain copies of a mesh: same faces and place, no history, other points."""

from __future__ import annotations

import numpy as np
from maya import OpenMaya, cmds
from numpy.typing import NDArray

from .geometry import as_point_array
from .mesh_reader import dag_path

Floats = NDArray[np.floating]


def copy_mesh(transform: str, name: str, points: Floats) -> tuple[str, str]:
    """Duplicate a mesh without its history or children and set its points (V, 3), object space; returns transform and shape."""
    copy = str(cmds.duplicate(transform, name=name, returnRootsOnly=True)[0])
    for child in cmds.listRelatives(copy, children=True, fullPath=True) or []:
        if cmds.objectType(child, isAType="transform") or cmds.getAttr(f"{child}.intermediateObject"):
            cmds.delete(child)
    shape = str(cmds.listRelatives(copy, shapes=True, fullPath=True)[0])
    with as_point_array(points) as array:
        OpenMaya.MFnMesh(dag_path(shape)).setPoints(array, OpenMaya.MSpace.kObject)
    return copy, shape


def short(name: str) -> str:
    """A node's own name, without path and namespace."""
    return name.split("|")[-1].split(":")[-1]
