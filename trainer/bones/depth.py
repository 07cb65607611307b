"""Expected soft-tissue depth over a whole head: the table's sites, extended smoothly over the skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aim_maya.core.mesh import Mesh
from trainer.landmarks import Landmarks
from trainer.smoothness import extend

from .sites import DEPTHS_MM, place_sites

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

_SCALP_MM = 5.0  # over the vault; the table ends at the forehead
_NEIGHBOURS = 6
_ON_SKIN_MM = 15.0  # a coarse mesh has its next vertex this far from a point on it, hardly further


def site_vertices(at: Landmarks, skin: Floats) -> tuple[list[str], Ints]:
    """Names of the sites that were placed (paired ones twice) and the vertex of the skin (V, 3), head frame, nearest to each."""
    names, points = zip(*place_sites(at), strict=True)
    return list(names), np.asarray(cKDTree(skin).query(np.array(points))[1])


def expected_depth(mesh: Mesh, at: Landmarks) -> Floats:
    """(V,) mm: the published means at their sites and the scalp's over the vault, between them as smooth as the skin allows."""
    skin = at.frame.to_head(mesh.points)
    values, sure = np.zeros(len(skin)), np.zeros(len(skin))
    tree = cKDTree(skin)
    for name, point in place_sites(at):
        away, ids = tree.query(point, k=_NEIGHBOURS)
        if away[0] > _ON_SKIN_MM:  # a place that a mask has no skin for
            continue
        values[ids] += DEPTHS_MM[name]
        sure[ids] += 1.0
    vault = skin[:, 1] > at.height("supraglabella") + 30 * at.size
    values[vault] += 0.05 * _SCALP_MM
    sure[vault] += 0.05
    known = sure > 0
    values[known] /= sure[known]
    low, high = min(DEPTHS_MM.values()), max(DEPTHS_MM.values())
    return np.clip(extend(mesh, values, sure, 0.3), low, high)
