"""Which frames of a take are wanted, and its values there: exact at its own rows, linear between, and as
chosen in gaps."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError

from .take import Curves, exact_rate

Gaps = Literal["hold", "interpolate", "refuse"]
_SNAP = 0.05  # of a frame: clocks in files are rounded, and rows that near to frames are those frames
_MOST = 10_000_000


@dataclass(frozen=True)
class FrameRange:
    """Frames first, first + step, ... up to last, as exact numbers; take_start is the number of the take's
    first row."""

    first: Fraction
    last: Fraction
    step: Fraction
    take_start: Fraction

    @property
    def count(self) -> int:
        """F, how many frames are sampled."""
        return int((self.last - self.first) / self.step) + 1

    @cached_property
    def numbers(self) -> list[Fraction]:
        """Every sampled frame's number."""
        return [self.first + i * self.step for i in range(self.count)]

    @property
    def positions(self) -> Floats:
        """(F,) frames after the take's first row: the doubles nearest to the exact numbers, formed of whole
        numbers as fractions are slow."""
        start = self.first - self.take_start
        unit = math.lcm(start.denominator, self.step.denominator)
        first, step = int(start * unit), int(self.step * unit)
        return np.array([(first + i * step) / unit for i in range(self.count)])

    def in_blocks(self, size: int) -> tuple[FrameRange, int]:
        """The same frames with those about them that fill blocks of `size` steps, which parts of one shot
        share; how many come before."""
        before = int(self.first // self.step) % size
        whole = -(-(before + self.count) // size) * size
        first = self.first - before * self.step
        return replace(self, first=first, last=first + (whole - 1) * self.step), before


def positions(curves: Curves, fps: float) -> Floats:
    """(F,) where the take's rows lie, in frames after its first row; on whole frames when all of them are
    within 0.05 of one."""
    at = (curves.times - curves.times[0]) * float(exact_rate(fps))
    whole: Floats = np.round(at)
    return whole if (np.abs(at - whole) <= _SNAP).all() else at


def frame_range(
    curves: Curves, fps: float, *, start: int = 1, frames: str | None = None, step: str | float = 1
) -> FrameRange:
    """The frames to sample: all of the take when frames is None, else 'A-B' or 'A'; step may be a part of a
    frame ('0.25', '1/3').

    Raises AimError for a step that is not above zero, a range that is reversed, empty or no range, and one
    outside the take.
    """
    stride = _number(str(step), f"The step is '{step}'.", "Give a number above zero: 1, 2, 0.25 or 1/3.")
    if stride <= 0:
        raise AimError(
            f"The step is {step}.", "Frames would never end.", "Give a number above zero: 1, 2, 0.25 or 1/3."
        )
    begin = Fraction(start)
    end = begin + Fraction(float(positions(curves, fps)[-1])).limit_denominator(1_000_000)
    first, last = (begin, end) if frames is None else _parsed(frames)
    if last < first:
        raise AimError(
            f"The frame range {frames} runs backwards.",
            remedy=f"Give the lower number first: {_text(last)}-{_text(first)}.",
        )
    slack = Fraction(1, 1000)
    if first < begin - slack or last > end + slack:
        raise AimError(
            f"Frames {_text(first)}-{_text(last)} are not all in the take, which has "
            f"{_text(begin)}-{_text(end)}.",
            "--start numbers the take's first row (1 when it is not given).",
            "Give frames inside, or another --start.",
        )
    if (last - first) / stride > _MOST:
        raise AimError(
            f"{int((last - first) / stride)} frames were asked for.",
            "The step is far too small, or the take's clock jumps.",
        )
    return FrameRange(first, last, stride, begin)


def resampled(curves: Curves, fps: float, wanted: Floats, gaps: Gaps = "interpolate") -> Curves:
    """The take at positions wanted (N,), in frames of fps after its first row: linear, exact at its own rows.

    A gap is a step of more than 1.5 times the usual one; every one is noted. Raises AimError for a gap when
    gaps is 'refuse'.
    """
    at = positions(curves, fps)
    open_after, notes = _gaps(curves, at)
    if notes and gaps == "refuse":
        raise AimError(
            f"The take has {len(notes)} gap(s): {notes[0]}.",
            "Frames were lost in the recording.",
            "--gaps hold or --gaps interpolate fills them.",
        )
    left = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, max(len(at) - 2, 0))
    right = np.minimum(left + 1, len(at) - 1)
    span = np.where(right > left, at[right] - at[left], 1.0)
    share = np.clip((wanted - at[left]) / span, 0.0, 1.0)
    if gaps == "hold" and len(at) > 1:
        share = np.where(open_after[left] & (share < 1), 0.0, share)
    share = share[:, None]
    values = np.where(
        share == 1, curves.values[right], curves.values[left] * (1 - share) + curves.values[right] * share
    )
    filled = [f"{note}: {'held' if gaps == 'hold' else 'interpolated'}" for note in notes]
    times = np.interp(wanted, at, curves.times)
    return replace(
        curves, values=values, times=times, fps=float(exact_rate(fps)), notes=(*curves.notes, *filled)
    )


def _gaps(curves: Curves, at: Floats) -> tuple[NDArray[np.bool_], list[str]]:
    """(F - 1,) whether a gap follows each row, and a sentence for each (the first ten, and how many more)."""
    steps = np.diff(at)
    if not len(steps):
        return np.zeros(1, bool), []
    opened = steps > 1.5 * float(np.median(steps))
    rows = np.flatnonzero(opened)
    notes = [f"gap of {steps[i]:.4g} frames after {curves.times[i]:.3f} s" for i in rows[:10]]
    return opened, notes + ([f"{len(rows) - 10} more gaps"] if len(rows) > 10 else [])


_STEP = re.compile(r"^\s*[-+]?[\d.]{1,40}(?:/\d{1,40}|e[-+]?\d{1,2})?\s*$", re.IGNORECASE)
_RANGE = re.compile(r"^\s*(-?[\d.]{1,40})\s*(?:-\s*(-?[\d.]{1,40})\s*)?$")


def _parsed(frames: str) -> tuple[Fraction, Fraction]:
    found = _RANGE.match(frames)
    wrong, remedy = f"'{frames}' is no frame range.", "Give A-B, for example 1001-1100, or one number."
    if not found:
        raise AimError(
            wrong,
            "It is empty or has more in it than two numbers." if frames.strip() else "It is empty.",
            remedy,
        )
    first = _number(found[1], wrong, remedy)
    return first, first if found[2] is None else _number(found[2], wrong, remedy)


def _number(text: str, wrong: str, remedy: str) -> Fraction:
    try:
        if not _STEP.match(text):  # 1e999999999 would be written out
            raise ValueError(text)
        return Fraction(text).limit_denominator(1_000_000)
    except (ValueError, ZeroDivisionError):
        raise AimError(wrong, "It is not a number.", remedy) from None


def _text(number: Fraction) -> str:
    return f"{float(number):g}" if abs(number) < 100_000 else str(float(number)).removesuffix(".0")
