"""OpenMaya 1.0: the data block, its handles, contexts and evaluation nodes."""

from __future__ import annotations

from typing import Any

from .boundary import api, current, local, violate, wrong_arguments
from .evaluation import Context
from .node import Key, Node
from .om_array_handle import MArrayDataHandle
from .om_base import MObject, wrap
from .om_dag import key_of
from .om_handle import MDataHandle, handle
from .om_plug import MPlug, plug
from .om_units import MTime, time_of


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
