"""Landmarks read off the learned anatomy alone, for models whose file names none.

The skinning weight tells where the lips part and where the chin ends; all else follows from the lower face by the proportions of adult
faces (L. G. Farkas 1994) and is put onto the skin. Coarser than what training finds on the neutral (a few mm), good enough to place edits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import AimError
from .face_sites import PAIRED, FaceSites

Floats = NDArray[np.floating]

_BIN_MM = 2.0
_HEIGHTS = {  # over the lower face: subnasale 0, menton -1
    "labrale superius": -0.2, "stomion": -0.33, "labrale inferius": -0.46, "supramentale": -0.58, "pogonion": -0.78, "menton": -1.0, "subnasale": 0.0,
}  # fmt: skip
_ABOVE_MM = {"pronasale": 13.0, "rhinion": 30.0, "nasion": 50.0, "glabella": 66.0, "supraglabella": 80.0}  # over subnasale, adult


def find_sites(neutral: Floats, weight: Floats, up: str, mm_per_unit: float) -> FaceSites:
    """From the neutral (V, 3), model unit, and the skinning weight (V,). Raises AimError when no jaw shows in the weight."""
    axes = np.eye(3) if up == "y" else np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    origin = 0.5 * (neutral.max(0) + neutral.min(0)).astype(np.float64)
    frame = FaceSites(axes, origin, mm_per_unit, {})
    points = frame.to_head(neutral)
    heights, depth, jaw = _profile(points, weight)
    stomion = _lip_line(heights, jaw)
    menton = _chin_end(points, weight, stomion)
    lower = (stomion - menton) / 0.67
    scale, subnasale = lower / 65.0, stomion + 0.33 * lower
    at = {name: subnasale + share * lower for name, share in _HEIGHTS.items()}
    at |= {name: subnasale + mm * scale for name, mm in _ABOVE_MM.items()}
    found = {name: np.array([0.0, y, np.interp(y, heights, depth)]) for name, y in at.items()}
    return FaceSites(axes, origin, mm_per_unit, found | _paired(points, at, found["nasion"][2], scale))


def _profile(points: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Heights in rising order, and at each the z and the skinning weight of the foremost point near the midline."""
    near = np.flatnonzero(np.abs(points[:, 0]) < max(0.04 * np.ptp(points[:, 0]), 1e-9))
    if len(near) < 3:
        near = np.argsort(np.abs(points[:, 0]))[: max(3, len(points) // 20)]
    row = np.floor(points[near, 1] / _BIN_MM).astype(int)
    order = np.lexsort((-points[near, 2], row))
    first = np.unique(row[order], return_index=True)[1]
    chosen = near[order[first]]
    chosen = chosen[np.argsort(points[chosen, 1])]
    return points[chosen, 1], points[chosen, 2], weight[chosen]


def _lip_line(heights: Floats, jaw: Floats) -> float:
    """Height of the highest change from jaw to skull in the profile."""
    half = 0.5 * float(jaw.max(initial=0))
    crossing = np.flatnonzero((jaw[:-1] >= half) & (jaw[1:] < half))
    if half < 0.1 or not len(crossing):
        raise AimError(
            "The jaw does not show in the model's skinning weight, so regions and handles cannot be placed.",
            "The model has no target that opens the jaw, or is no face.", "Train again with this version: landmarks are then kept in the file.",
        )  # fmt: skip
    return float(heights[crossing[-1] : crossing[-1] + 2].mean())


def _chin_end(points: Floats, weight: Floats, stomion: float) -> float:
    """Height of the chin's lower end: the lowest of what follows the jaw and lies in front of the head's middle."""
    jaw = (weight > 0.7 * weight.max()) & (points[:, 2] > 0.65 * points[:, 2].max()) & (np.abs(points[:, 0]) < 0.15 * np.ptp(points[:, 0]))
    lowest = float(np.quantile(points[jaw, 1], 0.05)) if jaw.any() else stomion
    return min(lowest, stomion - 0.1 * float(np.ptp(points[:, 1])))


def _paired(points: Floats, at: dict[str, float], root: float, scale: float) -> dict[str, Floats]:
    """Both sides, by proportion, then onto the skin: from the front for eyes and mouth, from the side for the rest."""
    eye, level = at["nasion"] - 4 * scale, at["nasion"] - 0.35 * (at["nasion"] - at["subnasale"])
    ear, lips, menton = root - 102 * scale, at["stomion"], at["menton"]
    front = {"endocanthion": (17.0, eye), "exocanthion": (44.0, eye), "cheilion": (25.0, lips)}
    lateral = {"tragion": (level, ear), "zygion": (level, ear + 40 * scale), "gonion": (lips - 0.1 * (lips - menton), ear + 26 * scale)}
    found = {}
    for side, sign in (("_l", 1.0), ("_r", -1.0)):
        for name in PAIRED:
            if name in front:
                x, y = sign * front[name][0] * scale, front[name][1]
                found[name + side] = np.array([x, y, _outermost(points[:, [0, 1]], points[:, 2], np.array([x, y]))])
            else:
                y, z = lateral[name]
                found[name + side] = np.array([sign * _outermost(points[:, [1, 2]], sign * points[:, 0], np.array([y, z])), y, z])
    return found


def _outermost(plane: Floats, outward: Floats, at: Floats) -> float:
    """The largest `outward` (V,) of the points nearest to `at` in a plane (V, 2)."""
    distance = np.linalg.norm(plane - at, axis=1)
    near = (distance < 5.0) | (distance <= np.partition(distance, 3)[3])
    return float(outward[near].max())
