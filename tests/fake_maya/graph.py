"""Nodes, connections and names of a scene. Nothing here evaluates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from .errors import ReadOnlyError
from .journal import Journal
from .node import End, Key, Node
from .schema import TYPES, NodeType


class Graph:
    """All nodes, with the primitives that change them. Every primitive is undoable."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.nodes: dict[int, Node] = {}
        self.by_name: dict[str, dict[Node, None]] = {}
        self.counter = itertools.count(1)
        self.namespace = ""
        self.namespaces: dict[str, None] = {}
        self.types: dict[str, NodeType] = dict(TYPES)
        self.dirty: Callable[[Node, Key], None] = lambda node, key: None
        self.on_break: list[Callable[[Node, Key, Node, Key], None]] = []
        self.reading = False

    def __iter__(self) -> Iterator[Node]:
        return iter(sorted(self.nodes.values(), key=lambda n: n.serial))

    # names ----------------------------------------------------------------------------------------------
    def taken(self, name: str, parent: Node | None, *, dag: bool, but: Node | None = None) -> bool:
        """Whether a new node may not have this name."""
        for other in self.by_name.get(name, ()):
            if other is but:
                continue
            if not dag or not other.is_dag or (parent in other.parents if parent else not other.parents):
                return True
        return False

    def free_name(self, name: str, parent: Node | None, *, dag: bool, but: Node | None = None) -> str:
        """`name`, or with the next number that is free."""
        name = name if ":" in name or not self.namespace else f"{self.namespace}:{name}"
        name = re.sub(r"[^A-Za-z0-9_:]", "_", name.removeprefix(":"))
        if not self.taken(name, parent, dag=dag, but=but):
            return name
        stem = name.rstrip("0123456789")
        number = int(name[len(stem) :] or 0)
        return next(
            n
            for n in (f"{stem}{i}" for i in itertools.count(number + 1))
            if not self.taken(n, parent, dag=dag, but=but)
        )

    def note_namespace(self, name: str) -> None:
        """Register the namespaces a node name uses."""
        parts = name.split(":")[:-1]
        for i in range(len(parts)):
            self.namespaces.setdefault(":".join(parts[: i + 1]))

    # nodes ----------------------------------------------------------------------------------------------
    def create(self, type_name: str, name: str | None = None, parent: Node | None = None) -> Node:
        """A new node; the name is made unique."""
        node_type = self.types[type_name]
        dag = node_type.base in ("transform", "shape")
        node = Node(self.free_name(name or f"{type_name}1", parent, dag=dag), node_type, next(self.counter))
        self.note_namespace(node.name)
        self.add(node)
        if parent is not None:
            self.attach(node, parent)
        return node

    def add(self, node: Node) -> None:
        """Put a node into the scene."""
        self.journal.put(self.nodes, node.serial, node)
        self.journal.put(self.by_name.setdefault(node.name, {}), node, None)
        self.journal.assign(node, "alive", True)

    def remove(self, node: Node) -> None:
        """Take a node out: its connections break, its children stay orphaned (callers delete them first)."""
        for key in list(node.inputs):
            self.disconnect(node, key)
        for ends in [list(e) for e in node.outputs.values()]:
            for other, key in ends:
                self.disconnect(other, key)
        for parent in list(node.parents):
            self.detach(node, parent)
        self.journal.drop(self.nodes, node.serial)
        self.journal.drop(self.by_name[node.name], node)
        self.journal.assign(node, "alive", False)

    def rename(self, node: Node, name: str) -> None:
        """Give another name, which must be free."""
        self.journal.drop(self.by_name[node.name], node)
        self.journal.assign(node, "name", name)
        self.journal.put(self.by_name.setdefault(name, {}), node, None)
        self.note_namespace(name)

    def attach(self, node: Node, parent: Node, position: int | None = None) -> None:
        """Make `node` a child of `parent` (also: one more instance)."""
        self.journal.assign(node, "parents", [*node.parents, parent])
        siblings = list(parent.children)
        siblings.insert(len(siblings) if position is None else position, node)
        self.journal.assign(parent, "children", siblings)
        self._moved(node)

    def detach(self, node: Node, parent: Node) -> None:
        """Take `node` from under `parent`."""
        self.journal.assign(node, "parents", [p for p in node.parents if p is not parent])
        self.journal.assign(parent, "children", [c for c in parent.children if c is not node])
        self._moved(node)

    def _moved(self, node: Node) -> None:
        if node.is_dag:
            self.dirty(node, ("parentMatrix", ()))

    # values ---------------------------------------------------------------------------------------------
    def set_value(self, node: Node, key: Key, value: Any) -> None:
        """Store a value and dirty what depends on it."""
        self.journal.put(node.values.setdefault(key[0], {}), key[1], value)
        self.dirty(node, key)

    def clear_value(self, node: Node, key: Key) -> None:
        """Forget stored values of this plug and everything below it."""
        for name in list(node.subtree(key[0])):
            bucket = node.values.get(name, {})
            for indices in [i for i in bucket if i[: len(key[1])] == key[1]]:
                self.journal.drop(bucket, indices)
        self.dirty(node, key)

    def set_flag(self, node: Node, key: Key, name: str, value: bool) -> None:
        """lock, keyable or channelBox of one plug."""
        self.journal.put(node.flags.setdefault(key, {}), name, value)

    def set_alias(self, node: Node, key: Key, alias: str | None) -> None:
        """Name a plug, or remove its name."""
        if alias is None:
            self.journal.drop(node.aliases, key)
        else:
            self.journal.put(node.aliases, key, alias)

    # connections ----------------------------------------------------------------------------------------
    def connect(self, source: Node, source_key: Key, target: Node, target_key: Key) -> None:
        """Connect; a former source is replaced."""
        if target_key in target.inputs:
            self.disconnect(target, target_key)
        self.journal.put(target.inputs, target_key, (source, source_key))
        self.journal.put(source.outputs.setdefault(source_key, {}), (target, target_key), None)
        self.dirty(target, target_key)

    def disconnect(self, target: Node, target_key: Key) -> End | None:
        """Break the connection into a plug; the last value that came through stays stored, as in Maya."""
        end = target.inputs.get(target_key)
        if end is None:
            return None
        for hook in self.on_break:
            hook(end[0], end[1], target, target_key)
        self.journal.drop(target.inputs, target_key)
        self.journal.drop(end[0].outputs.get(end[1], {}), (target, target_key))
        self.dirty(target, target_key)
        return end

    def guard(self, node: Node, what: str) -> None:
        """Refuse a structural change of a locked or referenced node."""
        if node.locked:
            raise ReadOnlyError(f"Node '{node.name}' is locked and cannot be {what}.")
        if node.reference is not None and not self.reading:
            raise ReadOnlyError(f"Node '{node.name}' is from a referenced file, and cannot be {what}.")

    # DAG ------------------------------------------------------------------------------------------------
    def paths(self, node: Node) -> list[tuple[Node, ...]]:
        """All DAG paths of a node, one an instance."""
        if not node.parents:
            return [(node,)]
        return [(*path, node) for parent in node.parents for path in self.paths(parent)]

    def find(self, text: str) -> list[tuple[Node, ...]]:
        """Nodes of that name or (partial) DAG path, as paths."""
        parts = text.split("|")
        absolute = text.startswith("|")
        parts = parts[1:] if absolute else parts
        leaf = parts[-1]
        candidates = list(self.by_name.get(leaf, ())) or list(
            self.by_name.get(f"{self.namespace}:{leaf}" if self.namespace else leaf.removeprefix(":"), ())
        )
        found = []
        for node in candidates:
            for path in self.paths(node):
                names = [n.name for n in path]
                fits = names == parts if absolute else names[-len(parts) :] == parts
                if len(parts) == 1 and not absolute:
                    fits = True
                if fits:
                    found.append(path)
        return found

    def path_name(self, path: tuple[Node, ...], *, full: bool = False) -> str:
        """The shortest unique name of a path, or the full one."""
        names = [n.name for n in path]
        if full and path[-1].is_dag:
            return "|" + "|".join(names)
        for start in range(len(names) - 1, -1, -1):
            text = "|".join(names[start:])
            if len(self.find(text)) <= 1:
                return text
        return "|" + "|".join(names)
