"""Deleting, duplicating, parenting, selecting, namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fake_maya.node import Node
from tests.fake_maya.plugin_registry import give_object
from tests.fake_maya.plugs import resolve_node

from .core import Flags, command, flatten, need_node, need_path, short_name, targets
from .deform import entry, inlet, outlets

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

# they go with what they feed
_HELPERS = ("animCurve", "unitConversion", "groupId", "groupParts", "blendWeighted")


@command("delete", "constructionHistory")
def delete(session: Session, args: list[Any], flags: Flags) -> None:
    """Delete nodes.

    A deformer's chain closes behind it; with constructionHistory the shapes keep their points and lose what
    is upstream."""
    names = targets(session, args)
    if not names:
        raise RuntimeError("delete: nothing is selected or named")
    paths = [need_path(session, name) for name in names if "." not in name]
    if flags.get("constructionHistory"):
        for path in paths:
            _bake_history(session, path[-1])
        return
    for path in paths:
        if path[-1].alive:
            _delete_path(session, path)
    session.journal.assign(
        session, "selection", [n for n in session.selection if session.graph.find(n.partition(".")[0])]
    )
    session.modified = True


def _delete_path(session: Session, path: tuple[Node, ...]) -> None:
    node = path[-1]
    if len(node.parents) > 1 and len(path) > 1:
        session.graph.guard(node, "deleted")
        session.graph.detach(node, path[-2])  # one instance less
    else:
        delete_node(session, node)


def delete_node(session: Session, node: Node) -> None:
    """Delete one node with what stands below it, and helpers that feed nothing else."""
    graph = session.graph
    if node.default_node:
        raise RuntimeError(f"{node.name} is a default node and cannot be deleted")
    graph.guard(node, "deleted")
    for child in list(node.children):
        if len(child.parents) > 1:
            graph.detach(child, node)
        else:
            delete_node(session, child)
    if node.is_deformer:
        heal(session, node)
    feeders = [end[0] for end in node.inputs.values()]
    session.fire(("removal", node))
    graph.remove(node)
    for feeder in dict.fromkeys(feeders):
        unused = not any(feeder.outputs.values())
        if feeder.alive and unused and any(kind in feeder.type.lineage for kind in _HELPERS):
            delete_node(session, feeder)


def heal(session: Session, node: Node) -> None:
    """Connect what fed a deformer to what it fed."""
    for index in node.indices("input"):
        into, key = entry(node, index)
        source = into.inputs.get(key)
        for end in list(node.outputs.get(("outputGeometry", (index,)), ())):
            session.graph.disconnect(*end)
            if source is not None:
                session.graph.connect(*source, *end)


def _bake_history(session: Session, node: Node) -> None:
    shapes = [c for c in node.children if c.type.base == "shape"] if node.type.base == "transform" else [node]
    for shape in shapes:
        if inlet(shape) not in shape.inputs or shape.type.name != "mesh":
            continue
        value = session.evaluator.normal_value(shape, outlets(shape)[1])
        upstream: list[Node] = []
        end = shape.inputs.get(inlet(shape))
        while end is not None and (
            end[0].is_deformer or end[0].type.name == "groupParts" or end[0].type.base == "shape"
        ):
            upstream.append(end[0])
            if end[0].type.base == "shape":
                break
            end = end[0].inputs.get(("inputGeometry", (end[1][1][0],) if end[0].is_deformer else ()))
        session.graph.disconnect(shape, inlet(shape))
        for name in ("pntx", "pnty", "pntz"):
            if name in shape.values:
                session.graph.clear_value(shape, (name, ()))
        session.graph.set_value(shape, ("cachedInMesh", ()), value)
        for one in upstream:
            hidden = one.type.base != "shape" or one.stored(("intermediateObject", ()))
            feeds = any(
                k[0] in ("outputGeometry", "worldMesh", "outMesh") and e for k, e in one.outputs.items()
            )
            if one.alive and hidden and not feeds:
                delete_node(session, one)


def _copy(session: Session, node: Node, name: str, parent: Node | None) -> Node:
    """A node with the same values, flags and aliases, and no connections; evaluated geometry."""
    graph = session.graph
    made = graph.create(node.type.name, name, parent)
    for attr in node.dynamic.values():
        session.journal.put(made.dynamic, attr.long, attr)
    for attr_name, bucket in node.values.items():
        for indices, value in bucket.items():
            session.journal.put(made.values.setdefault(attr_name, {}), indices, value)
    for key, flags in node.flags.items():
        for flag, value in flags.items():
            graph.set_flag(made, key, flag, value)
    for key, alias in node.aliases.items():
        graph.set_alias(made, key, alias)
    for key in node.inputs:
        attr = made.attr(key[0])
        if (
            not attr.children
            and attr.kind not in ("message", "geometry", "mesh", "nurbsCurve", "compound", "generic")
            and not made.is_array(key)
        ):
            session.journal.put(
                made.values.setdefault(key[0], {}), key[1], session.evaluator.normal_value(node, key)
            )
    if node.type.name == "mesh":
        for tweak in ("pntx", "pnty", "pntz"):
            made.values.pop(tweak, None)
        graph.set_value(made, ("cachedInMesh", ()), session.evaluator.normal_value(node, outlets(node)[1]))
    if made.type.creator is not None:
        give_object(made)
        from tests.fake_maya.boundary import user_code

        with user_code():
            made.mpx.copyInternalData(node.mpx)
    return made


@command("duplicate", "name returnRootsOnly")
def duplicate(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Copies with the evaluated points and without history, intermediate shapes too, as in Maya."""
    result: list[str] = []
    for name in targets(session, args):
        node = need_node(session, name)
        parent = node.parents[0] if node.parents else None
        made: list[Node] = []

        def copy(source: Node, new_name: str, under: Node | None, made: list[Node] = made) -> Node:
            new = _copy(session, source, new_name, under)
            made.append(new)
            for child in source.children:
                if child.type.base == "shape":
                    stem = new.name.rstrip("0123456789")
                    suffix = "Orig" if child.name.endswith("Orig") else ""
                    copy(child, f"{stem}Shape{new.name[len(stem) :]}{suffix}", new)
                else:
                    copy(child, child.name, new)
            return new

        root = copy(node, flags.get("name") or node.name, parent)
        shown = [n for n in made if n is root or n.type.base != "shape"]
        result += [short_name(session, n) for n in shown[: 1 if flags.get("returnRootsOnly") else None]]
    session.modified = True
    session.journal.assign(session, "selection", result[:1])
    return result


