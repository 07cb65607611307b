"""How a displacement at a place of one face is carried to the same place of another: by the local deformation gradient of the neutrals.

Per vertex J = argmin sum_j |(q_j - q_i) - J (p_j - p_i)|^2 / |p_j - p_i|^2 over the edges, with a row that takes normal to normal
(after R. Sumner and J. Popovic, Deformation Transfer for Triangle Meshes, 2004, there per triangle). What of it is used is a choice:
on the actors at hand its turn alone, with one scale for the face, does best (docs/retargeting.md).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.smoothness import extend

Floats = NDArray[np.floating]
Carry = Literal["turn", "stretch", "thickness"]
_SMOOTHNESS, _MOST_STRETCH = 30.0, 2.0


def carrying(mesh: Mesh, source: Floats, scale: float, kind: Carry, thickness: Floats) -> Floats:
    """(V, 3, 3) float32 from displacements at source points (V, 3), in the source's unit, to the target's mesh.

    scale: size of the target over the source, in their units. turn: scale times the rotation of J. stretch: J. thickness: J with the normal
    stretched by thickness (V,), the target's soft tissue over the source's, held between a half and twice the scale.
    """
    along = np.full(len(source), scale)
    if kind == "thickness":
        along = scale * np.clip(thickness / scale, 1 / _MOST_STRETCH, _MOST_STRETCH)
    gradient = _smooth(mesh, deformation_gradient(mesh, source, along))
    if kind == "turn":
        u, _, vt = np.linalg.svd(gradient)
        mirrored = np.linalg.det(u @ vt) < 0
        u[mirrored, :, 2] *= -1
        gradient = scale * (u @ vt)
    return gradient.astype(np.float32)


def deformation_gradient(mesh: Mesh, source: Floats, along: Floats) -> Floats:
    """(V, 3, 3) J from source points (V, 3) to mesh.points; normals are stretched by along (V,). A vertex without edges gets along times I."""
    edges, n = mesh.edges, len(source)
    before, after = source[edges[:, 1]] - source[edges[:, 0]], mesh.points[edges[:, 1]] - mesh.points[edges[:, 0]]
    weight = 1.0 / np.maximum((before**2).sum(axis=1), 1e-30)
    inside = _gathered(edges, weight[:, None, None] * before[:, :, None] * before[:, None, :], n)
    across = _gathered(edges, weight[:, None, None] * after[:, :, None] * before[:, None, :], n)
    sure = np.trace(inside, axis1=1, axis2=2)[:, None, None] / 2
    normal, moved = vertex_normals(mesh, source), vertex_normals(mesh)
    loose = sure[:, 0, 0] == 0
    inside[loose], across[loose] = np.eye(3), along[loose, None, None] * np.eye(3)
    inside += sure * normal[:, :, None] * normal[:, None, :]
    across += sure * along[:, None, None] * moved[:, :, None] * normal[:, None, :]
    steady = 1e-6 * np.trace(inside, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    gradient: Floats = (across + along[:, None, None] * steady) @ np.linalg.inv(inside + steady)
    return gradient


def _gathered(edges: NDArray[np.integer], values: Floats, vertices: int) -> Floats:
    """(V, 3, 3): values (E, 3, 3) summed at both ends of every edge."""
    both = np.r_[edges[:, 0], edges[:, 1]]
    columns = np.concatenate([values, values]).reshape(len(both), 9)
    gathered = np.array([np.bincount(both, column, vertices) for column in columns.T], np.float64)
    return np.ascontiguousarray(gathered.T).reshape(-1, 3, 3)


def _smooth(mesh: Mesh, gradient: Floats) -> Floats:
    smooth: Floats = extend(mesh, gradient.reshape(-1, 9), np.ones(len(gradient)), _SMOOTHNESS).reshape(-1, 3, 3)
    return smooth
