"""Creating and finding nodes."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Node
from tests.fake_maya.plugin_registry import make_unknown
from tests.fake_maya.plugs import resolve_node, resolve_plug
from tests.fake_maya.schema import TYPES

from .core import Flags, command, flatten, need_node, short_name

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_ABSTRACT = (
    "node dagNode shape geometryShape deformableShape geometryFilter weightGeometryFilter animCurve"
    " animBlendNodeBase entity"
)


@command("createNode", "name parent skipSelect")
def create_node(session: Session, args: list[Any], flags: Flags) -> str:
    """A new node. A type nobody knows gives an `unknown` node and a warning."""
    kind = args[0]
    parent = need_node(session, flags["parent"]) if flags.get("parent") else None
    if kind in _ABSTRACT.split():
        raise RuntimeError(f"{kind} is an abstract node type")
    if kind not in session.graph.types:
        session.say(
            "warning", f"Unrecognized node type '{kind}'; preserving node information during this session."
        )
        node = session.graph.create("unknown", flags.get("name") or "unknown1")
        make_unknown(node)
        node.unknown["type"] = kind
        return short_name(session, node)
    name = flags.get("name")
    if session.graph.types[kind].base == "shape" and parent is None:
        stem = {"mesh": "polySurface", "nurbsCurve": "curve"}.get(kind, kind)
        parent = session.graph.create(
            "transform", re.sub(r"Shape", "", name) if name and "Shape" in name else f"{stem}1"
        )
        digits = re.sub(r".*?(\d*)$", r"\1", parent.name)
        name = name or f"{parent.name[: len(parent.name) - len(digits)]}Shape{digits}"
    node = session.create_node(kind, name, parent)
    session.modified = True
    if not flags.get("skipSelect"):
        session.journal.assign(session, "selection", [short_name(session, node)])
    return short_name(session, node)


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
            if not deep and (
                fnmatch.fnmatchcase(node.name, pattern)
                or ("|" in pattern and fnmatch.fnmatchcase(full, "*" + pattern))
            ):
                found.append(path)
    return found


@command("ls", "selection long type noIntermediate recursive uuid", undoable=False)
def ls(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Names of nodes; an empty list when there are none."""
    names, kinds = flatten(args), flatten([flags.get("type") or []])
    for kind in kinds:
        known_type(session, kind)
    if flags.get("selection"):
        names = [n for n in session.selection if not names or n in names]
        if not names:
            return []
    graph = session.graph
    uuids = {n.uuid: n for n in graph}
    paths: list[tuple[Node, ...]] = []
    for name in names:
        paths.extend(graph.paths(uuids[name]) if name in uuids else matching(session, name))
    if not names:
        paths = [graph.paths(node)[0] for node in graph]
    result = []
    for path in dict.fromkeys(paths):
        node = path[-1]
        hidden = node.type.base == "shape" and bool(node.stored(("intermediateObject", ())))
        if (kinds and not any(kind in node.type.lineage for kind in kinds)) or (
            flags.get("noIntermediate") and hidden
        ):
            continue
        result.append(node.uuid if flags.get("uuid") else graph.path_name(path, full=bool(flags.get("long"))))
    return result


@command("objExists", undoable=False)
def obj_exists(session: Session, args: list[Any], flags: Flags) -> bool:
    """Whether a node or a plug of that name exists."""
    name = args[0]
    if not isinstance(name, str) or not name:
        return False
    if "." in name:
        return resolve_plug(session.graph, name) is not None
    return bool(matching(session, name))


@command("nodeType", "inherited", undoable=False)
def node_type(session: Session, args: list[Any], flags: Flags) -> Any:
    """Type of a node; `inherited` gives the line of types down to it."""
    node = resolve_node(session.graph, args[0].partition(".")[0])
    if node is None:
        raise RuntimeError(f"No object matches name: {args[0]}")
    kind = node[-1].type
    return list(kind.lineage[1:]) or [kind.name] if flags.get("inherited") else kind.name


@command("objectType", "isAType isType", undoable=False)
def object_type(session: Session, args: list[Any], flags: Flags) -> Any:
    """Type of a node, or whether it is of one."""
    node = need_node(session, args[0].partition(".")[0])
    if flags.get("isType"):
        return node.type.name == flags["isType"]
    return flags["isAType"] in node.type.lineage if flags.get("isAType") else node.type.name
