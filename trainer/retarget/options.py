"""What shapes a retarget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aim_maya.core.errors import AimError

from .gradient import Carry


@dataclass(frozen=True)
class RetargetOptions:
    """Options of `aimface retarget`."""

    carry: Carry = "turn"
    """What carries the displacement that no target explains: the turn of the local deformation gradient, with its stretch, or with the tissue's thickness too."""
    modes: int = 0
    """How finely the coefficients vary over the face; 0 takes what makes about 1,400 unknowns."""
    doubt: float = 1.8
    """How far, in mm, a point may stay from what the targets explain before they have to: larger gives the targets less to do and the carried displacement more."""
    fields: int = 256
    """Most displacement fields to keep beside the targets; 0 drops what they do not explain."""
    fine: float = 0.01
    """What a field less may leave over in any frame, mm root mean square."""

    def checked(self) -> RetargetOptions:
        """Raises AimError naming a number that cannot be meant."""
        for name, value, above in (("modes", self.modes, False), ("doubt", self.doubt, True), ("fields", self.fields, False), ("fine", self.fine, False)):
            if not math.isfinite(value) or value < 0 or (above and value == 0):
                raise AimError(f"{name} is {value}.", remedy=f"Give a number {'above' if above else 'of at least'} zero.")
        return self
