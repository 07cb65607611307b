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
            points = self._fitted(f) if scans is None else self._followed(f, next(scans))
            known = take.activations_at(f) if take.is_global and scans is None else None
            yield Moment(points, rigid.log(take.jaw(f)), take.head(f), known)

    def _fitted(self, f: int) -> Floats:
        """(V, 3)."""
        return self.model.performance_points(self.performance, f, head=False).astype(np.float64)

    def _followed(self, f: int, scan: Floats) -> Floats:
        """(V, 3) of a scan (P, 3), taken back into the head's space; what it lacks as the fit has it."""
        assert self.scans is not None
        known = complete(scan)
        vertices = self.scans.vertices[known]
        points = np.empty((len(self.model.data.neutral), 3)) if len(vertices) == len(self.model.data.neutral) else self._fitted(f)
        points[vertices] = rigid.apply(np.linalg.inv(self.performance.head(f)), scan[known])
        return points


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
