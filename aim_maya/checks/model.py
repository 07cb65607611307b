"""One actor.aim: whether it is whole, which evaluation and device it gets here, and the time of a frame."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError

from . import Check

_FRAMES = 5


def model_checks(path: Path, device: str = "auto") -> list[Check]:
    """Load `path` both ways and time frames."""
    from aim_maya.runtime import FaceModel

    try:
        model = FaceModel.load(path, device)
    except AimError as error:
        return [Check("model", "fail", error.what, error.remedy)]
    size = f"{len(model.mesh.points)} vertices, {len(model.targets)} controls"
    checks = [Check("model", "ok", f"{path}: whole, {size}, written by {model.manifest.get('writer', 'unknown')}")]
    checks.append(Check("model, cached", "ok", f"{model.status}; a frame takes {_frame_ms(model):.2f} ms"))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            full = FaceModel.load(path, device, evaluation="full")
        checks.append(Check("model, full", "ok", f"{full.status}; a frame takes {_frame_ms(full):.2f} ms"))
    except AimError as error:
        checks.append(Check("model, full", "fail" if device == "cuda" else "warn", error.what, error.remedy))
    return checks


def _frame_ms(model: Any) -> float:
    """Median milliseconds of a frame with up to ten active controls, after one that fills the caches."""
    weights = dict.fromkeys(model.targets[:10], 0.5)
    model.points(weights)
    times = []
    for _ in range(_FRAMES):
        begin = time.perf_counter()
        model.points(weights)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)
