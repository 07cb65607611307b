"""Where the landmarks of a face lie, in the head's own frame: given, or read off the learned anatomy alone.

Head frame: millimetres, x to the subject's left from the facial plane, y up, z to the front. Names are those
of docs/research/bones.md.

The skinning weight tells where the lips part and where the chin ends; all else follows from the lower face by
the proportions of adult faces (L. G. Farkas 1994) and is put onto the skin. Coarser than what training finds
on the neutral (a few mm), good enough to place edits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats

from .errors import AimError

# Where the landmarks of a face lie, in the head's own frame: what regions and edits are placed by, on any
# topology.

MIDLINE = (
    "supraglabella",
    "glabella",
    "nasion",
    "rhinion",
    "pronasale",
    "subnasale",
    "labrale superius",
    "stomion",
    "labrale inferius",
    "supramentale",
    "pogonion",
    "menton",
)
PAIRED = ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion")
NAMES = (*MIDLINE, *(f"{name}{side}" for name in PAIRED for side in ("_l", "_r")))


@dataclass(frozen=True)
class HeadFrame:
    """axes (3, 3): rows are the head's x, y and z in object space; origin (3,) object space; mm_per_unit."""

    axes: Floats
    origin: Floats
    mm_per_unit: float

    def to_head(self, points: Floats) -> Floats:
        """(..., 3) object space, model unit -> head frame, mm."""
        inside: Floats = (np.asarray(points, np.float64) - self.origin) @ self.axes.T * self.mm_per_unit
        return inside

    def to_object(self, points: Floats) -> Floats:
        """The inverse of to_head."""
        back: Floats = points / self.mm_per_unit @ self.axes + self.origin
        return back

    def turned_to_object(self, vectors: Floats) -> Floats:
        """Offsets (..., 3) in the head frame, mm -> object space, model unit."""
        turned: Floats = vectors @ self.axes / self.mm_per_unit
        return turned


# Proportions of adult faces (L. G. Farkas 1994): for what cannot be seen on a face. Lengths are mm of an
# adult's.

ADULT_MM = 115.0  # nasion to menton
LOWER_FACE = {  # heights over the lower face: subnasale 0, menton -1
    "labrale superius": -0.2,
    "stomion": -0.33,
    "labrale inferius": -0.46,
    "supramentale": -0.58,
    "pogonion": -0.78,
}
NOSE = {"rhinion": -0.45, "glabella": 0.5, "supraglabella": 1.1}  # over the nose: nasion 0, pronasale -1
# over subnasale
ABOVE_MM = {"pronasale": 13.0, "rhinion": 30.0, "nasion": 50.0, "glabella": 66.0, "supraglabella": 80.0}
ASIDE_MM = {  # from the facial plane
    "endocanthion": 17.0,
    "exocanthion": 44.0,
    "cheilion": 25.0,
    "tragion": 72.0,
    "zygion": 68.0,
    "gonion": 52.0,
}
EYES_BELOW_MM, EARS_BEHIND_MM, GONION_BEFORE_MM = 4.0, 102.0, 26.0  # nasion, nasion, tragion


def ear_height(nasion: float, subnasale: float) -> float:
    """Of tragion and zygion."""
    return nasion - 0.35 * (nasion - subnasale)


def gonion_height(stomion: float, menton: float) -> float:
    """Of the angle of the jaw."""
    return stomion - 0.1 * (stomion - menton)


@dataclass(frozen=True)
class FaceSites(HeadFrame):
    """points {name: (3,)} head frame, mm, beside the frame itself."""

    points: Mapping[str, Floats]

    @property
    def size(self) -> float:
        """The face's height over an adult's."""
        return float(self.points["nasion"][1] - self.points["menton"][1]) / ADULT_MM

    def site(self, name: str) -> Floats:
        """A midline landmark, or a paired one as the mean of the left and the mirrored right: (3,) with x >=
        0."""
        if name in self.points:
            return self.points[name]
        mean: Floats = 0.5 * (self.points[f"{name}_l"] + self.points[f"{name}_r"] * [-1.0, 1.0, 1.0])
        return mean

    @cached_property
    def _cylinder(self) -> tuple[float, float]:
        """z of the upright axis that the face is unrolled about, and the radius at the root of the nose."""
        back = float(self.site("tragion")[2])
        return back, float(self.points["nasion"][2]) - back

    def unrolled(self, points: Floats) -> Floats:
        """(..., 2) for points (..., 3), head frame: mm round the head from the facial plane, never negative,
        and height."""
        back, radius = self._cylinder
        return np.stack(
            [np.arctan2(np.abs(points[..., 0]), points[..., 2] - back) * radius, points[..., 1]], -1
        )

    def radius(self, points: Floats) -> Floats:
        """(...,) mm from the axis that `unrolled` turns about."""
        return np.hypot(points[..., 0], points[..., 2] - self._cylinder[0])

    def to_json(self) -> dict[str, Any]:
        """What a manifest keeps under "landmarks"."""
        return {
            "axes": self.axes.tolist(),
            "origin": self.origin.tolist(),
            "points": {name: self.points[name].tolist() for name in NAMES},
        }


