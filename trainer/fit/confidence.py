"""Confidence a vertex, from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import read_array
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_text

Floats = NDArray[np.floating]


def read_confidence(path: Path | None, vertices: int) -> Floats:
    """(V,) from zero on; ones without a file. Raises AimError for a file that cannot be read or belongs to another mesh."""
    if path is None:
        return np.ones(vertices)
    values = read_array(path) if path.suffix.lower() == ".npy" else _from_text(path)
    form = "Write one confidence from zero on for every vertex of the model, at least one above zero: .npy, or text with a number a line."
    if values.shape != (vertices,) or values.dtype.kind not in "fiu":
        raise AimError(f"{path} holds {values.dtype} {values.shape}; {vertices} numbers are needed.", "It was made for another mesh.", form)
    values = values.astype(np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not (values > 0).any() or (values > 1e6).any():
        low, high = float(np.nanmin(values, initial=np.inf)), float(np.nanmax(values, initial=-np.inf))
        raise AimError(f"{path} holds values from {low:g} to {high:g}, or NaN.", "It is another array than confidences.", form)
    return values


def _from_text(path: Path) -> Floats:
    """(N,): a number a line; what stands after # is a comment."""
    lines = (line.partition("#")[0].strip() for line in read_text(path).splitlines())
    try:
        return np.array([float(word) for line in lines for word in line.split()], np.float64)
    except ValueError as error:
        raise AimError(f"{path} cannot be read as numbers ({error}).", remedy="Write one number a vertex: .npy, or text with a number a line.") from error
