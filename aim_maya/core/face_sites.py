"""Where the landmarks of a face lie, in the head's own frame: what regions and edits are placed by, on any topology.

Head frame: millimetres, x to the subject's left from the facial plane, y up, z to the front. Names are those of docs/bones.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

MIDLINE = (
    "supraglabella", "glabella", "nasion", "rhinion", "pronasale", "subnasale", "labrale superius", "stomion", "labrale inferius", "supramentale", "pogonion", "menton",
)  # fmt: skip
PAIRED = ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion")
NAMES = (*MIDLINE, *(f"{name}{side}" for name in PAIRED for side in ("_l", "_r")))


@dataclass(frozen=True)
class FaceSites:
    """axes (3, 3): rows are the head's x, y, z in object space; origin (3,) object space; points {name: (3,)} head frame, mm."""

    axes: Floats
    origin: Floats
    mm_per_unit: float
    points: Mapping[str, Floats]

    def to_head(self, points: Floats) -> Floats:
        """(..., 3) object space, model unit -> head frame, mm."""
        inside: Floats = (np.asarray(points, np.float64) - self.origin) @ self.axes.T * self.mm_per_unit
        return inside

    def to_object(self, vectors: Floats) -> Floats:
        """Offsets (..., 3) in the head frame, mm -> object space, model unit."""
        turned: Floats = vectors @ self.axes / self.mm_per_unit
        return turned

    @property
    def size(self) -> float:
        """The face's height over an adult's: nasion to menton, 115 mm (L. G. Farkas 1994)."""
        return float(self.points["nasion"][1] - self.points["menton"][1]) / 115.0

    def site(self, name: str) -> Floats:
        """A midline landmark, or a paired one as the mean of the left and the mirrored right: (3,) with x >= 0."""
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
        """(..., 2) for points (..., 3), head frame: mm round the head from the facial plane, never negative, and height."""
        back, radius = self._cylinder
        return np.stack([np.arctan2(np.abs(points[..., 0]), points[..., 2] - back) * radius, points[..., 1]], -1)

    def radius(self, points: Floats) -> Floats:
        """(...,) mm from the axis that `unrolled` turns about."""
        return np.hypot(points[..., 0], points[..., 2] - self._cylinder[0])

    def to_json(self) -> dict[str, Any]:
        """What a manifest keeps under "landmarks"."""
        return {"axes": self.axes.tolist(), "origin": self.origin.tolist(), "points": {name: self.points[name].tolist() for name in NAMES}}


def sites_from_json(entry: Mapping[str, Any], mm_per_unit: float) -> FaceSites:
    """Raises KeyError, TypeError or ValueError for an entry that is not whole."""
    points = {name: _finite(entry["points"][name], (3,)) for name in NAMES}
    return FaceSites(_finite(entry["axes"], (3, 3)), _finite(entry["origin"], (3,)), mm_per_unit, points)


def _finite(value: Any, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(value, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"landmarks hold {array.shape}, not finite numbers {shape}")
    return array
