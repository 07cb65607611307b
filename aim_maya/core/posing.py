"""What a rig's weights mean for a model: activations, the jaw's motion, linear blend skinning, the tables
solved at the trained poses, and the detail that makes these exact.

    LBS(p, T, k) = p + k (T p - p)        k (V,) is the skinning weight: 0 skull, 1 jaw

T p - p is formed as (R - I)(p - centre) + ((R - I) centre + t), with R - I in float64: a head far from the
origin loses nothing.

Row p of the pose matrix A (T, T) holds the activations of all targets at the pose in which target p was
captured. For plain targets it is the identity; a combination's row also names its parents. Any quantity that
is a sum over active targets and known at the trained poses follows from A^-1: displacements before skinning,
jaw twists, linear deltas.

The neutral is kept as float32, displacements as int16 with one scale a target where that stays within
tolerance, else float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats

from . import rigid
from .controls import Rig
from .errors import AimError

# Linear blend skinning between a still skull and a moving jaw, and its inverse.


def displacement_form(jaw: Floats, centre: Floats) -> tuple[Floats, Floats]:
    """(R - I) (3, 3) and (R - I) centre + t (3,), float64, so that T p - p = (R - I)(p - centre) + offset."""
    turn = np.asarray(jaw, np.float64)[:3, :3] - np.eye(3)
    return turn, turn @ np.asarray(centre, np.float64) + np.asarray(jaw, np.float64)[:3, 3]


def skin(points: Floats, jaw: Floats, weight: Floats, centre: Floats) -> Floats:
    """Carry points (..., V, 3) along with jaw (4, 4) by weight (V,)."""
    turn, offset = displacement_form(jaw, centre)
    carried: Floats = points + weight[:, None] * ((points - centre) @ turn.T + offset)
    return carried


def unskin(points: Floats, jaw: Floats, weight: Floats, centre: Floats) -> Floats:
    """The points (V, 3) float64 that skin() takes to `points`: (I + k (R - I))^-1 (p - centre - k offset) +
    centre."""
    turn, offset = displacement_form(jaw, centre)
    if not turn.any() and not offset.any():
        return np.array(points, np.float64)
    blend = np.eye(3) + np.asarray(weight, np.float64)[:, None, None] * turn
    moved = np.asarray(points, np.float64) - centre - np.asarray(weight, np.float64)[:, None] * offset
    back: Floats = np.linalg.solve(blend, moved[..., None])[..., 0] + centre
    return back


# What a rig's weights mean for a model: activations, the jaw's motion, and the tables solved at the trained
# poses.


def pose_matrix(rig: Rig) -> Floats:
    """(T, T) float64 A. Raises AimError when two targets are active in the same proportion at every trained
    pose."""
    rows = np.array([rig.activations(rig.trained_pose(t)) for t in rig.targets]).reshape(len(rig.targets), -1)
    try:
        inverse_of_poses(rows)
    except np.linalg.LinAlgError:
        raise AimError(
            "Two targets cannot be told apart: their trained poses activate the same targets.",
            "A combination pose repeats a control's own knot, or another pose.",
            "Remove one of the two from actor.json.",
        ) from None
    return rows


def inverse_of_poses(rows: Floats) -> Floats:
    """(T, T) float64 A^-1. Nearly all rows of A are the identity's, and cost nothing; the others are
    eliminated with row pivots: a model is read while the host evaluates, where LAPACK is better not called.

    Raises numpy.linalg.LinAlgError where the rows depend on each other.
    """
    result = np.eye(len(rows))
    own = np.flatnonzero((rows != result).any(1))
    rest = np.setdiff1d(np.arange(len(rows)), own)
    left, right = rows[np.ix_(own, own)].copy(), np.eye(len(own))
    for i in range(len(own)):
        pivot = i + int(np.argmax(np.abs(left[i:, i])))
        if not abs(left[pivot, i]) > 1e-12 * float(np.abs(rows).max()):
            raise np.linalg.LinAlgError("Singular matrix")
        for side in (left, right):
            side[[i, pivot]] = side[[pivot, i]]
        right[i] /= left[i, i]
        left[i] /= left[i, i]
        others = np.flatnonzero(left[:, i])
        others = others[others != i]
        shares = left[others, i][:, None]
        right[others] -= shares * right[i]
        left[others] -= shares * left[i]
    result[np.ix_(own, own)] = right
    result[np.ix_(own, rest)] = -right @ rows[np.ix_(own, rest)]
    return result


def solve_twists(rig: Rig, poses: dict[str, Floats]) -> Floats:
    """(T, 6) float64 twists xi with T(w) = exp(sum a_i xi_i) right at every trained pose.

    poses {target: (4, 4)} total jaw motion at that pose; a plain target without one keeps its jaw still, a
    combination without one moves it as its parents do.
    """
    a = pose_matrix(rig)
    combination = {p.target for p in rig.poses}
    twists = np.zeros((len(rig.targets), 6))
    for row in sorted(range(len(a)), key=lambda r: int((a[r] != 0).sum())):
        target = rig.targets[row]
        if target in poses:
            twists[row] = (rigid.log(poses[target]) - (a[row] @ twists - a[row, row] * twists[row])) / a[
                row, row
            ]
        elif target not in combination:
            twists[row] = -(a[row] @ twists - a[row, row] * twists[row]) / a[row, row]
    twists[np.abs(twists).max(axis=1, initial=0) < 1e-9] = 0.0
    return twists


@dataclass(frozen=True)
class JawMotion:
    """twists (T, 6) float64 about `centre`-free object space, activations in, rigid motion out: T(w) =
    exp(gain sum a_i xi_i)."""

    twists: Floats

    def transform(self, activations: Floats, gain: float = 1.0) -> Floats:
        """(4, 4) float64; the identity exactly when nothing moves the jaw."""
        return rigid.exp(gain * (activations @ self.twists))


def solve_displacements(
    rig: Rig,
    shapes: Floats | Sequence[Floats],
    rest: Floats,
    motion: JawMotion,
    weight: Floats,
    centre: Floats,
) -> Floats:
    """(T, V, 3) float64 e' with LBS(rest + sum a_i e'_i, T, k) equal to every shape at its trained pose.

    shapes T times (V, 3) absolute, rest (V, 3), weight k (V,), all in the model unit and object space.
    """
    a = pose_matrix(rig)
    before = np.empty((len(a), *np.shape(rest)))
    for row, (shape, activations) in enumerate(zip(shapes, a, strict=True)):
        before[row] = unskin(shape, motion.transform(activations), weight, centre) - rest
    inverse = inverse_of_poses(a)
    solved = {}
    for mixed in np.flatnonzero((inverse != np.eye(len(a))).any(1)).tolist():
        used = np.flatnonzero(inverse[mixed])
        solved[mixed] = np.tensordot(inverse[mixed, used], before[used], 1)
    for mixed, displacement in solved.items():
        before[mixed] = displacement
    return before


@dataclass(frozen=True)
class LinearBlend:
    """The old linear look as a function of the same tables: sum alpha_p (LBS(rest + (A e)_p, T_p, k) - rest),
    alpha = A^-T a.

    turns (T, 3, 3), offsets (T, 3): displacement_form of every trained pose. inverse = A^-1.
    """

    matrix: Floats
    inverse: Floats
    turns: Floats
    offsets: Floats

    @classmethod
    def of(cls, rig: Rig, motion: JawMotion, centre: Floats) -> LinearBlend:
        """From a rig, its jaw and the centre that the turns are taken about."""
        a = pose_matrix(rig)
        forms = [displacement_form(motion.transform(row), centre) for row in a]
        turns = np.array([f[0] for f in forms]).reshape(-1, 3, 3)
        return cls(a, inverse_of_poses(a), turns, np.array([f[1] for f in forms]).reshape(-1, 3))

    def combine(self, activations: Floats) -> tuple[Floats, Floats, Floats]:
        """turn (3, 3), offset (3,), and per-target turns (T, 3, 3), so that with p = rest - centre the linear
        result is

        rest + sum a_i e_i + k (turn p + offset + sum turns_i e_i)
        """
        alpha = activations @ self.inverse
        turn = np.tensordot(alpha, self.turns, 1)
        return turn, alpha @ self.offsets, np.einsum("p,pi,pjk->ijk", alpha, self.matrix, self.turns)


# The detail layer: every trained shape, exact at its trained pose, in a few bytes a vertex.


def tolerance(points: Floats, mm_per_unit: float) -> float:
    """What counts as equal, in model units: max(0.001 mm, 4 ulp of the largest coordinate)."""
    return max(1e-3 / mm_per_unit, 4 * float(np.spacing(np.float32(np.abs(points).max()))))


@dataclass(frozen=True)
class Detail:
    """steps (T, V, 3) int16 and scales (T,) float32 (displacement = step * scale), or, where exact, (T, V, 3)
    float32 and ones."""

    steps: NDArray[np.generic]
    scales: Floats

    @classmethod
    def encode(cls, displacements: Floats, within: float) -> Detail:
        """Quantise displacements (T, V, 3), model unit; int16 only when half a step is under a quarter of
        `within`.

        A vertex that moves by no more than that quarter along every axis does not move at all: what a shape
        leaves alone, its last decimals would move everywhere.
        """
        alone = [(np.abs(row) <= within / 4).all(1) for row in displacements]
        largest = np.array(
            [np.abs(row[~still]).max(initial=0) for row, still in zip(displacements, alone, strict=True)]
        )
        scales = np.where(largest > 0, largest / 32767, 1.0).astype(np.float32)
        if len(scales) and scales.max(where=largest > 0, initial=0) / 2 > within / 4:
            kept, scales = displacements.astype(np.float32), np.ones(len(scales), np.float32)
        else:
            kept = np.empty(displacements.shape, np.int16)
            for steps, row, scale in zip(kept, displacements, scales.astype(np.float64), strict=True):
                steps[:] = np.rint(row / scale)
        for steps, still in zip(kept, alone, strict=True):
            steps[still] = 0
        return cls(kept, scales)

    def with_rows(self, ids: Sequence[int], displacements: Floats, within: float) -> Detail:
        """Some rows, displacements (N, V, 3), encoded anew; what the others stand for is the same to the last
        bit."""
        new = Detail.encode(displacements, within)
        if new.steps.dtype == self.steps.dtype == np.int16:
            steps, scales = self.steps.copy(), self.scales.copy()
            steps[ids], scales[ids] = new.steps, new.scales
            return Detail(steps, scales)
        whole = self.displacements()
        whole[ids] = displacements
        return Detail(whole, np.ones(len(whole), np.float32))

    def displacements(self) -> Floats:
        """(T, V, 3) float32, model unit."""
        return np.multiply(self.steps, self.scales[:, None, None], dtype=np.float32)
