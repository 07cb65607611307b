"""Reads Maya ASCII into the scene: nodes, values, dynamic attributes, connections, references."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .graph import Node
from .ma_attributes import AttributeReader
from .ma_mesh import MeshText
from .ma_text import Quoted, quote, statements
from .plugin_registry import make_unknown
from .plugs import resolve_attr

if TYPE_CHECKING:
    from .references import Reference
    from .session import Session

_LONG = {
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "kilometer": "km",
    "inch": "in",
    "foot": "ft",
    "yard": "yd",
    "degree": "deg",
    "radian": "rad",
}


class Reader(AttributeReader):
    """One file being read; `namespace` goes before all its names, `reference` owns its nodes."""

    def __init__(
        self, session: Session, *, namespace: str = "", reference: Reference | None = None, main: bool = False
    ) -> None:
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
        pulls = (
            {connects // 4, connects // 2, 3 * connects // 4} if self.session.pull_while_reading else set()
        )
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

    # names ----------------------------------------------------------------------------------------------
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
                if (names == parts if text.startswith("|") else names[-len(parts) :] == parts) or len(
                    parts
                ) == 1:
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

    # head -----------------------------------------------------------------------------------------------
    def _requires(self, words: list[str]) -> None:
        types = [words[i + 1] for i, w in enumerate(words) if w == "-nodeType"]
        plain = [
            w
            for i, w in enumerate(words)
            if isinstance(w, Quoted) and (i == 0 or not words[i - 1].startswith("-"))
        ]
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
            kind = {
                "-l": "linear",
                "-linear": "linear",
                "-a": "angle",
                "-angle": "angle",
                "-t": "time",
                "-time": "time",
            }[flag]
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
            self.session,
            words[-1],
            flags.get("-ns", ""),
            name=self._prefixed(flags.get("-rfn", "")),
            parent=self,
            load=flags.get("-dr") != "1",
            node=None,
        )
        self.references.append(reference)

    # nodes ----------------------------------------------------------------------------------------------
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
            parent.type = self.graph.types[
                "unknownDag"
            ]  # what nobody knows turns out to be a DAG node when something stands under it
        wanted = self._prefixed(name)
        if kind in self.graph.types:
            node = self.session.create_node(kind, ":" + wanted if ":" not in wanted else wanted, parent)
        else:
            self.session.say(
                "warning",
                f"Unrecognized node type '{kind}'; preserving node information during this session.",
            )
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

    def _parent(self, words: list[str]) -> None:
        if "-add" in words:
            child, parent = (self.find(w) for w in words if isinstance(w, Quoted))
            if child is not None and parent is not None:
                self.graph.attach(child, parent)

    def _relationship(self, words: list[str]) -> None:
        """Links of lights and shaders: of no use here."""

    # connections ----------------------------------------------------------------------------------------
    def _connectAttr(self, words: list[str]) -> None:
        names = [w for w in words if isinstance(w, Quoted)]
        self.connect(names[0], names[1], next_available="-na" in words, lock="-l" in words)

    def connect(self, source: str, target: str, *, next_available: bool = False, lock: bool = False) -> None:
        """One connection by names in the file."""
        ends = []
        for text in (source, target):
            node = self.find(text.partition(".")[0])
            if node is not None and node.unknown.get("connections") is not None:
                node.unknown["connections"].append(
                    f"connectAttr {quote(source)} {quote(target)}{' -na' if next_available else ''};"
                )
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
