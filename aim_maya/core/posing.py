"""What a rig's weights mean for a model: activations, the jaw's motion, and the tables solved at the trained poses.

Row p of the pose matrix A (T, T) holds the activations of all targets at the pose in which target p was captured. For plain targets
it is the identity; a combination's row also names its parents. Any quantity that is a sum over active targets and known at
the trained poses follows from A^-1: displacements before skinning, jaw twists, linear deltas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import rigid
from .controls import Rig
from .errors import AimError
from .skinning import displacement_form, unskin

Floats = NDArray[np.floating]


def pose_matrix(rig: Rig) -> Floats:
    """(T, T) float64 A. Raises AimError when two targets are active in the same proportion at every trained pose."""
    rows = np.array([rig.activations(rig.trained_pose(t)) for t in rig.targets]).reshape(len(rig.targets), -1)
    if len(rows) and np.linalg.matrix_rank(rows) < len(rows):
        raise AimError(
            "Two targets cannot be told apart: their trained poses activate the same targets.",
            "A combination pose repeats a control's own knot, or another pose.",
            "Remove one of the two from actor.json.",
        )
    return rows


def solve_twists(rig: Rig, poses: dict[str, Floats]) -> Floats:
    """(T, 6) float64 twists xi with T(w) = exp(sum a_i xi_i) right at every trained pose.

    poses {target: (4, 4)} total jaw motion at that pose; a plain target without one keeps its jaw still, a combination
    without one moves it as its parents do.
    """
    a = pose_matrix(rig)
    combination = {p.target for p in rig.poses}
    twists = np.zeros((len(rig.targets), 6))
    for row in sorted(range(len(a)), key=lambda r: int((a[r] != 0).sum())):
        target = rig.targets[row]
        if target in poses:
            twists[row] = (rigid.log(poses[target]) - (a[row] @ twists - a[row, row] * twists[row])) / a[row, row]
        elif target not in combination:
            twists[row] = -(a[row] @ twists - a[row, row] * twists[row]) / a[row, row]
    twists[np.abs(twists).max(axis=1, initial=0) < 1e-9] = 0.0
    return twists


@dataclass(frozen=True)
class JawMotion:
    """twists (T, 6) float64 about `centre`-free object space, activations in, rigid motion out: T(w) = exp(gain sum a_i xi_i)."""

    twists: Floats

    def transform(self, activations: Floats, gain: float = 1.0) -> Floats:
        """(4, 4) float64; the identity exactly when nothing moves the jaw."""
        return rigid.exp(gain * (activations @ self.twists))


def solve_displacements(rig: Rig, shapes: Floats, rest: Floats, motion: JawMotion, weight: Floats, centre: Floats) -> Floats:
    """(T, V, 3) float64 e' with LBS(rest + sum a_i e'_i, T, k) equal to every shape at its trained pose.

    shapes (T, V, 3) absolute, rest (V, 3), weight k (V,), all in the model unit and object space.
    """
    a = pose_matrix(rig)
    before = np.array([unskin(shape, motion.transform(row), weight, centre) - rest for shape, row in zip(shapes, a, strict=True)])
    if np.array_equal(a, np.eye(len(a))):
        return before.reshape(shapes.shape)
    return np.linalg.solve(a, before.reshape(len(a), -1)).reshape(shapes.shape)


@dataclass(frozen=True)
class LinearBlend:
    """The old linear look as a function of the same tables: sum alpha_p (LBS(rest + (A e)_p, T_p, k) - rest), alpha = A^-T a.

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
        return cls(a, np.linalg.inv(a) if len(a) else a, turns, np.array([f[1] for f in forms]).reshape(-1, 3))

    def combine(self, activations: Floats) -> tuple[Floats, Floats, Floats]:
        """turn (3, 3), offset (3,), and per-target turns (T, 3, 3), so that with p = rest - centre the linear result is

        rest + sum a_i e_i + k (turn p + offset + sum turns_i e_i)
        """
        alpha = activations @ self.inverse
        turn = np.tensordot(alpha, self.turns, 1)
        return turn, alpha @ self.offsets, np.einsum("p,pi,pjk->ijk", alpha, self.matrix, self.turns)
