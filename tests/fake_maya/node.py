"""One node of the graph: values, connections, flags, aliases, its place in the DAG."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

from .schema import Attr, NodeType

Key = tuple[
    str, tuple[int, ...]
]  # attribute's long name, and the indices of all multis on the way (one less: the whole array)


End = tuple["Node", Key]


class Node:
    """One node: stored values, connections, flags, aliases, and its place in the DAG."""

    def __init__(self, name: str, node_type: NodeType, serial: int) -> None:
        self.name = name
        self.type = node_type
        self.serial = serial
        self.uuid = str(uuid.uuid4()).upper()
        self.values: dict[str, dict[tuple[int, ...], Any]] = {}
        self.dynamic: dict[str, Attr] = {}
        self.flags: dict[Key, dict[str, bool]] = {}
        self.aliases: dict[Key, str] = {}
        self.inputs: dict[Key, End] = {}
        self.outputs: dict[Key, dict[End, None]] = {}
        self.parents: list[Node] = []
        self.children: list[Node] = []
        self.mpx: Any = None
        self.reference: Any = None
        self.locked = False
        self.default_node = False
        self.alive = True
        self.unknown: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<{self.type.name} {self.name}>"

    @property
    def is_dag(self) -> bool:
        """Whether it stands in the DAG."""
        return self.type.base in ("transform", "shape")

    @property
    def is_deformer(self) -> bool:
        """Whether it derives from geometryFilter."""
        return "geometryFilter" in self.type.lineage

    def attr(self, long: str) -> Attr:
        """The attribute of that long name."""
        return self.dynamic.get(long) or self.type.attrs[long]

    def find_attr(self, name: str) -> Attr | None:
        """The attribute of that long or short name."""
        for attr in self.dynamic.values():
            if name in (attr.long, attr.short):
                return attr
        return self.type.find(name)

    def attributes(self) -> Iterator[Attr]:
        """All attributes, the type's first."""
        yield from self.type.attrs.values()
        yield from self.dynamic.values()

    def chain(self, long: str) -> list[Attr]:
        """The attribute and its ancestors, outermost first."""
        found = [self.attr(long)]
        while found[0].parent:
            found.insert(0, self.attr(found[0].parent))
        return found

    def depth(self, long: str) -> int:
        """How many indices one element of this attribute has."""
        return sum(attr.multi for attr in self.chain(long))

    def subtree(self, long: str) -> Iterator[str]:
        """The attribute and all its descendants."""
        yield long
        for child in self.attr(long).children:
            yield from self.subtree(child)

    def is_array(self, key: Key) -> bool:
        """Whether the key names a whole multi, not an element."""
        return len(key[1]) < self.depth(key[0])

    def parent_keys(self, key: Key) -> Iterator[Key]:
        """Keys of the elements and compounds that hold this one, innermost first."""
        chain = self.chain(key[0])
        indices = key[1]
        if chain[-1].multi and len(indices) == self.depth(key[0]):
            indices = indices[:-1]
            yield chain[-1].long, indices
        for attr in reversed(chain[:-1]):
            yield attr.long, indices
            if attr.multi:
                indices = indices[:-1]
                yield attr.long, indices

    def indices(self, long: str, prefix: tuple[int, ...] = ()) -> list[int]:
        """Logical indices of the elements that exist: set, connected or aliased."""
        depth = len(prefix)
        found: set[int] = set()
        for name in self.subtree(long):
            found.update(
                i[depth] for i in self.values.get(name, ()) if len(i) > depth and i[:depth] == prefix
            )
        names = set(self.subtree(long))
        for name, indices in itertools.chain(
            self.inputs, (k for k, ends in self.outputs.items() if ends), self.aliases
        ):
            if name in names and len(indices) > depth and indices[:depth] == prefix:
                found.add(indices[depth])
        return sorted(found)

    def stored(self, key: Key) -> Any:
        """The stored value, or the default."""
        bucket = self.values.get(key[0])
        if bucket is not None and key[1] in bucket:
            return bucket[key[1]]
        return self.attr(key[0]).initial()

    def source(self, key: Key) -> End | None:
        """What is connected to this plug, or to the compound that holds it (then the matching child)."""
        if key in self.inputs:
            return self.inputs[key]
        attr = self.attr(key[0])
        if attr.parent and not attr.multi:
            whole = self.source((attr.parent, key[1])) if not self.is_array((attr.parent, key[1])) else None
            if whole is not None:
                node, (name, indices) = whole
                siblings = node.attr(name).children
                position = self.attr(attr.parent).children.index(attr.long)
                if position < len(siblings):
                    return node, (siblings[position], indices)
        return None

    def flag(self, key: Key, name: str) -> bool:
        """lock, keyable or channelBox of a plug: its own, else the attribute's."""
        own = self.flags.get(key, {})
        if name in own:
            return own[name]
        attr = self.attr(key[0])
        return {"keyable": attr.keyable, "channelBox": attr.channel_box, "lock": False, "caching": True}[name]

    def is_locked(self, key: Key) -> bool:
        """Locked itself, or inside something locked."""
        return self.flag(key, "lock") or any(
            self.flags.get(k, {}).get("lock", False) for k in self.parent_keys(key)
        )
