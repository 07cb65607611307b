"""MScriptUtil and pointers: real memory, poisoned when the util that owns it is gone."""

from __future__ import annotations

import ctypes
import weakref
from collections import deque
from typing import Any

import numpy as np

from .boundary import api, violate, wrong_arguments

DTYPES = {"double": np.float64, "float": np.float32, "int": np.int32, "uint": np.uint32, "short": np.int16}
DTYPES |= {"bool": np.bool_, "char": np.int8, "uchar": np.uint8}
# freed memory stays mapped and poisoned, so that a kept address reads NaN instead of crashing the tests
_GRAVEYARD: deque[np.ndarray] = deque(maxlen=256)


def bury(memory: np.ndarray) -> None:
    """Poison memory that Maya would have freed."""
    memory[...] = np.nan if memory.dtype.kind == "f" else memory.dtype.type(85)
    _GRAVEYARD.append(memory)


class SwigPointer:
    """A typed pointer: `int(pointer)` is the address. It does not keep the memory alive."""

    def __init__(self, kind: str, address: int, owner: Any = None, width: int = 1) -> None:
        self.kind = kind
        self.address = address
        self.width = width
        self._owner = owner

    def __int__(self) -> int:
        return self.address

    def view(self, count: int) -> np.ndarray:
        """The memory as an array. A pointer does not keep its MScriptUtil alive, which owns the memory (the
        class's page tells to keep it): what is handed over after it is gone would be freed memory."""
        if self._owner is not None and self._owner() is None:
            raise violate("a pointer of an MScriptUtil that is gone is used: freed memory in Maya")
        dtype = np.dtype(DTYPES[self.kind])
        buffer = (ctypes.c_char * (count * dtype.itemsize)).from_address(self.address)
        return np.frombuffer(buffer, dtype)


class MScriptUtil:
    """Memory for out-parameters. It must outlive the pointers it gave."""

    def __init__(self, *args: Any) -> None:
        self._values: list[float] = [0.0] * 16
        self._buffers: dict[str, np.ndarray] = {}
        if args and isinstance(args[0], int | float):
            self._values = [float(a) for a in args]

    def createFromList(self, values: list[float], length: int) -> None:
        if length > len(values):
            raise RuntimeError("(kInvalidParameter): list is shorter than its given length")
        self._values = [float(v) for v in values[:length]]
        self._free()

    def _pointer(self, kind: str, width: int) -> SwigPointer:
        if kind not in self._buffers:
            self._buffers[kind] = np.array(self._values).astype(DTYPES[kind])
        return SwigPointer(kind, self._buffers[kind].ctypes.data, weakref.ref(self), width)

    def _free(self) -> None:
        for memory in self._buffers.values():
            bury(memory)
        self._buffers = {}

    def __del__(self) -> None:
        self._free()

    @staticmethod
    def createMatrixFromList(values: list[float], matrix: Any) -> None:
        """Fill an MMatrix from sixteen numbers, row by row."""
        if len(values) != 16 or type(matrix).__name__ != "MMatrix":
            raise wrong_arguments("MScriptUtil_createMatrixFromList")
        matrix._m = np.array(values, np.float64).reshape(4, 4)


for _name, _kind, _width in (
    ("asIntPtr", "int", 1),
    ("asDoublePtr", "double", 1),
    ("asDouble4Ptr", "double", 4),
):
    setattr(MScriptUtil, _name, lambda self, kind=_kind, width=_width: self._pointer(kind, width))
MScriptUtil = api(MScriptUtil)  # type: ignore[misc]
