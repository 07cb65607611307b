"""Audio2Face's JSON of blend shape weights: facsNames, weightMat (a row a frame) and exportFps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.json_fields import Fields

from .take import LARGEST_WEIGHT, Curves, exact_rate


def read_audio2face(path: Path, fps: float | None = None) -> Curves:
    """Read such a file; fps takes the place of its exportFps. Raises AimError for what is none, or weights
    that are no numbers.
    """
    about = Fields(read_json(path), str(path))
    if "facsNames" not in about or "weightMat" not in about:
        raise AimError(
            f"{path} holds no weight curves.",
            "It has no facsNames and weightMat, as Audio2Face writes them.",
            "Give a CSV.",
        )
    names = about.names("facsNames")
    values = about.numbers("weightMat", (-1, len(names))).reshape(-1, len(names))
    if not len(values) or not names:
        raise AimError(f"{path} holds no frames.", "Its facsNames or weightMat is empty.", "Export the curves again.")
    if (np.abs(values) > LARGEST_WEIGHT).any():
        raise AimError(
            f"{path}: a weight is {np.abs(values).max():.3g}.",
            "No weight is beyond 1e30.",
            "Export the curves again.",
        )
    rate = float(exact_rate(fps or about.number("exportFps", above=0, high=1e6)))
    return Curves(names, values, np.arange(len(values)) / rate, rate)
