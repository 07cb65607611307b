"""GBS and PBS: global blendshapes, and blendshapes on overlapping patches blended by a partition of unity.

    x(v) = H (s0(v) + sum_p share_p(v) sum_i w_pi delta_i(v))
    min |x - seen|^2 + consistency sum_{p<q} share_p share_q |delta (w_p - w_q)|^2 + ridge |w|^2

The consistency holds on all skin, seen or not. With consistency 1 it is the same as fitting every patch by
itself and blending; towards infinity the method is GBS. One Cholesky serves all frames that see the same
vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse.csgraph import dijkstra

from aim_maya.core import rigid
from aim_maya.core.arrays import Flags, Floats
from trainer.geometry.smooth import edge_graph
from trainer.geometry.surface import farthest_points

from .method import Face, HeadMotion, Observed, Solution

# GBS: global blendshapes. x = H (s0 + sum_i w_i (s_i - s0)), one w a frame, min |x - seen|^2 + ridge |w|^2, w
# >= 0 where asked for.

_ROUNDS = 8


@dataclass(frozen=True)
class GbsOptions:
    """What is tuned."""

    ridge: float = 1.0
    """Weight of |w|^2 against squared mm summed over what is seen."""
    positive: bool = False
    """Weights are not negative."""


class Gbs:
    """The method for one face."""

    def __init__(self, face: Face, options: GbsOptions | None = None) -> None:
        self.face, self.options = face, options or GbsOptions()

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Normal equations of the seen vertices."""
        self._seen = np.flatnonzero(seen)
        self._columns = self.face.deltas[self._seen].astype(np.float64).reshape(3 * len(self._seen), -1)
        self._neutral = self.face.neutral[self._seen]
        normal = self._columns.T @ self._columns + (self.options.ridge + 1e-9) * np.eye(
            self._columns.shape[1]
        )
        self._root = np.linalg.cholesky(normal)
        self._motion = HeadMotion(self._neutral, normal, lambda p: self._columns.T @ p.ravel(), head_moves)
        self._head_moves = head_moves

    def fit(self, observed: Observed) -> Solution:
        """One linear or non-negative solve a frame."""
        count = self._columns.shape[1]
        weights, heads = np.zeros((len(observed), count)), np.tile(np.eye(4), (len(observed), 1, 1))
        for f in range(len(observed)):
            weights[f], heads[f] = self.solve(
                observed.frame(f)[self._seen].astype(np.float64), heads[max(f - 1, 0)]
            )
        return Solution(
            lambda f: rigid.apply(heads[f], self.face.neutral + self.face.deltas @ weights[f]),
            heads,
            None,
            count + 6 * self._head_moves,
        )

    def solve(self, points: Floats, head: Floats) -> tuple[Floats, Floats]:
        """Seen points (P, 3) and a head (4, 4) to begin with -> weights (T,) and head."""
        weights, head = self._motion.solve(points, head)
        return self._positive(points, head) if self.options.positive else (weights, head)

    def _positive(self, points: Floats, head: Floats) -> tuple[Floats, Floats]:
        """Non-negative weights; head and weights in turn."""
        w = self._bounded(points, head)
        for _ in range(_ROUNDS if self._head_moves else 0):
            head = rigid.kabsch(self._neutral + (self._columns @ w).reshape(-1, 3), points)
            w = self._bounded(points, head)
        return w, head

    def _bounded(self, points: Floats, head: Floats) -> Floats:
        left = rigid.apply(np.linalg.inv(head), points) - self._neutral
        found: Floats = nnls(self._root.T, np.linalg.solve(self._root, self._columns.T @ left.ravel()))[0]
        return found


# Overlapping patches over the part of a face that moves, and shares that blend them (a partition of unity).

_MOVING_MM = 0.5
_LEAST_SHARE = 1e-3


def patch_centres(face: Face, count: int) -> tuple[NDArray[np.integer], Floats]:
    """(P,) vertices by farthest-point sampling along the surface of what moves, and (P, V) their distances,
    mm.

    P is `count`, or the number of moving vertices when that is smaller. Other pieces of mesh are infinitely
    far.
    """
    graph = edge_graph(face.mesh.with_points(face.neutral))
    moving = face.motion > _MOVING_MM
    moving = moving if moving.any() else np.ones_like(moving)
    distances: list[Floats] = []

    def distance(centre: int) -> Floats:
        distances.append(dijkstra(graph, indices=centre))
        return np.where(moving, distances[-1], -1.0)

    centres = farthest_points(distance, int(np.argmax(face.motion)), count)
    return centres, np.array(distances)


def patch_shares(face: Face, count: int, overlap: float) -> sp.csr_matrix:
    """(V, P) how much of every vertex belongs to each patch: rows sum to one.

    A patch reaches `overlap` times as far as the patches need to cover what moves, and falls off as (1 - (d /
    reach)^2)^2. A vertex out of reach of all belongs to the nearest patch.
    """
    distances = patch_centres(face, count)[1]
    nearest = distances.min(axis=0)
    inside = (face.motion > _MOVING_MM) & np.isfinite(nearest)
    reach = overlap * max(float(nearest[inside].max(initial=0.0)), 1e-9)
    shares = np.square(
        np.clip(1.0 - np.square(np.where(np.isfinite(distances), distances, np.inf) / reach), 0.0, None)
    ).T
    alone = shares.sum(axis=1) < 1e-9
    shares[alone] = 0.0
    shares[alone, distances[:, alone].argmin(axis=0)] = 1.0
    shares /= shares.sum(axis=1, keepdims=True)
    shares[shares < _LEAST_SHARE] = 0.0
    return sp.csr_matrix(shares / shares.sum(axis=1, keepdims=True))


