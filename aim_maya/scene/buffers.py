"""Memory that numpy and Maya's arrays both see. MScriptUtil owns it, so it has to be kept alive: pools do that."""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Iterator
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


class Pool:
    """Buffers that grow on demand and are used again, the last one first: filling an MScriptUtil from a list is the slow part.

    Lent, not thread-local: what Python keeps for a thread that Maya made is gone when the callback returns.
    """

    def __init__(self, width: int, pointer: str) -> None:
        self._width, self._pointer, self._free = width, pointer, deque[_Doubles]()

    @contextlib.contextmanager
    def lend(self, count: int) -> Iterator[tuple[Any, Floats]]:
        """A pointer for the API and its memory as (count, width) float64; both are taken back at the end of the block."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = _Doubles(self._width * max(count, 64), self._pointer)
        if len(buffer.view) < self._width * count:
            buffer = _Doubles(self._width * count, self._pointer)
        try:
            yield buffer.pointer, buffer.view[: self._width * count].reshape(count, self._width)
        finally:
            self._free.append(buffer)


def view(pointer: Any, size: int, dtype: Any) -> Floats:
    """(size,) array over the memory behind a SWIG pointer."""
    item = np.dtype(dtype)
    memory = (ctypes.c_char * (size * item.itemsize)).from_address(int(pointer))
    return np.frombuffer(memory, item)


points = Pool(4, "asDouble4Ptr")
values = Pool(1, "asDoublePtr")
