"""Weights as people write them on a command line."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from .curves.take import LARGEST_WEIGHT
from .errors import AimError, nearest_name


def parse_weights(given: tuple[str, ...], controls: tuple[str, ...]) -> NDArray[np.floating]:
    """(C,) weights from NAME=VALUE. Raises AimError naming what is wrong."""
    weights = np.zeros(len(controls))
    composed = [unicodedata.normalize("NFC", control) for control in controls]
    for entry in given:
        name, _, text = entry.partition("=")
        name = unicodedata.normalize("NFC", name)
        if name not in composed:
            raise AimError(f"There is no control '{name}'.", nearest_name(name, controls), "aimface info lists them.")
        try:
            value = float(text or 1)
        except ValueError as error:
            raise AimError(f"'{entry}' is not NAME=VALUE.", remedy="For example --weights jawOpen=0.5") from error
        if not abs(value) <= LARGEST_WEIGHT:
            raise AimError(f"'{entry}' is no weight.", "It is not finite, or beyond 1e30.", "For example --weights jawOpen=0.5")
        weights[composed.index(name)] = value
    return weights
