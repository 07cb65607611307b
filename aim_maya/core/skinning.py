"""Linear blend skinning between a still skull and a moving jaw, and its inverse.

    LBS(p, T, k) = p + k (T p - p)        k (V,) is the skinning weight: 0 skull, 1 jaw

T p - p is formed as (R - I)(p - centre) + ((R - I) centre + t), with R - I in float64: a head far from the origin loses nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


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
    """The points (V, 3) float64 that skin() takes to `points`: (I + k (R - I))^-1 (p - centre - k offset) + centre."""
    turn, offset = displacement_form(jaw, centre)
    blend = np.eye(3) + np.asarray(weight, np.float64)[:, None, None] * turn
    moved = np.asarray(points, np.float64) - centre - np.asarray(weight, np.float64)[:, None] * offset
    back: Floats = np.linalg.solve(blend, moved[..., None])[..., 0] + centre
    return back
