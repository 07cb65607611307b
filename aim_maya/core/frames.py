"""Ranges of frames as people write them, and the times at which they are sampled."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .errors import AimError

_NUMBER = r"-?\d+(?:\.\d+)?"
_MOST_TIMES = 10**6


def read_range(text: str) -> tuple[float, float]:
    """'1001-1240' as (1001, 1240); '5' is that one frame; negative frames are written as they are. Raises AimError."""
    found = re.fullmatch(rf"\s*({_NUMBER})(?:\s*-\s*({_NUMBER}))?\s*", text)
    if not found:
        raise AimError(f"'{text}' is no range of frames.", remedy="Write the first and the last frame: 1001-1240.")
    first, last = float(found[1]), float(found[2] or found[1])
    if last < first:
        raise AimError(f"The frames {first:g}-{last:g} run backwards.", "First and last are exchanged.", f"Write {last:g}-{first:g}.")
    return first, last


@dataclass(frozen=True)
class Sampling:
    """Frames first, first + step, ... <= last, each sampled at every offset of `sub_frames`."""

    first: float
    last: float
    step: float = 1.0
    sub_frames: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        """Raises AimError for a range, step or sub-frames that cannot be sampled."""
        if not all(math.isfinite(v) for v in (self.first, self.last, self.step, *self.sub_frames)):
            raise AimError(f"Frames {self.first:g}-{self.last:g} in steps of {self.step:g}: not all of them are numbers.")
        if self.last < self.first:
            raise AimError(f"The frames {self.first:g}-{self.last:g} run backwards.", "First and last are exchanged.", f"Write {self.last:g}-{self.first:g}.")
        if self.step <= 0:
            raise AimError(f"The step is {self.step:g}.", "It would never reach the last frame.", "Give a number above zero.")
        if not self.sub_frames or max(self.sub_frames) - min(self.sub_frames) >= self.step:
            raise AimError(
                f"The sub-frames {', '.join(f'{s:g}' for s in self.sub_frames) or '(none)'} do not fit into a step of {self.step:g}.", "They would overlap the next frame's.",
                "Keep them less than one step apart: --sub-frames -0.25 0 0.25",
            )  # fmt: skip
        if (self.last - self.first) / self.step * len(self.sub_frames) > _MOST_TIMES:
            raise AimError(f"Frames {self.first:g}-{self.last:g} in steps of {self.step:g} are more than {_MOST_TIMES} samples.", "The step is too small.")

    @property
    def times(self) -> list[float]:
        """Every time that is sampled, in order."""
        count = math.floor((self.last - self.first) / self.step + 1e-9) + 1
        return [self.first + i * self.step + s for i in range(count) for s in sorted(self.sub_frames)]
