"""Reads the attributes of Maya ASCII: addAttr and setAttr statements."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from .commands.attributes import made_attribute
from .commands.core import FLAGS, normalise
from .ma_mesh import MeshText
from .ma_text import Quoted, quote, split_set_attr, truth
from .ma_values import TYPED, read_number, read_typed
from .node import Node
from .plugs import resolve_attr

if TYPE_CHECKING:
    from .graph import Graph
    from .references import Reference
    from .session import Session

LINEAR = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 100000.0, "in": 2.54, "ft": 30.48, "yd": 91.44}
TICKS = {
    "game": 400.0,
    "film": 250.0,
    "pal": 240.0,
    "ntsc": 200.0,
    "show": 125.0,
    "palf": 120.0,
    "ntscf": 100.0,
    "sec": 6000.0,
}


class AttributeReader:
    """Attributes of the current node; `find` gives nodes by their names in the file."""

    session: Session
    graph: Graph
    node: Node | None
    units: dict[str, str]
    main: bool
    meshes: dict[Node, MeshText]
    references: list[Reference]
    unread: list[str]

    def find(self, text: str) -> Node | None:
        """A node by its name in the file."""
        raise NotImplementedError

    # attributes -----------------------------------------------------------------------------------------
    def _addAttr(self, words: list[str]) -> None:
        flags: dict[str, Any] = {}
        node, i = self.node, 0
        while i < len(words):
            word = words[i]
            if isinstance(word, Quoted) or not word.startswith("-"):
                node = self.find(word) or node
                i += 1
                continue
            value = words[i + 1] if i + 1 < len(words) else "-"
            if not isinstance(value, Quoted) and re.match(r"-([A-Za-z]|$)", value):
                flags[word[1:]] = True  # -m, -uac and their like stand alone
                i += 1
                continue
            flags[word[1:]] = (
                value
                if isinstance(value, Quoted)
                else truth(value)
                if value in ("true", "false", "yes", "no", "on", "off")
                else float(value)
            )
            i += 2
        if node is None or (flags.get("ln") == "attributeAliasList" and not node.unknown):
            return
        if node.unknown.get("lines") is not None:
            node.unknown["lines"].append(
                "addAttr " + " ".join(quote(w) if isinstance(w, Quoted) else w for w in words) + ";"
            )
            return
        attr = made_attribute(
            self.session,
            normalise("addAttr", {str(k): v for k, v in flags.items() if k in FLAGS["addAttr"]}, None),
        )
        if node.find_attr(attr.long) is not None:
            return
        if attr.parent is not None:
            holder = node.find_attr(attr.parent)
            if holder is None:
                return
            attr.parent = holder.long
            holder.children = [*holder.children, attr.long]
        self.session.add_dynamic(node, attr)

    def factor(self, kind: str) -> float:
        """Internal units in one of the file's."""
        if kind in ("doubleLinear", "floatLinear"):
            return LINEAR[self.units["linear"]]
        if kind == "doubleAngle":
            return math.pi / 180 if self.units["angle"] == "deg" else 1.0
        return TICKS.get(self.units["time"], 250.0) if kind == "time" else 1.0

    def _setAttr(self, words: list[str]) -> None:
        text, flags, values = split_set_attr(words)
        self.set_attr(text, flags, values)

    def set_attr(self, text: str, flags: dict[str, str], values: list[str]) -> None:
        """One setAttr."""
        node = self.node if text.startswith(".") else self.find(text.partition(".")[0])
        if node is None:
            return
        if node.unknown.get("lines") is not None:
            node.unknown["lines"].append(_again(text, flags, values))
            return
        attr_text = text.partition(".")[2]
        if node in self.meshes and self.meshes[node].read(attr_text, values):
            return
        if attr_text in ("aal", "attributeAliasList"):
            self._aliases(node, values)
            return
        if attr_text in ("ed", "edits") and node.type.name == "reference":
            for reference in self.references:
                if reference.node is node:
                    reference.saved = list(values)
            return
        if node.type.name == "time" and attr_text in ("o", "outTime") and values:
            if self.main:
                self.session.time = float(values[0]) * self.factor("time")
            return
        found = resolve_attr(node, attr_text)
        if found is None:
            self.unread.append(f"{node.type.name}.{attr_text}")
            return
        self._flags(node, (found[0], found[1]), found[2], flags)
        if values or flags.get("type"):
            self._store(node, found, flags.get("type"), values)

    def _flags(
        self, node: Node, key: tuple[str, tuple[int, ...]], stop: int | None, flags: dict[str, str]
    ) -> None:
        keys = [key] if stop is None else [(key[0], (*key[1][:-1], i)) for i in range(key[1][-1], stop + 1)]
        for short, name in (("l", "lock"), ("k", "keyable"), ("cb", "channelBox")):
            if short in flags:
                for one in keys:
                    self.graph.set_flag(node, one, name, truth(flags[short]))

    def _aliases(self, node: Node, values: list[str]) -> None:
        names = [str(v) for v in values if isinstance(v, Quoted)]
        for alias, attr in zip(names[::2], names[1::2], strict=False):
            found = resolve_attr(node, attr)
            if found is not None:
                self.graph.set_alias(node, (found[0], found[1]), alias)

    def _store(
        self, node: Node, found: tuple[str, tuple[int, ...], int | None], kind: str | None, values: list[str]
    ) -> None:
        name, indices, stop = found
        attr = node.attr(name)
        if kind in TYPED and not attr.children:
            value = read_typed(kind, values)
            self.graph.set_value(node, (name, indices), value)
            return
        last = indices[-1] if indices else 0
        elements = [indices] if stop is None else [(*indices[:-1], i) for i in range(last, stop + 1)]
        leaves = [(leaf, element) for element in elements for leaf in _leaves(node, name)]
        for (leaf, element), word in zip(leaves, values, strict=False):
            leaf_attr = node.attr(leaf)
            if (
                leaf_attr.kind in TYPED
                or leaf_attr.kind in ("message", "generic", "geometry", "mesh", "compound")
                or len(element) != node.depth(leaf)
            ):
                continue
            self.graph.set_value(
                node, (leaf, element), read_number(leaf_attr, word, self.factor(leaf_attr.kind))
            )

    def _finish_meshes(self) -> None:
        for node, text in self.meshes.items():
            geometry = text.geometry(self.factor("doubleLinear"))
            if geometry is not None:
                self.graph.set_value(node, ("cachedInMesh", ()), geometry)
        self.meshes = {}


def _leaves(node: Node, name: str) -> list[str]:
    children = node.attr(name).children
    return [leaf for child in children for leaf in _leaves(node, child)] if children else [name]


def _again(text: str, flags: dict[str, str], values: list[str]) -> str:
    """A setAttr statement as text, for nodes of unknown types."""
    before = " ".join(
        f"-{k} {v}" if k not in ("av", "c") else f"-{k}" for k, v in flags.items() if k != "type"
    )
    kind = f' -type "{flags["type"]}"' if "type" in flags else ""
    words = " ".join(quote(v) if isinstance(v, Quoted) else v for v in values)
    return f'setAttr {before}{" " if before else ""}"{text}"{kind}{" " if words else ""}{words};'
