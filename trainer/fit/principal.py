"""Few unknowns for local weights: of every target, the ways of varying over the face that are expected to move the skin furthest.

On a fine basis most numbers are wasted: a target that moves the eyelids has no use for what distinguishes the two sides of the chin. So with G_r the
skin that target r moves, G_r = sum_v |d_r|^2 basis basis^T, and P_r what the prior says of its local weights, the generalised eigenvectors of (G_r, P_r)
with the largest values are kept (M. Loeve's expansion of a random field, 1948; one target at a time, so that every unknown still belongs to one).
Every vertex counts the same: meshes are dense where detail matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh

from aim_maya.core.mesh import Mesh

from .space import FaceSpace
from .strain import Strain

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class PrincipalSpace(FaceSpace):
    """spreads: of every direction (M, K_r), what its unknowns mean on the basis; expected (K, K): the precision of them all.

    Unknowns are those of the first direction, then of the second, and so on; a direction's first is its weight over the whole face.
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
        return np.concatenate([row @ spread for row, spread in zip(np.moveaxis(table, -2, 0), self.spreads, strict=True)], axis=-1)

    def bases(self, basis: Floats) -> list[Floats]:
        """Of every direction (P, K_r), for rows (P, M) of the basis."""
        return [basis @ spread for spread in self.spreads]


def principal_space(space: FaceSpace, mesh: Mesh, count: int) -> PrincipalSpace:
    """The `count` unknowns (or all there are) of a local space that its prior lets move the skin furthest; weights over the whole face are always among them."""
    strain = Strain(mesh, space)
    found, values = [], []
    for r, deviation in enumerate(space.deviation):
        moved = np.square(space.directions[r].astype(np.float64)).sum(axis=1)
        basis = space.basis[:, 1:].astype(np.float64)
        gain, ways = eigh((basis * moved[:, None]).T @ basis, np.diag(deviation[1:] ** -2) + strain.gram(r, r)[1:, 1:])
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
    whole = PrincipalSpace(**{f.name: getattr(space, f.name) for f in fields(FaceSpace)}, spreads=tuple(spreads))
    own = [spread / deviation[:, None] for spread, deviation in zip(spreads, space.deviation, strict=True)]
    return replace(whole, expected=strain.whole(whole.bases) + block_diag(*(s.T @ s for s in own)))
