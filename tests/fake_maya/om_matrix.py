"""OpenMaya 1.0: matrices, for row vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, wrong_arguments
from .om_script import SwigPointer


@api
class MMatrix:
    """4 x 4 doubles, row vectors: the translation is the last row."""

    def __init__(self, *args: Any) -> None:
        if not args:
            self._m = np.eye(4)
        elif len(args) == 1 and isinstance(args[0], MMatrix | MFloatMatrix):
            self._m = args[0]._m.astype(np.float64)
        else:
            raise wrong_arguments("new_MMatrix")

    def __call__(self, row: int, column: int) -> float:
        return float(self._m[row, column])

    def __getitem__(self, row: int) -> SwigPointer:
        # a double* to the row in Maya: read with MScriptUtil.getDoubleArrayItem
        return SwigPointer("double", self._m[row].ctypes.data, self)

    def __mul__(self, other: Any) -> MMatrix:
        return _matrix(self._m @ other._m if isinstance(other, MMatrix) else self._m * other)

    def __add__(self, other: MMatrix) -> MMatrix:
        return _matrix(self._m + other._m)

    def __sub__(self, other: MMatrix) -> MMatrix:
        return _matrix(self._m - other._m)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MMatrix) and bool(np.array_equal(self._m, other._m))

    def __hash__(self) -> int:
        return id(self)

    def inverse(self) -> MMatrix:
        """Inverse."""
        return _matrix(np.linalg.inv(self._m))

    def transpose(self) -> MMatrix:
        """Transposed."""
        return _matrix(self._m.T.copy())

    def setToIdentity(self) -> MMatrix:
        """Become the identity."""
        self._m = np.eye(4)
        return self

    def setToProduct(self, a: MMatrix, b: MMatrix) -> MMatrix:
        """Become a * b."""
        self._m = a._m @ b._m
        return self

    def isEquivalent(self, other: MMatrix, tolerance: float = 1e-10) -> bool:
        """Equal within a tolerance."""
        return bool(np.abs(self._m - other._m).max() <= tolerance)

    def det4x4(self) -> float:
        """Determinant."""
        return float(np.linalg.det(self._m))

    def det3x3(self) -> float:
        """Determinant of the upper left 3 x 3."""
        return float(np.linalg.det(self._m[:3, :3]))

    def isSingular(self) -> bool:
        """Whether there is no inverse."""
        return abs(float(np.linalg.det(self._m))) < 1e-14

    def get(self, pointer: SwigPointer) -> None:
        """Copy to double[4][4]."""
        pointer.view(16)[:] = self._m.ravel()


def _matrix(values: np.ndarray) -> MMatrix:
    found = MMatrix.__new__(MMatrix)
    found._m = np.array(values, np.float64)
    return found


@api
class MFloatMatrix:
    """4 x 4 floats."""

    def __init__(self, *args: Any) -> None:
        self._m = args[0]._m.astype(np.float32).astype(np.float64) if args else np.eye(4)

    def __call__(self, row: int, column: int) -> float:
        return float(self._m[row, column])

    def setToIdentity(self) -> MFloatMatrix:
        """Become the identity."""
        self._m = np.eye(4)
        return self
