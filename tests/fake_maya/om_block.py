"""OpenMaya 1.0: the data block, its handles, contexts and evaluation nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, current, local, violate, wrong_arguments
from .evaluation import Context, coerce
from .graph import Key, Node
from .om_base import DataValue, MObject, as_matrix, wrap
from .om_math import MAngle, MDistance, MFloatMatrix, MFloatVector, MMatrix, MTime, MVector, _matrix, time_of
from .om_nodes import key_of
from .om_plug import MPlug, plug
from .values import Geometry

_DATA_NUMBERS = {"string": 4, "matrix": 5, "stringArray": 6, "doubleArray": 7, "Int32Array": 9, "pointArray": 10, "vectorArray": 11, "componentList": 13}


class MDataHandle:
    """One value in a data block. `mode` is "in" (evaluated, read only) or "out" (as it stands)."""

    def __init__(self, *args: Any) -> None:
        if args and not isinstance(args[0], MDataHandle):
            raise wrong_arguments("new_MDataHandle")
        if args:
            self.__dict__.update(args[0].__dict__)

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
            raise violate(f"MDataHandle.{method} on {self._node.name}.{self._key[0]}, which is a {kind}: Maya reads garbage")
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

    def _geometry_for_iterator(self) -> Geometry:
        value = self._standing(self._key)
        if not isinstance(value, Geometry):
            raise RuntimeError("(kInvalidParameter): handle holds no geometry")
        return value

    # structure -------------------------------------------------------------------------------------------------------------------------
    def child(self, attr: Any) -> MDataHandle:
        """Handle of a child attribute."""
        name = key_of(attr)[0]
        if self._node.attr(name).parent != self._key[0]:
            raise RuntimeError("(kInvalidParameter): attribute is not a child of this handle")
        return handle(self._context, self._node, (name, self._key[1]), self._mode)

    def attribute(self) -> MObject:
        """The attribute."""
        return wrap(self._attr())

    def type(self) -> int:
        """MFnData type of what it holds."""
        attr = self._attr()
        if attr.kind in ("geometry", "mesh", "nurbsCurve"):
            value = self._standing(self._key)
            return 0 if value is None else 14 if value.kind == "mesh" else 16
        return _DATA_NUMBERS.get(attr.kind, 0 if attr.children else 1)

    def isNumeric(self) -> bool:
        """Whether it holds a number."""
        return self.type() == 1

    def setClean(self) -> None:
        """Mark clean."""
        if local.frames:
            local.frames[-1].cleaned.add(self._key)

    # reading ---------------------------------------------------------------------------------------------------------------------------
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

    def asNurbsCurve(self) -> MObject:
        """Curve data; null when it is none."""
        value = self._typed("asNurbsCurve", ("nurbsCurve", "geometry"))
        return self._lend(value if isinstance(value, Geometry) and value.kind == "nurbsCurve" else None)

    def asMatrix(self) -> MMatrix:
        """Matrix of doubles."""
        return _matrix(self._typed("asMatrix", ("matrix",)))

    def asFloatMatrix(self) -> MFloatMatrix:
        """Matrix of floats."""
        return MFloatMatrix(_matrix(self._typed("asFloatMatrix", ("fltMatrix",))))

    def asString(self) -> str:
        """String, empty when never set."""
        return self._typed("asString", ("string",)) or ""

    def asTime(self) -> MTime:
        """Time."""
        return time_of(self._typed("asTime", ("time",)))

    def asAngle(self) -> MAngle:
        """Angle."""
        return MAngle(self._typed("asAngle", ("doubleAngle",)), MAngle.kRadians)

    def asDistance(self) -> MDistance:
        """Distance."""
        return MDistance(self._typed("asDistance", ("doubleLinear",)), MDistance.kCentimeters)

    def asVector(self) -> MVector:
        """Three doubles."""
        return MVector(*self._typed("asVector", ("double3",)))

    def asFloatVector(self) -> MFloatVector:
        """Three floats."""
        return MFloatVector(*self._typed("asFloatVector", ("float3",)))

    # writing ---------------------------------------------------------------------------------------------------------------------------
    def setMObject(self, data: MObject) -> None:
        """Set geometry or other data."""
        held = data._target
        self._write(held.value if isinstance(held, DataValue) else held)
        if isinstance(held, Geometry) and local.frames:
            local.frames[-1].written.append((held, held.points.copy()))

    def setMMatrix(self, matrix: MMatrix) -> None:
        """Set a matrix."""
        self._write(as_matrix(matrix).copy())

    def setMFloatMatrix(self, matrix: MFloatMatrix) -> None:
        """Set a matrix of floats."""
        self._write(as_matrix(matrix).astype(np.float32))

    def setString(self, text: str) -> None:
        """Set a string."""
        if not isinstance(text, str):
            raise TypeError("in method 'MDataHandle_setString', argument 2 of type 'MString const &'")
        self._write(text)

    def setMAngle(self, value: MAngle) -> None:
        """Set an angle."""
        self._write(value.asRadians())

    def setMTime(self, value: MTime) -> None:
        """Set a time."""
        self._write(value._ticks())

    def set3Double(self, x: float, y: float, z: float) -> None:
        """Set three doubles."""
        self._write((x, y, z))

    def set3Float(self, x: float, y: float, z: float) -> None:
        """Set three floats."""
        self._write((x, y, z))

    def copy(self, other: MDataHandle) -> None:
        """Take another handle's data."""
        value = other._read()
        self._write(value.clone() if isinstance(value, Geometry) else value)


