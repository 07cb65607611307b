"""What a rig's weights mean for a model: activations, the jaw's motion, linear blend skinning, the tables
solved at the trained poses, and the detail that makes these exact.

    LBS(p, T, k) = p + k (T p - p)        k (V,) is the skinning weight: 0 skull, 1 jaw

T p - p is formed as (R - I)(p - centre) + ((R - I) centre + t), with R - I in float64: a head far from the
origin loses nothing.

Row p of the pose matrix A (T, T) holds the activations of all targets at the pose in which target p was
captured. For plain targets it is the identity; a combination's row also names its parents. Any quantity that
is a sum over active targets and known at the trained poses follows from A^-1: displacements before skinning,
jaw twists, linear deltas.

The neutral is kept as float32; of displacements the points that move, as int16 with one scale a target where
that stays within tolerance, else float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints

from . import rigid
from .controls import Rig
from .errors import AimError


def moving(rows: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(V,) which displacements (V, 3) are not zero: rows.any(1), and several times as fast, since numpy is slow
    with rows of three."""
    x, y, z = rows.T
    found: NDArray[np.bool_] = (x != 0) | (y != 0) | (z != 0)
    return found


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


_BITS = np.array([bin(i).count("1") for i in range(256)], np.uint8)


@dataclass(frozen=True)
class Detail:
    """Displacements of T targets over V vertices, of the points alone that move, model unit.

    moved (T, ceil(V / 8)) uint8: a bit a vertex, the first one highest. steps (N, 3) int16 and exact (M, 3)
    float32: the moved points target after target, in the vertices' order; exact those of targets whose scale
    is 0, steps those of the others, a displacement being step * scale (T,) float32.
    """

    moved: NDArray[np.uint8]
    steps: NDArray[np.int16]
    exact: Floats
    scales: Floats
    vertices: int

    @classmethod
    def encode(cls, displacements: Iterable[Floats], within: float) -> Detail:
        """Of rows (V, 3), model unit. A point that moves by less than a quarter of `within` stays; steps are
        int16 where half a step is under that, too."""
        return _joined([_encoded(row, within) for row in displacements])

    @classmethod
    def of_whole(cls, steps: NDArray[np.generic], scales: Floats) -> Detail:
        """Of steps (T, V, 3) int16, or float32 whose scales are ones: as files before schema 2 have it. What
        it stands for is the same to the last bit."""
        whole = steps.dtype != np.int16
        rows = []
        for step, scale in zip(steps, scales.tolist(), strict=True):
            moves = moving(step)
            rows.append((moves, step[moves], 0.0 if whole else scale))
        return _joined(rows)

    @cached_property
    def _starts(self) -> tuple[Ints, Ints]:
        """(T + 1,) where each target's points begin among steps, and among exact."""
        counts = self.counts
        plain = self.scales == 0
        return (
            np.concatenate([[0], np.cumsum(np.where(plain, 0, counts))]),
            np.concatenate([[0], np.cumsum(np.where(plain, counts, 0))]),
        )

    @cached_property
    def counts(self) -> Ints:
        """(T,) how many points each target moves."""
        return _BITS[self.moved].sum(1, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.scales)

    def moves(self, i: int) -> NDArray[np.bool_]:
        """(V,) which points target i moves."""
        return np.unpackbits(self.moved[i], count=self.vertices).view(np.bool_)

    def _kept(self, i: int) -> NDArray[np.generic]:
        exact = self.scales[i] == 0
        starts = self._starts[int(exact)]
        return (self.exact if exact else self.steps)[starts[i] : starts[i + 1]]

    def points(self, i: int) -> tuple[Ints, Floats]:
        """(M,) ids of the points that target i moves, and (M, 3) float32 by how much."""
        kept, scale = self._kept(i), self.scales[i]
        values = kept if scale == 0 else np.multiply(kept, scale, dtype=np.float32)
        return np.flatnonzero(self.moves(i)), np.asarray(values, np.float32)

    def __getitem__(self, i: int) -> Floats:
        """(V, 3) float32 of target i, zeros where nothing moves."""
        row = np.zeros((self.vertices, 3), np.float32)
        ids, values = self.points(i)
        row[ids] = values
        return row

    def with_rows(self, ids: Sequence[int], displacements: Iterable[Floats], within: float) -> Detail:
        """Some rows, displacements (N, V, 3), encoded anew; what the others stand for is the same to the last
        bit."""
        rows = [(self.moves(i), self._kept(i), float(self.scales[i])) for i in range(len(self))]
        for i, row in zip(ids, displacements, strict=True):
            rows[i] = _encoded(row, within)
        return _joined(rows)

    def of(self, vertices: Ints) -> Detail:
        """The same on other vertices, each of which moves as one of these does."""
        rows = []
        for i in range(len(self)):
            moves = self.moves(i)
            place = np.cumsum(moves) - 1
            rows.append(
                (moves[vertices], self._kept(i)[place[vertices[moves[vertices]]]], float(self.scales[i]))
            )
        return _joined(rows)

    def displacements(self) -> Floats:
        """(T, V, 3) float32, model unit, all of it: made anew by every call."""
        return np.stack([self[i] for i in range(len(self))])


@dataclass(frozen=True)
class Columns:
    """Displacements of T targets over V vertices as sums of few columns, which is what a network's last layer
    gives: columns (V, R) float32, or int16 as files of schema 2 have them, times mix (R, 3T) float32, model
    unit."""

    columns: NDArray[Any]
    mix: Floats

    def __len__(self) -> int:
        return self.mix.shape[1] // 3

    def __getitem__(self, i: int) -> Floats:
        """(V, 3) float32 of target i."""
        made: Floats = self.columns.astype(np.float32, copy=False) @ self.mix[:, 3 * i : 3 * i + 3]
        return made

    def rows(self, first: int, end: int) -> Floats:
        """(N, V, 3) float32 of targets first to end, which takes little longer than one of them."""
        made = self.columns.astype(np.float32, copy=False) @ self.mix[:, 3 * first : 3 * end]
        return np.ascontiguousarray(made.reshape(len(made), -1, 3).transpose(1, 0, 2))


_Row = tuple[NDArray[np.bool_], NDArray[np.generic], float]


def _encoded(row: Floats, within: float) -> _Row:
    """(V,) which points move, their steps (M, 3), and the scale."""
    row = np.asarray(row)
    largest = float(np.abs(row).max(initial=0))
    scale = float(np.float32(max(largest / 32767, within / 16)))
    if not largest <= 32767 * scale:
        scale = float(np.nextafter(np.float32(scale), np.float32(np.inf)))
    if scale / 2 > within / 4:
        far = np.asarray((np.abs(row) > within / 4).any(1))
        return far, row[far].astype(np.float32), 0.0
    steps = np.rint(row * (1 / scale)).astype(np.int16)
    moves = moving(steps)
    return moves, steps[moves], scale


def _joined(rows: Sequence[_Row]) -> Detail:
    vertices = len(rows[0][0]) if rows else 0
    none: list[NDArray[Any]] = [np.zeros((0, 3))]
    return Detail(
        np.packbits(np.array([moves for moves, _, _ in rows]).reshape(len(rows), vertices), axis=1),
        np.concatenate(none + [steps for _, steps, scale in rows if scale != 0]).astype(np.int16),
        np.concatenate(none + [steps for _, steps, scale in rows if scale == 0]).astype(np.float32),
        np.array([scale for _, _, scale in rows], np.float32),
        vertices,
    )
