"""Asking about attributes, connections, history and the DAG."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Key, Node
from tests.fake_maya.plugs import attr_name, plug_name
from tests.fake_maya.schema import Attr

from .core import Flags, command, flatten, need_node, need_path, need_plug, short_name, targets
from .nodes import is_type
from .values import to_user

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


def _overlapping(node: Node, key: Key | None, keys: Any) -> Iterator[Key]:
    """Those keys that are the plug itself, below it, or elements of it."""
    below = set(node.subtree(key[0])) if key else set()
    for other in keys:
        if key is None or (other[0] in below and other[1][: len(key[1])] == key[1]):
            yield other


@command("listConnections", "source destination plugs connections skipConversionNodes type exactType shapes", undoable=False)
def list_connections(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Nodes or plugs at the other ends; None when there are none."""
    result: list[str] = []
    for name in targets(session, args):
        if "." in name:
            plug = need_plug(session, name)
            node, key = plug.node, plug.key
        else:
            node, key = need_node(session, name), None
        pairs: list[tuple[Key, Node, Key]] = []
        if flags.get("source", True):
            pairs += [(k, *_through(node.inputs[k], flags, up=True)) for k in _overlapping(node, key, list(node.inputs))]
        if flags.get("destination", True):
            for own in _overlapping(node, key, list(node.outputs)):
                for end in node.outputs[own]:
                    pairs += [(own, *e) for e in _far(end, flags)]
        for own, other, other_key in pairs:
            if flags.get("type") and not is_type(session, other, flags["type"], exact=bool(flags.get("exactType"))):
                continue
            if flags.get("connections"):
                result.append(plug_name(session.graph, node, own))
            shown = other
            if not flags.get("plugs") and not flags.get("shapes") and other.type.base == "shape" and other.parents:
                shown = other.parents[0]
            result.append(plug_name(session.graph, other, other_key) if flags.get("plugs") else short_name(session, shown))
    return result or None


def _through(end: tuple[Node, Key], flags: Flags, *, up: bool) -> tuple[Node, Key]:
    while flags.get("skipConversionNodes") and end[0].type.name == "unitConversion" and ("input", ()) in end[0].inputs:
        end = end[0].inputs[("input", ())]
    return end


def _far(end: tuple[Node, Key], flags: Flags) -> list[tuple[Node, Key]]:
    if flags.get("skipConversionNodes") and end[0].type.name == "unitConversion":
        return [far for e in end[0].outputs.get(("output", ()), {}) for far in _far(e, flags)]
    return [end]


@command("isConnected", "ignoreUnitConversion", undoable=False)
def is_connected(session: Session, args: list[Any], flags: Flags) -> bool:
    """Whether one plug goes into another."""
    source, target = need_plug(session, args[0]), need_plug(session, args[1])
    end = target.node.inputs.get(target.key)
    if end and flags.get("ignoreUnitConversion"):
        end = _through(end, {"skipConversionNodes": True}, up=True)
    return end == (source.node, source.key)


@command(
    "connectionInfo",
    "isDestination isSource sourceFromDestination destinationFromSource isLocked isExactDestination isExactSource getExactSource getExactDestination",
    undoable=False,
)
def connection_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """One question about one plug."""
    plug = need_plug(session, args[0])
    node, key = plug.node, plug.key
    source = node.inputs.get(key)
    outputs = [plug_name(session.graph, *end) for end in node.outputs.get(key, ())]
    answers = {
        "isDestination": source is not None, "isExactDestination": source is not None, "isSource": bool(outputs), "isExactSource": bool(outputs), "isLocked": node.is_locked(key),
        "sourceFromDestination": plug_name(session.graph, *source) if source else "", "destinationFromSource": outputs,
        "getExactSource": plug_name(session.graph, node, key) if outputs else "", "getExactDestination": plug_name(session.graph, node, key) if source else "",
    }  # fmt: skip
    return next(answers[f] for f in flags)


def _history(start: list[Node], *, future: bool, levels: int, prune: bool) -> list[Node]:
    found: dict[Node, None] = {}

    def visit(node: Node, depth: int) -> None:
        if node in found or (levels and depth > levels):
            return
        found[node] = None
        if future:
            following = [end[0] for ends in node.outputs.values() for end in ends]
        else:
            following = [
                end[0] for _, end in sorted(node.inputs.items(), key=lambda item: list(node.type.attrs).index(item[0][0]) if item[0][0] in node.type.attrs else 999)
            ]
        for other in following:
            visit(other, depth + 1)

    for node in start:
        visit(node, 0)
    return [n for n in found if not (prune and n.is_dag)]


