"""Skin that runs through itself, at rest or in a trained pose, moves there as one: lips, lids, creases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.regions import smooth_step

_FADE_MM = (8.0, 20.0)  # round a seal: half its reach, at least and at most this on an adult face
_PIECE_MM = 24.0  # of a long seal: so far apart, on an adult face, are the places with a motion of their own
_NEIGHBOURS = 12  # of a group have a say in what skin beside it does
_THIN = 3e-4


class Seals:
    """Groups of vertices in one pose that move as one, each by an affine motion: what ends in it begins in
    it. Round a group the motion goes over into what it would be without.

    Affine, since that alone keeps every triangle of a group on its side of every other, to the last one. A
    long group (the crease under a chin) bends: it has an affine motion for every piece of it, and goes over
    from one into the next.
    """

    def __init__(
        self, groups: Sequence[Ints], points: Floats, size: float, tied: Sequence[Ints] | None = None
    ) -> None:
        """groups: vertex ids each; points (V, 3) mm of the pose; size: of the face, an adult's is 1. tied:
        those of the groups that are tied; all when not given."""
        points = points.astype(np.float64)
        self._parts = [
            _sealed(
                g, np.concatenate([np.zeros(0, np.intp), *(o for o in groups if o is not g)]), points, size
            )
            for g in (groups if tied is None else tied)
        ]
        near = [part[1] for part in self._parts]
        self.near: Ints = np.unique(np.concatenate(near)) if near else np.zeros(0, np.intp)

    def tie(self, motion: Floats) -> None:
        """Motions (K, V, 3), any unit, changed in place."""
        for ids, near, of, share, (onto, away) in self._parts:
            own = motion[:, ids].astype(np.float64)
            change = onto @ (away @ own) - own
            motion[:, near] += np.einsum("nj,knjc->knc", share, change[:, of]).astype(motion.dtype)


_Part = tuple[Ints, Ints, Ints, Floats, tuple[Floats, Floats]]


def _sealed(ids: Ints, others: Ints, points: Floats, size: float) -> _Part:
    """A group's ids (G,); the ids (N,) of all that moves with it, and (N, J) by which shares of what which of
    the group do; from its motion to the affine ones nearest, as `_affine` has it. others: vertices of other
    groups, which it leaves."""
    group = points[ids]
    reach = float(np.linalg.norm(group - group.mean(0), axis=1).max()) / 2
    fade = min(max(reach, _FADE_MM[0] * size), _FADE_MM[1] * size)
    beside = others[_round(group, fade, points[others])]
    if len(beside):
        least = min(float(square.min()) for square in _squares(points[beside], group))
        fade = min(fade, max(float(np.sqrt(least)), 1e-3))
    near = _round(group, fade, points)
    left, of, square = _nearest(points[near], group, min(_NEIGHBOURS, len(ids)), fade)
    near = near[left]
    ramp = np.clip(1 - np.sqrt(square[:, 0]) / fade, 0, 1)
    share = 1 / np.maximum(square, 1e-9) ** 2
    share[square[:, 0] == 0] = np.eye(len(of.T))[0]  # a vertex of the group does what it does itself
    share *= (ramp * ramp * (3 - 2 * ramp) / share.sum(1))[:, None]
    some = ramp > 0
    return ids, near[some], of[some], share[some], _affine(group, _PIECE_MM * size)


def _affine(group: Floats, apart: float) -> tuple[Floats, Floats]:
    """(G, 4P) and (4P, G), whose product takes a motion of a group (G, 3) to the nearest affine one of every
    piece, least squares, blended from piece to piece; apart: middles of pieces, at the most."""
    left = np.linalg.norm(group - group.mean(0), axis=1)
    weights: Floats = np.ones((len(group), 1))
    if float(left.max()) > apart:
        middles = [int(left.argmin())]
        left = np.linalg.norm(group - group[middles[0]], axis=1)
        while float(left.max()) > apart:
            middles.append(int(left.argmax()))
            left = np.minimum(left, np.linalg.norm(group - group[middles[-1]], axis=1))
        away = np.linalg.norm(group[:, None] - group[middles], axis=2)
        weights = smooth_step(away, 2 * apart, 0.0)
    onto, of = [], []
    for weight, share in zip(weights.T, (weights / weights.sum(1, keepdims=True)).T, strict=True):
        even = weight / weight.sum()
        about = group - even @ group
        spread = about.T @ (even[:, None] * about)
        spread += _THIN * max(float(np.trace(spread)), 1e-12) * np.eye(3)  # what is flat has no slope across
        onto.append(share[:, None] * np.column_stack([np.ones(len(group)), about]))
        of.append(np.vstack([even, np.linalg.solve(spread, about.T * even)]))
    return np.concatenate(onto, 1), np.concatenate(of, 0)


def _round(group: Floats, reach: float, points: Floats) -> Ints:
    """Which of points (V, 3) are in the box of a group (G, 3), so much wider on every side."""
    found, low, high = np.arange(len(points)), group.min(0) - reach, group.max(0) + reach
    for axis in range(3):
        at = points[found, axis]
        found = found[(at > low[axis]) & (at < high[axis])]
    return found


def _squares(points: Floats, group: Floats) -> Iterator[Floats]:
    """(some of P, G) squared distances of points (P, 3) from all of group (G, 3), exactly 0 where two are the
    same."""
    for some in np.array_split(points, 1 + len(points) * len(group) // 1_000_000):
        square, apart = np.zeros((2, len(some), len(group)))
        for axis in range(3):
            np.subtract(some[:, None, axis], group[:, axis], out=apart)
            apart *= apart
            square += apart
        yield square


def _nearest(points: Floats, group: Floats, count: int, within: float) -> tuple[Ints, Ints, Floats]:
    """Which of points (P, 3) have any of group (G, 3) within a distance, (N,), all of them at least; which
    those are (N, count), the nearest first, and their squared distances."""
    left, found, squares, first = list[Ints](), list[Ints](), list[Floats](), 0
    for square in _squares(points, group):
        here = np.flatnonzero(square.min(1) < (1 + 1e-6) * within**2)
        left.append(first + here)
        first, square = first + len(square), square[here]
        of = np.argpartition(square, count - 1, 1)[:, :count]
        of = np.take_along_axis(of, np.take_along_axis(square, of, 1).argsort(1, kind="stable"), 1)
        found.append(of)
        squares.append(np.take_along_axis(square, of, 1))
    return np.concatenate(left), np.concatenate(found), np.concatenate(squares)
