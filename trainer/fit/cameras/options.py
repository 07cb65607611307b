"""What can be chosen when a face is fitted to 2D landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aim_maya.core.errors import AimError


@dataclass(frozen=True)
class LandmarkOptions:
    """How 2D landmarks are read and fitted."""

    convention: str | None = None
    """Which points the ids are: multipie68, mediapipe478, or a table of your own (file.json); found from the ids when not given."""
    sites: Path | None = None
    """Where the sites lie on this mesh: landmarks.json of the actor, or {site: vertex or [[vertex, share], ...]}; by the form of the face when not given."""
    contour: Literal["slide", "fixed"] = "slide"
    """Whether points of the face's outline slide along the skin with the view, as trackers find them, or stay at their vertices."""
    noise_px: float = 1.0
    """Pixels by which a landmark of confidence 1 is off, one standard deviation."""
    skin_mm: float = 0.5
    """Millimetres by which the model cannot follow a point of the skin, one standard deviation."""
    robust: float = 4.0
    """Standard deviations at which a landmark counts as an outlier; 0: all count in full."""
    steady: float = 0.1
    """Seconds for which an expression tends to last: landmarks of a frame then also tell of the next; 0: every frame alone."""

    def __post_init__(self) -> None:
        """Raises AimError for numbers that mean nothing."""
        for name, least in (("noise_px", 1e-3), ("skin_mm", 0.0), ("robust", 0.0), ("steady", 0.0)):
            value = getattr(self, name)
            if not np.isfinite(value) or value < least:
                raise AimError(f"--{name.replace('_', '-')} is {value:g}.", remedy=f"Give a number from {least:g} on.")
