"""One frame of dense or sparse 3D points: head and jaw by a few Gauss-Newton steps, and weights by one linear
solve.

Twists as in core.rigid. The head is H = exp(eta) H0; what is seen, x, is first taken into the head's space,
then unskinned.

For a given motion the unskinned points are linear in the unknowns, whose normal equations are factorised once
for all frames that see the same vertices (Seen). What is left is a small problem in the motion alone: its
gradient is exact, its Hessian (with the weights eliminated) is kept until the motion has gone far (variable
projection; G. Golub and V. Pereyra, 2003). Points that are missing in this frame only, and outliers, are
replaced by what the current fit says (additive half-quadratic, M. Nikolova and M. Ng, 2005): the
factorisation stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.posing import displacement_form

from .equations import Seen, complete
from .space import FaceSpace

# The rigid part of a frame, head and jaw, and how unskinned points answer to small changes of it.


@dataclass(frozen=True, eq=False)
class Motion:
    """twist (6,) of the jaw, head (4, 4): one frame's state."""

    twist: Floats
    head: Floats

    @property
    def jaw(self) -> Floats:
        """(4, 4)."""
        return rigid.exp(self.twist)

    def moved(self, step: Floats) -> Motion:
        """After a step (6,) of the jaw's twist, or (12,) with one of the head in its own space."""
        head = self.head @ rigid.exp(step[6:]) if len(step) > 6 else self.head
        return Motion(self.twist + step[:6], head)


@dataclass(frozen=True, eq=False)
class Unskinned:
    """points (P, 3): where what is seen would be with jaw and head at rest; jacobian (6 or 12, P, 3): minus
    how they answer to a step, or None."""

    points: Floats
    jacobian: Floats | None


def unskinned(
    space: FaceSpace,
    vertices: Ints,
    seen: Floats,
    motion: Motion,
    *,
    jacobian: bool = False,
    head: bool = False,
) -> Unskinned:
    """Take seen points (P, 3) back through `motion`. jacobian: also how they answer to the jaw, and with
    `head` to the head."""
    k, centre = space.weight[vertices, None], space.centre
    local = rigid.apply(np.linalg.inv(motion.head), seen)
    turn, offset = displacement_form(motion.jaw, centre)
    back = _Back(turn, k)
    points = back(local - centre - k * offset) + centre
    if not jacobian:
        return Unskinned(points, None)
    carried = rigid.apply(motion.jaw, points)
    columns = [back(k * _velocity(carried, twist)) for twist in rigid.left_jacobian(motion.twist).T]
    if head:  # x' = H^-1 x moves by -(w x x' + v)
        columns += [back(_velocity(local, twist)) for twist in np.eye(6)]
    return Unskinned(points, np.array(columns))


def skinned(
    space: FaceSpace, displaced: Floats, motion: Motion, vertices: Ints | slice = slice(None)
) -> Floats:
    """(P, 3) where displaced points of the rest end up."""
    points = space.rest[vertices] + displaced
    turn, offset = displacement_form(motion.jaw, space.centre)
    carried: Floats = points + space.weight[vertices, None] * ((points - space.centre) @ turn.T + offset)
    return rigid.apply(motion.head, carried)


def _velocity(points: Floats, twist: Floats) -> Floats:
    """(P, 3): w x p + v."""
    velocity: Floats = points @ rigid.hat(twist[:3]).T + twist[3:]
    return velocity


class _Back:
    """(I + k (R - I))^-1 for every vertex: as the turn is one for all, by its adjugate as a polynomial in k
    (P, 1)."""

    def __init__(self, turn: Floats, k: Floats) -> None:
        self._turn, self._k, self._trace = turn, k, float(np.trace(turn))
        self._adjugate = np.array(
            [
                np.cross(turn[:, 1], turn[:, 2]),
                np.cross(turn[:, 2], turn[:, 0]),
                np.cross(turn[:, 0], turn[:, 1]),
            ]
        )
        self._scale = 1.0 / (
            1 + k * (self._trace + k * (float(np.trace(self._adjugate)) + k * float(np.linalg.det(turn))))
        )

    def __call__(self, vectors: Floats) -> Floats:
        k = self._k
        back: Floats = (
            vectors * (1 + k * self._trace)
            - k * (vectors @ self._turn.T)
            + k * k * (vectors @ self._adjugate.T)
        ) * self._scale
        return back


