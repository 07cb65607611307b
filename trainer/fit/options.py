"""What shapes a fit to scans."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aim_maya.core.errors import AimError


@dataclass(frozen=True)
class FitOptions:
    """Options of `aimface fit` for registered scans."""

    mode: Literal["local", "global"] = "local"
    """local: weights vary over the face. global: one weight a target and frame, which is also plain weight curves."""
    solver: Literal["fast", "neural"] = "fast"
    """fast: one linear solve a frame on a smooth basis. neural: the paper's networks, for comparison."""
    jaw: Literal["free", "tied"] = "free"
    """free: the jaw's motion is solved. tied: it follows the weights, so that weight curves stand alone."""
    head: Literal["solve", "still"] = "solve"
    """solve: the head moves. still: the scans are stabilised."""
    noise: float | None = None
    """Standard deviation of a scanned point, mm; estimated from the first frames when not given."""
    slide: float = 0.0
    """How far the registration drifts along the surface, mm: then points are trusted more across it, the more so the more neighbours drift with them."""
    outliers: float | None = None
    """Distance in mm beyond which a point counts no more than that; four times the noise and at least 2 when not given."""
    smooth: float = 1.0
    """Smoothness over time where the data leaves room for it; 0 for none."""
    modes: int = 0
    """How finely local weights may vary over the face, as a number of spatial functions; 0 takes 150."""
    unknowns: int = 0
    """How many numbers a frame are solved for: those of all local weights that move the skin furthest; 0 takes 1,400."""
    fps: float | None = None
    """Frames a second; the file's own when not given, else 30."""
    confidence: Path | None = None
    """Confidence of every vertex in all frames: .npy (V,) or a text file with a number a line, 0 to ignore it."""
    detail: bool = True
    """Exact trained shapes; --no-detail takes everything from the networks."""

    def checked(self) -> FitOptions:
        """Raises AimError naming a number that cannot be meant."""
        for name, least in (("noise", 0.0), ("slide", 0.0), ("outliers", 0.0), ("smooth", 0.0), ("modes", 0), ("unknowns", 0), ("fps", 0.0)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise AimError(f"{name} is {value}.", remedy=f"Give a number of at least {least:g}.")
        return self
