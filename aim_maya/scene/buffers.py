"""Memory that numpy and Maya's arrays both see. MScriptUtil owns it, so it has to be kept alive: it is, one set a thread."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
from maya import OpenMaya
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class _Doubles:
    """`size` doubles: the MScriptUtil that owns them, its pointer, and a numpy view."""

    def __init__(self, size: int, pointer: str) -> None:
        self.util = OpenMaya.MScriptUtil()
        self.util.createFromList([0.0] * size, size)
        self.pointer = getattr(self.util, pointer)()
        self.view = view(self.pointer, size, np.float64)


class Buffers(threading.local):
    """Grown on demand and reused: filling an MScriptUtil from a list is the slow part."""

    def __init__(self) -> None:
        self._points: _Doubles | None = None
        self._values: _Doubles | None = None

    def points(self, count: int) -> tuple[Any, Floats]:
        """A double[4]* and its memory as (count, 4) float64, w = 1."""
        if self._points is None or len(self._points.view) < 4 * count:
            self._points = _Doubles(4 * max(count, 1), "asDouble4Ptr")
            self._points.view[3::4] = 1.0
        return self._points.pointer, self._points.view[: 4 * count].reshape(count, 4)

    def values(self, count: int) -> tuple[Any, Floats]:
        """A double* and its memory as (count,) float64."""
        if self._values is None or len(self._values.view) < count:
            self._values = _Doubles(max(count, 64), "asDoublePtr")
        return self._values.pointer, self._values.view[:count]


def view(pointer: Any, size: int, dtype: Any) -> Floats:
    """(size,) array over the memory behind a SWIG pointer."""
    item = np.dtype(dtype)
    memory = (ctypes.c_char * (size * item.itemsize)).from_address(int(pointer))
    return np.frombuffer(memory, item)


buffers = Buffers()
