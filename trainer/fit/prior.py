"""What a fit expects before it has seen anything: how far weights go, how smoothly they vary over the face, how close the jaw keeps to them.

The same for every target and every actor, in mm and weights. How the numbers were chosen is in docs/fitting.md: by leaving targets out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Prior:
    """Standard deviations, all about zero."""

    weight: float = 1.0
    """Of a target's weight over the whole face."""
    local: float = 6.0
    """Of its variation over the face, in mm of the skin it moves most: a target that moves the skin far has a weight that varies little."""
    local_most: float = 2.0
    """At most this, as a weight, for targets that hardly move the skin."""
    power: float = 1.0
    """How steeply the variance of its modes falls: eigenvalue^-power."""
    strain: float = 0.07
    """Of the stretch of a square centimetre of skin by local weights that no target explains (fine spaces only)."""
    offset: float = 0.6
    """Of the smooth displacement that no target explains, mm an axis."""
    jaw_share: float = 0.05
    """Of the jaw along the motions that the targets know, as a weight beside the one that the skin's weights ask for."""
    jaw_turn: float = 0.002
    """Of the jaw in any other direction, radians."""
    jaw_shift: float = 0.1
    """The same, mm."""

    @classmethod
    def fine(cls) -> Prior:
        """Where the strain tells which variation is smooth: all modes alike."""
        return cls(power=0.0)

    def spectrum(self, eigenvalues: Floats) -> Floats:
        """(M - 1,) shares of the modes after the first in a local weight's variance; they sum to one."""
        least = eigenvalues[eigenvalues > 1e-6 * eigenvalues.max(initial=0.0)].min()
        shape = np.maximum(eigenvalues[1:] / least, 1.0) ** -self.power
        spectrum: Floats = shape / float(shape.sum())
        return spectrum
