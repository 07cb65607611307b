"""OpenMaya 1.0: DAG paths, selection lists, and the function sets of nodes."""

from __future__ import annotations

from typing import Any

from .boundary import api, current
from .node import Key, Node
from .om_attribute import full
from .om_base import MFnBase, MObject, wrap
from .om_plug import MPlug, plug
from .plugs import resolve_attr, resolve_plug


@api
class MDagPath:
    def __init__(self, *args: Any) -> None:
        self._path: tuple[Node, ...] = args[0]._path if args else ()


@api
class MSelectionList:
    """Nodes and plugs by name."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any]] = []

    def add(self, what: str) -> None:
        graph = current().graph
        if "." in what and (found := resolve_plug(graph, what)) is not None:
            self._items.append(("plug", plug(found.node, found.key)))
            return
        found = graph.find(what.partition(".")[0])  # a name that several have adds them all, without a word
        if not found:
            raise RuntimeError("(kInvalidParameter): Object does not exist")
        self._items += [("path" if path[-1].is_dag else "node", path) for path in found]

    def _item(self, index: int) -> tuple[str, Any]:
        if not 0 <= index < len(self._items):
            raise RuntimeError("(kInvalidParameter): Index out of range")
        return self._items[index]

    def getDependNode(self, index: int, node: MObject) -> None:
        """Node of an item, into an MObject."""
        kind, item = self._item(index)
        node._target = item._node if kind == "plug" else item[-1]

    def getDagPath(self, index: int, path: MDagPath, *component: MObject) -> None:
        """Path of an item, into an MDagPath."""
        kind, item = self._item(index)
        if kind != "path":
            raise TypeError("item is not a DAG path")
        path._path = item


@api
class MObjectHandle:
    """An MObject that knows what became of its node. isAlive: Maya still has it, be it for undo; isValid: it
    is in the scene (MObjectHandle.h)."""

    def __init__(self, *args: Any) -> None:
        self._target = args[0]._target if args else None

    def isAlive(self) -> bool:
        journal = current().journal
        return self.isValid() or bool(journal.undo_queue or journal.redo_queue)

    def isValid(self) -> bool:
        node = self._target
        return node is not None and node.alive and current().graph.nodes.get(node.serial) is node

    def object(self) -> MObject:
        return wrap(self._target)


def key_of(which: Any) -> Key:
    """Key of an MPlug, or of a top-level attribute's MObject."""
    return which._key if isinstance(which, MPlug) else (which._target.long, ())


@full
class MFnDependencyNode(MFnBase):
    """Any node."""

    _accepts = ("kDependencyNode",)

    def name(self) -> str:
        return self._target.name

    def setName(self, name: str, *rest: bool) -> str:
        """Rename; the name it got."""
        graph, node = current().graph, self._target
        graph.guard(node, "renamed")
        parent = node.parents[0] if node.parents else None
        graph.rename(node, graph.free_name(name, parent, dag=node.is_dag, but=node))
        return node.name

    def findPlug(self, which: Any, *networked: bool) -> MPlug:
        """Plug of a top-level attribute, or of any by MObject."""
        if isinstance(which, MObject):
            return plug(self._target, (which._target.long, ()), attr=which._target)
        found = resolve_attr(self._target, which)
        attr = self._target.find_attr(which)
        if found is None and attr is None:
            raise RuntimeError("(kInvalidParameter): Cannot find item of required type")
        return plug(self._target, found[:2] if found else (attr.long, ()))


class MFnDagNode(MFnDependencyNode):
    """A DAG node, by MObject or by path."""

    _accepts = ("kDagNode",)
    _path: tuple[Node, ...] = ()

    def _attach(self, thing: Any) -> None:
        self._path: tuple[Node, ...] = ()
        if isinstance(thing, MDagPath):
            path = thing._path
            if path and not self._fits(path[-1]):
                shapes = [c for c in path[-1].children if self._fits(c)]
                path = (*path, shapes[0]) if len(shapes) == 1 else path
            if not path or not self._fits(path[-1]):
                raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
            self._target, self._path = path[-1], path
        else:
            super()._attach(thing)

    def fullPathName(self) -> str:
        graph = current().graph
        return graph.path_name(self._path or graph.paths(self._target)[0], full=True)


MFnDagNode = full(MFnDagNode)  # type: ignore[misc]
