"""A skin surface, and where points near it lie on it."""

from __future__ import annotations

import igl
import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, vertex_normals

from .correspondence import Correspondence

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
_CONE, _WIDE = 0.57, 0.2  # every direction is in the first about one of six axes; a triangle in the second about it can face likewise


class Surface:
    """The triangles of a mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self._points, self._triangles, self._normals = np.ascontiguousarray(mesh.points), mesh.triangles, vertex_normals(mesh)

    def distance(self, points: Floats) -> Floats:
        """(P,)."""
        squares: Floats = igl.point_mesh_squared_distance(np.ascontiguousarray(points), self._points, self._triangles)[0]
        return np.sqrt(squares)

    def places(self, mesh: Mesh) -> Correspondence:
        """The closest points to the mesh's vertices; where the closest faces away from a vertex, the closest that does not."""
        points, normals = np.ascontiguousarray(mesh.points), vertex_normals(mesh)
        corners, shares = self._project(points, self._triangles)
        wrong = np.flatnonzero((self._normals[corners[:, 0]] * normals).sum(axis=1) < 0)
        for axis in np.vstack([np.eye(3), -np.eye(3)]):
            chosen = wrong[(normals[wrong] @ axis) > _CONE]
            facing = self._triangles[(self._normals[self._triangles[:, 0]] @ axis) > _WIDE]
            if len(chosen) and len(facing):
                corners[chosen], shares[chosen] = self._project(points[chosen], facing)
        return Correspondence(corners, shares)

    def _project(self, points: Floats, triangles: Ints) -> tuple[Ints, Floats]:
        _, face, found = igl.point_mesh_squared_distance(np.ascontiguousarray(points), self._points, np.ascontiguousarray(triangles))
        corners = triangles[face]
        a, b, c = (np.ascontiguousarray(self._points[corners[:, i]]) for i in range(3))
        shares = np.clip(igl.barycentric_coordinates(np.ascontiguousarray(found), a, b, c), 0.0, 1.0)
        return corners, shares / shares.sum(axis=1, keepdims=True)