@command("parent", "relative")
def parent(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Put nodes under another (the last), which takes them along."""
    if not flags.get("relative"):
        raise NotImplementedError(
            "the stand-in keeps no place in the world: cmds.parent with relative=True only"
        )
    *names, last = targets(session, args)
    to, graph, moved = need_node(session, last), session.graph, []
    for name in names:
        path = need_path(session, name)
        node = path[-1]
        graph.guard(node, "parented")
        if to is node or any(node in p for p in graph.paths(to)):
            raise RuntimeError(f"Cannot parent '{name}' to one of its children")
        if node.type.base == "shape":
            raise RuntimeError(f"{name} is a shape: use shape=True with relative=True or addObject=True")
        if node.parents:
            graph.detach(node, path[-2])
        if graph.taken(node.name, to, dag=True, but=node):
            graph.rename(node, graph.free_name(node.name, to, dag=True, but=node))
        graph.attach(node, to)
        moved.append(node)
    session.modified = True
    return [short_name(session, n) for n in moved]


@command("instance", "name")
def instance(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Another transform that shares the shapes."""
    result = []
    for name in targets(session, args):
        node = need_node(session, name)
        made = _copy(session, node, flags.get("name") or node.name, node.parents[0] if node.parents else None)
        for child in node.children:
            session.graph.attach(child, made)
        result.append(short_name(session, made))
    return result


@command("select", "replace add clear")
def select(session: Session, args: list[Any], flags: Flags) -> None:
    """Change the selection."""
    names = flatten(args)
    for name in names:
        if resolve_node(session.graph, name.partition(".")[0]) is None:
            raise ValueError(f"No object matches name: {name}")
    kept = session.selection if flags.get("add") else []
    session.journal.assign(
        session, "selection", [] if flags.get("clear") else list(dict.fromkeys([*kept, *names]))
    )


@command("namespace", "addNamespace setNamespace exists")
def namespace(session: Session, args: list[Any], flags: Flags) -> Any:
    """Make a namespace, work in one, or ask for one."""
    graph = session.graph
    name = str(next(flags[f] for f in ("exists", "addNamespace", "setNamespace") if f in flags)).strip(":")
    if "exists" in flags:
        return not name or name in graph.namespaces
    if "addNamespace" in flags:
        name = f"{graph.namespace}:{name}".strip(":")
        if name in graph.namespaces:
            raise RuntimeError(f"namespace: {name} exists")
        session.journal.put(graph.namespaces, name, None)
        return name
    if name and name not in graph.namespaces:
        raise RuntimeError(f"namespace: No namespace matches name: {name}")
    session.journal.assign(graph, "namespace", name)
    return None


@command("sets", "forceElement")
def sets(session: Session, args: list[Any], flags: Flags) -> str:
    """Shapes into a shading group, in whichever they were before."""
    group = need_node(session, str(flags["forceElement"]))
    for name in targets(session, args):
        node = need_node(session, name)
        shapes = [c for c in node.children if c.type.base == "shape"] if node.type.base != "shape" else [node]
        for shape in (s for s in shapes if not s.stored(("intermediateObject", ()))):
            slot = ("instObjGroups", (0,))
            for other, key in list(shape.outputs.get(slot, {})):
                if other.type.name == "shadingEngine":
                    session.graph.disconnect(other, key)
            free = max(group.indices("dagSetMembers"), default=-1) + 1
            session.graph.connect(shape, slot, group, ("dagSetMembers", (free,)))
    return group.name
