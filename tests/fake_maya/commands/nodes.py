"""Creating and finding nodes."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Node
from tests.fake_maya.om_base import type_names
from tests.fake_maya.plugin_registry import make_unknown
from tests.fake_maya.plugs import resolve_node, resolve_plug
from tests.fake_maya.schema import TYPES

from .core import Flags, command, flatten, need_node, short_name

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_ABSTRACT = {"node", "dagNode", "shape", "geometryShape", "deformableShape", "geometryFilter", "weightGeometryFilter", "animCurve", "animBlendNodeBase", "entity"}


@command("createNode", "name parent skipSelect shared")
def create_node(session: Session, args: list[Any], flags: Flags) -> str:
    """A new node. A type nobody knows gives an `unknown` node and a warning."""
    kind = args[0]
    parent = need_node(session, flags["parent"]) if flags.get("parent") else None
    if flags.get("shared") and flags.get("name") and (found := resolve_node(session.graph, flags["name"])):
        return session.graph.path_name(found)
    if kind in _ABSTRACT:
        raise RuntimeError(f"{kind} is an abstract node type")
    if kind not in session.graph.types:
        session.say("warning", f"Unrecognized node type '{kind}'; preserving node information during this session.")
        node = session.graph.create("unknown", flags.get("name") or "unknown1")
        make_unknown(node)
        node.unknown["type"] = kind
        return short_name(session, node)
    name = flags.get("name")
    if session.graph.types[kind].base == "shape" and parent is None:
        stem = {"mesh": "polySurface", "nurbsCurve": "curve"}.get(kind, kind)
        parent = session.graph.create("transform", re.sub(r"Shape", "", name) if name and "Shape" in name else f"{stem}1")
        digits = re.sub(r".*?(\d*)$", r"\1", parent.name)
        name = name or f"{parent.name[: len(parent.name) - len(digits)]}Shape{digits}"
    node = session.create_node(kind, name, parent)
    session.modified = True
    if not flags.get("skipSelect"):
        session.journal.assign(session, "selection", [short_name(session, node)])
    return short_name(session, node)


def is_type(session: Session, node: Node, kind: str, *, exact: bool = False) -> bool:
    """Whether a node is of a type or derives from it."""
    return node.type.name == kind if exact else kind in node.type.lineage


def known_type(session: Session, kind: str) -> None:
    """cmds' error for a type that does not exist."""
    if kind not in session.graph.types and kind not in TYPES:
        raise RuntimeError(f"Unknown object type: {kind}")


def matching(session: Session, pattern: str) -> list[tuple[Node, ...]]:
    """Paths that fit a name or a pattern with * and ?."""
    if not any(c in pattern for c in "*?"):
        return session.graph.find(pattern)
    found = []
    for node in session.graph:
        for path in session.graph.paths(node):
            full = session.graph.path_name(path, full=True)
            deep = ":" in node.name and ":" not in pattern  # * does not cross namespaces
            if not deep and (fnmatch.fnmatchcase(node.name, pattern) or ("|" in pattern and fnmatch.fnmatchcase(full, "*" + pattern))):
                found.append(path)
    return found


_LS = (
    "selection long type exactType dagObjects shapes transforms assemblies uuid flatten objectsOnly noIntermediate intermediateObjects references referencedNodes readOnly sets geometry"
    " showType defaultNodes shortNames recursive allPaths lockedNodes excludeType dependencyNodes leaf visible orderedSelection absoluteName showNamespace materials cameras persistentNodes"
)


