"""OpenMaya 1.0 arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .boundary import api, wrong_arguments
from .om_math import MFloatPoint, MPoint
from .om_script import SwigPointer


class _Numbers:
    """Array of plain numbers (these are sequences in Python) or of coordinates (these are not: length()
    only)."""

    _dtype: Any = np.float64
    _width = 1
    _pointer = "double"
    _others: tuple[str, ...] = ()

    def __init__(self, *args: Any) -> None:
        name = type(self).__name__
        if not args:
            values: Any = np.zeros(0)
        elif isinstance(args[0], _Numbers) and len(args) == 1:
            if type(args[0]).__name__ not in (name, *self._others):
                raise wrong_arguments(f"new_{name}")
            values = args[0]._values()
        elif isinstance(args[0], SwigPointer) and len(args) == 2:
            values = self._from_pointer(args[0], args[1])
        elif isinstance(args[0], int) and not isinstance(args[0], bool):
            values = np.zeros((args[0], self._width))
            values[:] = args[1] if len(args) == 2 else ([0, 0, 0, 1] if self._width == 4 else 0)
        elif isinstance(args[0], list | tuple) and len(args) == 1 and self._width == 1:
            values = np.array(args[0])
        else:
            raise wrong_arguments(f"new_{name}")
        self._replace(values)

    def _from_pointer(self, pointer: SwigPointer, count: int) -> np.ndarray:
        wanted = (self._pointer, "float", "double") if self._width > 1 else (self._pointer,)
        if pointer.kind not in wanted or (self._width > 1 and pointer.width != self._width):
            raise wrong_arguments(f"new_{type(self).__name__}")
        return pointer.view(count * self._width).copy()

    def _replace(self, values: Any) -> None:
        self._data = np.array(values, self._dtype).reshape(-1, self._width)
        self._count = len(self._data)

    def _values(self) -> np.ndarray:
        """(N, width), only what is used."""
        return self._data[: self._count]

    def length(self) -> int:
        """Number of elements."""
        return self._count

    def append(self, *value: Any) -> None:
        """Add one element."""
        if self._count == len(self._data):
            grown = np.zeros((max(8, 2 * len(self._data)), self._width), self._dtype)
            grown[: self._count] = self._values()
            self._data = grown
        wide = self._width > 1 and len(value) == 1
        point = value[0] if wide else None
        row = [*value, 1.0] if point is None else (point.x, point.y, point.z, point.w)
        self._data[self._count] = row[: self._width]
        self._count += 1

    def get(self, pointer: SwigPointer) -> None:
        """Copy all elements to memory."""
        pointer.view(self._count * self._width)[:] = self._values().ravel()

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self._count:
            raise IndexError("list index out of range")
        row = self._data[index].tolist()
        return row[0] if self._width == 1 else (MFloatPoint if self._dtype is np.float32 else MPoint).of(row)


class _Sequence(_Numbers):
    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values()[:, 0].tolist())

    def __hash__(self) -> int:
        return id(self)


def _own(cls: Any) -> Any:
    """Each class gets its own copies of the methods, so that calls count under its own name."""
    for base in (_Sequence, _Numbers):
        for name, member in vars(base).items():
            if (not name.startswith("_") or name == "__init__") and name not in vars(cls):
                setattr(cls, name, member)
    return api(cls)


@_own
class MIntArray(_Sequence):
    _dtype, _pointer = np.int32, "int"


@_own
class MFloatArray(_Sequence):
    _dtype, _pointer = np.float32, "float"


@_own
class MDoubleArray(_Sequence):
    pass


@_own
class MPointArray(_Numbers):
    _width, _others = 4, ("MFloatPointArray",)


@_own
class MFloatPointArray(_Numbers):
    _width, _dtype, _pointer, _others = 4, np.float32, "float", ("MPointArray",)


@api
class MPlugArray:
    """What setDependentsDirty is given: plugs are added."""

    def __init__(self) -> None:
        self._items: list[Any] = []

    def append(self, plug: Any) -> None:
        self._items.append(plug)
