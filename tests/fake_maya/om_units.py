"""OpenMaya 1.0: angles, distances and times with their units."""

from __future__ import annotations

import math
from typing import Any

from .boundary import api, current


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
