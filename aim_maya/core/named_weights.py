"""Weights as people write them on a command line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import AimError, nearest_name


def parse_weights(given: tuple[str, ...], controls: tuple[str, ...]) -> NDArray[np.floating]:
    """(C,) weights from NAME=VALUE. Raises AimError naming what is wrong."""
    weights = np.zeros(len(controls))
    for entry in given:
        name, _, text = entry.partition("=")
        if name not in controls:
            raise AimError(f"There is no control '{name}'.", nearest_name(name, controls), "aimface info lists them.")
        try:
            weights[controls.index(name)] = float(text or 1)
        except ValueError as error:
            raise AimError(f"'{entry}' is not NAME=VALUE.", remedy="For example --weights jawOpen=0.5") from error
    return weights
