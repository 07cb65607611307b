"""The facial plane of a head, and where each vertex has its mirror image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aim_maya.core.mesh import Mesh, vertex_normals

Floats = NDArray[np.floating]
_NEIGHBOURS = 4


@dataclass(frozen=True)
class Plane:
    """normal (3,) unit, offset: the plane normal . p = offset, model unit."""

    normal: Floats
    offset: float

    def mirror(self, points: Floats) -> Floats:
        """Mirror images of points (..., 3)."""
        return points - 2 * (points @ self.normal - self.offset)[..., None] * self.normal

    def mirror_vectors(self, vectors: Floats) -> Floats:
        """Mirror images of directions (..., 3)."""
        return vectors - 2 * (vectors @ self.normal)[..., None] * self.normal


def facial_plane(points: Floats) -> Plane:
    """The plane that best mirrors points (V, 3) onto themselves: three axes tried, each refined by trimmed closest pairs."""
    tree = cKDTree(points)
    found = [_refine(points, tree, Plane(np.eye(3)[axis], float(0.5 * (points[:, axis].max() + points[:, axis].min())))) for axis in range(3)]
    return min(found, key=lambda pair: pair[1])[0]


def _refine(points: Floats, tree: cKDTree, plane: Plane) -> tuple[Plane, float]:
    error = np.inf
    for _ in range(30):
        distance, partner = tree.query(plane.mirror(points))
        kept = distance <= np.quantile(distance, 0.7)
        error = float(distance[kept].mean())
        apart = points[kept] - points[partner[kept]]
        normal = np.linalg.eigh(apart.T @ apart)[1][:, -1]
        normal = normal * np.sign(normal @ plane.normal)
        middle = 0.5 * (points[kept] + points[partner[kept]])
        plane = Plane(normal, float((middle @ normal).mean()))
    return plane, error


@dataclass(frozen=True)
class Mirror:
    """For every vertex the few vertices round its mirror image, ids (V, 4) and weights (V, 4) that sum to 1."""

    plane: Plane
    ids: NDArray[np.integer]
    weights: Floats

    def carry_vectors(self, field: Floats) -> Floats:
        """The mirrored vector field: (V, 3) read at every vertex's image and reflected."""
        return self.plane.mirror_vectors((field[self.ids] * self.weights[..., None]).sum(1))


def mirror_map(mesh: Mesh, plane: Plane) -> Mirror:
    """Image of every vertex by place and normal together, so that two lips that touch are never taken for one another."""
    normals = vertex_normals(mesh)
    reach = 0.05 * float(np.ptp(mesh.points, axis=0).max())
    tree = cKDTree(np.hstack([mesh.points, reach * normals]))
    images = np.hstack([plane.mirror(mesh.points), reach * plane.mirror_vectors(normals)])
    distance, ids = tree.query(images, k=_NEIGHBOURS)
    weights = 1 / np.maximum(distance, 1e-9 * reach) ** 2
    return Mirror(plane, ids, weights / weights.sum(1, keepdims=True))