# One frame of dense or sparse 3D points: head and jaw by a few Gauss-Newton steps, and weights by one linear
# solve.

_STEPS, _ENOUGH_MM, _FAR_MM, _FILLS = 6, 0.02, 15.0, 3


@dataclass(frozen=True, eq=False)
class Frame:
    """unknowns (K,), the motion, and the mean distance (model unit) of the points that were really seen, NaN
    where none was."""

    unknowns: Floats
    motion: Motion
    residual: float


class MotionSolver:
    """Solves frames that see the vertices of `seen`; carries the last frame over as a start for the next.

    head: solve the head's motion, too. limit: distance in model units beyond which a point counts no more
    than that.
    """

    def __init__(self, space: FaceSpace, seen: Seen, *, head: bool, limit: float = np.inf) -> None:
        self.space, self.seen, self.head, self.limit = space, seen, head, limit
        self._curvature: tuple[Motion, Floats] | None = None
        self._reach = float(np.linalg.norm(space.rest - space.centre, axis=1).max())

    def solve(self, points: Floats, start: Frame | None) -> Frame:
        """points (P, 3) of the seen vertices, NaN where this frame lacks one."""
        known = complete(points)
        motion = start.motion if start else Motion(np.zeros(6), np.eye(4))
        if start is None and self.head:
            motion = Motion(motion.twist, self._first_head(points, known))
        u = start.unknowns if start else np.zeros(self.space.count)
        filled = np.where(known[:, None], points, 0.0)
        residual = np.nan
        for steps in range(_STEPS):
            u, step, residual = self._step(
                filled,
                known,
                motion,
                u,
                fill=start is not None or steps > 0,
                limit=self.limit if steps else np.inf,
            )
            gone = motion.moved(step)
            motion = Motion(within_bite(gone.twist, self.space), gone.head)
            if self._travel(step) < _ENOUGH_MM / self.space.mm_per_unit and (steps or known.all()):
                break
        return Frame(u, motion, residual)

    def _step(
        self, points: Floats, known: NDArray[np.bool_], motion: Motion, u: Floats, fill: bool, limit: float
    ) -> tuple[Floats, Floats, float]:
        space, seen = self.space, self.seen
        back = unskinned(space, seen.vertices, points, motion, jacobian=True, head=self.head)
        displacement = seen.whitened(back.points - space.rest[seen.vertices])
        displacement = trusted(seen, displacement, known, u if fill else None, limit)
        pull = space.jaw_mean.T @ (space.jaw_precision @ motion.twist)
        u = seen.solved(seen.gathered(displacement) + pull)
        left = displacement - seen.predicted(u)
        assert back.jacobian is not None
        jacobian = seen.whitened(back.jacobian)
        gradient = -np.einsum("nva,va->n", jacobian, left) / seen.noise**2
        apart = motion.twist - space.jaw_mean @ u
        gradient[:6] += space.jaw_precision @ apart
        return u, -np.linalg.solve(self._hessian(motion, jacobian), gradient), seen.mean_distance(left, known)

    def _hessian(self, motion: Motion, jacobian: Floats) -> Floats:
        """(6 or 12)^2 with the unknowns eliminated; taken anew when jaw or head have gone more than a few
        degrees or mm."""
        if self._curvature is not None:
            before, hessian = self._curvature
            if (
                self._travel(motion.twist - before.twist) < _FAR_MM / self.space.mm_per_unit
                and np.abs(motion.head - before.head)[:3, :3].max() < 0.15
            ):
                return hessian
        seen, space = self.seen, self.space
        cross = np.stack([seen.gathered(column) for column in jacobian], axis=1)
        hessian = np.einsum("nva,mva->nm", jacobian, jacobian, optimize=True) / seen.noise**2
        cross[:, :6] -= space.jaw_mean.T @ space.jaw_precision
        hessian[:6, :6] += space.jaw_precision
        hessian -= cross.T @ seen.solved(cross)
        hessian += 1e-9 * np.diag(np.abs(np.diag(hessian)) + 1e-30)
        self._curvature = (motion, hessian)
        return hessian

    def _travel(self, step: Floats) -> float:
        """How far a step carries points at the most, model unit."""
        return float(
            max(
                np.linalg.norm(s[:3]) * self._reach
                + np.linalg.norm(s[3:] + np.cross(s[:3], self.space.centre))
                for s in step.reshape(-1, 6)
            )
        )

    def _first_head(self, points: Floats, known: NDArray[np.bool_]) -> Floats:
        still = np.clip(1.0 - self.space.weight[self.seen.vertices][known], 0.05, 1.0)
        return (
            rigid.kabsch(self.space.rest[self.seen.vertices][known], points[known], still)
            if known.sum() >= 3
            else np.eye(4)
        )