@command("ls", _LS, undoable=False)
def ls(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Names of nodes; an empty list when there are none."""
    names = flatten(args)
    kinds = flatten([flags.get("type") or flags.get("exactType") or []])
    for kind in kinds:
        known_type(session, kind)
    if flags.get("selection") or flags.get("orderedSelection"):
        names = [n for n in session.selection if not names or n in names]
        if not names:
            return []
    paths: list[tuple[Node, ...]] = []
    plugs: list[str] = []
    for name in names:
        if name in {n.uuid for n in session.graph}:
            paths.extend(session.graph.paths(next(n for n in session.graph if n.uuid == name)))
        elif "." in name:
            plugs.extend(_plug_names(session, name))
        else:
            paths.extend(matching(session, name))
    if not names:
        paths = [path for node in session.graph for path in (session.graph.paths(node) if flags.get("allPaths") else session.graph.paths(node)[:1])]
    if flags.get("dagObjects") and names:
        paths = [below for path in paths for below in _below(path)]
    kept = [p for p in dict.fromkeys(paths) if _wanted(session, p, kinds, flags)]
    result: list[str] = list(plugs) if not kinds else []
    for path in kept:
        result.append(path[-1].uuid if flags.get("uuid") else session.graph.path_name(path, full=bool(flags.get("long"))))
        if flags.get("showType"):
            result.append(path[-1].type.name)
    return result


def _plug_names(session: Session, name: str) -> list[str]:
    """Components and plugs as they are, when their node exists."""
    node, _, attr = name.partition(".")
    if not session.graph.find(node):
        return []
    if re.match(r"(vtx|f|e|map|cv)\[", attr) or resolve_plug(session.graph, name) is not None:
        return [name]
    return []


def _below(path: tuple[Node, ...]) -> Iterable[tuple[Node, ...]]:
    yield path
    for child in path[-1].children:
        yield from _below((*path, child))


def _wanted(session: Session, path: tuple[Node, ...], kinds: list[str], flags: Flags) -> bool:
    node = path[-1]
    if kinds and not any(is_type(session, node, kind, exact=bool(flags.get("exactType"))) for kind in kinds):
        return False
    if any(is_type(session, node, kind) for kind in flatten([flags.get("excludeType") or []])):
        return False
    hidden = node.type.base == "shape" and bool(node.stored(("intermediateObject", ())))
    checks = {
        "dagObjects": node.is_dag, "shapes": node.type.base == "shape", "transforms": node.type.base == "transform", "assemblies": node.is_dag and len(path) == 1,
        "noIntermediate": not hidden, "intermediateObjects": hidden, "references": node.type.name == "reference", "referencedNodes": node.reference is not None,
        "readOnly": node.reference is not None, "sets": "objectSet" in node.type.lineage, "geometry": "geometryShape" in node.type.lineage, "defaultNodes": node.default_node,
        "lockedNodes": node.locked, "cameras": node.type.name == "camera",
    }  # fmt: skip
    return all(passes for flag, passes in checks.items() if flags.get(flag))


@command("objExists", undoable=False)
def obj_exists(session: Session, args: list[Any], flags: Flags) -> bool:
    """Whether a node or a plug of that name exists."""
    name = args[0]
    if not isinstance(name, str) or not name:
        return False
    if "." in name:
        return resolve_plug(session.graph, name) is not None
    return bool(matching(session, name))


@command("nodeType", "inherited derived isTypeName apiType", undoable=False)
def node_type(session: Session, args: list[Any], flags: Flags) -> Any:
    """Type of a node; `inherited` gives the line of types down to it."""
    if flags.get("isTypeName"):
        known_type(session, args[0])
        lineage = list((session.graph.types.get(args[0]) or TYPES[args[0]]).lineage)
        return lineage[1:] if flags.get("inherited") else [n for n, t in session.graph.types.items() if args[0] in t.lineage]
    name = args[0].partition(".")[0]
    node = resolve_node(session.graph, name)
    if node is None:
        raise RuntimeError(f"No object matches name: {name}")
    if flags.get("inherited"):
        return list(node[-1].type.lineage[1:]) if len(node[-1].type.lineage) > 1 else [node[-1].type.name]
    if flags.get("apiType"):
        return type_names(node[-1])[0]
    return node[-1].type.name


@command("objectType", "isAType isType", undoable=False)
def object_type(session: Session, args: list[Any], flags: Flags) -> Any:
    """Type of a node, or whether it is of one."""
    node = need_node(session, args[0].partition(".")[0])
    if flags.get("isType"):
        return node.type.name == flags["isType"]
    if flags.get("isAType"):
        return flags["isAType"] in node.type.lineage
    return node.type.name
