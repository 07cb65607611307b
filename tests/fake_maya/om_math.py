"""OpenMaya 1.0 mathematics: points and matrices (row vectors: the translation is the last row)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import absent_class, api, wrong_arguments

MVector, MFloatVector, MFloatMatrix = (absent_class(n) for n in ("MVector", "MFloatVector", "MFloatMatrix"))


_NUMBERS = (float, int, np.integer, np.floating)


class _Point:
    _dtype: Any = np.float64

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], _Point):
            args = (args[0].x, args[0].y, args[0].z, args[0].w)
        if len(args) == 1 or not all(isinstance(a, _NUMBERS) for a in args):
            raise wrong_arguments(f"new_{type(self).__name__}")
        values = np.array([*args, *[0.0, 0.0, 0.0, 1.0][len(args) :]], self._dtype)
        self.x, self.y, self.z, self.w = values.tolist()

    @classmethod
    def of(cls, values: list[float]) -> Any:
        """One made inside the stand-in."""
        made = cls.__new__(cls)
        made.x, made.y, made.z, made.w = values
        return made

    def _array(self) -> np.ndarray:
        return np.array([self.x, self.y, self.z, self.w])


@api
class MPoint(_Point):
    """A point x y z w."""

    __init__ = _Point.__init__


@api
class MFloatPoint(_Point):
    """A point in single precision."""

    _dtype = np.float32
    __init__ = _Point.__init__


@api
class MMatrix:
    """4 x 4 doubles."""

    def __init__(self, *args: Any) -> None:
        if args and not isinstance(args[0], MMatrix):
            raise wrong_arguments("new_MMatrix")
        self._m = args[0]._m.copy() if args else np.eye(4)

    def __call__(self, row: int, column: int) -> float:
        return float(self._m[row, column])


def matrix_of(values: np.ndarray) -> MMatrix:
    """An MMatrix made inside the stand-in."""
    found = MMatrix.__new__(MMatrix)
    found._m = np.array(values, np.float64)
    return found
