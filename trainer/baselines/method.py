"""What every compared method is given and gives back. All lengths are millimetres, so that one setting means the same on every actor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel

Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """bone (V, 3), normals (V, 3) unit, thickness (V,), share (V,) of the jaw's motion, and the trained jaw's motion at every target (T, 4, 4)."""

    bone: Floats
    normals: Floats
    thickness: Floats
    share: Floats
    jaws: Floats


@dataclass(frozen=True, eq=False)
class Face:
    """The actor as the baselines know it: neutral (V, 3) float64 and deltas (V, 3, T) float32, mm; anatomy and model where a trained one is at hand."""

    name: str
    mesh: Mesh
    neutral: Floats
    deltas: Floats
    targets: tuple[str, ...]
    anatomy: Anatomy | None = None
    model: FaceModel | None = None

    @property
    def motion(self) -> Floats:
        """(V,) mm: the furthest that any target moves a vertex."""
        longest: Floats = np.linalg.norm(self.deltas, axis=1).max(axis=1, initial=0.0)
        return longest


@dataclass(frozen=True, eq=False)
class Observed:
    """What a method may see of a take: frame(f) -> (V, 3) mm with NaN where nothing is seen, the same vertices `seen` (V,) in all frames.

    clip (F,) ids of continuous pieces. head_moves: whether the head's motion is unknown; where it is still, no method solves for it.
    drift_mm: how far the registration is known to drift along the surface.
    """

    frame: Callable[[int], Floats]
    seen: Flags
    clip: NDArray[np.integer]
    fps: float
    head_moves: bool = False
    drift_mm: float = 0.0

    def __len__(self) -> int:
        return len(self.clip)


@dataclass(frozen=True, eq=False)
class Solution:
    """points(f) -> (V, 3) mm; head, jaw (F, 4, 4), jaw None where the method has none; unknowns solved for in a frame."""

    points: Callable[[int], Floats]
    head: Floats
    jaw: Floats | None
    unknowns: int


class Method(Protocol):
    """One row of the table."""

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Everything that is done once for all frames that see the same vertices."""
        ...

    def fit(self, observed: Observed) -> Solution:
        """Fit all frames; raises Cancelled when asked to stop."""
        ...
