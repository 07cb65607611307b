"""The detail layer: every trained shape, exact at its trained pose, in a few bytes a vertex.

The neutral is kept as float32, displacements as int16 with one scale a target where that stays within tolerance, else float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def tolerance(points: Floats, mm_per_unit: float) -> float:
    """What counts as equal, in model units: max(0.001 mm, 4 ulp of the largest coordinate)."""
    return max(1e-3 / mm_per_unit, 4 * float(np.spacing(np.float32(np.abs(points).max()))))


@dataclass(frozen=True)
class Detail:
    """steps (T, V, 3) int16 and scales (T,) float32 (displacement = step * scale), or, where exact, (T, V, 3) float32 and ones."""

    steps: NDArray[np.generic]
    scales: Floats

    @classmethod
    def encode(cls, displacements: Floats, within: float) -> Detail:
        """Quantise displacements (T, V, 3), model unit; int16 only when half a step is under a quarter of `within`."""
        largest = np.abs(displacements).max(axis=(1, 2), initial=0)
        scales = np.where(largest > 0, largest / 32767, 1.0).astype(np.float32)
        if len(scales) and scales.max(where=largest > 0, initial=0) / 2 > within / 4:
            return cls(displacements.astype(np.float32), np.ones(len(scales), np.float32))
        steps = np.rint(displacements / scales.astype(np.float64)[:, None, None]).astype(np.int16)
        return cls(steps, scales)

    def displacements(self) -> Floats:
        """(T, V, 3) float32, model unit."""
        return np.multiply(self.steps, self.scales[:, None, None], dtype=np.float32)
