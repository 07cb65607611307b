"""A fitted take as it grows: a row of unknowns and a motion a frame, holes filled, smoothed where data leaves
room, and resumed where it was stopped.

A frame's estimate z has a precision; between frames z is expected to speed up and slow down little. In
coordinates in which both are diagonal every component has its own filter (I + s D^T D)^-1 z over the frames,
D the second difference (E. Whittaker, 1923): what the data decides stays as it is, peaks included, and what
it does not is smoothed. How lively the take is tells it itself.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import eigh, solveh_banded

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, checked_array, pack_arrays, read_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.performance import Flag

from .solve import Frame, Motion
from .space import FaceSpace

# Smoothness over time, where the data leaves room for it.

_JUDGES, _CALMEST = 50, 0.05


def smoothed(values: Floats, precision: Floats, acceleration: Floats) -> Floats:
    """values (F, K) with precision (K, K) each; acceleration (K, K): precision of their second difference
    from frame to frame."""
    if len(values) < 3:
        return values
    strength, vectors = eigh(acceleration, precision)
    inverse = vectors.T @ precision
    components = values @ inverse.T
    calm = 1.0 / np.maximum(_liveliness(components, strength), _CALMEST)
    for i in np.flatnonzero(strength * calm.max() > 1e-4):
        components[:, i] = _whittaker(components[:, i], strength[i] * calm)
    result: Floats = components @ vectors.T
    return result


def _liveliness(components: Floats, strength: Floats) -> Floats:
    """(F - 2,) how many times as large second differences really are there, squared, as `strength` expects: a
    cut, a blink, single scans.

    The mean over the components that the data decides best, and the largest of three neighbours; each
    component has variance one from frame to frame, and so six in its second difference.
    """
    sure = np.argsort(strength)[:_JUDGES]
    bent = np.diff(components[:, sure], 2, axis=0)
    lively = ((bent**2 - 6.0) * strength[sure]).mean(axis=1)
    largest: Floats = np.max(sliding_window_view(np.pad(lively, 1, mode="edge"), 3), axis=1)
    return largest


def _whittaker(signal: Floats, strength: Floats) -> Floats:
    """argmin |x - signal|^2 + sum strength_f (D x)_f^2 for one component (F,), strength (F - 2,)."""
    n = len(signal)
    bands = np.zeros((3, n))
    bands[2] = 1 + np.convolve(strength, [1, 4, 1])
    bands[1, 1:] = np.convolve(strength, [-2, -2])
    bands[0, 2:] = strength
    solved: Floats = solveh_banded(bands, signal)
    return solved


# A fitted take as it grows: a row of unknowns and a motion a frame, holes filled from their neighbours, and
# what is said of every frame.


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
        result[f] = matrices[low] @ rigid.exp(
            share * rigid.log(np.linalg.inv(matrices[low]) @ matrices[high])
        )
    return result


# A fit that was stopped goes on: what is done lies beside the output until the output is there.


class Resume:
    """The file OUT.partial. inputs: the fingerprint of what is fitted, with which options: nothing else is
    gone on with."""

    def __init__(self, out: Path, inputs: str) -> None:
        self.path, self.inputs = out.with_name(out.name + ".partial"), inputs

    def write(self, take: Take) -> None:
        """Keep what is done; nothing for a take without frames. Raises AimError where the folder cannot be
        written."""
        if not take.flags:
            return
        arrays = pack_arrays(
            inputs=np.array(self.inputs),
            unknowns=np.array(take.unknowns),
            twists=np.array(take.twists),
            heads=np.array(take.heads),
            residual=np.array(take.residual),
            flags=np.array(take.flags),
        )
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(arrays)

    def read(self, count: int) -> Take | None:
        """What was done of this very fit, count numbers a frame; None where nothing was, or of another fit.

        Raises AimError for a file that is cut off, altered, or something else: what it holds cannot be gone
        on with.
        """
        if not self.path.exists():
            return None
        where = str(self.path)
        try:
            arrays = read_arrays(self.path, where)
            inputs = checked_array(arrays, "inputs", (), where, kinds="U")
            unknowns = checked_array(arrays, "unknowns", (None, None), where, finite=False)
            frames = len(unknowns)
            twists = checked_array(arrays, "twists", (frames, 6), where, finite=False)
            heads = checked_array(arrays, "heads", (frames, 4, 4), where, finite=False)
            residual = checked_array(arrays, "residual", (frames,), where, finite=False)
            flags = checked_array(arrays, "flags", (frames,), where, kinds="iu")
        except AimError as error:
            raise AimError(
                error.what, error.cause, f"Remove {self.path.name}, or fit without --resume: it begins anew."
            ) from error
        if str(inputs) != self.inputs or unknowns.shape[1] != count or not frames:
            return None
        residuals = [float(r) for r in residual]
        return Take(list(unknowns), list(twists), list(heads), residuals, [int(f) for f in flags])

    def done(self) -> None:
        """The output is there."""
        with contextlib.suppress(
            OSError
        ):  # a path below a file, or a folder that is read-only: writing says so
            self.path.unlink(missing_ok=True)
