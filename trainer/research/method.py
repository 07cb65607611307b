"""What every compared method is given and gives back, in mm; and a linear face under a rigid head, solved
frame by frame.

    x(v) = H (neutral(v) + A(v) u),   min |x - seen|^2 + u^T Q u

Gauss-Newton with the Jacobian of the neutral: one factorisation serves all steps of all frames that see the
same vertices. What is seen is taken into the head's space with the whole of H in every step, so that the end
point is the true one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from aim_maya.core import rigid
from aim_maya.core.arrays import Flags, Floats
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel

# What every compared method is given and gives back. All lengths are millimetres, so that one setting means
# the same on every actor.


@dataclass(frozen=True, eq=False)
class Anatomy:
    """bone (V, 3), normals (V, 3) unit, thickness (V,), share (V,) of the jaw's motion, and the trained jaw's
    motion at every target (T, 4, 4)."""

    bone: Floats
    normals: Floats
    thickness: Floats
    share: Floats
    jaws: Floats


@dataclass(frozen=True, eq=False)
class Face:
    """The actor as the baselines know it: neutral (V, 3) float64 and deltas (V, 3, T) float32, mm; anatomy
    and model where a trained one is at hand."""

    name: str
    mesh: Mesh
    neutral: Floats
    deltas: Floats
    targets: tuple[str, ...]
    anatomy: Anatomy | None = None
    model: FaceModel | None = None

    @property
    def motion(self) -> Floats:
        """(V,) mm: the furthest that any target moves a vertex."""
        longest: Floats = np.linalg.norm(self.deltas, axis=1).max(axis=1, initial=0.0)
        return longest


@dataclass(frozen=True, eq=False)
class Observed:
    """What a method may see of a take: frame(f) -> (V, 3) mm with NaN where nothing is seen, the same
    vertices `seen` (V,) in all frames.

    clip (F,) ids of continuous pieces. head_moves: whether the head's motion is unknown; where it is still,
    no method solves for it. drift_mm: how far the registration is known to drift along the surface.
    """

    frame: Callable[[int], Floats]
    seen: Flags
    clip: NDArray[np.integer]
    fps: float
    head_moves: bool = False
    drift_mm: float = 0.0

    def __len__(self) -> int:
        return len(self.clip)


@dataclass(frozen=True, eq=False)
class Solution:
    """points(f) -> (V, 3) mm; head, jaw (F, 4, 4), jaw None where the method has none; unknowns solved for in
    a frame."""

    points: Callable[[int], Floats]
    head: Floats
    jaw: Floats | None
    unknowns: int


class Method(Protocol):
    """One row of the table."""

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Everything that is done once for all frames that see the same vertices."""
        ...

    def fit(self, observed: Observed) -> Solution:
        """Fit all frames; raises Cancelled when asked to stop."""
        ...


# A linear face under a rigid head: coefficients and head solved together, frame by frame.

_STEPS, _ENOUGH_MM, _RADIUS_MM = 12, 1e-3, 100.0


def rigid_columns(points: Floats, centre: Floats) -> Floats:
    """(P, 3, 6): how points (P, 3) move with a small turn about centre (3,) and a shift."""
    columns = np.zeros((len(points), 3, 6))
    x, y, z = (points - centre).T
    columns[:, 0, 1], columns[:, 0, 2] = z, -y
    columns[:, 1, 0], columns[:, 1, 2] = -z, x
    columns[:, 2, 0], columns[:, 2, 1] = y, -x
    columns[:, :, 3:] = np.eye(3)
    return columns


def about(step: Floats, centre: Floats) -> Floats:
    """(4, 4) of a step of rigid_columns."""
    matrix = rigid.exp(np.r_[step[:3], 0.0, 0.0, 0.0])
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + step[3:]
    return matrix


class HeadMotion:
    """Solves frames of one linear face; gather (P, 3) -> (N,) is A^T over the seen vertices.

    neutral (P, 3) at the seen vertices, normal (N, N) = A^T A + Q.
    """

    def __init__(
        self, neutral: Floats, normal: Floats, gather: Callable[[Floats], Floats], moves: bool
    ) -> None:
        self._neutral, self._gather, self._moves = neutral, gather, moves
        self._factor = cho_factor(normal, lower=True, overwrite_a=True, check_finite=False)
        if moves:
            self._centre = neutral.mean(axis=0)
            columns = rigid_columns(neutral, self._centre)
            self._columns = columns
            self._cross = np.stack([gather(columns[:, :, i]) for i in range(6)], axis=1)
            self._answer = self.solved(self._cross)
            self._schur = np.einsum("pai,paj->ij", columns, columns) - self._cross.T @ self._answer
            self._schur += np.diag(1e-9 * np.diag(np.einsum("pai,paj->ij", columns, columns)))

    def solved(self, right: Floats) -> Floats:
        """normal^-1 right."""
        found: Floats = cho_solve(self._factor, right, check_finite=False)
        return found

    def solve(self, seen: Floats, head: Floats) -> tuple[Floats, Floats]:
        """Points (P, 3) and a head (4, 4) to start from -> coefficients (N,) and the head."""
        if not self._moves:
            return self.solved(self._gather(seen - self._neutral)), np.eye(4)
        for _ in range(_STEPS):
            left = rigid.apply(np.linalg.inv(head), seen) - self._neutral
            gathered = self._gather(left)
            step = np.linalg.solve(
                self._schur, np.einsum("pai,pa->i", self._columns, left) - self._answer.T @ gathered
            )
            head = head @ about(step, self._centre)
            if np.linalg.norm(step[:3]) * _RADIUS_MM + np.linalg.norm(step[3:]) < _ENOUGH_MM:
                break
        return self.solved(self._gather(rigid.apply(np.linalg.inv(head), seen) - self._neutral)), head
