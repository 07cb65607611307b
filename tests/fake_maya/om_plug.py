"""OpenMaya 1.0: MPlug."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, current, stand_in, wrong_arguments
from .evaluation import coerce
from .node import Key, Node
from .om_arrays import MIntArray, MPlugArray
from .om_base import DataValue, MObject, wrap
from .om_units import MAngle, MDistance, MTime, time_of
from .plugs import attr_name
from .values import Geometry


def _getter(convert: Any) -> Any:
    def method(self: MPlug) -> Any:
        return convert(self._value())

    method.__doc__ = "The value (internal units)."
    return method


def _setter(convert: Any) -> Any:
    def method(self: MPlug, value: Any) -> None:
        self._store(convert(value))

    method.__doc__ = "Set the value (internal units)."
    return method


class MPlug:
    """One attribute of one node. Values are in internal units: centimetres and radians."""

    def __init__(self, *args: Any) -> None:
        self._node: Any = None
        self._key: Key = ("", ())
        self._attr: Any = None
        if len(args) == 2 and all(isinstance(a, MObject) for a in args):
            self._node, self._attr = args[0]._target, args[1]._target
            self._key = (self._attr.long, ())
        elif len(args) == 1 and isinstance(args[0], MPlug):
            self._node, self._key, self._attr = args[0]._node, args[0]._key, args[0]._attr
        elif args:
            raise wrong_arguments("new_MPlug")

    def isNull(self) -> bool:
        """Whether it points at nothing."""
        return self._node is None

    def node(self) -> MObject:
        """The node."""
        return wrap(self._node)

    def attribute(self) -> MObject:
        """The attribute."""
        return wrap(self._node.attr(self._key[0]) if self._node is not None else self._attr)

    def name(self) -> str:
        """node.attribute, with its alias when it has one."""
        return f"{self._node.name}.{attr_name(self._node, self._key)}"

    def info(self) -> str:
        """The same."""
        return self.name()

    def partialName(self, *flags: bool) -> str:
        """partialName(node, nonMandatory, instanced, alias, full, long): short names unless `long`."""
        node, _, _, alias, full, long = (*flags, *([False] * (6 - len(flags))))
        text = attr_name(self._node, self._key, short=not long, alias=alias, full=full)
        return f"{self._node.name}.{text}" if node else text

    # kind ------------------------------------------------------------------------------------------------------------------------------
    def isArray(self) -> bool:
        """Whether it is a whole multi."""
        return self._node.attr(self._key[0]).multi and self._node.is_array(self._key)

    def isElement(self) -> bool:
        """Whether it is an element of a multi."""
        return self._node.attr(self._key[0]).multi and not self._node.is_array(self._key)

    def isCompound(self) -> bool:
        """Whether it has children."""
        return bool(self._node.attr(self._key[0]).children)

    def isChild(self) -> bool:
        """Whether it is a child of a compound."""
        return self._node.attr(self._key[0]).parent is not None and not self.isElement()

    def isDynamic(self) -> bool:
        """Whether the attribute was added to the node."""
        return self._node.attr(self._key[0]).dynamic

    # structure -------------------------------------------------------------------------------------------------------------------------
    def logicalIndex(self) -> int:
        """Index of an element."""
        return self._key[1][-1]

    def array(self) -> MPlug:
        """The multi of an element."""
        return plug(self._node, (self._key[0], self._key[1][:-1]))

    def parent(self) -> MPlug:
        """The compound of a child."""
        return plug(self._node, (self._node.attr(self._key[0]).parent, self._key[1]))

    def child(self, which: Any) -> MPlug:
        """A child, by position or attribute."""
        name = self._node.attr(self._key[0]).children[which] if isinstance(which, int) else which._target.long
        return plug(self._node, (name, self._key[1]))

    def numChildren(self) -> int:
        """How many children."""
        return len(self._node.attr(self._key[0]).children)

    def _elements(self) -> list[int]:
        return self._node.indices(*self._key)

    def numElements(self) -> int:
        """How many elements are there."""
        return len(self._elements())

    def evaluateNumElements(self) -> int:
        """The same, after evaluation."""
        return len(self._elements())

    def elementByLogicalIndex(self, index: int) -> MPlug:
        """Element by index; need not exist."""
        return plug(self._node, (self._key[0], (*self._key[1], int(index))))

    def elementByPhysicalIndex(self, position: int) -> MPlug:
        """Element by position."""
        found = self._elements()
        if not 0 <= position < len(found):
            raise RuntimeError("(kInvalidParameter): No element at given index")
        return self.elementByLogicalIndex(found[position])

    def __getitem__(self, index: int) -> MPlug:
        return self.elementByLogicalIndex(index)

    def getExistingArrayAttributeIndices(self, array: MIntArray) -> int:
        """Indices of existing elements, into an array; their number."""
        array._replace(self._elements())
        return len(self._elements())

    def selectAncestorLogicalIndex(self, index: int, attr: MObject) -> None:
        """Set the index of one ancestor multi."""
        multis = [a.long for a in self._node.chain(self._key[0]) if a.multi]
        position = multis.index(attr._target.long)
        indices = list(self._key[1]) + [0] * (position + 1 - len(self._key[1]))
        indices[position] = index
        self._key = (self._key[0], tuple(indices))

    # connections -----------------------------------------------------------------------------------------------------------------------
    def isConnected(self) -> bool:
        """Whether anything goes in or out."""
        return self._key in self._node.inputs or bool(self._node.outputs.get(self._key))

    def isDestination(self) -> bool:
        """Whether something comes in."""
        return self._key in self._node.inputs

    def isSource(self) -> bool:
        """Whether something goes out."""
        return bool(self._node.outputs.get(self._key))

    def source(self) -> MPlug:
        """What comes in, or a null plug."""
        end = self._node.inputs.get(self._key)
        return plug(*end) if end else MPlug()

    def connectedTo(self, array: MPlugArray, as_destination: bool, as_source: bool) -> bool:
        """Other ends, into an array."""
        ends = [self._node.inputs[self._key]] if as_destination and self._key in self._node.inputs else []
        ends += list(self._node.outputs.get(self._key, ())) if as_source else []
        array._items = [plug(*end) for end in ends]
        return bool(ends)

    def destinations(self, array: MPlugArray) -> bool:
        """Where it goes, into an array."""
        return self.connectedTo(array, False, True)

    # flags -----------------------------------------------------------------------------------------------------------------------------
    def isLocked(self) -> bool:
        """Whether it is locked."""
        return self._node.is_locked(self._key)

    def isKeyable(self) -> bool:
        """Whether it is keyable."""
        return self._node.flag(self._key, "keyable")

    def isChannelBoxFlagSet(self) -> bool:
        """Whether the channel box shows it unkeyable."""
        return self._node.flag(self._key, "channelBox")

    def setLocked(self, value: bool) -> None:
        """Lock."""
        current().graph.set_flag(self._node, self._key, "lock", bool(value))

    def setKeyable(self, value: bool) -> None:
        """Keyable."""
        current().graph.set_flag(self._node, self._key, "keyable", bool(value))

    def setChannelBox(self, value: bool) -> None:
        """Channel box."""
        current().graph.set_flag(self._node, self._key, "channelBox", bool(value))

    def isFreeToChange(self, *checks: bool) -> int:
        """0 when it may be set."""
        return int(self.isLocked() or self.isDestination())

    # values ----------------------------------------------------------------------------------------------------------------------------
    def _value(self) -> Any:
        if self._node.is_array(self._key):
            raise RuntimeError("(kFailure): plug is an array")
        return current().evaluator.normal_value(self._node, self._key)

    def asMObject(self, *context: Any) -> MObject:
        """Data behind the plug."""
        value = self._value()
        attr = self._node.attr(self._key[0])
        if isinstance(value, Geometry):
            return wrap(value.clone())
        if value is None:
            raise RuntimeError("(kFailure): Unexpected Internal Failure")
        if isinstance(value, tuple):
            return wrap(DataValue("numeric", value, 16))
        return wrap(DataValue(attr.kind, value))

    def asMAngle(self) -> MAngle:
        """As an angle."""
        return MAngle(self._value(), MAngle.kRadians)

    def asMDistance(self) -> MDistance:
        """As a distance."""
        return MDistance(self._value(), MDistance.kCentimeters)

    def asMTime(self) -> MTime:
        """As a time."""
        return time_of(self._value())

    def _store(self, value: Any) -> None:
        attr = self._node.attr(self._key[0])
        if self._node.is_locked(self._key) or self._node.source(self._key) is not None:
            raise RuntimeError("(kFailure): plug is locked or connected")
        current().graph.set_value(self._node, self._key, coerce(attr.kind, value))

    def setMObject(self, data: MObject) -> None:
        """Set data."""
        held = data._target
        value = held.value if isinstance(held, DataValue) else held.clone() if isinstance(held, Geometry) else held
        self._store(np.asarray(value) if isinstance(value, np.ndarray) else value)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MObject):
            return self._node is not None and self._node.attr(self._key[0]) is other._target
        return isinstance(other, MPlug) and self._node is other._node and self._key == other._key

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return id(self)


for _name, _convert in {"asDouble": float, "asFloat": float, "asInt": int, "asShort": int, "asBool": bool, "asChar": int}.items():
    setattr(MPlug, _name, _getter(_convert))
MPlug.asString = _getter(lambda v: v or "")  # type: ignore[attr-defined]
for _name, _convert in {"setDouble": float, "setFloat": float, "setInt": int, "setShort": int, "setBool": bool, "setString": str, "setChar": int}.items():
    setattr(MPlug, _name, _setter(_convert))
MPlug.setMAngle = _setter(lambda a: a.asRadians())  # type: ignore[attr-defined]
MPlug.setMDistance = _setter(lambda d: d.asCentimeters())  # type: ignore[attr-defined]
MPlug.setMTime = _setter(lambda t: t._ticks())  # type: ignore[attr-defined]
MPlug = api(MPlug)  # type: ignore[misc]


def plug(node: Node, key: Key, attr: Any = None) -> MPlug:
    """An MPlug made inside the stand-in."""
    with stand_in():
        found = MPlug()
    found._node, found._key, found._attr = node, key, attr
    return found
