"""What one set of seen points says of the unknowns: the normal equations of a fit, put together once for all
frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import lsq_linear

from aim_maya.core.arrays import Floats, Ints

from .space import FaceSpace

# Symmetric matrices of the unknowns, put together direction by direction.


def symmetric(sizes: Sequence[int], block: Callable[[int, int], Floats | None]) -> Floats:
    """(K, K) float64, K the sum of the sizes: block(i, j) is (sizes[i], sizes[j]) for i <= j, None for
    zeros.
    """
    at = np.cumsum([0, *sizes])
    matrix = np.zeros((at[-1], at[-1]))
    for i in range(len(sizes)):
        for j in range(i, len(sizes)):
            found = block(i, j)
            if found is not None:
                matrix[at[i] : at[i + 1], at[j] : at[j + 1]], matrix[at[j] : at[j + 1], at[i] : at[i + 1]] = (
                    found,
                    found.T,
                )
    return matrix


# What one set of seen points says of the unknowns: the normal equations of a fit, put together once for all
# frames that see the same.


def complete(points: Floats) -> NDArray[np.bool_]:
    """(P,): which of (P, 3) points are there."""
    return np.asarray(np.isfinite(points).all(axis=1))


class Seen:
    """Vertices (P,) with confidences (P,), noise in model units, and optionally unit normals (P, 3) along
    which alone a point is sure.

    slide: standard deviation along the surface in model units, on top of the noise.
    """

    def __init__(
        self,
        space: FaceSpace,
        vertices: Ints,
        confidence: Floats,
        noise: float,
        slide: float = 0.0,
        normals: Floats | None = None,
    ) -> None:
        self.space, self.vertices, self.noise, self.confidence = space, vertices, noise, confidence
        self._small = space.basis[vertices]
        self._basis = self._small.astype(np.float64)
        root = np.sqrt(confidence)[:, None, None] * np.eye(3)
        if slide and normals is not None:
            along = np.eye(3) - normals[:, :, None] * normals[:, None, :]
            root = root - np.sqrt(confidence)[:, None, None] * (1 - noise / np.hypot(noise, slide)) * along
        self.root = root if slide else None
        self._scale = np.sqrt(confidence)[:, None]
        rows = self.whitened(space.directions[:, vertices].astype(np.float64)).astype(np.float32)
        # (R, 3, P): sums over it run along memory
        self._planar = np.ascontiguousarray(rows.transpose(0, 2, 1))
        self._factor = cho_factor(self.precision, lower=True)

    def whitened(self, vectors: Floats) -> Floats:
        """(..., P, 3) in units in which every component is as sure as `noise` says."""
        if self.root is None:
            scaled: Floats = vectors * self._scale
            return scaled
        turned: Floats = np.einsum("vab,...vb->...va", self.root, vectors)
        return turned

    @cached_property
    def data(self) -> Floats:
        """(K, K): B^T B / noise^2 over what is seen."""
        bases = self.space.bases(self._basis)

        def block(i: int, j: int) -> Floats | None:
            product = np.einsum("av,av->v", self._planar[i], self._planar[j], dtype=np.float64)
            return (bases[i] * product[:, None]).T @ bases[j] if product.any() else None

        normal: Floats = symmetric([basis.shape[1] for basis in bases], block) / self.noise**2
        return normal

    def gathered(self, residual: Floats) -> Floats:
        """(..., K): B^T r / noise^2 for whitened residuals (..., P, 3)."""
        planar = np.ascontiguousarray(np.swapaxes(residual, -1, -2), np.float32)
        per_vertex = np.einsum("rav,...av->...rv", self._planar, planar)
        table = (per_vertex.reshape(-1, len(self._small)) @ self._small).reshape(*per_vertex.shape[:-1], -1)
        gathered: Floats = self.space.gathered(table.astype(np.float64)) / self.noise**2
        return gathered

    def predicted(self, u: Floats) -> Floats:
        """(P, 3) whitened displacement of the seen points."""
        shares = self.space.table(u).astype(np.float32) @ self._small.T
        moved: Floats = np.einsum("rv,rav->av", shares, self._planar)
        return moved.T

    def mean_distance(self, left: Floats, known: NDArray[np.bool_]) -> float:
        """Mean length (model unit) of a whitened residual (P, 3) where points are known, each by its
        confidence; NaN where none is."""
        total = float(self.confidence[known].sum())
        return (
            float(np.linalg.norm(left[known], axis=1) @ np.sqrt(self.confidence[known])) / total
            if total > 0
            else float("nan")
        )

    def solved(self, right: Floats) -> Floats:
        """A^-1 right for (K,) or (K, n); A holds data, prior, and what the jaw asks of the weights."""
        solution: Floats = cho_solve(self._factor, right)
        return solution

    def solved_within(self, right: Floats, limits: tuple[float, float] | None) -> Floats:
        """(K,): A^-1 right, or with limits what explains most with every unknown between them (P. Stark and
        R. Parker, Bounded-variable least squares, 1995)."""
        if limits is None:
            return self.solved(right)
        lower = np.tril(self._factor[0])
        inside: Floats = lsq_linear(
            lower.T, solve_triangular(lower, right, lower=True), limits, method="bvls"
        ).x
        return inside

    @property
    def precision(self) -> Floats:
        """(K, K): data, prior, and what the jaw asks of the weights."""
        precision: Floats = self.data + self._expected
        return precision

    @property
    def _expected(self) -> Floats:
        expected: Floats = (
            self.space.precision + self.space.jaw_mean.T @ self.space.jaw_precision @ self.space.jaw_mean
        )
        return expected

    @cached_property
    def explained(self) -> float:
        """How many degrees of freedom the data really decides, of 3 P: trace of (data A^-1)."""
        return float(
            self.space.count - np.einsum("ij,ji->", self._expected, self.solved(np.eye(self.space.count)))
        )


# How far a fit can be off where, told by the targets themselves: each is left out in turn and fitted with the
# rest.


def unexplained(space: FaceSpace, vertices: NDArray[np.integer], noise: float) -> Floats:
    """(P,) root mean square over the targets of what the others leave of them at `vertices`, model unit;
    their jaws are taken as known."""
    seen = Seen(space, vertices, np.ones(len(vertices)), noise)
    system = seen.data + space.precision
    squares = np.zeros(len(vertices))
    for target in range(space.targets):
        shape = space.directions[target, vertices].astype(np.float64)
        others = np.ones((len(space.directions), space.basis.shape[1]), bool)
        others[target] = False
        chosen = np.flatnonzero(others.ravel())
        u = np.zeros(space.count)
        u[chosen] = np.linalg.solve(system[np.ix_(chosen, chosen)], seen.gathered(shape)[chosen])
        squares += ((shape - seen.predicted(u)) ** 2).sum(axis=1)
    root: Floats = np.sqrt(squares / max(space.targets, 1))
    return root
