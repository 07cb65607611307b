"""Namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core import Flags, command, flatten, short_name

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


@command("namespace", "addNamespace setNamespace exists removeNamespace parent mergeNamespaceWithRoot deleteNamespaceContent force")
def namespace(session: Session, args: list[Any], flags: Flags) -> Any:
    """Namespaces."""
    graph = session.graph
    if "exists" in flags:
        name = flags["exists"] if isinstance(flags["exists"], str) else args[0]
        return name.strip(":") in graph.namespaces or name == ":"
    if flags.get("addNamespace"):
        base = flags.get("parent", graph.namespace).strip(":")
        name = f"{base}:{flags['addNamespace']}".strip(":")
        if name in graph.namespaces:
            raise RuntimeError(f"namespace: {name} exists")
        session.journal.put(graph.namespaces, name, None)
        return name
    if "setNamespace" in flags:
        name = flags["setNamespace"].strip(":")
        if name and name not in graph.namespaces:
            raise RuntimeError(f"namespace: No namespace matches name: {name}")
        session.journal.assign(graph, "namespace", name)
    if flags.get("removeNamespace"):
        name = flags["removeNamespace"].strip(":")
        inside = [n for n in graph if n.name.startswith(name + ":")]
        if inside and not (flags.get("mergeNamespaceWithRoot") or flags.get("deleteNamespaceContent")):
            raise RuntimeError(f"namespace: The namespace '{name}' is not empty.")
        for node in inside:
            graph.guard(node, "moved")
            graph.rename(node, graph.free_name(":" + node.name[len(name) + 1 :], node.parents[0] if node.parents else None, dag=node.is_dag))
        session.journal.drop(graph.namespaces, name)
    return None


@command("namespaceInfo", "currentNamespace listOnlyNamespaces listNamespace listOnlyDependencyNodes recurse absoluteName fullName", undoable=False)
def namespace_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """What is in namespaces."""
    graph = session.graph
    base = flatten(args)[0].strip(":") if args else graph.namespace
    if flags.get("currentNamespace"):
        return (":" if flags.get("absoluteName") else "") + (graph.namespace or ":").lstrip(":") if graph.namespace else ":"
    deep = bool(flags.get("recurse"))

    def inside(name: str) -> bool:
        rest = name[len(base) + 1 :] if base else name
        return (not base or name.startswith(base + ":")) and bool(rest) and (deep or ":" not in rest)

    spaces = [n for n in ("UI", "shared", *graph.namespaces) if inside(n)]
    nodes = [short_name(session, n) for n in graph if inside(n.name)]
    found = spaces if flags.get("listOnlyNamespaces") else nodes if flags.get("listOnlyDependencyNodes") else [*nodes, *spaces]
    return found or None
