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
    """points (P, 3): where what is seen would be with the jaw and head at rest; jacobian (P, 3, 6 or 12): minus how they answer to a step."""

    points: Floats
    jacobian: Floats


def unskinned(space: FaceSpace, vertices: Ints, seen: Floats, motion: Motion, head: bool) -> Unskinned:
    """Take seen points (P, 3) back through `motion`. head: also how they answer to the head."""
    k, centre = space.weight[vertices], space.centre
    local = rigid.apply(np.linalg.inv(motion.head), seen)
    turn, offset = displacement_form(motion.jaw, centre)
    back = _inverses(np.eye(3) + k[:, None, None] * turn)
    points = np.einsum("vab,vb->va", back, local - centre - k[:, None] * offset) + centre
    carried = rigid.apply(motion.jaw, points)
    columns = np.einsum("vab,vbc->vac", back * k[:, None, None], _velocities(carried) @ _left_jacobian(motion.twist))
    if head:  # x' = H^-1 x moves by -(w x x' + v)
        columns = np.concatenate([columns, np.einsum("vab,vbc->vac", back, _velocities(local))], axis=2)
    return Unskinned(points, columns)


def skinned(space: FaceSpace, displaced: Floats, motion: Motion, vertices: Ints | slice = slice(None)) -> Floats:
    """(P, 3) where displaced points of the rest end up."""
    points = space.rest[vertices] + displaced
    turn, offset = displacement_form(motion.jaw, space.centre)
    carried: Floats = points + space.weight[vertices, None] * ((points - space.centre) @ turn.T + offset)
    return rigid.apply(motion.head, carried)


def _velocities(points: Floats) -> Floats:
    """(P, 3, 6): w x p + v as a matrix on (w, v)."""
    columns = np.zeros((len(points), 3, 6))
    x, y, z = points.T
    columns[:, 0, 1], columns[:, 0, 2] = z, -y
    columns[:, 1, 0], columns[:, 1, 2] = -z, x
    columns[:, 2, 0], columns[:, 2, 1] = y, -x
    columns[:, :, 3:] = np.eye(3)
    return columns


def _left_jacobian(twist: Floats, step: float = 1e-6) -> Floats:
    """(6, 6) J with exp(twist + d) = exp(J d) exp(twist) to first order, by central differences."""
    columns = []
    for axis in np.eye(6):
        ahead, behind = rigid.exp(twist + step * axis), rigid.exp(twist - step * axis)
        columns.append(rigid.log(ahead @ np.linalg.inv(behind)) / (2 * step))
    return np.array(columns).T


def _inverses(matrices: Floats) -> Floats:
    """(P, 3, 3) inverses by cofactors: ten times as fast as a general solve of small matrices."""
    a, b, c = matrices[:, 0], matrices[:, 1], matrices[:, 2]
    rows = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=2)
    inverses: Floats = rows / np.einsum("va,va->v", a, np.cross(b, c))[:, None, None]
    return inverses