_HISTORY = "pruneDagObjects future levels interestLevel groupLevels allConnections breadthFirst leaf allFuture fastIteration futureLocalAttr futureWorldAttr historyAttr"


@command("listHistory", _HISTORY, undoable=False)
def list_history(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Nodes upstream (or downstream), the nearest first along each branch; a transform stands for its shapes."""
    start = []
    for name in targets(session, args):
        node = need_node(session, name.partition(".")[0])
        shapes = [c for c in node.children if c.type.base == "shape" and not c.stored(("intermediateObject", ()))]
        start += shapes if node.type.base == "transform" and shapes else [node]
    found = _history(start, future=bool(flags.get("future")), levels=int(flags.get("levels") or 0), prune=bool(flags.get("pruneDagObjects")))
    return [short_name(session, n) for n in found] or None


@command("listRelatives", "children shapes parent allParents allDescendents type fullPath path noIntermediate", undoable=False)
def list_relatives(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Children (by default), shapes, parents or all below; None when there are none."""
    found: list[tuple[Node, ...]] = []
    for name in targets(session, args):
        path = need_path(session, name)
        if flags.get("parent"):
            found += [path[:-1]] if len(path) > 1 else []
        elif flags.get("allParents"):
            found += [session.graph.paths(p)[0] for p in path[-1].parents]
        elif flags.get("allDescendents"):
            found += list(_descendants(path))
        else:
            found += [(*path, c) for c in path[-1].children]
    kinds = flatten([flags.get("type") or []])
    result = []
    for path in found:
        node = path[-1]
        if flags.get("shapes") and node.type.base != "shape":
            continue
        if kinds and not any(is_type(session, node, kind) for kind in kinds):
            continue
        if flags.get("noIntermediate") and node.type.base == "shape" and node.stored(("intermediateObject", ())):
            continue
        if flags.get("fullPath"):
            result.append(session.graph.path_name(path, full=True))
        else:
            # without `path` Maya gives bare names, even when they are not unique
            result.append(session.graph.path_name(path) if flags.get("path") else node.name)
    return result or None


def _descendants(path: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    for child in reversed(path[-1].children):
        yield from _descendants((*path, child))
        yield (*path, child)


_LIST_ATTR = "multi userDefined keyable string shortNames scalar locked unlocked settable connectable write read array hasData visible channelBox leaf usedAsFilename nodeName output inUse fromPlugin"


@command("listAttr", _LIST_ATTR, undoable=False)
def list_attr(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Names of attributes (and, with multi, of elements); None when there are none."""
    result: list[str] = []
    for name in targets(session, args):
        if "." in name:
            plug = need_plug(session, name)
            node = plug.node
            attrs: list[tuple[Attr, tuple[int, ...]]] = [(node.attr(plug.attr), plug.indices)]
        else:
            node = need_node(session, name)
            attrs = [(a, ()) for a in node.attributes()]
        for attr, indices in attrs:
            for key in _listed(node, attr, indices, flags):
                text = attr_name(node, key, short=bool(flags.get("shortNames")))
                patterns = flatten([flags.get("string") or []])
                if patterns and not any(fnmatch.fnmatchcase(text, p) or fnmatch.fnmatchcase(attr.long, p) for p in patterns):
                    continue
                result.append(f"{short_name(session, node)}.{text}" if flags.get("nodeName") else text)
    return list(dict.fromkeys(result)) or None


def _listed(node: Node, attr: Attr, indices: tuple[int, ...], flags: Flags) -> Iterator[Key]:
    def fits(key: Key) -> bool:
        checks = {
            "userDefined": attr.dynamic, "keyable": node.flag(key, "keyable"), "locked": node.is_locked(key), "unlocked": not node.is_locked(key), "array": attr.multi,
            "channelBox": node.flag(key, "channelBox") and not node.flag(key, "keyable"), "settable": not node.is_locked(key) and node.source(key) is None, "connectable": attr.connectable,
            "write": attr.writable, "read": attr.readable, "scalar": not attr.is_compound and attr.kind not in ("string", "matrix", "message"), "visible": not attr.hidden,
            "usedAsFilename": attr.used_as_filename, "hasData": attr.kind not in ("message", "compound"), "leaf": not attr.children, "output": attr.long in node.type.outputs,
            "inUse": attr.long in node.values, "fromPlugin": bool(node.type.plugin),
        }  # fmt: skip
        return all(value for flag, value in checks.items() if flags.get(flag))

    depth = node.depth(attr.long)
    if len(indices) == depth - 1 and attr.multi:
        if not flags.get("multi") and fits((attr.long, indices)):
            yield attr.long, indices
        if flags.get("multi"):
            elements = [(attr.long, (*indices, i)) for i in node.indices(attr.long, indices)]
            if fits((attr.long, indices)) and not elements:
                yield attr.long, indices
            yield from (k for k in elements if fits(k))
    elif len(indices) == depth and fits((attr.long, indices)):
        yield attr.long, indices


_QUERY = (
    "node type exists longName shortName minimum maximum minExists maxExists range rangeExists softMin softMax softMinExists softMaxExists softRange listEnum multi keyable attributeType"
    " listChildren listParent listDefault hidden readable writable connectable storable numberOfChildren niceName message usedAsFilename indexMatters channelBox enum internal"
)


@command("attributeQuery", _QUERY, undoable=False)
def attribute_query(session: Session, args: list[Any], flags: Flags) -> Any:
    """One question about an attribute of a node or of a type."""
    if flags.get("node"):
        node = need_node(session, flags["node"])
        attr = node.find_attr(args[0]) or next((node.attr(k[0]) for k, a in node.aliases.items() if a == args[0]), None)
    else:
        node = None
        attr = session.graph.types[flags["type"]].find(args[0])
    question = next(f for f in flags if f not in ("node", "type", "query"))
    if question == "exists":
        return attr is not None
    if attr is None:
        raise RuntimeError(f"attributeQuery: no attribute '{args[0]}'")
    return _answer(session, node, attr, question)


def _answer(session: Session, node: Node | None, attr: Attr, question: str) -> Any:
    def user(value: Any) -> Any:
        return to_user(session, attr.kind, value)

    low, high, soft_low, soft_high = attr.minimum, attr.maximum, attr.soft_minimum, attr.soft_maximum
    children = [node.attr(c) for c in attr.children] if node else []
    answers: dict[str, Any] = {
        "longName": attr.long, "shortName": attr.short, "minExists": low is not None, "maxExists": high is not None, "rangeExists": low is not None and high is not None,
        "softMinExists": soft_low is not None, "softMaxExists": soft_high is not None, "multi": attr.multi, "keyable": attr.keyable, "attributeType": _attribute_type(attr),
        "listChildren": list(attr.children) or None, "listParent": [attr.parent] if attr.parent else None, "hidden": attr.hidden, "readable": attr.readable, "writable": attr.writable,
        "connectable": attr.connectable, "storable": attr.storable, "numberOfChildren": [len(attr.children)] if attr.children else None, "niceName": attr.nice_name or _nice(attr.long),
        "message": attr.kind == "message", "usedAsFilename": attr.used_as_filename, "indexMatters": attr.index_matters, "channelBox": attr.channel_box, "enum": attr.kind == "enum",
        "internal": attr.internal,
    }  # fmt: skip
    if question in answers:
        return answers[question]
    if question == "listEnum":
        return [":".join(n if i == v else f"{n}={v}" for i, (n, v) in enumerate((attr.fields or {}).items()))] if attr.kind == "enum" else None
    if question == "listDefault":
        if children:
            return [user(c.initial()) for c in children]
        return [user(attr.initial())] if attr.kind not in ("string", "message", "compound", "mesh", "geometry") else None
    pairs = {"minimum": (low,), "maximum": (high,), "softMin": (soft_low,), "softMax": (soft_high,), "range": (low, high), "softRange": (soft_low, soft_high)}[question]
    if any(v is None for v in pairs):
        raise RuntimeError(f"attributeQuery: '{attr.long}' has no {question}")
    return [float(user(v)) for v in pairs]


def _attribute_type(attr: Attr) -> str:
    return (
        "typed" if attr.kind in ("string", "mesh", "nurbsCurve", "pointArray", "doubleArray", "componentList", "Int32Array", "vectorArray", "stringArray") else attr.kind
    )


def _nice(name: str) -> str:
    words = "".join(" " + c if c.isupper() else c for c in name)
    return words[:1].upper() + words[1:]
