"""How a maya.cmds command is defined: flags checked against Maya's own, undo, threads, counting."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fake_maya.boundary import call_from_outside, current, local, violate
from tests.fake_maya.node import Node
from tests.fake_maya.plugs import PlugPath, resolve_node, resolve_plug

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

Flags = dict[str, Any]
Body = Callable[["Session", list[Any], Flags], Any]


def _load_flags() -> dict[str, dict[str, str]]:
    """Maya's flags: command -> short or long name -> long name (facts of the 2025 command reference)."""
    table: dict[str, dict[str, str]] = {}
    for name, text in json.loads((Path(__file__).parent / "flags.json").read_text()).items():
        flags = {"query": "query", "q": "query", "edit": "edit", "e": "edit"}
        for item in text.split():
            long, _, short = item.partition("=")
            flags[long] = long
            if short:
                flags[short] = long
        table[name] = flags
    return table


FLAGS = _load_flags()
COMMANDS: dict[str, Callable[..., Any]] = {}
PLUGIN_COMMANDS: dict[
    str, dict[str, Callable[..., Any]]
] = {}  # plug-in: what maya.cmds has while it is loaded


def normalise(name: str, flags: Flags, supported: set[str] | None) -> Flags:
    """Long flag names; Maya's error for unknown flags, the stand-in's for those it does not imitate."""
    known = FLAGS[name]
    result: Flags = {}
    for key, value in flags.items():
        if key not in known:
            raise TypeError(f"Invalid flag '{key}'")
        long = known[key]
        if supported is not None and long not in supported:
            raise NotImplementedError(f"the stand-in does not imitate the flag '{long}' of cmds.{name}")
        result[long] = value
    return result


def command(
    name: str, supported: str = "", *, undoable: bool = True, any_flag: bool = False, plugin: str = ""
) -> Callable[[Body], Body]:
    """Define cmds.<name>; `supported` lists the long flags that are imitated. With `plugin` it is there while
    that is loaded."""
    allowed = None if any_flag else {*supported.split(), "query", "edit"}

    def decorate(body: Body) -> Body:
        @functools.wraps(body)
        def public(*args: Any, **flags: Any) -> Any:
            if local.frames:
                raise violate(f"cmds.{name} during evaluation of {local.frames[-1].node.name}")
            session = current()
            if threading.current_thread() is not session.main_thread:
                raise RuntimeError(f"cmds.{name} was called outside of the main thread")
            return call_from_outside(f"cmds.{name}", run, session, args, flags)

        def run(session: Session, args: tuple[Any, ...], flags: Flags) -> Any:
            checked = normalise(name, flags, allowed)
            if not undoable:
                return body(session, list(args), checked)
            with session.journal.command(name):
                return body(session, list(args), checked)

        public.__name__ = name
        (PLUGIN_COMMANDS.setdefault(plugin, {}) if plugin else COMMANDS)[name] = public
        return body

    return decorate


def flatten(args: list[Any]) -> list[Any]:
    """Names given as arguments or as lists of names."""
    flat: list[Any] = []
    for arg in args:
        if isinstance(arg, list | tuple):
            flat.extend(arg)
        else:
            flat.append(arg)
    return flat


def need_node(session: Session, name: str) -> Node:
    """The node of that name, or cmds' error."""
    return need_path(session, name)[-1]


def need_path(session: Session, name: str) -> tuple[Node, ...]:
    """The path of that name, or cmds' error."""
    if not isinstance(name, str):
        raise TypeError(f"Object {name!r} is invalid")
    path = resolve_node(session.graph, name)
    if path is None:
        raise ValueError(f"No object matches name: {name}")
    return path


def need_plug(session: Session, name: str, *, error: type[Exception] = ValueError) -> PlugPath:
    """The plug of that text, or cmds' error."""
    if not isinstance(name, str):
        raise TypeError(f"Object {name!r} is invalid")
    found = resolve_plug(session.graph, name)
    if found is None:
        raise error(f"No object matches name: {name}")
    return found


def short_name(session: Session, node: Node) -> str:
    """Shortest unique name."""
    return session.graph.path_name(session.graph.paths(node)[0])


def targets(session: Session, args: list[Any]) -> list[str]:
    """Names given, or else the selection."""
    return flatten(args) or list(session.selection)