def _reading(name: str, kinds: tuple[str, ...], convert: Any) -> Any:
    def method(self: MDataHandle) -> Any:
        return convert(self._typed(name, kinds))

    method.__doc__ = f"The value of a {' or '.join(kinds)}."
    return method


def _writing(name: str, kinds: tuple[str, ...], convert: Any) -> Any:
    def method(self: MDataHandle, value: Any) -> None:
        if self._attr().kind not in kinds:
            raise violate(f"MDataHandle.{name} on {self._node.name}.{self._key[0]}, which is a {self._attr().kind}")
        if not isinstance(value, int | float | np.integer | np.floating | bool):
            raise TypeError(f"in method 'MDataHandle_{name}', argument 2 of type '{kinds[0]}'")
        self._write(convert(value))

    method.__doc__ = f"Set a {' or '.join(kinds)}."
    return method


_PLAIN = {
    "Float": (("float",), float), "Double": (("double", "doubleLinear", "doubleAngle"), float), "Int": (("long",), int), "Long": (("long",), int),
    "Short": (("short", "enum"), int), "Bool": (("bool",), bool), "Char": (("byte", "char"), int), "UChar": (("byte",), int),
}  # fmt: skip
for _name, (_kinds, _convert) in _PLAIN.items():
    setattr(MDataHandle, f"as{_name}", _reading(f"as{_name}", _kinds, _convert))
    if _name not in ("Long", "UChar"):
        setattr(MDataHandle, f"set{_name}", _writing(f"set{_name}", _kinds, _convert))
MDataHandle.asDouble3 = _reading("asDouble3", ("double3",), tuple)  # type: ignore[attr-defined]
MDataHandle.asFloat3 = _reading("asFloat3", ("float3",), tuple)  # type: ignore[attr-defined]
MDataHandle = api(MDataHandle)  # type: ignore[misc]


def handle(context: Context, node: Node, key: Key, mode: str) -> MDataHandle:
    """A handle made inside the stand-in; an input is evaluated at once."""
    found = MDataHandle.__new__(MDataHandle)
    found._context, found._node, found._key, found._mode = context, node, key, mode
    attr = node.attr(key[0])
    if mode == "in" and not node.is_array(key) and not any(node.attr(n).multi for n in attr.children):
        current().evaluator.value(context, node, key)
    return found


