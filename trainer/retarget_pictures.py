"""One performance on several actors: a row for each, a column for each moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime import FaceModel

from . import pictures

Floats = NDArray[np.floating]
_SOME = 700  # vertices are enough to tell faces apart


@dataclass(frozen=True, eq=False)
class Row:
    """A model and points (N, V, 3) of it, object space, head at rest."""

    model: FaceModel
    points: Floats


def telling_frames(frames: Iterable[Floats], rest: Floats, count: int) -> list[int]:
    """Indices, ascending, of at most `count` frames (V, 3) that are furthest from the rest and from each other."""
    some = np.linspace(0, len(rest) - 1, min(_SOME, len(rest))).astype(int)
    faces = np.array([frame[some] for frame in frames]).reshape(-1, 3 * len(some))
    far = np.linalg.norm(faces - rest[some].ravel(), axis=1)
    chosen: list[int] = []
    while len(chosen) < min(count, len(faces)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(faces - faces[chosen[-1]], axis=1))
        far[chosen] = -1.0
    return sorted(chosen)


def performance_figure(rows: Sequence[Row], frames: Sequence[int], turn: float = 25.0) -> Any:
    """Each actor under its name, at one size over its row; frames (N,) head the columns."""
    made, axes = pictures.figure(len(frames), len(rows), width=2.4, height=2.9)
    for r, row in enumerate(rows):
        cells = axes[r * len(frames) : (r + 1) * len(frames)]
        for cell, points, frame in zip(cells, row.points, frames, strict=True):
            pictures.draw(cell, row.model.mesh, points, turn=turn, up=str(row.model.manifest["up"]))
            if not r:
                cell.set_title(f"frame {frame}")
        bounds = np.array([[*cell.get_xlim(), *cell.get_ylim()] for cell in cells])
        for cell in cells:
            cell.set(xlim=(bounds[:, 0].min(), bounds[:, 1].max()), ylim=(bounds[:, 2].min(), bounds[:, 3].max()))
        name = pictures.label(str(row.model.manifest.get("name", "")))
        cells[0].text(-0.02, 0.5, name, transform=cells[0].transAxes, rotation=90, ha="right", va="center", fontsize=12)
    return made
