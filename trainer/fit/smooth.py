"""Smoothness over time, where the data leaves room for it.

A frame's estimate z has a precision; between frames z is expected to speed up and slow down little. In coordinates in which both are
diagonal every component has its own filter (I + s D^T D)^-1 z over the frames, D the second difference (E. Whittaker, 1923): what the data
decides stays as it is, peaks included, and what it does not is smoothed. How lively the take is tells it itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solveh_banded

Floats = NDArray[np.floating]
_JUDGES, _CALMEST = 50, 0.05


def smoothed(values: Floats, precision: Floats, acceleration: Floats) -> Floats:
    """values (F, K) with precision (K, K) each; acceleration (K, K): precision of their second difference from frame to frame."""
    if len(values) < 3:
        return values
    strength, vectors = eigh(acceleration, precision)
    inverse = vectors.T @ precision
    components = values @ inverse.T
    strength = strength / max(_CALMEST, _liveliness(components, strength))
    for i in np.flatnonzero(strength > 1e-4):
        components[:, i] = _whittaker(components[:, i], float(strength[i]))
    result: Floats = components @ vectors.T
    return result


def _liveliness(components: Floats, strength: Floats) -> float:
    """How many times as large the second differences really are, squared, as `strength` expects: frames may be far apart, or unrelated.

    From the components that the data decides best; each has variance one from frame to frame, and so six in its second difference.
    """
    sure = np.argsort(strength)[:_JUDGES]
    bent = np.diff(components[:, sure], 2, axis=0)
    return float(np.median(((bent**2).mean(axis=0) - 6.0) * strength[sure]))


def _whittaker(signal: Floats, strength: float) -> Floats:
    """argmin |x - signal|^2 + strength |D x|^2 for one component (F,)."""
    n = len(signal)
    bands = np.zeros((3, n))
    bands[2] = 1 + strength * np.convolve(np.ones(n - 2), [1, 4, 1])
    bands[1, 1:] = strength * np.convolve(np.ones(n - 2), [-2, -2])
    bands[0, 2:] = strength
    solved: Floats = solveh_banded(bands, signal)
    return solved
