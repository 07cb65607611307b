"""Is this the size of a head? The check that catches metres read as millimetres before anything is trained on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import AimError

SMALLEST_MM, LARGEST_MM = 90.0, 800.0  # a face mask without its neck; head, neck and shoulders
_SLIM = 0.35  # depth over height: standing bodies are below, heads above
_UNITS = {"millimetres": 1.0, "centimetres": 10.0, "inches": 25.4, "decimetres": 100.0, "metres": 1000.0}


def check_head_size(points: NDArray[np.floating], mm_per_unit: float, what: str) -> None:
    """Raise AimError when the largest extent of points (V, 3), taken to mm, is no head's; says which unit it looks like."""
    extent = float(np.ptp(points, axis=0).max())
    size = extent * mm_per_unit
    if SMALLEST_MM <= size <= LARGEST_MM:
        return
    if 1000 <= size <= 2500 and float(np.ptp(points, axis=0).min()) < _SLIM * extent:
        raise AimError(
            f"{what} is {extent:.4g} units across, which at {mm_per_unit:g} mm a unit is {size / 1000:.3g} m: a whole body, and no head.",
            "The mesh holds the body as well as the head.",
            "Give the head alone: neutral and shapes cut at the neck, with the same vertices in all of them.",
        )
    fitting = [f"{name} (mm_per_unit {scale:g})" for name, scale in _UNITS.items() if 150 <= extent * scale <= 500]
    raise AimError(
        f"{what} is {extent:.4g} units across, which at {mm_per_unit:g} mm a unit is {size:.4g} mm; a head is {SMALLEST_MM:g} to {LARGEST_MM:g} mm.",
        f"It looks like {' or '.join(fitting)}." if fitting else "The mesh may be scaled, or hold more than a head.",
        'Give "mm_per_unit" in actor.json or --mm-per-unit; --any-size skips this check.',
    )