def sites_from_json(entry: Mapping[str, Any], mm_per_unit: float) -> FaceSites:
    """Raises KeyError, TypeError or ValueError for an entry that is not whole."""
    points = {name: _finite(entry["points"][name], (3,)) for name in NAMES}
    return FaceSites(_finite(entry["axes"], (3, 3)), _finite(entry["origin"], (3,)), mm_per_unit, points)


def _finite(value: Any, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(value, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"landmarks hold {array.shape}, not finite numbers {shape}")
    return array


# Landmarks read off the learned anatomy alone, for models whose file names none.

_BIN_MM = 2.0
_LIPS_ABOVE = 0.67  # where the lips meet, over the lower face from menton on
_LOWER_FACE_MM = 65.0  # subnasale to menton
_ZYGION_BEFORE_MM = 40.0  # tragion


def find_sites(neutral: Floats, weight: Floats, up: str, mm_per_unit: float) -> FaceSites:
    """From the neutral (V, 3), model unit, and the skinning weight (V,). Raises AimError when no jaw shows in
    the weight."""
    axes = np.eye(3) if up == "y" else np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    origin = 0.5 * (neutral.max(0) + neutral.min(0)).astype(np.float64)
    frame = FaceSites(axes, origin, mm_per_unit, {})
    points = frame.to_head(neutral)
    heights, depth, jaw = _profile(points, weight)
    stomion = _lip_line(heights, jaw)
    menton = _chin_end(points, weight, stomion)
    lower = (stomion - menton) / _LIPS_ABOVE
    scale, subnasale = lower / _LOWER_FACE_MM, stomion - LOWER_FACE["stomion"] * lower
    heights_over = LOWER_FACE | {"menton": -1.0, "subnasale": 0.0}
    at = {name: subnasale + share * lower for name, share in heights_over.items()}
    at |= {name: subnasale + mm * scale for name, mm in ABOVE_MM.items()}
    found = {name: np.array([0.0, y, np.interp(y, heights, depth)]) for name, y in at.items()}
    return FaceSites(axes, origin, mm_per_unit, found | _paired(points, at, found["nasion"][2], scale))


def _profile(points: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Heights in rising order, and at each the z and the skinning weight of the foremost point near the
    midline."""
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
            "The model has no target that opens the jaw, or is no face.",
            "Train again with this version: landmarks are then kept in the file.",
        )
    return float(heights[crossing[-1] : crossing[-1] + 2].mean())


def _chin_end(points: Floats, weight: Floats, stomion: float) -> float:
    """Height of the chin's lower end: the lowest of what follows the jaw and lies in front of the head's
    middle."""
    jaw = (
        (weight > 0.7 * weight.max())
        & (points[:, 2] > 0.65 * points[:, 2].max())
        & (np.abs(points[:, 0]) < 0.15 * np.ptp(points[:, 0]))
    )
    lowest = float(np.quantile(points[jaw, 1], 0.05)) if jaw.any() else stomion
    return min(lowest, stomion - 0.1 * float(np.ptp(points[:, 1])))


def _paired(points: Floats, at: dict[str, float], root: float, scale: float) -> dict[str, Floats]:
    """Both sides, by proportion, then onto the skin: from the front for eyes and mouth, from the side for the
    rest."""
    eye, level = at["nasion"] - EYES_BELOW_MM * scale, ear_height(at["nasion"], at["subnasale"])
    ear = root - EARS_BEHIND_MM * scale
    front = {"endocanthion": eye, "exocanthion": eye, "cheilion": at["stomion"]}
    lateral = {
        "tragion": (level, ear),
        "zygion": (level, ear + _ZYGION_BEFORE_MM * scale),
        "gonion": (gonion_height(at["stomion"], at["menton"]), ear + GONION_BEFORE_MM * scale),
    }
    found = {}
    for side, sign in (("_l", 1.0), ("_r", -1.0)):
        for name in PAIRED:
            if name in front:
                x, y = sign * ASIDE_MM[name] * scale, front[name]
                found[name + side] = np.array(
                    [x, y, _outermost(points[:, [0, 1]], points[:, 2], np.array([x, y]))]
                )
            else:
                y, z = lateral[name]
                found[name + side] = np.array(
                    [sign * _outermost(points[:, [1, 2]], sign * points[:, 0], np.array([y, z])), y, z]
                )
    return found


def _outermost(plane: Floats, outward: Floats, at: Floats) -> float:
    """The largest `outward` (V,) of the points nearest to `at` in a plane (V, 2)."""
    distance = np.linalg.norm(plane - at, axis=1)
    near = (distance < 5.0) | (distance <= np.partition(distance, 3)[3])
    return float(outward[near].max())