class WeightSolver:
    """The weights of a frame whose motion is known; all frames that see the same vertices share one
    factorisation. limit: as for the motion. limits: the least and the largest that an unknown may be."""

    def __init__(
        self,
        space: FaceSpace,
        seen: Seen,
        *,
        limit: float = np.inf,
        limits: tuple[float, float] | None = None,
    ) -> None:
        self.space, self.seen, self.limit, self.limits = space, seen, limit, limits

    def solve(self, points: Floats, motion: Motion, start: Floats | None) -> Frame:
        """points (P, 3) of the seen vertices, NaN where this frame lacks one; start (K,): the frame
        before.
        """
        space, seen = self.space, self.seen
        known = complete(points)
        back = unskinned(space, seen.vertices, np.where(known[:, None], points, 0.0), motion)
        whole = seen.whitened(back.points - space.rest[seen.vertices])
        pull = space.jaw_mean.T @ (space.jaw_precision @ motion.twist)
        u = seen.solved_within(seen.gathered(trusted(seen, whole, known, start, np.inf)) + pull, self.limits)
        left = whole - seen.predicted(u)
        for _ in range(_FILLS - 1):
            if known.all() and float((left**2).sum(axis=1).max(initial=0.0)) <= self.limit**2:
                break
            u = seen.solved_within(
                seen.gathered(trusted(seen, whole, known, u, self.limit)) + pull, self.limits
            )
            left = whole - seen.predicted(u)
        return Frame(u, motion, seen.mean_distance(left, known))

    def squares(self, points: Floats, frame: Frame) -> float:
        """Squared whitened residual of a solved frame, summed over its points (P, 3)."""
        back = unskinned(self.space, self.seen.vertices, points, frame.motion)
        left = self.seen.whitened(back.points - self.space.rest[self.seen.vertices]) - self.seen.predicted(
            frame.unknowns
        )
        return float((left**2).sum())


def trusted(
    seen: Seen, displacement: Floats, known: NDArray[np.bool_], u: Floats | None, limit: float
) -> Floats:
    """The whitened displacement (P, 3) with outliers drawn in to `limit`, and points that are missing put
    where u (K,) has them.

    An outlier is far off beside the others, too: where half of the points are, the model is what is off.
    """
    if known.all() and (u is None or not np.isfinite(limit)):
        return displacement
    predicted = np.zeros_like(displacement) if u is None else seen.predicted(u)
    left = displacement - predicted
    if u is not None and np.isfinite(limit):
        length = np.linalg.norm(left, axis=1, keepdims=True)
        reach = max(limit, 4.0 * float(np.median(length[known]))) if known.any() else limit
        left = left * np.minimum(1.0, reach / np.maximum(length, 1e-30))
    drawn_in: Floats = predicted + np.where(known[:, None], left, 0.0)
    return drawn_in


def within_bite(twist: Floats, space: FaceSpace) -> Floats:
    """The twist (6,) without what would close the jaw beyond the neutral: the teeth are there.

    Opening is the motion of the target that turns the jaw furthest; rigs that turn it by less than three
    degrees are left alone.
    """
    turns = np.linalg.norm(space.twists[:, :3], axis=1)
    if not len(turns) or turns.max() < np.radians(3):
        return twist
    opening = space.twists[turns.argmax()]
    share = float(twist[:3] @ opening[:3]) / float(opening[:3] @ opening[:3])
    return twist - min(share, 0.0) * opening
