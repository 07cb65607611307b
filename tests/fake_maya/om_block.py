"""OpenMaya 1.0: the data block, its handles, contexts and evaluation nodes."""

from __future__ import annotations

from typing import Any

from .boundary import api, local, violate, wrong_arguments
from .evaluation import Context
from .node import Key, Node
from .om_base import MObject
from .om_handle import MDataHandle, handle
from .om_nodes import key_of


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
        computed: set[int] = set()
        if key[0] in node.type.outputs:
            buckets = [i for name in node.subtree(key[0]) for i in context.bucket(node, name)]
            computed = {i[depth] for i in buckets if len(i) > depth and i[:depth] == key[1]}
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


@api
class MDGContext:
    """When and for whom something is evaluated."""

    def isNormal(self) -> bool:
        """Whether it is the scene at its current time."""
        return self._context.normal


def context_of(context: Context) -> MDGContext:
    """An MDGContext made inside the stand-in."""
    found = MDGContext.__new__(MDGContext)
    found._context = context
    return found


@api
class MDataBlock:
    """A node's data in one context."""

    def context(self) -> MDGContext:
        return context_of(self._context)

    def _input_guard(self, name: str, method: str) -> None:
        if name == "input" and self._node.is_deformer:
            raise violate(
                f"MDataBlock.{method}(input): the attribute is not cached, so that all inputs are"
                f" evaluated again; use outputArrayValue"
            )

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

    def setClean(self, which: Any) -> None:
        """Mark a plug (or an attribute) clean."""
        if local.frames:
            local.frames[-1].cleaned.add(key_of(which))


def block_of(context: Context, node: Node) -> MDataBlock:
    """A data block made inside the stand-in."""
    found = MDataBlock.__new__(MDataBlock)
    found._context, found._node = context, node
    return found


@api
class MEvaluationNode:
    """What the evaluation graph says about a node: which of its plugs are dirty this frame."""

    def dirtyPlugExists(self, attr: MObject) -> bool:
        """Whether a plug of that attribute is dirty."""
        return any(key[0] == attr._target.long for key in self._dirty)


def evaluation_node(context: Context, node: Node, dirty: list[Key]) -> MEvaluationNode:
    """An MEvaluationNode made inside the stand-in."""
    found = MEvaluationNode.__new__(MEvaluationNode)
    found._context, found._node, found._dirty = context, node, dirty
    return found
