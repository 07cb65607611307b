"""Is a point inside the skin? And how far inwards may a bone point go before it comes out on another side: of an ear, a lip, a nostril?"""

from __future__ import annotations

import igl
import numpy as np
from igl.embree import EmbreeIntersector
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh

Floats = NDArray[np.floating]

_HALF = 0.5  # winding number at the surface itself; a head is open at neck, lids and lips, so that it falls towards this at the openings
_SURELY = 0.65  # what the room is measured by, so that it ends before the doubtful places round an opening
_START = 1e-3  # of the head's extent: a ray starts this far below the skin that it leaves
_STEPS = 0.8 ** np.arange(24)[::-1]


def outside(points: Floats, skin: Mesh, least: float = _HALF) -> NDArray[np.bool_]:
    """(P,) True where points (P, 3) lie outside the skin, by the generalised winding number (A. Jacobson et al. 2013): holes are no matter.

    least: the winding number from which on a point counts as inside.
    """
    winding = igl.fast_winding_number(skin.points, skin.triangles.astype(np.int64), np.ascontiguousarray(points, np.float64))
    out: NDArray[np.bool_] = np.asarray(winding).ravel() < least
    return out


def inward_room(skin: Mesh, points: Floats, normals: Floats, longest: float) -> Floats:
    """(P,) how far from points (P, 3) on the skin a bone point may go along -normals (P, 3) and be inside, at most `longest`, model unit.

    Of a thin fold (an ear) half the thickness, since the bone points of its other side need room as well.
    """
    depths = longest * _STEPS[:, None]
    below = points - depths[..., None] * normals
    out = outside(below.reshape(-1, 3), skin, _SURELY).reshape(below.shape[:2])  # all at once: every question builds its tree anew
    free = (depths * np.logical_and.accumulate(~out)).max(0)  # from the skin inwards: a depth counts only while all before it were inside
    through = np.minimum(free, _way_out(skin, points, normals))
    return np.where(through < longest, 0.5 * through, longest)


def _way_out(skin: Mesh, points: Floats, normals: Floats) -> Floats:
    """(P,) distance to the next skin along -normals, infinite where a ray leaves by an opening."""
    embree = EmbreeIntersector()
    embree.init(np.ascontiguousarray(skin.points, np.float32), np.ascontiguousarray(skin.triangles, np.int32))
    start = _START * float(np.ptp(skin.points, axis=0).max())
    far = np.full(len(points), np.inf)
    for i, (origin, direction) in enumerate(zip((points - start * normals).astype(np.float32), -normals.astype(np.float32), strict=True)):
        found = embree.intersectRay_first(origin, direction)
        if found[0] >= 0:
            far[i] = found[1] + start
    return far
