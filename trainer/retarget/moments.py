"""What is retargeted, frame by frame: a performance, with the scans it was fitted to or without, or weight curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance
from trainer.fit.scans import Scans
from trainer.fit.seen import complete

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Moment:
    """points (V, 3) float64 with the head at rest; twist (6,) of the jaw; head (4, 4); activations (T,) where one number a target says it all."""

    points: Floats
    twist: Floats
    head: Floats
    activations: Floats | None


@dataclass(frozen=True, eq=False)
class PerformanceMoments:
    """The frames of a performance on the model that it was fitted with. scans: what it was fitted to, which is then followed to the point."""

    model: FaceModel
    performance: Performance
    scans: Scans | None = None

    @property
    def count(self) -> int:
        """F."""
        return self.performance.frame_count

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.performance.fps

    def __iter__(self) -> Iterator[Moment]:
        """Raises AimError for scans of another length, or a performance of another model."""
        take = self.performance
        if self.scans is not None and self.scans.count != self.count:
            raise AimError(
                f"The performance has {self.count} frames, the scans {self.scans.count}.",
                "They are not what it was fitted to.",
                "Give the same FRAMES as to aimface fit.",
            )
        scans = iter(self.scans) if self.scans is not None else None
        for f in range(self.count):
            points: Floats = self.model.performance_points(take, f, head=False).astype(np.float64)
            if scans is not None and self.scans is not None:
                points = _seen(points, next(scans), self.scans.vertices, take.head(f))
            known = take.activations_at(f) if take.is_global and scans is None else None
            yield Moment(points, rigid.log(take.jaw(f)), take.head(f), known)


@dataclass(frozen=True, eq=False)
class CurveMoments:
    """weights (F, C) on the controls of a model; the head stays."""

    model: FaceModel
    weights: Floats
    fps: float

    @property
    def count(self) -> int:
        """F."""
        return len(self.weights)

    def __iter__(self) -> Iterator[Moment]:
        """Raises AimError as model.points does."""
        for row in self.weights:
            activations = self.model.data.rig.activations(row)
            yield Moment(self.model.points(row).astype(np.float64), rigid.log(self.model.jaw(row)), np.eye(4), activations)


Moments = PerformanceMoments | CurveMoments


def _seen(points: Floats, scan: Floats, vertices: NDArray[np.integer], head: Floats) -> Floats:
    """points (V, 3) with those of a scan (P, 3) in their place, taken back into the head's space; what a scan lacks stays."""
    known = complete(scan)
    there = points.copy()
    there[vertices[known]] = rigid.apply(np.linalg.inv(head), scan[known])
    return there
