"""Smoothness over time, where the data leaves room for it.

A frame's estimate z has a precision; between frames z is expected to speed up and slow down little. In coordinates in which both are
diagonal every component has its own filter (I + s D^T D)^-1 z over the frames, D the second difference (E. Whittaker, 1923): what the data
decides stays as it is, peaks included, and what it does not is smoothed. How lively the take is tells it itself.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
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
    calm = 1.0 / np.maximum(_liveliness(components, strength), _CALMEST)
    for i in np.flatnonzero(strength * calm.max() > 1e-4):
        components[:, i] = _whittaker(components[:, i], strength[i] * calm)
    result: Floats = components @ vectors.T
    return result


def _liveliness(components: Floats, strength: Floats) -> Floats:
    """(F - 2,) how many times as large second differences really are there, squared, as `strength` expects: a cut, a blink, single scans.

    The mean over the components that the data decides best, and the largest of three neighbours; each component has variance one from frame to
    frame, and so six in its second difference.
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
