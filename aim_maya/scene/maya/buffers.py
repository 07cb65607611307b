"""Maya's values and ours: memory that numpy and Maya both see, row and column matrices, the user's units."""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from maya import OpenMaya, cmds

from aim_maya.core.arrays import Floats

# Memory that numpy and Maya's arrays both see. MScriptUtil owns it, so it has to be kept alive: pools do
# that.


class _Doubles:
    """`size` doubles: the MScriptUtil that owns them, its pointer, and a numpy view."""

    def __init__(self, size: int, pointer: str) -> None:
        self.util = OpenMaya.MScriptUtil()
        self.util.createFromList([0.0] * size, size)
        self.pointer = getattr(self.util, pointer)()
        self.view = view(self.pointer, size, np.float64)


class Pool:
    """Buffers that grow on demand and are used again, the last one first: filling an MScriptUtil from a list
    is the slow part.

    Lent, not thread-local: what Python keeps for a thread that Maya made is gone when the callback returns.
    """

    def __init__(self, width: int, pointer: str) -> None:
        self._width, self._pointer, self._free = width, pointer, deque[_Doubles]()

    @contextlib.contextmanager
    def lend(self, count: int) -> Iterator[tuple[Any, Floats]]:
        """A pointer for the API and its memory as (count, width) float64; both are taken back at the end of
        the block."""
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


# Maya's matrices and ours: row vectors and MMatrix there, column vectors (p' = M p) and numpy here. The one
# place that converts.


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


# The user's units: what values of `cmds`, keys among them, are counted in.

_CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 1e5, "in": 2.54, "ft": 30.48, "yd": 91.44}
_RATES = {"game": 15.0, "film": 24.0, "pal": 25.0, "ntsc": 30.0, "show": 48.0, "palf": 50.0, "ntscf": 60.0}
_DEGREES = {"deg": 1.0, "rad": 57.29577951308232}


def frames_per_second() -> float:
    """Of the scene's time slider: 'film' is 24, '29.97fps' is what it says."""
    name = str(cmds.currentUnit(query=True, time=True))
    return _RATES[name] if name in _RATES else float(name.removesuffix("fps").removesuffix("df"))


def centimetres() -> float:
    """In one user unit of length."""
    return _CENTIMETRES[str(cmds.currentUnit(query=True, linear=True))]


def degrees() -> float:
    """In one user unit of angle."""
    return _DEGREES[str(cmds.currentUnit(query=True, angle=True))]
