"""A fitted take as it grows: a row of unknowns and a motion a frame, holes filled from their neighbours, and what is said of every frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.performance import Flag

from .motion import Motion
from .solve import Frame
from .space import FaceSpace

Floats = NDArray[np.floating]


@dataclass(eq=False)
class Take:
    """Rows (F, K) of unknowns, twists (F, 6), heads (F, 4, 4), residuals (F,) in mm, flags (F,)."""

    unknowns: list[Floats] = field(default_factory=list)
    twists: list[Floats] = field(default_factory=list)
    heads: list[Floats] = field(default_factory=list)
    residual: list[float] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)

    def add(self, frame: Frame | None, space: FaceSpace, missing: int, far_mm: float) -> None:
        """One frame more; None is one in which nothing was seen."""
        flag = Flag(0)
        if frame is None:
            self.unknowns.append(np.full(space.count, np.nan, np.float32))
            self.twists.append(np.full(6, np.nan))
            self.heads.append(np.full((4, 4), np.nan))
            self.residual.append(np.nan)
            flag = Flag.EMPTY
        else:
            self.unknowns.append(frame.unknowns.astype(np.float32))
            self.twists.append(frame.motion.twist)
            self.heads.append(frame.motion.head)
            self.residual.append(frame.residual * space.mm_per_unit)
            flag |= Flag.PARTLY if missing else Flag(0)
            flag |= Flag.LARGE_RESIDUAL if self.residual[-1] > far_mm else Flag(0)
        self.flags.append(int(flag))

    def motions(self) -> list[Motion]:
        """Of every frame, holes filled."""
        twists, heads = filled(np.array(self.twists)), filled_rigid(np.array(self.heads))
        return [Motion(t, h) for t, h in zip(twists, heads, strict=True)]


def filled(rows: Floats) -> Floats:
    """(F, K): rows of NaN by a straight line between their neighbours, held at the ends."""
    known = np.flatnonzero(np.isfinite(rows).all(axis=1))
    if not len(known) or len(known) == len(rows):
        return rows
    place = np.interp(np.arange(len(rows)), known, np.arange(len(known)))
    low = np.floor(place).astype(int)
    high, share = np.minimum(low + 1, len(known) - 1), (place - low)[:, None]
    between: Floats = (1 - share) * rows[known[low]] + share * rows[known[high]]
    return between.astype(rows.dtype)


def filled_rigid(matrices: Floats) -> Floats:
    """(F, 4, 4): the same for rigid motions, along the screw between two of them."""
    known = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    result = matrices.copy()
    for f in np.flatnonzero(~np.isfinite(matrices).all(axis=(1, 2))) if len(known) else []:
        after = int(np.searchsorted(known, f))
        low, high = known[max(after - 1, 0)], known[min(after, len(known) - 1)]
        share = 0.0 if low == high else (f - low) / (high - low)
        result[f] = matrices[low] @ rigid.exp(share * rigid.log(np.linalg.inv(matrices[low]) @ matrices[high]))
    return result
