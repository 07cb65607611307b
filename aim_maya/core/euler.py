"""Rigid motions as translations and angles, for curves and keys: rotated about x first, then y, then z, as Maya's rotateOrder xyz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def translations_rotations(motions: Floats) -> Floats:
    """(F, 6) float64 tx ty tz rx ry rz (degrees) of rigid (F, 4, 4), R = Rz Ry Rx; angles go on from frame to frame without a jump.

    Of the two ways to write a rotation each frame takes the one nearer to the frame before.
    """
    r = np.asarray(motions, np.float64)[:, :3, :3]
    y = np.arcsin(np.clip(-r[:, 2, 0], -1, 1))
    locked = np.abs(r[:, 2, 0]) > 1 - 1e-12
    x = np.where(locked, 0.0, np.arctan2(r[:, 2, 1], r[:, 2, 2]))
    z = np.where(locked, np.arctan2(-r[:, 0, 1], r[:, 1, 1]), np.arctan2(r[:, 1, 0], r[:, 0, 0]))
    one, other = np.stack([x, y, z], 1), np.stack([x + np.pi, np.pi - y, z + np.pi], 1)
    angles, before = np.empty_like(one), np.zeros(3)
    for f in range(len(one)):
        ways = [a + 2 * np.pi * np.round((before - a) / (2 * np.pi)) for a in (one[f], other[f])]
        angles[f] = before = min(ways, key=lambda a: float(np.abs(a - before).sum()))
    return np.hstack([np.asarray(motions, np.float64)[:, :3, 3], np.degrees(angles)])
