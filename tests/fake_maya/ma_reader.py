"""Reads Maya ASCII into the scene: nodes, values, dynamic attributes, connections, references."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .commands.core import FLAGS, normalise
from .commands.dynamic import make
from .graph import Node
from .ma_mesh import MeshText
from .ma_text import Quoted, quote, split_set_attr, statements, truth
from .ma_values import TYPED, read_number, read_typed
from .plugin_registry import make_unknown
from .plugs import resolve_attr

if TYPE_CHECKING:
    from .references import Reference
    from .session import Session

LINEAR = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 100000.0, "in": 2.54, "ft": 30.48, "yd": 91.44}
_LONG = {"millimeter": "mm", "centimeter": "cm", "meter": "m", "kilometer": "km", "inch": "in", "foot": "ft", "yard": "yd", "degree": "deg", "radian": "rad"}


class Reader:
    """One file being read; `namespace` goes before all its names, `reference` owns its nodes."""

    def __init__(self, session: Session, *, namespace: str = "", reference: Reference | None = None, main: bool = False) -> None:
        self.session = session
        self.graph = session.graph
        self.namespace = namespace
        self.reference = reference
        self.main = main
        self.units = {"linear": "cm", "angle": "deg", "time": "film"}
        self.node: Node | None = None
        self.made: list[Node] = []
        self.local: dict[str, list[Node]] = {}
        self.file_names: dict[Node, str] = {}
        self.meshes: dict[Node, MeshText] = {}
        self.references: list[Reference] = []
        self.unread: list[str] = []
        self.plugins: dict[str, str] = {}

    def read(self, text: str) -> list[Node]:
        """Read it all; the nodes made."""
        todo = list(statements(text))
        connects = sum(1 for words in todo if words[0] == "connectAttr")
        pulls = {connects // 4, connects // 2, 3 * connects // 4} if self.session.pull_while_reading else set()
        done = 0
        for words in todo:
            handler = getattr(self, "_" + re.sub(r"\W", "", words[0]), None)
            if handler is None:
                self.unread.append(" ".join(words[:3]))
                continue
            if words[0] not in ("setAttr", "addAttr", "rename", "lockNode"):
                self._finish_meshes()
            handler(words[1:])
            if words[0] == "connectAttr":
                done += 1
                if done in pulls:
                    self.session.player.refresh()  # the Evaluation Manager may pull before all is restored
        self._finish_meshes()
        for reference in self.references:
            reference.apply(self)
        return self.made

    # names -----------------------------------------------------------------------------------------------------------------------------
    def find(self, text: str) -> Node | None:
        """A node by its name in the file."""
        if text.startswith(":"):
            found = self.graph.find(text[1:])
            return found[0][-1] if found else None
        parts = text.strip("|").split("|")
        candidates = [n for n in self.local.get(parts[-1], []) if n.alive]
        for node in candidates:
            for path in self.graph.paths(node):
                names = [self.file_names.get(n, n.name) for n in path]
                if (names == parts if text.startswith("|") else names[-len(parts) :] == parts) or len(parts) == 1:
                    return node
        for name in (self._prefixed(text), text):
            found = self.graph.find(name)
            if found:
                return found[0][-1]
        return None

    def _prefixed(self, text: str) -> str:
        return "|".join(f"{self.namespace}:{p}" if p and self.namespace else p for p in text.split("|"))

    def plug(self, text: str) -> tuple[Node, tuple[str, tuple[int, ...]], int | None] | None:
        """A plug by its text in the file; a text that begins with a dot is on the current node."""
        name, _, attr = text.partition(".")
        node = self.node if not name else self.find(name)
        if node is None:
            return None
        found = resolve_attr(node, attr)
        return None if found is None else (node, (found[0], found[1]), found[2])

    # head ------------------------------------------------------------------------------------------------------------------------------
    def _requires(self, words: list[str]) -> None:
        types = [words[i + 1] for i, w in enumerate(words) if w == "-nodeType"]
        plain = [w for i, w in enumerate(words) if isinstance(w, Quoted) and (i == 0 or not words[i - 1].startswith("-"))]
        if not plain or words[0] == "maya":
            return
        name = plain[0]
        for kind in types:
            self.plugins[kind] = name
        if not types or all(kind in self.graph.types for kind in types):
            return
        try:
            self.session.plugins.load(name)
        except RuntimeError as error:
            self.session.say("warning", f"requires: {error}")

    def _currentUnit(self, words: list[str]) -> None:
        for flag, value in zip(words[::2], words[1::2], strict=False):
            kind = {"-l": "linear", "-linear": "linear", "-a": "angle", "-angle": "angle", "-t": "time", "-time": "time"}[flag]
            self.units[kind] = _LONG.get(value, value)
        if self.main:
            self.session.units.update(self.units)

    def _fileInfo(self, words: list[str]) -> None:
        if self.main and words[0] not in ("application", "product"):
            self.session.file_info[words[0]] = str(words[1])

    def _file(self, words: list[str]) -> None:
        flags = {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i].startswith("-")}
        if "-rdi" in flags or "-r" not in words:
            return
        from .references import add_reference

        reference = add_reference(
            self.session, words[-1], flags.get("-ns", ""), name=self._prefixed(flags.get("-rfn", "")), parent=self, load=flags.get("-dr") != "1", node=None
        )
        self.references.append(reference)

    # nodes -----------------------------------------------------------------------------------------------------------------------------
    def _createNode(self, words: list[str]) -> None:
        kind = words[0]
        flags = {words[i]: words[i + 1] for i in range(1, len(words) - 1) if words[i] in ("-n", "-p")}
        name = str(flags.get("-n", kind + "1"))
        parent = self.find(flags["-p"]) if "-p" in flags else None
        if "-s" in words[1:]:
            existing = self.find(":" + name)
            if existing is not None:
                self.node = existing
                self.local.setdefault(name, []).append(existing)
                return
        if parent is not None and parent.unknown and not parent.is_dag:
            parent.type = self.graph.types["unknownDag"]  # what nobody knows turns out to be a DAG node when something stands under it
        wanted = self._prefixed(name)
        if kind in self.graph.types:
            node = self.session.create_node(kind, ":" + wanted if ":" not in wanted else wanted, parent)
        else:
            self.session.say("warning", f"Unrecognized node type '{kind}'; preserving node information during this session.")
            node = self.graph.create("unknownDag" if parent is not None else "unknown", wanted, parent)
            make_unknown(node)
            node.unknown.update(type=kind, plugin=self.plugins.get(kind, ""), lines=[], connections=[])
        node.reference = self.reference
        self.node = node
        self.made.append(node)
        self.local.setdefault(name, []).append(node)
        self.file_names[node] = name
        if kind == "mesh":
            self.meshes[node] = MeshText()
        if kind == "reference":
            for reference in self.references:
                if reference.name == node.name:
                    reference.node = node

    def _rename(self, words: list[str]) -> None:
        if words[0] == "-uid" and self.node is not None and self.reference is None and self.main:
            self.node.uuid = str(words[1])

    def _select(self, words: list[str]) -> None:
        self.node = self.find(words[-1])

    def _lockNode(self, words: list[str]) -> None:
        if self.node is not None:
            self.node.locked = truth(words[words.index("-l") + 1]) if "-l" in words else True

    def _parent(self, words: list[str]) -> None:
        if "-add" in words:
            child, parent = (self.find(w) for w in words if isinstance(w, Quoted))
            if child is not None and parent is not None:
                self.graph.attach(child, parent)

    def _relationship(self, words: list[str]) -> None:
        """Links of lights and shaders: of no use here."""

    # attributes ------------------------------------------------------------------------------------------------------------------------
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
            flags[word[1:]] = value if isinstance(value, Quoted) else truth(value) if value in ("true", "false", "yes", "no", "on", "off") else float(value)
            i += 2
        if node is None or (flags.get("ln") == "attributeAliasList" and not node.unknown):
            return
        if node.unknown.get("lines") is not None:
            node.unknown["lines"].append("addAttr " + " ".join(quote(w) if isinstance(w, Quoted) else w for w in words) + ";")
            return
        attr = make(self.session, normalise("addAttr", {str(k): v for k, v in flags.items() if k in FLAGS["addAttr"]}, None))
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
        import math

        from .session import TICKS

        if kind in ("doubleLinear", "floatLinear"):
            return LINEAR[self.units["linear"]]
        if kind == "doubleAngle":
            return math.pi / 180 if self.units["angle"] == "deg" else 1.0
        return TICKS[self.units["time"]] if kind == "time" else 1.0

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

    def _flags(self, node: Node, key: tuple[str, tuple[int, ...]], stop: int | None, flags: dict[str, str]) -> None:
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

    def _store(self, node: Node, found: tuple[str, tuple[int, ...], int | None], kind: str | None, values: list[str]) -> None:
        name, indices, stop = found
        attr = node.attr(name)
        if kind in TYPED and not attr.children:
            value = read_typed(kind, values)
            if kind == "nurbsCurve":
                value.points = value.points * self.factor("doubleLinear")
            self.graph.set_value(node, (name, indices), value)
            return
        last = indices[-1] if indices else 0
        elements = [indices] if stop is None else [(*indices[:-1], i) for i in range(last, stop + 1)]
        leaves = [(leaf, element) for element in elements for leaf in _leaves(node, name)]
        for (leaf, element), word in zip(leaves, values, strict=False):
            leaf_attr = node.attr(leaf)
            if leaf_attr.kind in TYPED or leaf_attr.kind in ("message", "generic", "geometry", "mesh", "compound") or len(element) != node.depth(leaf):
                continue
            self.graph.set_value(node, (leaf, element), read_number(leaf_attr, word, self.factor(leaf_attr.kind)))

    def _finish_meshes(self) -> None:
        for node, text in self.meshes.items():
            geometry = text.geometry(self.factor("doubleLinear"))
            if geometry is not None:
                self.graph.set_value(node, ("cachedInMesh", ()), geometry)
        self.meshes = {}

    # connections -----------------------------------------------------------------------------------------------------------------------
    def _connectAttr(self, words: list[str]) -> None:
        names = [w for w in words if isinstance(w, Quoted)]
        self.connect(names[0], names[1], next_available="-na" in words, lock="-l" in words)

    def connect(self, source: str, target: str, *, next_available: bool = False, lock: bool = False) -> None:
        """One connection by names in the file."""
        ends = []
        for text in (source, target):
            node = self.find(text.partition(".")[0])
            if node is not None and node.unknown.get("connections") is not None:
                node.unknown["connections"].append(f"connectAttr {quote(source)} {quote(target)}{' -na' if next_available else ''};")
                return
            found = self.plug(text)
            if found is None:
                self.unread.append(text)
                return
            ends.append(found)
        (a, a_key, _), (b, b_key, _) = ends
        if a.is_array(a_key) and a.attr(a_key[0]).world_space:
            a_key = (a_key[0], (*a_key[1], 0))
        if b.is_array(b_key) and b.attr(b_key[0]).multi:
            b_key = (b_key[0], (*b_key[1], max(b.indices(*b_key), default=-1) + 1 if next_available else 0))
        self.graph.connect(a, a_key, b, b_key)
        if lock:
            self.graph.set_flag(b, b_key, "lock", True)


def _leaves(node: Node, name: str) -> list[str]:
    children = node.attr(name).children
    return [leaf for child in children for leaf in _leaves(node, child)] if children else [name]


def _again(text: str, flags: dict[str, str], values: list[str]) -> str:
    """A setAttr statement as text, for nodes of unknown types."""
    before = " ".join(f"-{k} {v}" if k not in ("av", "c") else f"-{k}" for k, v in flags.items() if k != "type")
    kind = f' -type "{flags["type"]}"' if "type" in flags else ""
    words = " ".join(quote(v) if isinstance(v, Quoted) else v for v in values)
    return f'setAttr {before}{" " if before else ""}"{text}"{kind}{" " if words else ""}{words};'
