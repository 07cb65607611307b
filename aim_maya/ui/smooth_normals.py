"""Vertex normals of a mesh that moves every frame, in single precision and into memory that stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh

Floats = NDArray[np.floating]


class SmoothNormals:
    """Area-weighted: of every face around a vertex, the cross product of its diagonals, which is twice its area vector; added up.

    A triangle a b c counts as the quad a b c a; a face of more corners as its triangles.
    """

    def __init__(self, mesh: Mesh) -> None:
        fours = np.concatenate([_faces_of(mesh, 3)[:, [0, 1, 2, 0]], _faces_of(mesh, 4), mesh.triangles[mesh.counts[mesh.triangle_face] > 4][:, [0, 1, 2, 0]]])
        real = np.flatnonzero(np.column_stack([np.ones((len(fours), 3), bool), fours[:, 3] != fours[:, 0]]))
        corners = fours.ravel()[real]
        order = np.argsort(corners, kind="stable")
        self._used, self._starts = np.unique(corners[order], return_index=True)
        self._face = real[order] // 4  # faces of the first vertex, of the second, ...
        self._a, self._b, self._c, self._d = np.ascontiguousarray(fours.T)

    def into(self, points: Floats, normals: Floats) -> None:
        """normals (V, 3) float32 := unit normals at points (V, 3) float32; (0, 0, 0) for a vertex without a face."""
        normals[:] = 0
        if not len(self._a):
            return
        axes = np.ascontiguousarray(points.T)
        ux, uy, uz = (axis[self._c] - axis[self._a] for axis in axes)
        vx, vy, vz = (axis[self._d] - axis[self._b] for axis in axes)
        area = (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx)
        x, y, z = (np.add.reduceat(one[self._face], self._starts) for one in area)
        length = np.sqrt(x * x + y * y + z * z)
        length[length == 0] = 1
        for axis, total in enumerate((x, y, z)):
            normals[self._used, axis] = total / length


def _faces_of(mesh: Mesh, corners: int) -> NDArray[np.integer]:
    """(F, corners) vertex ids of the faces with so many corners."""
    starts = mesh.starts[mesh.counts == corners]
    found: NDArray[np.integer] = mesh.corners[starts[:, None] + np.arange(corners)].astype(np.int64)
    return found
