"""MScriptUtil and pointers: real memory, poisoned when the util that owns it is gone."""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

import numpy as np

from .boundary import api, wrong_arguments

DTYPES = {"double": np.float64, "float": np.float32, "int": np.int32, "uint": np.uint32, "short": np.int16, "bool": np.bool_, "char": np.int8, "uchar": np.uint8}
_GRAVEYARD: deque[np.ndarray] = deque(maxlen=256)  # freed memory stays mapped and poisoned, so that a kept address reads NaN instead of crashing the tests


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
        """The memory as an array."""
        dtype = np.dtype(DTYPES[self.kind])
        buffer = (ctypes.c_char * (count * dtype.itemsize)).from_address(self.address)
        return np.frombuffer(buffer, dtype)


def check_pointer(pointer: Any, kind: str, method: str) -> SwigPointer:
    """The pointer, or SWIG's error for one of another type."""
    if not isinstance(pointer, SwigPointer) or pointer.kind != kind:
        raise TypeError(f"in method '{method}', argument 1 of type '{kind} *'")
    return pointer


def _pointer_maker(kind: str, width: int) -> Any:
    def method(self: MScriptUtil) -> SwigPointer:
        return self._pointer(kind, width)

    method.__doc__ = f"Pointer to {kind}{'' if width == 1 else f'[][{width}]'}."
    return method


def _getter(kind: str, width: int, name: str) -> Any:
    def item(pointer: SwigPointer, *where: int) -> Any:
        check_pointer(pointer, kind, f"MScriptUtil_{name}")
        index = where[0] * width + where[1] if len(where) == 2 else where[0] if where else 0
        return pointer.view(index + 1)[index].item()

    item.__doc__ = f"One {kind} behind a pointer."
    return staticmethod(item)


def _setter(kind: str, width: int, name: str) -> Any:
    def item(pointer: SwigPointer, *rest: Any) -> bool:
        check_pointer(pointer, kind, f"MScriptUtil_{name}")
        *where, value = rest
        index = where[0] * width + where[1] if len(where) == 2 else where[0] if where else 0
        pointer.view(index + 1)[index] = value
        return True

    item.__doc__ = f"Set one {kind} behind a pointer."
    return staticmethod(item)


class MScriptUtil:
    """Memory for out-parameters. It must outlive the pointers it gave."""

    def __init__(self, *args: Any) -> None:
        self._values: list[float] = [0.0] * 16
        self._buffers: dict[str, np.ndarray] = {}
        if args and isinstance(args[0], int | float):
            self._values = [float(a) for a in args]

    def _fill(self, values: Any, length: int) -> None:
        if length > len(values):
            raise RuntimeError("(kInvalidParameter): list is shorter than its given length")
        self._values = [float(v) for v in values[:length]]
        self._free()

    def createFromList(self, values: list[float], length: int) -> None:
        """Memory from a list."""
        self._fill(values, length)

    def createFromDouble(self, *values: float) -> None:
        """Memory from one to four doubles."""
        self._fill(list(values), len(values))

    def createFromInt(self, *values: int) -> None:
        """Memory from one to four ints."""
        self._fill(list(values), len(values))

    def _pointer(self, kind: str, width: int) -> SwigPointer:
        if kind not in self._buffers:
            self._buffers[kind] = np.array(self._values).astype(DTYPES[kind])
        return SwigPointer(kind, self._buffers[kind].ctypes.data, None, width)

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

    @staticmethod
    def createFloatMatrixFromList(values: list[float], matrix: Any) -> None:
        """Fill an MFloatMatrix."""
        matrix._m = np.array(values, np.float32).astype(np.float64).reshape(4, 4)

    @staticmethod
    def createFloatArrayFromList(values: list[float], array: Any) -> None:
        """Fill an MFloatArray."""
        array._replace(values)

    @staticmethod
    def createIntArrayFromList(values: list[int], array: Any) -> None:
        """Fill an MIntArray."""
        array._replace(values)


for _kind, _name in (("double", "Double"), ("float", "Float"), ("int", "Int"), ("uint", "Uint"), ("short", "Short")):
    for _width in (1, 2, 3, 4):
        _label = f"{_name}{'' if _width == 1 else _width}"
        setattr(MScriptUtil, f"as{_label}Ptr", _pointer_maker(_kind, _width))
        if _width == 1:
            setattr(MScriptUtil, f"get{_name}", _getter(_kind, 1, f"get{_name}"))
            setattr(MScriptUtil, f"set{_name}", _setter(_kind, 1, f"set{_name}"))
            setattr(MScriptUtil, f"set{_name}Array", _setter(_kind, 1, f"set{_name}Array"))
        else:
            setattr(MScriptUtil, f"set{_label}ArrayItem", _setter(_kind, _width, f"set{_label}ArrayItem"))
        setattr(MScriptUtil, f"get{_label}ArrayItem", _getter(_kind, _width, f"get{_label}ArrayItem"))
for _kind, _name in (("bool", "Bool"), ("char", "Char"), ("uchar", "Uchar")):
    setattr(MScriptUtil, f"as{_name}Ptr", _pointer_maker(_kind, 1))
    setattr(MScriptUtil, f"get{_name}", _getter(_kind, 1, f"get{_name}"))
    setattr(MScriptUtil, f"set{_name}", _setter(_kind, 1, f"set{_name}"))
MScriptUtil = api(MScriptUtil)  # type: ignore[misc]
