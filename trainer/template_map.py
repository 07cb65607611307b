"""Template points for other meshes of the same face: subdivided, remeshed, or single points on its neutral surface."""

from __future__ import annotations

import igl
import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime.model_data import ModelData

Floats = NDArray[np.floating]


def template_at(data: ModelData, points: Floats) -> Floats:
    """(P, 3) float64 template coordinates in [-1, 1] for points (P, 3) on or near the neutral, model unit, object space.

    The neutral-to-template map is linear on the neutral's triangles: each point takes that of its closest surface point, and keeps its own
    distance from it. Where two lips touch, a point belongs to the side that is nearer.
    """
    triangles = data.mesh.triangles
    rest = data.mesh.points
    _, face, closest = igl.point_mesh_squared_distance(np.ascontiguousarray(points, np.float64), rest, triangles)
    corners = triangles[face]
    shares = igl.barycentric_coordinates(closest, rest[corners[:, 0]], rest[corners[:, 1]], rest[corners[:, 2]])
    on_template = np.einsum("pi,pik->pk", shares, data.template[corners].astype(np.float64))
    scale = float(data.manifest["scale"])
    beyond: Floats = on_template + (points - closest) / scale
    return beyond
