"""OpenMaya 1.0 mathematics: points, vectors, matrices (row vectors), and united numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, wrong_arguments
from .om_matrix import MMatrix
from .om_script import SwigPointer


class _Tuple:
    """Shared by points and vectors: named coordinates, indexing, comparison."""

    _names = "xyz"
    _single = False

    def _set(self, values: Any) -> None:
        for name, value in zip(self._names, values, strict=False):
            setattr(self, name, float(np.float32(value)) if self._single else float(value))

    def _array(self) -> np.ndarray:
        return np.array([getattr(self, name) for name in self._names])

    def __getitem__(self, i: int) -> float:
        return float(getattr(self, self._names[i]))

    def __call__(self, i: int) -> float:
        return self[i]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tuple) and self._names == other._names and bool(np.array_equal(self._array(), other._array()))

    def __hash__(self) -> int:
        return id(self)

    def _close(self, other: _Tuple, tolerance: float) -> bool:
        return bool(np.abs(self._array() - other._array()).max() <= tolerance)


def _coordinates(name: str, args: tuple[Any, ...], width: int) -> list[float]:
    defaults = [0.0, 0.0, 0.0, 1.0][:width]
    if len(args) == 1 and isinstance(args[0], _Tuple):
        values = list(args[0]._array())
        return [*values, *defaults[len(values) :]][:width]
    if len(args) == 1 and isinstance(args[0], SwigPointer):
        return list(args[0].view(width))
    if all(isinstance(a, int | float | np.integer | np.floating) for a in args) and len(args) in (0, 2, 3, 4)[: 4 if width == 4 else 3]:
        return [*args, *defaults[len(args) :]]
    raise wrong_arguments(f"new_{name}")


@api
class MVector(_Tuple):
    """A direction."""

    def __init__(self, *args: Any) -> None:
        self._set(_coordinates("MVector", args, 3))

    def length(self) -> float:
        """Euclidean length."""
        return float(np.linalg.norm(self._array()))

    def normal(self) -> MVector:
        """Unit vector."""
        return MVector(*(self._array() / max(self.length(), 1e-300)))

    def normalize(self) -> None:
        """Make it a unit vector."""
        self._set(self.normal()._array())

    def isEquivalent(self, other: MVector, tolerance: float = 1e-10) -> bool:
        """Equal within a tolerance."""
        return self._close(other, tolerance)

    def __add__(self, other: MVector) -> MVector:
        return MVector(*(self._array() + other._array()[:3]))

    def __sub__(self, other: MVector) -> MVector:
        return MVector(*(self._array() - other._array()[:3]))

    def __neg__(self) -> MVector:
        return MVector(*(-self._array()))

    def __xor__(self, other: MVector) -> MVector:
        return MVector(*np.cross(self._array(), other._array()))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, MVector):
            return float(self._array() @ other._array())
        if isinstance(other, MMatrix):
            return MVector(*(self._array() @ other._m[:3, :3]))
        return MVector(*(self._array() * other))

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> MVector:
        return MVector(*(self._array() / other))


@api
class MPoint(_Tuple):
    """A point x y z w."""

    _names = "xyzw"

    def __init__(self, *args: Any) -> None:
        self._set(_coordinates("MPoint", args, 4))

    def distanceTo(self, other: MPoint) -> float:
        """Euclidean distance."""
        return float(np.linalg.norm(self._array()[:3] - other._array()[:3]))

    def isEquivalent(self, other: MPoint, tolerance: float = 1e-10) -> bool:
        """Equal within a tolerance."""
        return self._close(other, tolerance)

    def __add__(self, other: Any) -> MPoint:
        return MPoint(*(self._array()[:3] + other._array()[:3]))

    def __sub__(self, other: Any) -> Any:
        difference = self._array()[:3] - other._array()[:3]
        return MVector(*difference) if isinstance(other, MPoint) else MPoint(*difference)

    def __mul__(self, other: Any) -> MPoint:
        if isinstance(other, MMatrix):
            return MPoint(*(self._array() @ other._m))
        return MPoint(*(self._array()[:3] * other))


@api
class MFloatVector(_Tuple):
    """A direction in single precision."""

    _single = True

    def __init__(self, *args: Any) -> None:
        self._set(_coordinates("MFloatVector", args, 3))

    def length(self) -> float:
        """Euclidean length."""
        return float(np.linalg.norm(self._array()))


@api
class MFloatPoint(_Tuple):
    """A point in single precision."""

    _names = "xyzw"
    _single = True

    def __init__(self, *args: Any) -> None:
        self._set(_coordinates("MFloatPoint", args, 4))

    def __sub__(self, other: MFloatPoint) -> MFloatVector:
        return MFloatVector(*(self._array()[:3] - other._array()[:3]))
