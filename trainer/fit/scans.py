"""What a fit reads: a take of registered points, from files or from memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


class Scans(Protocol):
    """count frames of points (P, 3) at `vertices` (P,) of a model; fps where it is known. Iterated more than once."""

    @property
    def count(self) -> int:
        """F."""
        ...

    @property
    def vertices(self) -> Ints:
        """(P,) ids of the model's vertices."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second."""
        ...

    def __iter__(self) -> Iterator[Floats]: ...


@dataclass(frozen=True, eq=False)
class ArrayScans:
    """Frames (F, P, 3) in memory, model unit, NaN where a point is missing."""

    frames: Floats
    vertices: Ints
    fps: float | None = None

    @property
    def count(self) -> int:
        """F."""
        return len(self.frames)

    def __iter__(self) -> Iterator[Floats]:
        """(P, 3) float64 a frame."""
        return (frame.astype(np.float64) for frame in self.frames)
