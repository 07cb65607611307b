"""PBS: blendshapes on overlapping patches, each with its own weights, blended by a partition of unity.

    x(v) = H (s0(v) + sum_p share_p(v) sum_i w_pi delta_i(v))
    min |x - seen|^2 + consistency sum_{p<q} share_p share_q |delta (w_p - w_q)|^2 + ridge |w|^2

The consistency holds on all skin, seen or not. With consistency 1 it is the same as fitting every patch by itself and blending; towards
infinity the method is GBS. One Cholesky serves all frames that see the same vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from aim_maya.core import rigid

from .head_motion import HeadMotion
from .method import Face, Flags, Observed, Solution
from .patches import data_and_disagreement, patch_shares

Floats = NDArray[np.floating]


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
        weights, heads = np.zeros((len(observed), patches, targets), np.float32), np.tile(np.eye(4), (len(observed), 1, 1))
        for f in range(len(observed)):
            found, heads[f] = self._motion.solve(observed.frame(f)[self._seen].astype(np.float64), heads[max(f - 1, 0)])
            weights[f] = found.reshape(patches, targets)

        def points(f: int) -> Floats:
            local = self._shares @ weights[f]
            return rigid.apply(heads[f], self.face.neutral + np.matmul(self.face.deltas, local[:, :, None])[:, :, 0])

        return Solution(points, heads, None, patches * targets + 6 * self._head_moves)


@lru_cache(maxsize=8)
def _shares(face: Face, patches: int, overlap: float) -> sp.csr_matrix:
    return patch_shares(face, patches, overlap)


@lru_cache(maxsize=3)
def _grams(face: Face, patches: int, overlap: float, seen: bytes) -> tuple[Floats, Floats]:
    """Kept for the next ridge and consistency: they are most of the time that a search takes."""
    return data_and_disagreement(_shares(face, patches, overlap), face.deltas, np.frombuffer(seen, bool).astype(np.float64))
