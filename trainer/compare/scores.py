"""The figures of one method in one setting: errors in mm, steadiness, the jaw at the lower teeth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from trainer.baselines.method import Solution

from .settings import Scene

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Scores:
    """mean, median, p95, max: error over all scored vertices and frames, mm. jitter: mean length of the second difference of (fit - truth),

    mm a frame squared, None without three frames in a row. jaw: mean distance at the lower teeth, mm, None where method or truth has none.
    """

    mean: float
    median: float
    p95: float
    max: float
    jitter: float | None
    jaw: float | None

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def score(solution: Solution, scene: Scene, true_jaw: Floats | None, teeth: Floats | None, maps: Floats | None = None, map_frames: tuple[int, ...] = ()) -> Scores:
    """Score all frames. true_jaw (F, 4, 4) and teeth (P, 3) mm. maps (len(map_frames), V) takes the errors of these frames."""
    clip, where = scene.observed.clip, scene.scored
    errors = np.empty((len(clip), int(where.sum())), np.float32)
    before: list[Floats] = []
    unsteady: list[float] = []
    for f in range(len(clip)):
        apart = solution.points(f) - scene.truth(f)
        length = np.linalg.norm(apart, axis=1)
        errors[f] = length[where]
        if maps is not None and f in map_frames:
            maps[map_frames.index(f)] = length
        before = [*before[-2:], apart[where]] if f and clip[f] == clip[f - 1] else [apart[where]]
        if len(before) == 3:
            unsteady.append(float(np.linalg.norm(before[0] - 2 * before[1] + before[2], axis=1).mean()))
    median, p95 = np.quantile(errors, [0.5, 0.95])
    jitter = float(np.mean(unsteady)) if unsteady else None
    return Scores(float(errors.mean(dtype=np.float64)), float(median), float(p95), float(errors.max()), jitter, jaw_error(solution.jaw, true_jaw, teeth))


def jaw_error(found: Floats | None, true: Floats | None, teeth: Floats | None) -> float | None:
    """Mean distance over frames (F, 4, 4) and points of the lower teeth (P, 3), mm."""
    if found is None or true is None or teeth is None:
        return None
    return float(np.mean([np.linalg.norm(rigid.apply(a, teeth) - rigid.apply(b, teeth), axis=1).mean() for a, b in zip(found, true, strict=True)]))
