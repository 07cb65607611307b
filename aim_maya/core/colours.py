"""Heat maps: numbers to colours, the same in pictures of the training and in the viewer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
# dark to bright as in matplotlib's "inferno" and "viridis", "inferno" from a blue that is seen on dark windows
STOPS = {
    "error": np.array([[58, 52, 92], [104, 32, 122], [188, 55, 84], [249, 142, 9], [252, 255, 164]], float),
    "thickness": np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float),
    "weight": np.array([[115, 140, 178], [190, 190, 180], [217, 115, 64]], float),
}


def heat(values: Floats, limit: float, name: str) -> Floats:
    """(..., 3) colours from 0 to 255 for values (...) between 0 and limit; beyond, the last colour."""
    stops = STOPS[name]
    share = np.clip(values / limit, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(share, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], -1)
