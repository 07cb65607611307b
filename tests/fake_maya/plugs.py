"""Plugs as text: `node.attr[3].child`, short names, aliases, ranges; and back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .graph import Graph
from .node import Key, Node
from .schema import Attr

_SEGMENT = re.compile(r"^([A-Za-z_]\w*)(?:\[(-?\d+)(?::(-?\d+))?\]|(\[\*\]))?$")


@dataclass(frozen=True)
class PlugPath:
    """One plug (or, with a range, several elements of one multi)."""

    node: Node
    attr: str
    indices: tuple[int, ...]
    path: tuple[Node, ...]
    stop: int | None = None  # last index of a range on the innermost index

    @property
    def key(self) -> Key:
        """The plug's key on its node."""
        return self.attr, self.indices

    def elements(self) -> list[Key]:
        """Keys of all elements of the range."""
        if self.stop is None:
            return [self.key]
        return [(self.attr, (*self.indices[:-1], i)) for i in range(self.indices[-1], self.stop + 1)]


def split_plug(text: str) -> tuple[str, str]:
    """Node part and attribute part."""
    node, _, attr = text.partition(".")
    return node, attr


def resolve_node(graph: Graph, text: str) -> tuple[Node, ...] | None:
    """The one path of that name; None when there is none; ValueError when it is not unique."""
    found = graph.find(text)
    if not found:
        return None
    if len({path[-1] for path in found}) > 1:
        raise ValueError(f"More than one object matches name: {text}")
    return found[0]


def resolve_plug(graph: Graph, text: str) -> PlugPath | None:
    """The plug of that text, or None when node or attribute do not exist."""
    node_text, attr_text = split_plug(text)
    path = resolve_node(graph, node_text)
    if path is None or not attr_text:
        return None
    found = resolve_attr(path[-1], attr_text)
    if found is None and path[-1].type.base == "transform":
        # Maya looks an attribute up on the shape when the transform has none of that name
        for shape in path[-1].children:
            if shape.type.base == "shape" and (found := resolve_attr(shape, attr_text)) is not None:
                path = (*path, shape)
                break
    if found is None:
        return None
    attr, indices, stop = found
    return PlugPath(path[-1], attr, indices, path, stop)


def _alias_key(node: Node, name: str) -> Key | None:
    return next((key for key, alias in node.aliases.items() if alias == name), None)


def _below(node: Node, attr: str, name: str) -> Attr | None:
    """A descendant by name: short names are only unique among siblings (blendShape has two `w`)."""
    return next(
        (
            a
            for a in (node.attr(n) for n in node.subtree(attr))
            if name in (a.long, a.short) and a.long != attr
        ),
        None,
    )


def resolve_attr(node: Node, text: str) -> tuple[str, tuple[int, ...], int | None] | None:
    """Attribute text on a node: long name, indices, end of range."""
    indices: tuple[int, ...] = ()
    attr: str | None = None
    stop: int | None = None
    for segment in text.split("."):
        match = _SEGMENT.match(segment)
        if match is None or stop is not None:
            return None
        if attr is None and (key := _alias_key(node, match[1])) is not None and match[2] is None:
            attr, indices = key
            continue
        found = _below(node, attr, match[1]) if attr is not None else node.find_attr(match[1])
        if found is None or (attr is not None and found.long not in set(node.subtree(attr))):
            return None
        needed = node.depth(found.long) - found.multi
        if (
            len(indices) == needed - 1
            and [a for a in node.chain(found.long) if a.multi][needed - 1].world_space
        ):
            indices = (*indices, 0)  # without its index an instanced multi means the first instance
        if len(indices) != needed:
            return None  # an index on the way is missing
        attr = found.long
        if match[2] is not None:
            if not found.multi:
                return None
            indices = (*indices, int(match[2]))
            stop = int(match[3]) if match[3] is not None else None
    return None if attr is None else (attr, indices, stop)


def attr_name(node: Node, key: Key, *, short: bool = False, alias: bool = True, full: bool = False) -> str:
    """A plug's name without the node: multis on the way and the leaf (all compounds when `full`)."""
    if alias and key in node.aliases:
        return node.aliases[key]
    parts: list[str] = []
    position = 0
    chain = node.chain(key[0])
    for attr in chain:
        name = attr.short if short else attr.long
        if attr.multi and position < len(key[1]):
            name = f"{name}[{key[1][position]}]"
            position += 1
        if attr.multi or full or attr is chain[-1]:
            parts.append(name)
    return ".".join(parts)


def plug_name(graph: Graph, node: Node, key: Key, *, alias: bool = True, full_path: bool = False) -> str:
    """A plug as cmds writes it."""
    return f"{graph.path_name(graph.paths(node)[0], full=full_path)}.{attr_name(node, key, alias=alias)}"
