"""Confidence a vertex, from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

Floats = NDArray[np.floating]


def read_confidence(path: Path | None, vertices: int) -> Floats:
    """(V,) from zero on; ones without a file. Raises AimError for a file that cannot be read or belongs to another mesh."""
    if path is None:
        return np.ones(vertices)
    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, ndmin=1)
    except (OSError, ValueError) as error:
        raise AimError(f"{path} cannot be read as numbers ({error}).", remedy="Write one number a vertex: .npy, or text with a number a line.") from error
    if values.shape != (vertices,) or not np.isfinite(values).all() or (values < 0).any() or not (values > 0).any():
        raise AimError(
            f"{path} holds {values.shape} values from {np.nanmin(values, initial=np.inf):g} to {np.nanmax(values, initial=-np.inf):g}; {vertices} from zero on are needed.",
            "It was made for another mesh.", "Write one confidence for every vertex of the model, at least one above zero.",
        )  # fmt: skip
    return values.astype(np.float64)
