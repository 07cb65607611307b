"""OpenMaya 1.0: MPlug, MFnDependencyNode, MDagPath, MFnDagNode, MSelectionList."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import current
from .node import Node
from .om_arrays import MPlugArray
from .om_attribute import _full
from .om_base import MFnBase, MObject, MTypeId, wrap
from .om_dag import MDagPath, path_of
from .om_matrix import MMatrix, _matrix
from .om_plug import MPlug, plug
from .plugs import attr_name, resolve_attr

__all__ = ["MDagPath", "MFnDagNode", "MFnDependencyNode", "MFnTransform", "MPlug", "plug"]


@_full
class MFnDependencyNode(MFnBase):
    """Any node."""

    _accepts = ("kDependencyNode",)

    def name(self) -> str:
        """Name, without a path."""
        return self._target.name

    def absoluteName(self) -> str:
        """Name from the root namespace."""
        return ":" + self._target.name

    def uniqueName(self) -> str:
        """Shortest unique path."""
        graph = current().graph
        return graph.path_name(graph.paths(self._target)[0])

    def setName(self, name: str, *rest: bool) -> str:
        """Rename; the name it got."""
        graph = current().graph
        graph.guard(self._target, "renamed")
        parent = self._target.parents[0] if self._target.parents else None
        graph.rename(self._target, graph.free_name(name, parent, dag=self._target.is_dag, but=self._target))
        return self._target.name

    def typeName(self) -> str:
        """Node type."""
        return self._target.type.name

    def typeId(self) -> MTypeId:
        """Node type's number."""
        return MTypeId(self._target.type.type_id)

    def pluginName(self) -> str:
        """Path of the plug-in that defines the type."""
        return self._target.type.plugin

    def userNode(self) -> Any:
        """The Python object behind a plug-in node."""
        return self._target.mpx

    def uuid(self) -> Any:
        """Identity that survives saving (an object whose asString() gives it)."""
        return type("MUuid", (), {"asString": lambda _, text=self._target.uuid: text})()

    def isFromReferencedFile(self) -> bool:
        """Whether a reference brought it."""
        return self._target.reference is not None

    def isLocked(self) -> bool:
        """Whether the node is locked."""
        return self._target.locked

    def isDefaultNode(self) -> bool:
        """Whether Maya made it with the scene."""
        return self._target.default_node

    def hasAttribute(self, name: str) -> bool:
        """Whether there is an attribute of that name."""
        return self._target.find_attr(name) is not None

    def attribute(self, which: Any) -> MObject:
        """By name or by position; null when there is none."""
        if isinstance(which, int):
            return wrap(list(self._target.attributes())[which])
        return wrap(self._target.find_attr(which))

    def attributeCount(self) -> int:
        """How many attributes."""
        return len(list(self._target.attributes()))

    def findPlug(self, which: Any, *networked: bool) -> MPlug:
        """Plug of a top-level attribute, or of any by MObject."""
        if isinstance(which, MObject):
            return plug(self._target, (which._target.long, ()), attr=which._target)
        found = resolve_attr(self._target, which)
        attr = self._target.find_attr(which)
        if found is None and attr is None:
            raise RuntimeError("(kInvalidParameter): Cannot find item of required type")
        return plug(self._target, found[:2] if found else (attr.long, ()))

    def getConnections(self, array: MPlugArray) -> None:
        """Plugs of this node that are connected."""
        array._items = [plug(self._target, key) for key in (*self._target.inputs, *(k for k, ends in self._target.outputs.items() if ends))]

    def findAlias(self, alias: str, attr: MObject) -> bool:
        """Attribute behind an alias, into `attr`."""
        for key, name in self._target.aliases.items():
            if name == alias:
                attr._target = self._target.attr(key[0])
                return True
        return False

    def plugsAlias(self, which: MPlug) -> str:
        """Alias of a plug, or empty."""
        return self._target.aliases.get(which._key, "")

    def getAliasList(self, strings: list[str]) -> bool:
        """alias, attribute, alias, attribute ... into a list."""
        for key, name in self._target.aliases.items():
            strings.extend((name, attr_name(self._target, key, alias=False)))
        return bool(self._target.aliases)

    def setAlias(self, alias: str, name: str, which: MPlug, add: bool = True) -> bool:
        """Name a plug, or take the name away."""
        current().graph.set_alias(self._target, which._key, alias if add else None)
        return True

    def addAttribute(self, attr: MObject, *kind: int) -> None:
        """Add a dynamic attribute."""
        current().add_dynamic(self._target, attr._target)

    def removeAttribute(self, attr: MObject, *kind: int) -> None:
        """Remove a dynamic attribute."""
        current().remove_dynamic(self._target, attr._target)


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
        """|a|b|c."""
        return current().graph.path_name(self._path or current().graph.paths(self._target)[0], full=True)

    def partialPathName(self) -> str:
        """Shortest unique."""
        return current().graph.path_name(self._path or current().graph.paths(self._target)[0])

    def getPath(self, path: MDagPath) -> None:
        """First path, into a path."""
        path._path = self._path or current().graph.paths(self._target)[0]

    def dagPath(self) -> MDagPath:
        """The path it was made with."""
        if not self._path:
            raise RuntimeError("(kFailure): no path was given")
        return path_of(self._path)

    def parentCount(self) -> int:
        """How many parents (instances)."""
        return len(self._target.parents)

    def parent(self, index: int) -> MObject:
        """One of the parents."""
        return wrap(self._target.parents[index])

    def childCount(self) -> int:
        """How many children."""
        return len(self._target.children)

    def child(self, index: int) -> MObject:
        """One child."""
        return wrap(self._target.children[index])

    def isIntermediateObject(self) -> bool:
        """Whether it is an intermediate shape."""
        return bool(self._target.stored(("intermediateObject", ())))

    def isInstanced(self, *indirect: bool) -> bool:
        """Whether it has several parents."""
        return len(self._target.parents) > 1

    def transformationMatrix(self) -> MMatrix:
        """Local matrix."""
        return _matrix(np.asarray(current().evaluator.normal_value(self._target, ("matrix", ()))))


@_full
class MFnTransform(MFnDagNode):
    """A transform."""

    _accepts = ("kTransform",)


MFnDagNode = _full(MFnDagNode)  # type: ignore[misc]
