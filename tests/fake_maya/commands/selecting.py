"""Selection, sets and node locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Key, Node
from tests.fake_maya.plugs import resolve_node

from .core import Flags, command, flatten, need_node, need_plug, short_name, targets

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


@command("lockNode", "lock")
def lock_node(session: Session, args: list[Any], flags: Flags) -> list[bool] | None:
    """Lock nodes against deletion and renaming."""
    nodes = [need_node(session, name) for name in targets(session, args)]
    if flags.get("query"):
        return [n.locked for n in nodes]
    for node in nodes:
        session.journal.assign(node, "locked", bool(flags.get("lock", True)))
    return None


@command("select", "replace add deselect clear noExpand toggle all hierarchy")
def select(session: Session, args: list[Any], flags: Flags) -> None:
    """Change the selection. Sets stand for their members unless noExpand."""
    names: list[str] = []
    for name in flatten(args):
        node = resolve_node(session.graph, name.partition(".")[0])
        if node is None:
            raise ValueError(f"No object matches name: {name}")
        names += members(session, node[-1]) if "objectSet" in node[-1].type.lineage and not flags.get("noExpand") else [name]
    if flags.get("all"):
        names = [short_name(session, n) for n in session.graph if n.is_dag and not n.parents and not n.default_node]
    if flags.get("clear"):
        names = []
    elif flags.get("add"):
        names = list(dict.fromkeys([*session.selection, *names]))
    elif flags.get("deselect"):
        names = [n for n in session.selection if n not in names]
    elif flags.get("toggle"):
        names = [n for n in [*session.selection, *names] if (n in session.selection) != (n in names)]
    session.journal.assign(session, "selection", names)


def members(session: Session, node: Node) -> list[str]:
    """What is in a set."""
    found = [short_name(session, end[0]) for key, end in sorted(node.inputs.items()) if key[0] in ("dagSetMembers", "dnSetMembers")]
    return found + list(node.stored(("componentMembers", ())) or [])


@command("sets", "name addElement remove include isMember size empty clear edges vertices facets text forceElement")
def sets(session: Session, args: list[Any], flags: Flags) -> Any:
    """Create a set of what is named (or selected), ask for its members, add and remove."""
    names = flatten(args)
    if flags.get("query"):
        node = need_node(session, names[0])
        return len(members(session, node)) if flags.get("size") else members(session, node) or None
    for flag in ("addElement", "include", "remove", "forceElement", "isMember", "clear"):
        if flags.get(flag):
            node = need_node(session, flags[flag])
            if flag == "isMember":
                return all(n in members(session, node) for n in names)
            _change(session, node, names if flag != "clear" else members(session, node), add=flag not in ("remove", "clear"))
            return node.name
    node = session.graph.create("objectSet", flags.get("name") or "set1")
    _change(session, node, [] if flags.get("empty") else names or list(session.selection), add=True)
    return short_name(session, node)


def _change(session: Session, node: Node, names: list[str], *, add: bool) -> None:
    graph = session.graph
    components = list(node.stored(("componentMembers", ())) or [])
    for name in names:
        if "." in name:
            need_plug_or_component(session, name)
            components = [c for c in components if c != name] + ([name] if add else [])
            continue
        member = need_node(session, name)
        attr = "dagSetMembers" if member.is_dag else "dnSetMembers"
        held: Key | None = next((k for k, end in node.inputs.items() if k[0] == attr and end[0] is member), None)
        if add and held is None:
            source: Key = ("instObjGroups", (0,)) if member.is_dag else ("message", ())
            graph.connect(member, source, node, (attr, (max(node.indices(attr), default=-1) + 1,)))
        elif not add and held is not None:
            graph.disconnect(node, held)
    graph.set_value(node, ("componentMembers", ()), components or None)


def need_plug_or_component(session: Session, name: str) -> None:
    """Components are taken as they are; plugs must exist."""
    node, _, rest = name.partition(".")
    need_node(session, node)
    if "[" not in rest or rest.split("[")[0] not in ("vtx", "f", "e", "cv", "map"):
        need_plug(session, name)
