"""Few unknowns for local weights: of every target, the ways of varying over the face that are expected to
move the skin, strain counted against them.

The displacement p = sum_r w_r(v) d_r(v) has the gradient sum_r w_r grad d_r + sum_r d_r grad w_r. The first
part is the targets' own; the second is foreign to all of them, and its square, integrated over the skin, is
what the prior holds against it. Targets that vary together so that the skin does not stretch pay nothing,
which a prior on each weight alone cannot say.

On a fine basis most numbers are wasted: a target that moves the eyelids has no use for what distinguishes the
two sides of the chin. So with G_r the skin that target r moves, G_r = sum_v |d_r|^2 basis basis^T, and P_r
what the prior says of its local weights, the generalised eigenvectors of (G_r, P_r) with the largest values
are kept (M. Loeve's expansion of a random field, 1948; one target at a time, so that every unknown still
belongs to one). Every vertex counts the same: meshes are dense where detail matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh

from aim_maya.core.arrays import Floats
from aim_maya.core.mesh import Mesh, triangle_areas

from .equations import symmetric
from .space import FaceSpace

# The strain that no target explains: what local weights add to the stretch of the skin by varying over the
# face.

_SQUARE_CM = 100.0  # mm^2: the prior's strain is that of so much skin


class Strain:
    """Precisions between the weights of two directions, for one space: sum over edges of area / length^2
    (difference of one basis)(difference of the other) d_r . d_s."""

    def __init__(self, mesh: Mesh, space: FaceSpace) -> None:
        edges, shares = _edges(mesh)
        scale = np.sqrt(shares / _SQUARE_CM) * space.mm_per_unit / space.prior.strain
        self._steps = (space.basis[edges[:, 0]] - space.basis[edges[:, 1]]) * scale[:, None].astype(
            np.float32
        )
        between = 0.5 * (space.directions[:, edges[:, 0]] + space.directions[:, edges[:, 1]])
        self._planar = np.ascontiguousarray(between.transpose(0, 2, 1))

    def gram(self, r: int, s: int) -> Floats:
        """(M, M) on the whole basis."""
        return self._block(r, s, self._steps, self._steps)

    def whole(self, bases: Callable[[Floats], list[Floats]]) -> Floats:
        """(K, K) for unknowns whose bases (P, K_r) are made of rows (P, M) of the space's."""
        steps = [step.astype(np.float32) for step in bases(self._steps)]
        return symmetric(
            [step.shape[1] for step in steps], lambda r, s: self._block(r, s, steps[r], steps[s])
        )

    def _block(self, r: int, s: int, first: Floats, second: Floats) -> Floats:
        product = np.einsum("av,av->v", self._planar[r], self._planar[s])
        where = np.flatnonzero(np.abs(product) > 1e-6 * np.abs(product).max(initial=0.0))
        block: Floats = ((first[where] * product[where, None]).T @ second[where]).astype(np.float64)
        return block


def _edges(mesh: Mesh) -> tuple[NDArray[np.integer], Floats]:
    """The triangles' edges (E, 2), and (E,) such that sum shares (w_a - w_b)^2 is about the integral of |grad
    w|^2."""
    triangles = mesh.triangles
    sides = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    area = np.bincount(which.ravel(), np.tile(triangle_areas(mesh.points, triangles), 3) / 3)
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    floor = 1e-3 * float(np.median(length)) if len(length) else 1.0
    return edges, 2.0 * area / np.maximum(length, floor) ** 2


# Few unknowns for local weights: of every target, the ways of varying over the face that are expected to move
# the skin furthest.


@dataclass(frozen=True, eq=False)
class PrincipalSpace(FaceSpace):
    """spreads: of every direction (M, K_r), what its unknowns mean on the basis; expected (K, K): the
    precision of them all.

    Unknowns are those of the first direction, then of the second, and so on; a direction's first is its
    weight over the whole face.
    """

    spreads: tuple[Floats, ...] = ()
    expected: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def count(self) -> int:
        """K unknowns."""
        return sum(spread.shape[1] for spread in self.spreads)

    @property
    def precision(self) -> Floats:  # type: ignore[override]
        """(K, K) of u."""
        return self.expected

    def table(self, u: Floats) -> Floats:
        """(..., R, M) on the basis, of (..., K)."""
        parts = np.split(u, np.cumsum([spread.shape[1] for spread in self.spreads])[:-1], axis=-1)
        table = np.empty((*u.shape[:-1], len(parts), self.basis.shape[1]), u.dtype)
        for r, (part, spread) in enumerate(zip(parts, self.spreads, strict=True)):
            table[..., r, :] = part @ spread.T.astype(u.dtype)
        return table

    def gathered(self, table: Floats) -> Floats:
        """(..., K) of (..., R, M): the transpose of table()."""
        return np.concatenate(
            [row @ spread for row, spread in zip(np.moveaxis(table, -2, 0), self.spreads, strict=True)],
            axis=-1,
        )

    def bases(self, basis: Floats) -> list[Floats]:
        """Of every direction (P, K_r), for rows (P, M) of the basis."""
        return [basis @ spread for spread in self.spreads]


def principal_space(space: FaceSpace, mesh: Mesh, count: int) -> PrincipalSpace:
    """The `count` unknowns (or all there are) of a local space that its prior lets move the skin furthest;
    weights over the whole face are always among them."""
    strain = Strain(mesh, space)
    found, values = [], []
    for r, deviation in enumerate(space.deviation):
        moved = np.square(space.directions[r].astype(np.float64)).sum(axis=1)
        basis = space.basis[:, 1:].astype(np.float64)
        gain, ways = eigh(
            (basis * moved[:, None]).T @ basis, np.diag(deviation[1:] ** -2) + strain.gram(r, r)[1:, 1:]
        )
        found.append(ways[:, ::-1])
        values.append(gain[::-1])
    ranked = np.argsort(-np.concatenate(values), kind="stable")[: max(count - len(found), 0)]
    kept = np.bincount(ranked // len(values[0]), minlength=len(found))
    spreads = []
    for ways, most, deviation in zip(found, kept, space.deviation, strict=True):
        spread = np.zeros((len(deviation), 1 + most))
        spread[0, 0] = deviation[0]
        spread[1:, 1:] = ways[:, :most]
        spreads.append(spread)
    whole = PrincipalSpace(
        **{f.name: getattr(space, f.name) for f in fields(FaceSpace)}, spreads=tuple(spreads)
    )
    own = [spread / deviation[:, None] for spread, deviation in zip(spreads, space.deviation, strict=True)]
    return replace(whole, expected=strain.whole(whole.bases) + block_diag(*(s.T @ s for s in own)))
