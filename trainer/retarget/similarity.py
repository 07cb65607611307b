"""The best similarity between two sets of points: rotation, one scale, translation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Similarity:
    """q = scale rotation p + shift."""

    rotation: Floats
    scale: float
    shift: Floats

    def apply(self, points: Floats) -> Floats:
        """(P, 3)."""
        moved: Floats = self.scale * points @ self.rotation.T + self.shift
        return moved


def similarity(source: Floats, target: Floats) -> Similarity:
    """Least squares from source (P, 3) to target (P, 3), after S. Umeyama (1991)."""
    rotation = rigid.kabsch(source, target)[:3, :3]
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = float((a**2).sum())
    scale = float(((a @ rotation.T) * b).sum()) / spread if spread > 0 else 1.0
    scale = scale if scale > 0 else 1.0
    return Similarity(rotation, scale, target.mean(axis=0) - scale * rotation @ source.mean(axis=0))
