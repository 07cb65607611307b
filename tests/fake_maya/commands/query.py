"""Asking about attributes, connections, history and the DAG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Key, Node
from tests.fake_maya.plugs import plug_name

from .core import Flags, command, flatten, need_node, need_path, need_plug, short_name, targets

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


def _overlapping(node: Node, key: Key | None, keys: Any) -> Iterator[Key]:
    """Those keys that are the plug itself, below it, or elements of it."""
    below = set(node.subtree(key[0])) if key else set()
    for other in keys:
        if key is None or (other[0] in below and other[1][: len(key[1])] == key[1]):
            yield other


@command("listConnections", "source destination plugs connections skipConversionNodes shapes", undoable=False)
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
            inputs = _overlapping(node, key, list(node.inputs))
            pairs += [(k, *_through(node.inputs[k], flags)) for k in inputs]
        if flags.get("destination", True):
            for own in _overlapping(node, key, list(node.outputs)):
                for end in node.outputs[own]:
                    pairs += [(own, *e) for e in _far(end, flags)]
        for own, other, other_key in pairs:
            if flags.get("connections"):
                result.append(plug_name(session.graph, node, own))
            if flags.get("plugs"):
                result.append(plug_name(session.graph, other, other_key))
                continue
            shape = other.type.base == "shape" and other.parents and not flags.get("shapes")
            result.append(short_name(session, other.parents[0] if shape else other))
    return result or None


def _through(end: tuple[Node, Key], flags: Flags) -> tuple[Node, Key]:
    skip = flags.get("skipConversionNodes") and end[0].type.name == "unitConversion"
    return end[0].inputs.get(("input", ()), end) if skip else end


def _far(end: tuple[Node, Key], flags: Flags) -> list[tuple[Node, Key]]:
    if flags.get("skipConversionNodes") and end[0].type.name == "unitConversion":
        return [far for e in end[0].outputs.get(("output", ()), {}) for far in _far(e, flags)]
    return [end]


@command("listRelatives", "children shapes parent type fullPath noIntermediate", undoable=False)
def list_relatives(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Children (by default), shapes or the parent; None when there are none."""
    result = []
    for name in targets(session, args):
        path = need_path(session, name)
        above = [path[:-1]] if len(path) > 1 else []
        for one in above if flags.get("parent") else [(*path, c) for c in path[-1].children]:
            node = one[-1]
            hidden = node.type.base == "shape" and node.stored(("intermediateObject", ()))
            kinds = flatten([flags.get("type") or []])
            if (
                (flags.get("shapes") and node.type.base != "shape")
                or (flags.get("noIntermediate") and hidden)
                or (kinds and not any(kind in node.type.lineage for kind in kinds))
            ):
                continue
            # without fullPath Maya gives bare names, even when they are not unique
            result.append(session.graph.path_name(one, full=True) if flags.get("fullPath") else node.name)
    return result or None


_ASKED: dict[str, Any] = {
    "keyable": lambda a: a.keyable,
    "hidden": lambda a: a.hidden,
    "multi": lambda a: a.multi,
    "writable": lambda a: a.writable,
    "storable": lambda a: a.storable,
    "usedAsFilename": lambda a: a.used_as_filename,
    "usesMultiBuilder": lambda a: a.array_builder,
    "cachedInternally": lambda a: a.cached,
    "shortName": lambda a: a.short,
    "niceName": lambda a: a.nice_name,
    "softRange": lambda a: [a.soft_minimum, a.soft_maximum],
    "softRangeExists": lambda a: a.soft_minimum is not None,
    "minExists": lambda a: a.minimum is not None,
    "minimum": lambda a: [a.minimum],
    "listDefault": lambda a: [float(a.initial())],
    "listEnum": lambda a: [":".join(a.fields)] if a.fields else None,
}


@command("attributeQuery", f"node type exists {' '.join(_ASKED)}", undoable=False)
def attribute_query(session: Session, args: list[Any], flags: Flags) -> Any:
    """Whether a node or a type has an attribute, or a node an alias; or what an attribute is like."""
    if flags.get("node"):
        node = need_node(session, flags["node"])
        found = node.find_attr(args[0])
        known = found is not None or args[0] in node.aliases.values()
    else:
        found = session.graph.types[flags["type"]].find(args[0])
        known = found is not None
    asked = next((name for name in _ASKED if flags.get(name)), None)
    if asked is None:
        return known
    if found is None:
        raise RuntimeError(f"attributeQuery: no attribute {args[0]}")
    return _ASKED[asked](found)
