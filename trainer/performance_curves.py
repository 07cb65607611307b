"""A performance where curves are expected: its clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aim_maya.core.curves import Curves
from aim_maya.core.curves.take import exact_rate
from aim_maya.runtime import Performance

ENDING = ".aimperf"


def is_performance(path: Path) -> bool:
    """Whether a file is a performance, by its ending."""
    return path.suffix.lower() == ENDING


def clock(performance: Performance, fps: float | None = None) -> Curves:
    """A row for every frame and no columns, at the performance's own rate or at fps."""
    rate = exact_rate(fps or performance.fps)
    return Curves((), np.zeros((performance.frame_count, 0)), np.arange(performance.frame_count) / float(rate), float(rate))
