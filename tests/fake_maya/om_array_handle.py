"""OpenMaya 1.0: the handles of multis in a data block."""

from __future__ import annotations

from typing import Any

from .boundary import api, local, wrong_arguments
from .evaluation import Context
from .node import Key, Node
from .om_handle import MDataHandle, handle


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
