"""OpenMaya 1.0: the handle of one value in a data block."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, current, local, violate
from .evaluation import Context, coerce
from .node import Key, Node
from .om_base import DataValue, MObject, as_matrix, wrap
from .om_math import MMatrix, matrix_of
from .om_nodes import key_of
from .values import Geometry

_NAMES = "string matrix stringArray doubleArray floatArray Int32Array pointArray vectorArray matrixArray"
_DATA_NUMBERS = dict(zip((*_NAMES.split(), "componentList"), range(4, 14), strict=True))


class MDataHandle:
    """One value in a data block. `mode` is "in" (evaluated, read only) or "out" (as it stands)."""

    def _attr(self) -> Any:
        return self._node.attr(self._key[0])

    def _read(self) -> Any:
        if self._mode == "in":
            return current().evaluator.value(self._context, self._node, self._key)
        return self._standing(self._key)

    def _standing(self, key: Key) -> Any:
        attr = self._node.attr(key[0])
        if attr.children:
            return tuple(self._standing((child, key[1])) for child in attr.children)
        bucket = self._context.bucket(self._node, key[0])
        return bucket[key[1]] if key[1] in bucket else self._node.stored(key)

    def _typed(self, method: str, kinds: tuple[str, ...]) -> Any:
        kind = self._attr().kind
        if kind not in kinds:
            raise violate(
                f"MDataHandle.{method} on {self._node.name}.{self._key[0]}, which is a {kind}: Maya"
                f" reads garbage"
            )
        return self._read()

    def _write(self, value: Any) -> None:
        name = f"{self._node.name}.{self._key[0]}"
        if self._mode == "in":
            raise violate(f"{name} was got with inputValue and is written: inputs are read only")
        if self._key[0] not in self._node.type.outputs:
            raise violate(f"{name} is an input and is written during evaluation: hard crash in Maya")
        attr = self._attr()
        if attr.children:
            for child, part in zip(attr.children, value, strict=True):
                self._put((child, self._key[1]), coerce(self._node.attr(child).kind, part))
        else:
            self._put(self._key, coerce(attr.kind, value))

    def _put(self, key: Key, value: Any) -> None:
        self._context.bucket(self._node, key[0])[key[1]] = value
        if local.frames:
            local.frames[-1].assigned.add(key)

    def child(self, attr: Any) -> MDataHandle:
        """Handle of a child attribute."""
        name = key_of(attr)[0]
        if self._node.attr(name).parent != self._key[0]:
            raise RuntimeError("(kInvalidParameter): attribute is not a child of this handle")
        return handle(self._context, self._node, (name, self._key[1]), self._mode)

    def type(self) -> int:
        """MFnData type of what it holds."""
        attr = self._attr()
        if attr.kind in ("geometry", "mesh"):
            value = self._standing(self._key)
            return 0 if value is None else 14 if value.kind == "mesh" else 16
        return _DATA_NUMBERS.get(attr.kind, 0 if attr.children else 1)

    def _lend(self, value: Any) -> MObject:
        if isinstance(value, Geometry):
            is_input = self._key[0] not in self._node.type.outputs
            return wrap(local.frames[-1].lend(value) if local.frames and is_input else value)
        return wrap(None)

    def data(self) -> MObject:
        """The data object behind it."""
        value = self._read()
        if isinstance(value, Geometry):
            return self._lend(value)
        return wrap(None if value is None else DataValue(self._attr().kind, value))

    def asMesh(self) -> MObject:
        """Mesh data; null when it is none."""
        value = self._typed("asMesh", ("mesh", "geometry"))
        return self._lend(value if isinstance(value, Geometry) and value.kind == "mesh" else None)

    def asMatrix(self) -> MMatrix:
        return matrix_of(self._typed("asMatrix", ("matrix",)))

    def asString(self) -> str:
        """Empty when never set."""
        return self._typed("asString", ("string",)) or ""

    def setMObject(self, data: MObject) -> None:
        """Set geometry or other data."""
        held = data._target
        self._write(held.value if isinstance(held, DataValue) else held)
        if isinstance(held, Geometry) and local.frames:
            local.frames[-1].written.append((held, held.points.copy()))

    def setMMatrix(self, matrix: MMatrix) -> None:
        """Set a matrix."""
        self._write(as_matrix(matrix).copy())

    def setString(self, text: str) -> None:
        """Set a string."""
        if not isinstance(text, str):
            raise TypeError("in method 'MDataHandle_setString', argument 2 of type 'MString const &'")
        self._write(text)


def _reading(name: str, kinds: tuple[str, ...], convert: Any) -> Any:
    return lambda self: convert(self._typed(name, kinds))


def _writing(name: str, kinds: tuple[str, ...], convert: Any) -> Any:
    def method(self: MDataHandle, value: Any) -> None:
        kind = self._attr().kind
        if kind not in kinds:
            raise violate(f"MDataHandle.{name} on {self._node.name}.{self._key[0]}, which is a {kind}")
        if not isinstance(value, int | float | np.integer | np.floating | bool):
            raise TypeError(f"in method 'MDataHandle_{name}', argument 2 of type '{kinds[0]}'")
        self._write(convert(value))

    return method


_DOUBLES = "double doubleLinear doubleAngle"
for _names, _kinds, _convert in (  # methods, the kinds of attribute that they fit
    ("Float", "float", float),
    ("Double", _DOUBLES, float),
    ("Int Long", "long", int),
    ("Short", "short enum", int),
    ("Bool", "bool", bool),
    ("Char", "byte char", int),
    ("UChar", "byte", int),
    ("FloatMatrix", "fltMatrix", matrix_of),
    ("Double3 Vector", "double3", tuple),
    ("Float3 FloatVector", "float3", tuple),
    ("Time", "time", float),
    ("Angle", "doubleAngle", float),
    ("Distance", "doubleLinear", float),
):
    for _name in _names.split():
        _fits = tuple(_kinds.split())
        setattr(MDataHandle, f"as{_name}", _reading(f"as{_name}", _fits, _convert))
        if _name in ("Float", "Double", "Int", "Short", "Bool", "Char"):
            setattr(MDataHandle, f"set{_name}", _writing(f"set{_name}", _fits, _convert))
MDataHandle = api(MDataHandle)  # type: ignore[misc]


def handle(context: Context, node: Node, key: Key, mode: str) -> MDataHandle:
    """A handle made inside the stand-in; an input is evaluated at once."""
    found = MDataHandle.__new__(MDataHandle)
    found._context, found._node, found._key, found._mode = context, node, key, mode
    attr = node.attr(key[0])
    if mode == "in" and not node.is_array(key) and not any(node.attr(n).multi for n in attr.children):
        current().evaluator.value(context, node, key)
    return found
