"""Whether scans and model are of one size: metres against millimetres are found before anything is fitted."""

from __future__ import annotations

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from trainer.progress import Progress

from .scans import Scans
from .seen import complete

_UNITS = {1.0: "mm", 10.0: "cm", 25.4: "inches", 1000.0: "m"}


def check_scale(model: FaceModel, scans: Scans, progress: Progress) -> None:
    """Compare the spread of the first usable frame with the neutral's. Raises AimError naming the factor when it is not near one."""
    for points in scans:
        known = complete(points)
        if known.sum() < 3:
            continue
        rest = model.data.neutral[scans.vertices[known]]
        ours, theirs = (float(np.sqrt(p.astype(np.float64).var(axis=0).sum())) for p in (rest, points[known]))
        factor = theirs / ours if ours else 1.0
        if not 0.6 < factor < 1.6:
            unit = _UNITS.get(min(_UNITS, key=lambda mm: abs(np.log(mm * factor / model.mm_per_unit))), "mm")
            raise AimError(
                f"The scans are {factor:.4g} times as large as the model.", f"They may be in {unit}; a unit of the model is {model.mm_per_unit:g} mm.",
                f"Multiply the scans by {1 / factor:.4g}.",
            )  # fmt: skip
        if not 0.9 < factor < 1.1:
            progress.note(f"the scans are {factor:.3f} times as large as the model: another actor's head?", warning=True)
        return
