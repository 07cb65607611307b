"""The one place where what a solver found becomes a performance: arrays, with what a reader has to know of
them.

Scans, cameras, networks and retargets all end here, so that what is made is what `write_performance` takes
and `FaceModel` plays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.performance import PerformanceData, checked
from aim_maya.runtime import FaceModel


def build_performance(
    model: FaceModel,
    arrays: PerformanceData,
    *,
    tied: bool,
    figures: Mapping[str, Any],
    solver: Literal["linear", "neural"] = "linear",
    **further: Any,
) -> PerformanceData:
    """`arrays` (F frames, model unit, `about` still empty) as a performance of `model`, every array checked.

    tied: the jaw follows the weights, so that weight curves say it all. figures: plain JSON values. further:
    other entries of the manifest. Mode is read off the arrays: global where one weight a target and frame
    says it all. Raises AimError for arrays that do not belong together, are not finite, or are no rigid
    motions.
    """
    about = {
        "targets": list(model.data.rig.targets),
        "model": str(model.manifest.get("name", model.data.path.stem)),
        "topology_hash": model.manifest["topology_hash"],
        "vertices": len(model.data.neutral),
        "mm_per_unit": model.mm_per_unit,
        "mode": "global" if arrays.is_global else "local",
        "solver": solver,
        "jaw": "tied" if tied else "free",
        **further,
        "figures": dict(figures),
    }
    return checked(replace(arrays, about=about), "the performance")


def residual_figures(residual_mm: Floats) -> dict[str, float | None]:
    """Mean and largest distance (mm) over the frames in which something was seen; None where nothing was."""
    seen = residual_mm[np.isfinite(residual_mm)]
    return {
        "residual_mean_mm": float(seen.mean()) if len(seen) else None,
        "residual_max_mm": float(seen.max()) if len(seen) else None,
    }
