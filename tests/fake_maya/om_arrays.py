"""OpenMaya 1.0 arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .boundary import api, wrong_arguments
from .om_base import MObject, wrap
from .om_math import MFloatPoint, MFloatVector, MPoint, MVector
from .om_script import SwigPointer


class _Numbers:
    """Array of plain numbers (these are sequences in Python) or of coordinates (these are not: length() only)."""

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
            values[:] = self._row(args[1]) if len(args) == 2 else ([0, 0, 0, 1] if self._width == 4 else 0)
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

    def _row(self, value: Any) -> Any:
        return value

    def _item(self, row: np.ndarray) -> Any:
        return row[0].item()

    def length(self) -> int:
        """Number of elements."""
        return self._count

    def setLength(self, count: int) -> None:
        """Grow or shrink."""
        grown = np.zeros((count, self._width), self._dtype)
        if self._width == 4:
            grown[:, 3] = 1
        kept = min(count, self._count)
        grown[:kept] = self._values()[:kept]
        self._data, self._count = grown, count

    def setSizeIncrement(self, count: int) -> None:
        """Growth step: of no effect here."""

    def append(self, *value: Any) -> None:
        """Add one element."""
        if self._count == len(self._data):
            grown = np.zeros((max(8, 2 * len(self._data)), self._width), self._dtype)
            grown[: self._count] = self._values()
            self._data = grown
        self._data[self._count] = self._row(value[0]) if len(value) == 1 else ([*value, 1.0][: self._width] if len(value) < self._width else value)
        self._count += 1

    def set(self, *args: Any) -> None:
        """set(value, index) or, for coordinates, set(index, x, y, z[, w])."""
        if len(args) == 2:
            self._data[self._check(args[1])] = self._row(args[0])
        else:
            index, *values = args
            self._data[self._check(index)] = [*values, 1.0][: self._width] if len(values) < self._width else values

    def insert(self, value: Any, index: int) -> None:
        """Insert before an index."""
        self._replace(np.insert(self._values(), index, self._row(value), axis=0))

    def remove(self, index: int) -> None:
        """Remove one element."""
        self._replace(np.delete(self._values(), self._check(index), axis=0))

    def clear(self) -> None:
        """Empty it."""
        self._replace(np.zeros(0))

    def copy(self, other: _Numbers) -> None:
        """Become a copy of another."""
        self._replace(other._values())

    def get(self, pointer: SwigPointer) -> None:
        """Copy all elements to memory."""
        pointer.view(self._count * self._width)[:] = self._values().ravel()

    def _check(self, index: int) -> int:
        if not 0 <= index < self._count:
            raise IndexError("list index out of range")
        return index

    def __getitem__(self, index: int) -> Any:
        return self._item(self._data[self._check(index)])


class _Sequence(_Numbers):
    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return (self._item(row) for row in self._values())

    def __setitem__(self, index: int, value: Any) -> None:
        self._data[self._check(index)] = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sequence) and bool(np.array_equal(self._values(), other._values()))

    def __hash__(self) -> int:
        return id(self)


# one class after the other gets its own copies of the methods, so that calls count under its own name
def _own(cls: Any) -> Any:
    for base in (_Sequence, _Numbers):
        for name, member in vars(base).items():
            if (not name.startswith("_") or name == "__init__") and name not in vars(cls):
                setattr(cls, name, member)
    return api(cls)


@_own
class MIntArray(_Sequence):
    """Ints."""

    _dtype, _pointer = np.int32, "int"


@_own
class MUintArray(_Sequence):
    """Unsigned ints."""

    _dtype, _pointer = np.uint32, "uint"


@_own
class MFloatArray(_Sequence):
    """Floats."""

    _dtype, _pointer = np.float32, "float"


@_own
class MDoubleArray(_Sequence):
    """Doubles."""


@_own
class MPointArray(_Numbers):
    """Points, four doubles each."""

    _width = 4
    _others = ("MFloatPointArray",)

    def _row(self, value: Any) -> Any:
        return _coordinates_of(value, 4)

    def _item(self, row: np.ndarray) -> MPoint:
        return MPoint(*row)


@_own
class MFloatPointArray(_Numbers):
    """Points, four floats each."""

    _width, _dtype, _pointer = 4, np.float32, "float"
    _others = ("MPointArray",)

    def _row(self, value: Any) -> Any:
        return _coordinates_of(value, 4)

    def _item(self, row: np.ndarray) -> MFloatPoint:
        return MFloatPoint(*row)


@_own
class MVectorArray(_Numbers):
    """Vectors, three doubles each."""

    _width = 3

    def _row(self, value: Any) -> Any:
        return _coordinates_of(value, 3)

    def _item(self, row: np.ndarray) -> MVector:
        return MVector(*row)


@_own
class MFloatVectorArray(_Numbers):
    """Vectors, three floats each."""

    _width, _dtype, _pointer = 3, np.float32, "float"

    def _row(self, value: Any) -> Any:
        return _coordinates_of(value, 3)

    def _item(self, row: np.ndarray) -> MFloatVector:
        return MFloatVector(*row)


def _coordinates_of(value: Any, width: int) -> Any:
    if not hasattr(value, "_array"):
        raise wrong_arguments("MPointArray_set")
    return [*value._array(), 1.0][:width]


class _Objects:
    """Array of wrapped things."""

    def __init__(self, *args: Any) -> None:
        self._items: list[Any] = list(args[0]._items) if args and isinstance(args[0], _Objects) else []

    def length(self) -> int:
        """Number of elements."""
        return len(self._items)

    def append(self, item: Any) -> None:
        """Add one."""
        self._items.append(wrap(item._target) if isinstance(item, MObject) else item)

    def clear(self) -> None:
        """Empty it."""
        self._items.clear()

    def remove(self, index: int) -> None:
        """Remove one."""
        del self._items[index]

    def set(self, item: Any, index: int) -> None:
        """Replace one."""
        self._items[index] = item

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self._items):
            raise IndexError("list index out of range")
        return self._items[index]


@api
class MObjectArray(_Objects):
    """MObjects."""

    length, append, clear, remove, set = _Objects.length, _Objects.append, _Objects.clear, _Objects.remove, _Objects.set


@api
class MPlugArray(_Objects):
    """MPlugs."""

    length, append, clear, remove, set = _Objects.length, _Objects.append, _Objects.clear, _Objects.remove, _Objects.set


@api
class MDagPathArray(_Objects):
    """MDagPaths."""

    length, append, clear, remove, set = _Objects.length, _Objects.append, _Objects.clear, _Objects.remove, _Objects.set
