"""The rigid part of a frame, head and jaw, and how unskinned points answer to small changes of it.

Twists as in core.rigid. The head is H = exp(eta) H0; what is seen, x, is first taken into the head's space, then unskinned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.skinning import displacement_form

from .space import FaceSpace

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


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
    """points (P, 3): where what is seen would be with jaw and head at rest; jacobian (6 or 12, P, 3): minus how they answer to a step, or None."""

    points: Floats
    jacobian: Floats | None


def unskinned(space: FaceSpace, vertices: Ints, seen: Floats, motion: Motion, *, jacobian: bool = False, head: bool = False) -> Unskinned:
    """Take seen points (P, 3) back through `motion`. jacobian: also how they answer to the jaw, and with `head` to the head."""
    k, centre = space.weight[vertices, None], space.centre
    local = rigid.apply(np.linalg.inv(motion.head), seen)
    turn, offset = displacement_form(motion.jaw, centre)
    back = _Back(turn, k)
    points = back(local - centre - k * offset) + centre
    if not jacobian:
        return Unskinned(points, None)
    carried = rigid.apply(motion.jaw, points)
    columns = [back(k * _velocity(carried, twist)) for twist in _left_jacobian(motion.twist).T]
    if head:  # x' = H^-1 x moves by -(w x x' + v)
        columns += [back(_velocity(local, twist)) for twist in np.eye(6)]
    return Unskinned(points, np.array(columns))


def skinned(space: FaceSpace, displaced: Floats, motion: Motion, vertices: Ints | slice = slice(None)) -> Floats:
    """(P, 3) where displaced points of the rest end up."""
    points = space.rest[vertices] + displaced
    turn, offset = displacement_form(motion.jaw, space.centre)
    carried: Floats = points + space.weight[vertices, None] * ((points - space.centre) @ turn.T + offset)
    return rigid.apply(motion.head, carried)


def _velocity(points: Floats, twist: Floats) -> Floats:
    """(P, 3): w x p + v."""
    velocity: Floats = points @ rigid.hat(twist[:3]).T + twist[3:]
    return velocity


def _left_jacobian(twist: Floats) -> Floats:
    """(6, 6) J with exp(twist + d) = exp(J d) exp(twist) to first order: sum ad^n / (n + 1)! (T. Barfoot, State Estimation for Robotics, 7.83)."""
    w, v = rigid.hat(twist[:3]), rigid.hat(twist[3:])
    ad = np.block([[w, np.zeros((3, 3))], [v, w]])
    jacobian, term = np.eye(6), np.eye(6)
    for n in range(1, 16):
        term = term @ ad / (n + 1)
        jacobian = jacobian + term
    return jacobian


class _Back:
    """(I + k (R - I))^-1 for every vertex: as the turn is one for all, by its adjugate as a polynomial in k (P, 1)."""

    def __init__(self, turn: Floats, k: Floats) -> None:
        self._turn, self._k, self._trace = turn, k, float(np.trace(turn))
        self._adjugate = np.array([np.cross(turn[:, 1], turn[:, 2]), np.cross(turn[:, 2], turn[:, 0]), np.cross(turn[:, 0], turn[:, 1])])
        self._scale = 1.0 / (1 + k * (self._trace + k * (float(np.trace(self._adjugate)) + k * float(np.linalg.det(turn)))))

    def __call__(self, vectors: Floats) -> Floats:
        k = self._k
        back: Floats = (vectors * (1 + k * self._trace) - k * (vectors @ self._turn.T) + k * k * (vectors @ self._adjugate.T)) * self._scale
        return back
