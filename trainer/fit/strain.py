"""The strain that no target explains: what local weights add to the stretch of the skin by varying over the face.

The displacement p = sum_r w_r(v) d_r(v) has the gradient sum_r w_r grad d_r + sum_r d_r grad w_r. The first part is the targets' own; the second is
foreign to all of them, and its square, integrated over the skin, is what the prior holds against it. Targets that vary together so that the skin
does not stretch pay nothing, which a prior on each weight alone cannot say.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, triangle_areas

from .blocks import symmetric
from .space import FaceSpace

Floats = NDArray[np.floating]
_SQUARE_CM = 100.0  # mm^2: the prior's strain is that of so much skin


class Strain:
    """Precisions between the weights of two directions, for one space: sum over edges of area / length^2 (difference of one basis)(difference of the other) d_r . d_s."""

    def __init__(self, mesh: Mesh, space: FaceSpace) -> None:
        edges, shares = _edges(mesh)
        scale = np.sqrt(shares / _SQUARE_CM) * space.mm_per_unit / space.prior.strain
        self._steps = (space.basis[edges[:, 0]] - space.basis[edges[:, 1]]) * scale[:, None].astype(np.float32)
        between = 0.5 * (space.directions[:, edges[:, 0]] + space.directions[:, edges[:, 1]])
        self._planar = np.ascontiguousarray(between.transpose(0, 2, 1))

    def gram(self, r: int, s: int) -> Floats:
        """(M, M) on the whole basis."""
        return self._block(r, s, self._steps, self._steps)

    def whole(self, bases: Callable[[Floats], list[Floats]]) -> Floats:
        """(K, K) for unknowns whose bases (P, K_r) are made of rows (P, M) of the space's."""
        steps = [step.astype(np.float32) for step in bases(self._steps)]
        return symmetric([step.shape[1] for step in steps], lambda r, s: self._block(r, s, steps[r], steps[s]))

    def _block(self, r: int, s: int, first: Floats, second: Floats) -> Floats:
        product = np.einsum("av,av->v", self._planar[r], self._planar[s])
        where = np.flatnonzero(np.abs(product) > 1e-6 * np.abs(product).max(initial=0.0))
        block: Floats = ((first[where] * product[where, None]).T @ second[where]).astype(np.float64)
        return block


def _edges(mesh: Mesh) -> tuple[NDArray[np.integer], Floats]:
    """The triangles' edges (E, 2), and (E,) such that sum shares (w_a - w_b)^2 is about the integral of |grad w|^2."""
    triangles = mesh.triangles
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    area = np.bincount(which.ravel(), np.tile(triangle_areas(mesh.points, triangles), 3) / 3)
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    floor = 1e-3 * float(np.median(length)) if len(length) else 1.0
    return edges, 2.0 * area / np.maximum(length, floor) ** 2