def overlap_grams(shares: sp.csr_matrix, columns: Floats, weights: Floats) -> Floats:
    """(K, P, n, P, n) sums over vertices of weight share_p share_q columns^T columns, for each of weights (K,
    V); columns (V, 3, n)."""
    by_patch, count, n = sp.csc_matrix(shares), shares.shape[1], columns.shape[2]
    grams = np.zeros((len(weights), count, n, count, n))
    for p in range(count):
        own = slice(by_patch.indptr[p], by_patch.indptr[p + 1])
        ids = by_patch.indices[own]
        at = columns[ids].astype(np.float64)
        product = np.einsum("vai,vaj->vij", at, at).reshape(len(ids), n * n)
        others = shares[ids].toarray()
        met = np.flatnonzero(others[:, p:].any(axis=0)) + p
        others = others[:, met].T
        for k, weight in enumerate(weights):
            blocks = ((others * (by_patch.data[own] * weight[ids])) @ product).reshape(len(met), n, n)
            grams[k][p][:, met] = blocks.transpose(1, 0, 2)
            grams[k][met, :, p] = blocks.transpose(0, 2, 1)
    return grams


def data_and_disagreement(shares: sp.csr_matrix, columns: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """(P n, P n) each: A^T A of the blended columns over what is seen (V,), and of what overlapping patches
    disagree on, on all skin:

    sum over pairs of share_p share_q |columns (u_p - u_q)|^2.
    """
    data, whole = overlap_grams(shares, columns, np.stack([seen, np.ones_like(seen)]))
    size = data.shape[0] * data.shape[1]
    disagreement = -whole
    for p, own in enumerate(whole.sum(axis=2)):
        disagreement[p, :, p] += own
    return data.reshape(size, size), disagreement.reshape(size, size)


# PBS: blendshapes on overlapping patches, each with its own weights, blended by a partition of unity.


@dataclass(frozen=True)
class PbsOptions:
    """What is tuned; the number of patches is not: it is what makes the unknowns equal."""

    patches: int = 60
    """How many patches."""
    ridge: float = 1.0
    """Weight of |w|^2 against squared mm summed over what is seen."""
    consistency: float = 1.0
    """Weight of what overlapping patches disagree on, squared mm."""
    overlap: float = 2.0
    """How far a patch reaches, in the distance that just covers the face."""


class Pbs:
    """The method for one face."""

    def __init__(self, face: Face, options: PbsOptions | None = None) -> None:
        self.face, self.options = face, options or PbsOptions()
        self._shares = _shares(face, self.options.patches, self.options.overlap)

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Normal equations of the seen vertices and their factorisation."""
        self._seen, self._head_moves = np.flatnonzero(seen), head_moves
        deltas = self.face.deltas
        count = self._shares.shape[1] * deltas.shape[2]
        data, disagreement = _grams(self.face, self.options.patches, self.options.overlap, seen.tobytes())
        normal = data + self.options.consistency * disagreement
        normal[np.diag_indices(count)] += self.options.ridge + 1e-6
        self._at, self._owners = deltas[self._seen], sp.csr_matrix(self._shares[self._seen].T)
        self._motion = HeadMotion(self.face.neutral[self._seen], normal, self._gather, head_moves)

    def _gather(self, points: Floats) -> Floats:
        """A^T: (P, 3) -> (N,)."""
        gathered: Floats = (self._owners @ np.matmul(points[:, None], self._at)[:, 0]).ravel()
        return gathered

    def fit(self, observed: Observed) -> Solution:
        """One back-substitution a frame; a few where the head moves."""
        patches, targets = self._shares.shape[1], self.face.deltas.shape[2]
        weights, heads = (
            np.zeros((len(observed), patches, targets), np.float32),
            np.tile(np.eye(4), (len(observed), 1, 1)),
        )
        for f in range(len(observed)):
            found, heads[f] = self._motion.solve(
                observed.frame(f)[self._seen].astype(np.float64), heads[max(f - 1, 0)]
            )
            weights[f] = found.reshape(patches, targets)

        def points(f: int) -> Floats:
            local = self._shares @ weights[f]
            return rigid.apply(
                heads[f], self.face.neutral + np.matmul(self.face.deltas, local[:, :, None])[:, :, 0]
            )

        return Solution(points, heads, None, patches * targets + 6 * self._head_moves)


@lru_cache(maxsize=8)
def _shares(face: Face, patches: int, overlap: float) -> sp.csr_matrix:
    return patch_shares(face, patches, overlap)


@lru_cache(maxsize=3)
def _grams(face: Face, patches: int, overlap: float, seen: bytes) -> tuple[Floats, Floats]:
    """Kept for the next ridge and consistency: they are most of the time that a search takes."""
    return data_and_disagreement(
        _shares(face, patches, overlap), face.deltas, np.frombuffer(seen, bool).astype(np.float64)
    )