@api
class MArrayDataHandle:
    """The elements of a multi. Only elements that exist can be jumped to."""

    def __init__(self, *args: Any) -> None:
        if not args or not isinstance(args[0], MDataHandle | MArrayDataHandle):
            raise wrong_arguments("new_MArrayDataHandle")
        source = args[0]
        self._fill(source._context, source._node, source._key, source._mode)

    def _fill(self, context: Context, node: Node, key: Key, mode: str) -> None:
        self._context, self._node, self._key, self._mode = context, node, key, mode
        if not node.attr(key[0]).multi or not node.is_array(key):
            raise RuntimeError("(kInvalidParameter): attribute is not an array")
        depth = len(key[1])
        computed = (
            {i[depth] for name in node.subtree(key[0]) for i in context.bucket(node, name) if len(i) > depth and i[:depth] == key[1]}
            if key[0] in node.type.outputs
            else set()
        )
        self._indices = sorted({*node.indices(*key), *computed})
        self._position = 0

    def elementCount(self) -> int:
        """How many elements exist."""
        return len(self._indices)

    def jumpToElement(self, index: int) -> None:
        """Go to an element by logical index."""
        if index not in self._indices:
            raise RuntimeError("(kInvalidParameter): No element at given index")
        self._position = self._indices.index(index)

    def jumpToArrayElement(self, position: int) -> None:
        """Go to an element by position."""
        if not 0 <= position < len(self._indices):
            raise RuntimeError("(kInvalidParameter): No element at given index")
        self._position = position

    def next(self) -> None:
        """Go on."""
        if self._position + 1 >= len(self._indices):
            raise RuntimeError("(kFailure): Unexpected Internal Failure")
        self._position += 1

    def elementIndex(self) -> int:
        """Logical index of the current element."""
        return self._now()[1][-1]

    def _now(self) -> Key:
        if not self._indices:
            raise RuntimeError("(kInvalidParameter): No element at given index")
        return self._key[0], (*self._key[1], self._indices[self._position])

    def inputValue(self) -> MDataHandle:
        """Current element, evaluated."""
        return handle(self._context, self._node, self._now(), "in")

    def outputValue(self) -> MDataHandle:
        """Current element, as it stands."""
        return handle(self._context, self._node, self._now(), "out")

    def builder(self) -> MArrayDataBuilder:
        """To add elements."""
        if not self._node.attr(self._key[0]).array_builder:
            raise RuntimeError("(kFailure): attribute does not use the array data builder")
        return MArrayDataBuilder(self)

    def set(self, builder: MArrayDataBuilder) -> None:
        """Take a builder's elements."""
        self._indices = sorted({*self._indices, *builder._added})

    def setAllClean(self) -> None:
        """Mark all elements clean."""
        if local.frames:
            local.frames[-1].cleaned.update((self._key[0], (*self._key[1], i)) for i in self._indices)

    def setClean(self) -> None:
        """Mark the current element clean."""
        if local.frames:
            local.frames[-1].cleaned.add(self._now())


@api
class MArrayDataBuilder:
    """Adds elements to an output multi."""

    def __init__(self, *args: Any) -> None:
        source = args[0]
        self._array = source._array if isinstance(source, MArrayDataBuilder) else source
        self._added: set[int] = set(source._added) if isinstance(source, MArrayDataBuilder) else set()

    def elementCount(self) -> int:
        """How many elements there will be."""
        return len({*self._array._indices, *self._added})

    def addElement(self, index: int) -> MDataHandle:
        """A handle for an element, made when it is not there."""
        self._added.add(index)
        array = self._array
        return handle(array._context, array._node, (array._key[0], (*array._key[1], index)), "out")


@api
class MDGContext:
    """When and for whom something is evaluated."""

    fsNormal: MDGContext

    def __init__(self, *args: Any) -> None:
        self._context = Context(args[0]._ticks()) if args and isinstance(args[0], MTime) else args[0]._context if args else current().evaluator.normal

    def isNormal(self) -> bool:
        """Whether it is the scene at its current time."""
        return self._context.normal

    def getTime(self, time: MTime) -> None:
        """Its time, into an MTime."""
        session = current()
        ticks = session.time if self._context.time is None else self._context.time
        found = time_of(ticks)
        time._value, time._unit = found._value, found._unit


