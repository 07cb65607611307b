"""The learned anatomy as something to look at in the scene: the bone surface, coloured by the tissue that lies over it."""

from __future__ import annotations

import numpy as np
from maya import cmds
from numpy.typing import NDArray

from aim_maya.runtime import current_model

from . import host_paths
from .copies import copy_mesh, short
from .find import find_node
from .mesh_reader import transform_of
from .teeth import shape_after
from .undo import undo_chunk

Floats = NDArray[np.floating]
COLOUR_SET = "aimThickness"
_SHADES = 24


def show(face: str) -> str:
    """Build the learned bone surface of the model on `face` beside it, coloured by thickness; one undo step. Returns its transform.

    Raises AimError when no model is attached, or its file is missing.
    """
    node = find_node(face)
    model = current_model(host_paths.find(cmds.getAttr(f"{node}.model")), "cpu")
    transform = transform_of(shape_after(node))
    with undo_chunk("aimAnatomy"):
        bones, shape = copy_mesh(transform, f"{short(transform)}_bones", model.anatomy.bone_points)
        _colour(bones, shape, model.anatomy.thickness)
    return bones


def _colour(bones: str, shape: str, values: Floats) -> None:
    """One colour a vertex, in a colour set of its own; a command for each shade, so that undo and redo know of it."""
    cmds.polyColorSet(shape, create=True, colorSet=COLOUR_SET, representation="RGB")
    cmds.polyColorSet(shape, currentColorSet=True, colorSet=COLOUR_SET)
    low, high = np.quantile(values, [0.02, 0.98])
    level = np.rint(np.clip((values - low) / max(float(high - low), 1e-9), 0, 1) * (_SHADES - 1)).astype(int)
    for shade in np.unique(level):
        chosen = [f"{bones}.vtx[{first}:{last}]" for first, last in runs(np.flatnonzero(level == shade))]
        cmds.polyColorPerVertex(chosen, colorRGB=heat(shade / (_SHADES - 1)), colorDisplayOption=True)
    cmds.delete(bones, constructionHistory=True)


def runs(ids: NDArray[np.integer]) -> list[tuple[int, int]]:
    """(first, last) of every run of consecutive ids."""
    parts = np.split(ids, np.flatnonzero(np.diff(ids) > 1) + 1) if len(ids) else []
    return [(int(part[0]), int(part[-1])) for part in parts]


def heat(t: float) -> tuple[float, float, float]:
    """From blue (0, thin) over white to red (1, thick)."""
    blue, white, red = np.array([0.15, 0.3, 0.85]), np.array([0.95, 0.95, 0.95]), np.array([0.85, 0.2, 0.1])
    r, g, b = blue + 2 * t * (white - blue) if t < 0.5 else white + (2 * t - 1) * (red - white)
    return float(r), float(g), float(b)
