"""Curves: what every reader gives and every writer takes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
LARGEST_WEIGHT = 1e30  # what is beyond is no weight, and overflows on its way to points


@dataclass(frozen=True)
class Curves:
    """names (C,), values (F, C) float64, times (F,) float64 seconds, increasing; fps: the file's own rate.

    notes: one sentence for everything odd that was read over, such as rows at one and the same time.
    """

    names: tuple[str, ...]
    values: Floats
    times: Floats
    fps: float
    notes: tuple[str, ...] = ()


_STANDARD = (24000, 24, 25, 30000, 30, 48000, 48, 50, 60000, 60, 90, 100, 120000, 120)


def exact_rate(fps: float) -> Fraction:
    """The rate a decimal stands for: 29.97 is 30000/1001, 23.976 is 24000/1001; anything else is the decimal itself."""
    for number in _STANDARD:
        rate = Fraction(number, 1001) if number > 1000 else Fraction(number)
        if abs(fps - rate) < 1e-4 * rate:
            return rate
    return Fraction(fps).limit_denominator(1_000_000)


def nearest_rate(fps: float, tolerance: float = 0.005) -> float:
    """The standard rate nearest to a measured one, or the measured one when none is within the relative tolerance."""
    rates = [float(Fraction(n, 1001) if n > 1000 else n) for n in _STANDARD]
    best = min(rates, key=lambda rate: abs(rate - fps))
    return best if abs(best - fps) <= tolerance * best else fps
