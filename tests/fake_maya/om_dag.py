"""OpenMaya 1.0: DAG paths and selection lists."""

from __future__ import annotations

from typing import Any

from .boundary import api, current, stand_in
from .node import Key, Node
from .om_arrays import MDagPathArray
from .om_base import MObject, wrap
from .om_matrix import MMatrix, _matrix
from .om_plug import MPlug, plug
from .plugs import resolve_node, resolve_plug


def node_of(thing: MObject) -> Node:
    """The node an MObject points at."""
    if not isinstance(thing._target, Node):
        raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
    return thing._target


@api
class MDagPath:
    """One path to a DAG node."""

    def __init__(self, *args: Any) -> None:
        self._path: tuple[Node, ...] = args[0]._path if args else ()

    @property
    def _target(self) -> Node | None:
        return self._path[-1] if self._path else None

    def isValid(self) -> bool:
        """Whether it points at something."""
        return bool(self._path) and all(n.alive for n in self._path)

    def node(self) -> MObject:
        """The node at its end."""
        return wrap(self._target)

    def transform(self) -> MObject:
        """The lowest transform."""
        return wrap(next(n for n in reversed(self._path) if n.type.base == "transform"))

    def hasFn(self, kind: int) -> bool:
        """Whether a function set fits (a transform with one shape passes for its shape)."""
        if wrap(self._target).hasFn(kind):
            return True
        shapes = self._shapes()
        return len(shapes) == 1 and wrap(shapes[0]).hasFn(kind)

    def apiType(self) -> int:
        """Type of the node at its end."""
        return wrap(self._target).apiType()

    def _shapes(self) -> list[Node]:
        return [c for c in self._path[-1].children if c.type.base == "shape"]

    def numberOfShapesDirectlyBelow(self, *out: Any) -> None:
        """Count of shapes, into an unsigned int pointer."""
        out[0].view(1)[0] = len(self._shapes())

    def extendToShape(self) -> None:
        """Go on to the one shape below."""
        if self._path[-1].type.base == "shape":
            return
        shapes = self._shapes()
        if len(shapes) != 1:
            raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
        self._path = (*self._path, shapes[0])

    def extendToShapeDirectlyBelow(self, index: int) -> None:
        """Go on to one of the shapes below."""
        self._path = (*self._path, self._shapes()[index])

    def push(self, child: MObject) -> None:
        """Go on to a child."""
        self._path = (*self._path, node_of(child))

    def pop(self, *count: int) -> None:
        """Go up."""
        self._path = self._path[: -(count[0] if count else 1)]

    def length(self) -> int:
        """Nodes on the path."""
        return len(self._path)

    def childCount(self) -> int:
        """Children of the node at its end."""
        return len(self._path[-1].children)

    def child(self, index: int) -> MObject:
        """One of them."""
        return wrap(self._path[-1].children[index])

    def fullPathName(self) -> str:
        """|a|b|c."""
        return current().graph.path_name(self._path, full=True)

    def partialPathName(self) -> str:
        """Shortest unique."""
        return current().graph.path_name(self._path)

    def instanceNumber(self) -> int:
        """Which instance."""
        return current().graph.paths(self._path[-1]).index(self._path)

    def isInstanced(self) -> bool:
        """Whether the node has several paths."""
        return len(current().graph.paths(self._path[-1])) > 1

    def _world(self, name: str, path: tuple[Node, ...]) -> MMatrix:
        session = current()
        if not path:
            return MMatrix()
        index = session.graph.paths(path[-1]).index(path)
        return _matrix(session.evaluator.normal_value(path[-1], (name, (index,))))

    def inclusiveMatrix(self) -> MMatrix:
        """World matrix of the whole path."""
        return self._world("worldMatrix", self._path)

    def inclusiveMatrixInverse(self) -> MMatrix:
        """Its inverse."""
        return self._world("worldInverseMatrix", self._path)

    def exclusiveMatrix(self) -> MMatrix:
        """World matrix without the last node."""
        return self._world("worldMatrix", self._path[:-1])

    def exclusiveMatrixInverse(self) -> MMatrix:
        """Its inverse."""
        return self._world("worldInverseMatrix", self._path[:-1])

    @staticmethod
    def getAPathTo(node: MObject, *into: MDagPath) -> Any:
        """First path to a node: returned, or put into a path given."""
        path = current().graph.paths(node_of(node))[0]
        found = into[0] if into else MDagPath()
        found._path = path
        return None if into else found

    @staticmethod
    def getAllPathsTo(node: MObject, array: MDagPathArray) -> None:
        """All paths to a node."""
        array._items = [path_of(p) for p in current().graph.paths(node_of(node))]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MDagPath) and self._path == other._path

    def __hash__(self) -> int:
        return id(self)


def path_of(path: tuple[Node, ...]) -> MDagPath:
    """An MDagPath made inside the stand-in."""
    with stand_in():
        found = MDagPath()
    found._path = path
    return found


@api
class MSelectionList:
    """A list of nodes, paths and plugs by name."""

    def __init__(self, *args: Any) -> None:
        self._items: list[tuple[str, Any]] = list(args[0]._items) if args else []

    def add(self, what: Any, *rest: Any) -> None:
        """Add by name, MObject, MDagPath or MPlug."""
        graph = current().graph
        if isinstance(what, MObject):
            node = node_of(what)
            self._items.append(("path", graph.paths(node)[0]) if node.is_dag else ("node", (node,)))
        elif isinstance(what, MDagPath):
            self._items.append(("path", what._path))
        elif isinstance(what, MPlug):
            self._items.append(("plug", what))
        elif "." in what and (found := resolve_plug(graph, what)) is not None:
            self._items.append(("plug", plug(found.node, found.key)))
        else:
            path = resolve_node(graph, what.partition(".")[0])
            if path is None:
                raise RuntimeError("(kInvalidParameter): Object does not exist")
            self._items.append(("path" if path[-1].is_dag else "node", path))

    def length(self) -> int:
        """How many items."""
        return len(self._items)

    def isEmpty(self) -> bool:
        """Whether there are none."""
        return not self._items

    def clear(self) -> None:
        """Empty it."""
        self._items.clear()

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
        if component:
            component[0]._target = None

    def getPlug(self, index: int, into: MPlug) -> None:
        """Plug of an item, into an MPlug."""
        kind, item = self._item(index)
        if kind != "plug":
            raise RuntimeError("(kFailure): item is not a plug")
        into._node, into._key, into._attr = item._node, item._key, item._attr

    def getSelectionStrings(self, *args: Any) -> None:
        """Names of all items (or of one), into a list."""
        graph = current().graph
        items = self._items if len(args) == 1 else [self._item(args[0])]
        args[-1].extend(item.name() if kind == "plug" else graph.path_name(item) for kind, item in items)


def key_of(which: Any) -> Key:
    """Key of an MPlug, or of a top-level attribute's MObject."""
    return which._key if isinstance(which, MPlug) else (which._target.long, ())
