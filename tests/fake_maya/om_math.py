"""OpenMaya 1.0 mathematics: points, vectors, matrices (row vectors), and united numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .boundary import api, current, wrong_arguments
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


@api
class MAngle:
    """An angle with a unit."""

    kInvalid, kRadians, kDegrees, kAngMinutes, kAngSeconds = range(5)

    def __init__(self, *args: Any) -> None:
        self._value, self._unit = (args + (0.0, 1)[len(args) :])[:2]

    def asRadians(self) -> float:
        """In radians."""
        return self._value * {1: 1.0, 2: math.pi / 180, 3: math.pi / 10800, 4: math.pi / 648000}[self._unit]

    def asDegrees(self) -> float:
        """In degrees."""
        return math.degrees(self.asRadians())

    def value(self) -> float:
        """In its own unit."""
        return self._value

    @staticmethod
    def uiUnit() -> int:
        """The user's unit."""
        return 2 if current().units["angle"] == "deg" else 1


_CENTIMETRES = {1: 2.54, 2: 30.48, 3: 91.44, 4: 160934.4, 5: 0.1, 6: 1.0, 7: 100000.0, 8: 100.0}
LINEAR = {"in": 1, "ft": 2, "yd": 3, "mi": 4, "mm": 5, "cm": 6, "km": 7, "m": 8}


@api
class MDistance:
    """A length with a unit."""

    kInvalid, kInches, kFeet, kYards, kMiles, kMillimeters, kCentimeters, kKilometers, kMeters = range(9)

    def __init__(self, *args: Any) -> None:
        self._value, self._unit = (args + (0.0, 6)[len(args) :])[:2]

    def asCentimeters(self) -> float:
        """In centimetres."""
        return self._value * _CENTIMETRES[self._unit]

    def asMillimeters(self) -> float:
        """In millimetres."""
        return self.asCentimeters() * 10

    def asUnits(self, unit: int) -> float:
        """In another unit."""
        return self.asCentimeters() / _CENTIMETRES[unit]

    def value(self) -> float:
        """In its own unit."""
        return self._value

    @staticmethod
    def uiUnit() -> int:
        """The user's unit."""
        return LINEAR[current().units["linear"]]

    @staticmethod
    def internalUnit() -> int:
        """Centimetres."""
        return 6

    @staticmethod
    def internalToUI(value: float) -> float:
        """Centimetres to the user's unit."""
        return value / _CENTIMETRES[LINEAR[current().units["linear"]]]

    @staticmethod
    def uiToInternal(value: float) -> float:
        """The user's unit to centimetres."""
        return value * _CENTIMETRES[LINEAR[current().units["linear"]]]


@api
class MTime:
    """A time with a unit."""

    kInvalid, kHours, kMinutes, kSeconds, kMilliseconds, kGames, kFilm, kPALFrame, kNTSCFrame, kShowScan, kPALField, kNTSCField = range(12)
    k24FPS, k25FPS, k30FPS, k60FPS = 6, 7, 8, 11

    _TICKS = {1: 6000.0 * 3600, 2: 6000.0 * 60, 3: 6000.0, 4: 6.0, 5: 400.0, 6: 250.0, 7: 240.0, 8: 200.0, 9: 125.0, 10: 120.0, 11: 100.0}

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], MTime):
            self._value, self._unit = args[0]._value, args[0]._unit
            return
        self._value, self._unit = (args + (0.0, 6)[len(args) :])[:2]

    def _ticks(self) -> float:
        return self._value * self._TICKS[self._unit]

    def asUnits(self, unit: int) -> float:
        """In another unit."""
        return self._ticks() / self._TICKS[unit]

    def value(self) -> float:
        """In its own unit."""
        return self._value

    def unit(self) -> int:
        """Its unit."""
        return self._unit

    @staticmethod
    def uiUnit() -> int:
        """The user's unit."""
        return next(unit for unit, ticks in MTime._TICKS.items() if ticks == current().ticks_per_frame)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MTime) and self._ticks() == other._ticks()

    def __hash__(self) -> int:
        return id(self)


def time_of(ticks: float) -> MTime:
    """MTime in the user's unit."""
    return MTime(ticks / current().ticks_per_frame, MTime.uiUnit())
