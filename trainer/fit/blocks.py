"""Symmetric matrices of the unknowns, put together direction by direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def symmetric(sizes: Sequence[int], block: Callable[[int, int], Floats | None]) -> Floats:
    """(K, K) float64, K the sum of the sizes: block(i, j) is (sizes[i], sizes[j]) for i <= j, None for zeros."""
    at = np.cumsum([0, *sizes])
    matrix = np.zeros((at[-1], at[-1]))
    for i in range(len(sizes)):
        for j in range(i, len(sizes)):
            found = block(i, j)
            if found is not None:
                matrix[at[i] : at[i + 1], at[j] : at[j + 1]], matrix[at[j] : at[j + 1], at[i] : at[i + 1]] = found, found.T
    return matrix
