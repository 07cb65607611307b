"""What a shot shows at each of its frames: control weights on the sliders, or a fitted performance at moments between its own frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime import FaceModel, Performance

Floats = NDArray[np.floating]


class Source(Protocol):
    """Frames i = 0, 1, ... of a shot, made one at a time and in any order."""

    @property
    def moves_head(self) -> bool:
        """Whether the head itself moves, and with it what sits on the skull."""

    @property
    def on_numpy(self) -> bool:
        """Whether it may be used in a forked process."""

    def points(self, i: int) -> Floats:
        """(V, 3) float32 of the skin, model unit, object space, the head's motion in it."""

    def activations(self, i: int) -> Floats:
        """(T,) float64 activation of every target, where one number says it for the whole face."""

    def jaw(self, i: int) -> Floats:
        """(4, 4) float64 motion of the jaw relative to the head."""

    def head(self, i: int) -> Floats:
        """(4, 4) float64 motion of the head."""


@dataclass(frozen=True)
class CurveSource:
    """weights (F, C) float64 on a model's controls; the head stays."""

    model: FaceModel
    weights: Floats
    detail: bool = True
    moves_head: bool = False

    @property
    def on_numpy(self) -> bool:
        """As Source.on_numpy."""
        return self.model.on_numpy

    def points(self, i: int) -> Floats:
        """As Source.points."""
        return self.model.points(self.weights[i], detail=self.detail)

    def activations(self, i: int) -> Floats:
        """As Source.activations."""
        return self.model.data.rig.activations(self.weights[i])

    def jaw(self, i: int) -> Floats:
        """As Source.jaw."""
        return self.model.jaw(self.weights[i])

    def head(self, i: int) -> Floats:  # noqa: ARG002 - the same in every frame
        """As Source.head."""
        return np.eye(4)


@dataclass(frozen=True)
class PerformanceSource:
    """A performance at moments (F,) of its own frames; with moves_head False the head stays where the model has it."""

    model: FaceModel
    performance: Performance
    moments: Floats
    detail: bool = True
    moves_head: bool = True

    @property
    def on_numpy(self) -> bool:
        """As Source.on_numpy."""
        return self.model.on_numpy and self.performance.on_numpy

    def points(self, i: int) -> Floats:
        """As Source.points."""
        return self.model.performance_points(self.performance, self.moments[i], detail=self.detail, head=self.moves_head)

    def activations(self, i: int) -> Floats:
        """As Source.activations, of a global performance."""
        return self.performance.activations_at(self.moments[i])

    def jaw(self, i: int) -> Floats:
        """As Source.jaw."""
        return self.model.performance_jaw(self.performance, self.moments[i])

    def head(self, i: int) -> Floats:
        """As Source.head."""
        return self.performance.head(self.moments[i]) if self.moves_head else np.eye(4)
