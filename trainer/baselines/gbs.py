"""GBS: global blendshapes. x = H (s0 + sum_i w_i (s_i - s0)), one w a frame, min |x - seen|^2 + ridge |w|^2, w >= 0 where asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from aim_maya.core import rigid

from .head_motion import HeadMotion
from .method import Face, Flags, Observed, Solution

Floats = NDArray[np.floating]
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
        normal = self._columns.T @ self._columns + (self.options.ridge + 1e-9) * np.eye(self._columns.shape[1])
        self._root = np.linalg.cholesky(normal)
        self._motion = HeadMotion(self._neutral, normal, lambda p: self._columns.T @ p.ravel(), head_moves)
        self._head_moves = head_moves

    def fit(self, observed: Observed) -> Solution:
        """One linear or non-negative solve a frame."""
        count = self._columns.shape[1]
        weights, heads = np.zeros((len(observed), count)), np.tile(np.eye(4), (len(observed), 1, 1))
        for f in range(len(observed)):
            weights[f], heads[f] = self.solve(observed.frame(f)[self._seen].astype(np.float64), heads[max(f - 1, 0)])
        return Solution(lambda f: rigid.apply(heads[f], self.face.neutral + self.face.deltas @ weights[f]), heads, None, count + 6 * self._head_moves)

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
