"""The performance of one node: opened through the shared registry, tried on its model once, and what `status` says of it."""

from __future__ import annotations

import math
import os

from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance, Playing, shared_performance

from . import host_paths
from .remembered import Remembered
from .settings import PerformanceSettings


class NodePerformances:
    """Keeps what was opened for the last settings, and failures too."""

    def __init__(self) -> None:
        self._ready: Remembered[Performance] = Remembered()

    def playing(self, settings: PerformanceSettings, model: FaceModel) -> Playing | None:
        """What plays now; None where no performance is named, or none of it is blended in. Raises AimError when it cannot be played."""
        if not settings.path:
            return None
        performance = self._performance(settings, model)
        return Playing(performance, settings.frame, min(settings.blend, 1.0)) if settings.blend > 0.0 else None

    def status(self, settings: PerformanceSettings, model: FaceModel) -> list[str]:
        """Lines on what plays, and warnings. Raises AimError when it cannot be played."""
        if not settings.path:
            return []
        performance = self._performance(settings, model)
        about, blend = performance.data.about, "" if settings.blend >= 1.0 else f", blended in by {max(settings.blend, 0.0):.3g}"
        lines = [
            f"plays {performance.path}: {performance.frame_count} frames at {performance.fps:g} frames a second, {about['mode']}, jaw {about['jaw']}{blend}; "
            f"coefficients from {performance.local.report(model.data.template, model.device)}"
        ]
        if warning := performance.warning(model):
            lines.append(f"warning: the performance was {warning}")
        try:
            if performance.path and os.stat(performance.path).st_mtime_ns != performance.modified:
                lines.append("warning: the performance has changed on disk since it was read; reload to take it")
        except OSError:
            lines.append("warning: the performance is no longer on disk; what is in memory plays on")
        return lines

    def _performance(self, settings: PerformanceSettings, model: FaceModel) -> Performance:
        """Read, and tried on the model: whatever may fail in a frame fails here, once."""
        if math.isnan(settings.frame) or math.isnan(settings.blend):
            raise AimError("performanceFrame or performanceBlend is nan.", "What drives it divides by zero.", "Check what is connected to them.")

        def make() -> Performance:
            performance = shared_performance(host_paths.find(settings.path, "performance"))
            performance.check(model)
            performance.local.report(model.data.template, model.device)
            return performance

        return self._ready.get((settings.path, settings.reload, host_paths.version(), model), make)
