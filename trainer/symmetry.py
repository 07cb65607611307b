"""The facial plane of a head, and where each vertex has its mirror image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from aim_maya.core.mesh import Mesh, vertex_normals

Floats = NDArray[np.floating]
_NEIGHBOURS = 4
_TILTS = (0.0, -0.09, 0.09, -0.18, 0.18, -0.27, 0.27)


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
    """The plane that best mirrors points (V, 3) onto themselves: the best of three axes, refined on the trimmed closest distance."""
    tree = cKDTree(points)
    some = points[:: max(1, len(points) // 1500)]

    def misfit(plane: Plane) -> float:
        distance = np.asarray(tree.query(plane.mirror(some))[0])
        return float(np.sort(distance)[: int(0.8 * len(distance))].mean())

    middle = points.mean(0)  # which lies on the plane however the head is turned
    extent = float(np.ptp(points, axis=0).max())

    def plane_at(x: Floats, axis: int) -> Plane:
        normal = np.eye(3)[axis] + np.insert(x[:2], axis, 0.0)
        normal /= np.linalg.norm(normal)
        return Plane(normal, float(middle @ normal + extent * x[2]))

    tilts = [np.array([a, b, 0.0]) for a in _TILTS for b in _TILTS]  # a head that is not upright has its image far from where refinement looks
    axis, tilt = min(((axis, tilt) for axis in range(3) for tilt in tilts), key=lambda at: misfit(plane_at(at[1], at[0])))
    found = min((_refined(lambda x: misfit(plane_at(x, axis)), start, extent) for start in (np.zeros(3), tilt)), key=lambda x: misfit(plane_at(x, axis)))
    box = 0.5 * (points.max(0) + points.min(0))
    exact = Plane(np.eye(3)[axis], float(box[axis]))  # a head that is symmetric as modelled keeps the plane it was modelled about
    return exact if misfit(exact) <= 1e-6 * extent else plane_at(found, axis)


def _refined(misfit: Callable[[Floats], float], start: Floats, extent: float) -> Floats:
    simplex = start + np.vstack([np.zeros(3), 0.05 * np.eye(3)])
    found: Floats = minimize(misfit, start, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-7 * extent}).x
    return found


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