def context_of(context: Context) -> MDGContext:
    """An MDGContext made inside the stand-in."""
    found = MDGContext.__new__(MDGContext)
    found._context = context
    return found


@api
class MDataBlock:
    """A node's data in one context."""

    def __init__(self, *args: Any) -> None:
        raise wrong_arguments("new_MDataBlock")

    def _input_guard(self, name: str, method: str) -> None:
        if name == "input" and self._node.is_deformer:
            raise violate(f"MDataBlock.{method}(input): the attribute is not cached, so that all inputs are evaluated again; use outputArrayValue")

    def inputValue(self, which: Any) -> MDataHandle:
        """Evaluated value of an attribute or plug."""
        key = key_of(which)
        self._input_guard(key[0], "inputValue")
        if self._node.attr(key[0]).multi and self._node.is_array(key):
            raise RuntimeError("(kFailure): attribute is an array: use inputArrayValue")
        return handle(self._context, self._node, key, "in")

    def outputValue(self, which: Any) -> MDataHandle:
        """Value as it stands, to be written when it is an output."""
        return handle(self._context, self._node, key_of(which), "out")

    def inputArrayValue(self, which: Any) -> MArrayDataHandle:
        """Evaluated elements of a multi."""
        key = key_of(which)
        self._input_guard(key[0], "inputArrayValue")
        found = self._array(key, "in")
        for index in found._indices:
            handle(self._context, self._node, (key[0], (*key[1], index)), "in")
        return found

    def outputArrayValue(self, which: Any) -> MArrayDataHandle:
        """Elements of a multi as they stand."""
        return self._array(key_of(which), "out")

    def _array(self, key: Key, mode: str) -> MArrayDataHandle:
        found = MArrayDataHandle.__new__(MArrayDataHandle)
        found._fill(self._context, self._node, key, mode)
        return found

    def isClean(self, which: Any) -> bool:
        """Whether a plug is clean."""
        key = key_of(which)
        return key[1] in self._context.bucket(self._node, key[0])

    def setClean(self, which: Any) -> None:
        """Mark a plug (or an attribute) clean."""
        if local.frames:
            local.frames[-1].cleaned.add(key_of(which))

    def context(self) -> MDGContext:
        """Its context."""
        return context_of(self._context)


def block_of(context: Context, node: Node) -> MDataBlock:
    """A data block made inside the stand-in."""
    found = MDataBlock.__new__(MDataBlock)
    found._context, found._node = context, node
    return found


@api
class MEvaluationNode:
    """What the evaluation graph says about a node: which of its plugs are dirty this frame."""

    def __init__(self, *args: Any) -> None:
        raise wrong_arguments("new_MEvaluationNode")

    def dirtyPlugExists(self, attr: MObject) -> bool:
        """Whether a plug of that attribute is dirty."""
        return any(key[0] == attr._target.long for key in self._dirty)

    def dirtyPlug(self, attr: MObject) -> MPlug:
        """The dirty plug of that attribute."""
        key = next((k for k in self._dirty if k[0] == attr._target.long), None)
        if key is None:
            raise RuntimeError("(kInvalidParameter): no dirty plug of that attribute")
        return plug(self._node, key)

    def dependencyNode(self) -> MObject:
        """The node."""
        return wrap(self._node)

    def datablock(self) -> MDataBlock:
        """Its data block."""
        return block_of(self._context, self._node)


def evaluation_node(context: Context, node: Node, dirty: list[Key]) -> MEvaluationNode:
    """An MEvaluationNode made inside the stand-in."""
    found = MEvaluationNode.__new__(MEvaluationNode)
    found._context, found._node, found._dirty = context, node, dirty
    return found
