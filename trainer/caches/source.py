"""What a shot shows at each of its frames: control weights on the sliders, or a fitted performance at moments between its own frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.curves import Gaps, resampled
from aim_maya.runtime import FaceModel, Performance
from trainer.take_options import Taken, on_controls

Floats = NDArray[np.floating]

BLOCK = 16  # frames whose tables are summed at once


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
    """weights (N, C) float64 on a model's controls, of which row `before` is the shot's first frame; the head stays.

    Frames are summed in blocks of BLOCK rows. A chunk of a shot comes with the whole blocks that the shot has, so that a frame has the same
    neighbours, and with them the same bytes, in whichever chunk it is.
    """

    model: FaceModel
    weights: Floats
    before: int = 0
    detail: bool = True
    moves_head: bool = False
    _block: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        model: FaceModel,
        take: Taken,
        gaps: Gaps = "interpolate",
        detail: bool = True,
        scale: float | None = None,
    ) -> tuple[CurveSource, list[str]]:
        """The sampled frames of a take, and what `on_controls` says. Raises AimError as `on_controls` and `resampled` do."""
        blocks, before = take.frames.in_blocks(BLOCK)
        driving, notes = on_controls(take.read, model, scale)
        return cls(model, resampled(driving, take.curves.fps, blocks.positions, gaps).values, before, detail), notes

    @property
    def on_numpy(self) -> bool:
        """As Source.on_numpy."""
        return self.model.on_numpy

    def points(self, i: int) -> Floats:
        """As Source.points."""
        if not self.on_numpy:
            return self.model.points(self.weights[self.before + i], detail=self.detail)
        number, row = divmod(self.before + i, BLOCK)
        if number not in self._block:
            self._sum(number)
        activations, displacements = self._block[number]
        return self.model.posed(activations[row], self.model.jaw_pose, self.detail, displacements[row])

    def _sum(self, number: int) -> None:
        """Put a block in the last one's place, and into its memory."""
        activations = np.array([self.model.data.rig.activations(row) for row in self.weights[number * BLOCK : (number + 1) * BLOCK]])
        memory = self._block.popitem()[1][1] if self._block else None
        self._block[number] = activations, self.model.displacements(activations, self.detail, memory)

    def activations(self, i: int) -> Floats:
        """As Source.activations."""
        return self.model.data.rig.activations(self.weights[self.before + i])

    def jaw(self, i: int) -> Floats:
        """As Source.jaw."""
        return self.model.jaw(self.weights[self.before + i])

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
