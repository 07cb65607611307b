"""Maya's matrices and ours: row vectors and MMatrix there, column vectors (p' = M p) and numpy here. The one place that converts."""

from __future__ import annotations

from typing import Any

import numpy as np
from maya import OpenMaya
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def from_maya(matrix: Any) -> Floats:
    """MMatrix (row vectors, translation in the last row) -> (4, 4) float64 column vectors, centimetres."""
    return np.array([[matrix(column, row) for column in range(4)] for row in range(4)], np.float64)


def from_list(values: Any) -> Floats:
    """Sixteen numbers as cmds gives a matrix attribute -> (4, 4) float64 column vectors."""
    return np.asarray(values, np.float64).reshape(4, 4).T


def to_maya(matrix: Floats) -> Any:
    """(4, 4) column vectors -> MMatrix."""
    made = OpenMaya.MMatrix()
    OpenMaya.MScriptUtil.createMatrixFromList(to_list(matrix), made)
    return made


def to_list(matrix: Floats) -> list[float]:
    """(4, 4) column vectors -> sixteen numbers, row vectors, as cmds takes them."""
    return [float(x) for x in np.asarray(matrix, np.float64).T.ravel()]
