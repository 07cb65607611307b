"""A shot: a model, its weights at every sampled frame, and what moves with the skin. Frames are made one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel
from trainer.progress import Progress

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Part:
    """A mesh beside the skin, model unit, object space of the neutral: 'jaw' moves rigidly with the jaw, 'still' stays.

    A mesh without faces is a cloud of points.
    """

    name: str
    mesh: Mesh
    follows: Literal["jaw", "still"]
    material: str


@dataclass(frozen=True)
class Frame:
    """number: the frame's number (sub-frames are fractions); points (V, 3) float32 of the skin; weights (C,) of the controls."""

    number: Fraction
    points: Floats
    weights: Floats


@dataclass(frozen=True)
class Marks:
    """What a cache says of itself. source: hash of model, curves and options; whole: of that and the range first, last, step."""

    source: str
    whole: str
    first: float
    last: float
    step: float

    def to_dict(self) -> dict[str, Any]:
        """As it is stored in a cache."""
        return {"source": self.source, "fingerprint": self.whole, "first": self.first, "last": self.last, "step": self.step}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Marks | None:
        """From what is stored, or None when it is not all there."""
        try:
            return cls(str(stored["source"]), str(stored["fingerprint"]), *(float(stored[name]) for name in ("first", "last", "step")))
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Shot:
    """weights (F, C) float64 at frame numbers (F,), times (F,) seconds; fps: frames a second of the numbers, exact."""

    name: str
    model: FaceModel
    weights: Floats
    numbers: list[Fraction]
    times: Floats
    fps: Fraction
    step: Fraction
    marks: Marks
    detail: bool = True
    parts: tuple[Part, ...] = ()
    material: str = "skin"
    normals: bool = False
    progress: Progress = field(default_factory=lambda: Progress("none"))

    def frames(self) -> Iterator[Frame]:
        """Every sampled frame, in order, reported to the progress; only one is in memory."""
        for i, (row, number) in enumerate(zip(self.weights, self.numbers, strict=True)):
            yield Frame(number, self.model.points(row, detail=self.detail), row)
            self.progress.step(i + 1, len(self.numbers), frame=float(number))


def moved(points: Floats, matrix: Floats) -> Floats:
    """(V, 3) float32 of points (V, 3) under p' = M p, summed in float64."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], np.float32)


def number_text(number: Fraction, digits: int = 1) -> str:
    """A frame's number for a file name: at least `digits` digits, and decimals only where it is a sub-frame (1001.250)."""
    whole, part = divmod(abs(number), 1)
    sign = "-" if number < 0 else ""
    thousandths = round(part * 1000)
    return f"{sign}{int(whole):0{digits}d}" + (f".{thousandths:03d}" if thousandths else "")
