"""OpenMaya 1.0: MPlug."""

from __future__ import annotations

from typing import Any

from .boundary import api, current, stand_in, wrong_arguments
from .node import Key, Node
from .om_base import DataValue, MObject, wrap
from .values import Geometry


class MPlug:
    """One attribute of one node. Values are in internal units: centimetres and radians."""

    def __init__(self, *args: Any) -> None:
        self._node: Any = None
        self._key: Key = ("", ())
        self._attr: Any = None
        if args and not (len(args) == 2 and all(isinstance(a, MObject) for a in args)):
            raise wrong_arguments("new_MPlug")
        if args:
            self._node, self._attr = args[0]._target, args[1]._target
            self._key = (self._attr.long, ())

    def attribute(self) -> MObject:
        """The attribute."""
        return wrap(self._node.attr(self._key[0]) if self._node is not None else self._attr)

    def __eq__(self, other: object) -> bool:
        """With another plug, or with an attribute's MObject."""
        if isinstance(other, MObject):
            return self._node is not None and self._node.attr(self._key[0]) is other._target
        return isinstance(other, MPlug) and (self._node, self._key) == (other._node, other._key)

    def __hash__(self) -> int:
        return id(self)

    def elementByLogicalIndex(self, index: int) -> MPlug:
        """Element by index; need not exist."""
        return plug(self._node, (self._key[0], (*self._key[1], int(index))))

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
        return wrap(DataValue(attr.kind, value))


def _getter(convert: Any) -> Any:
    return lambda self: convert(self._value())


for _names, _convert in (("Double Float", float), ("Int Short Char", int), ("Bool", bool)):
    for _name in _names.split():
        setattr(MPlug, f"as{_name}", _getter(_convert))
MPlug.asString = _getter(lambda value: value or "")  # type: ignore[attr-defined]
MPlug = api(MPlug)  # type: ignore[misc]


def plug(node: Node, key: Key, attr: Any = None) -> MPlug:
    """An MPlug made inside the stand-in."""
    with stand_in():
        found = MPlug()
    found._node, found._key, found._attr = node, key, attr
    return found
