"""The same face in another topology: triangles of another layout, another number of vertices, in no order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, Subdivision, subdivide


@dataclass(frozen=True, eq=False)
class Remeshed:
    """mesh, whose vertices are some (kept) of a subdivision of the old one."""

    mesh: Mesh
    fine: Subdivision
    kept: NDArray[np.integer]

    def carry(self, values: np.ndarray) -> np.ndarray:
        """(V, ...) of the old mesh -> (V', ...)."""
        found: np.ndarray = self.fine.carry(values)[self.kept]
        return found


def remeshed(mesh: Mesh, keep: float = 0.3, seed: int = 0) -> Remeshed:
    """The once subdivided face, decimated to a share `keep` of its triangles and shuffled."""
    import igl

    fine = subdivide(mesh)
    faces = np.asarray(fine.refined.triangles)
    _, corners, _, kept = igl.decimate(
        np.asfortranarray(fine.refined.points), np.asfortranarray(faces, np.int32), int(keep * len(faces))
    )
    order = np.random.default_rng(seed).permutation(len(kept))
    corners = np.argsort(order)[corners]
    kept = np.asarray(kept)[order]
    triangles = np.random.default_rng(seed).permutation(corners).astype(np.int32)
    return Remeshed(
        Mesh(fine.refined.points[kept], np.full(len(triangles), 3, np.int32), triangles.ravel()), fine, kept
    )
