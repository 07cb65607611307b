"""Deleting, renaming, duplicating, parenting, selecting, sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.maths import decompose
from tests.fake_maya.node import Node
from tests.fake_maya.plugin_registry import give_object

from .core import Flags, command, flatten, need_node, need_path, short_name, targets
from .deform import entry, inlet, outlets

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_HELPERS = ("animCurve", "unitConversion", "groupId", "groupParts", "animBlendNodeBase", "blendWeighted")  # they go with what they feed


@command("delete", "constructionHistory channels")
def delete(session: Session, args: list[Any], flags: Flags) -> None:
    """Delete nodes. A deformer's chain closes behind it; with constructionHistory the shapes keep their points and lose what is upstream."""
    names = targets(session, args)
    if not names:
        raise RuntimeError("delete: nothing is selected or named")
    paths = [need_path(session, name) for name in names if "." not in name]
    if flags.get("constructionHistory"):
        for path in paths:
            _bake_history(session, path[-1])
        return
    if flags.get("channels"):
        for path in paths:
            for key, end in list(path[-1].inputs.items()):
                if "animCurve" in end[0].type.lineage:
                    session.graph.disconnect(path[-1], key)
                    delete_node(session, end[0])
        return
    for path in paths:
        if path[-1].alive:
            _delete_path(session, path)
    session.journal.assign(session, "selection", [n for n in session.selection if session.graph.find(n.partition(".")[0])])
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
        if inlet(shape) not in shape.inputs or shape.type.name not in ("mesh", "nurbsCurve"):
            continue
        value = session.evaluator.normal_value(shape, outlets(shape)[1])
        upstream: list[Node] = []
        end = shape.inputs.get(inlet(shape))
        while end is not None and (end[0].is_deformer or end[0].type.name == "groupParts" or end[0].type.base == "shape"):
            upstream.append(end[0])
            if end[0].type.base == "shape":
                break
            end = end[0].inputs.get(("inputGeometry", (end[1][1][0],) if end[0].is_deformer else ()))
        session.graph.disconnect(shape, inlet(shape))
        for name in ("pntx", "pnty", "pntz"):
            if name in shape.values:
                session.graph.clear_value(shape, (name, ()))
        session.graph.set_value(shape, ("cachedInMesh" if shape.type.name == "mesh" else "cached", ()), value)
        for one in upstream:
            hidden = one.type.base != "shape" or one.stored(("intermediateObject", ()))
            if one.alive and hidden and not any(k[0] in ("outputGeometry", "worldMesh", "outMesh") and ends for k, ends in one.outputs.items()):
                delete_node(session, one)


@command("rename", "uuid ignoreShape")
def rename(session: Session, args: list[Any], flags: Flags) -> str:
    """Rename a node; a shape called <old>Shape follows its transform."""
    old, new = ([*flatten(args), ""])[:2] if len(flatten(args)) > 1 else (session.selection[0], flatten(args)[0])
    node = need_node(session, old)
    graph = session.graph
    graph.guard(node, "renamed")
    parent = node.parents[0] if node.parents else None
    before = node.name
    graph.rename(node, graph.free_name(new, parent, dag=node.is_dag, but=node))
    for shape in node.children if not flags.get("ignoreShape") else []:
        if (
            shape.type.base == "shape" and shape.name == f"{before}Shape"
        ) or shape.name == f"{before.rstrip('0123456789')}Shape{before[len(before.rstrip('0123456789')) :]}":
            stem = node.name.rstrip("0123456789")
            graph.rename(shape, graph.free_name(f"{stem}Shape{node.name[len(stem) :]}", node, dag=True, but=shape))
    session.modified = True
    return short_name(session, node)


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
        if not attr.children and attr.kind not in ("message", "geometry", "mesh", "nurbsCurve", "compound", "generic") and not made.is_array(key):
            session.journal.put(made.values.setdefault(key[0], {}), key[1], session.evaluator.normal_value(node, key))
    if node.type.name in ("mesh", "nurbsCurve"):
        for tweak in ("pntx", "pnty", "pntz"):
            made.values.pop(tweak, None)
        graph.set_value(made, ("cachedInMesh" if node.type.name == "mesh" else "cached", ()), session.evaluator.normal_value(node, outlets(node)[1]))
    if made.type.creator is not None:
        give_object(made)
        from tests.fake_maya.boundary import user_code

        with user_code():
            made.mpx.copyInternalData(node.mpx)
    return made


@command("duplicate", "name returnRootsOnly renameChildren inputConnections parentOnly")
def duplicate(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Copies with the evaluated points and without history; intermediate shapes are copied too, as in Maya."""
    result: list[str] = []
    for name in targets(session, args):
        node = need_node(session, name)
        parent = node.parents[0] if node.parents else None
        made: list[Node] = []

        def copy(source: Node, new_name: str, under: Node | None, made: list[Node] = made) -> Node:
            new = _copy(session, source, new_name, under)
            made.append(new)
            for child in source.children if not flags.get("parentOnly") else []:
                if child.type.base == "shape":
                    stem = new.name.rstrip("0123456789")
                    suffix = "Orig" if child.name.endswith("Orig") else ""
                    copy(child, f"{stem}Shape{new.name[len(stem) :]}{suffix}", new)
                else:
                    copy(child, child.name if not flags.get("renameChildren") else f"{child.name}1", new)
            return new

        root = copy(node, flags.get("name") or node.name, parent)
        if flags.get("inputConnections"):
            for key, end in node.inputs.items():
                session.graph.connect(*end, root, key)
        result += [short_name(session, n) for n in (made[:1] if flags.get("returnRootsOnly") else [n for n in made if n.type.base != "shape" or n is root])]
    session.modified = True
    session.journal.assign(session, "selection", result[:1])
    return result


def set_world(session: Session, node: Node, world: np.ndarray, *, space: str = "world") -> None:
    """Give a transform the translation, rotation, scale and shear that make this world (or local) matrix."""
    if space == "world":
        world = world @ np.linalg.inv(session.evaluator.normal_value(node, ("parentMatrix", (0,))))
    order = session.evaluator.normal_value(node, ("rotateOrder", ()))
    parts = decompose(np.asarray(world), order)
    if "joint" in node.type.lineage:
        from tests.fake_maya.maths import euler, rotation

        turned = rotation(parts[1], order) @ np.linalg.inv(rotation(session.evaluator.normal_value(node, ("jointOrient", ()))))
        parts = (parts[0], euler(turned, order), parts[2], parts[3])
    for attr, values in zip(("translate", "rotate", "scale", "shear"), parts, strict=True):
        for child, value in zip(node.attr(attr).children, values, strict=True):
            if node.is_locked((child, ())) or node.source((child, ())) is not None:
                if abs(session.evaluator.normal_value(node, (child, ())) - value) > 1e-9:
                    raise RuntimeError(f"The attribute '{node.name}.{child}' is locked or connected and cannot be modified.")
                continue
            session.graph.set_value(node, (child, ()), float(value))


@command("parent", "world relative absolute addObject shape removeObject")
def parent(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Put nodes under another (the last), or under the world; the place in the world stays unless relative."""
    names = targets(session, args)
    to = None if flags.get("world") or flags.get("removeObject") else need_node(session, names.pop())
    graph = session.graph
    moved: list[Node] = []
    for name in names:
        path = need_path(session, name)
        node = path[-1]
        graph.guard(node, "parented")
        if flags.get("removeObject"):
            graph.detach(node, path[-2])
            continue
        if to is node or (to is not None and any(node in p for p in graph.paths(to))):
            raise RuntimeError(f"Cannot parent '{name}' to one of its children")
        if node.type.base == "shape" and not (flags.get("shape") and (flags.get("relative") or flags.get("addObject"))):
            raise RuntimeError(f"{name} is a shape: use shape=True with relative=True or addObject=True")
        world = session.evaluator.normal_value(node, ("worldMatrix", (0,)))
        if not flags.get("addObject") and node.parents:
            graph.detach(node, path[-2])
        if graph.taken(node.name, to, dag=True, but=node):
            graph.rename(node, graph.free_name(node.name, to, dag=True, but=node))
        if to is not None:
            graph.attach(node, to)
        if node.type.base == "transform" and not flags.get("relative") and not flags.get("addObject"):
            set_world(session, node, world)
        moved.append(node)
    session.modified = True
    return [short_name(session, n) for n in moved]


@command("group", "name empty world parent")
def group(session: Session, args: list[Any], flags: Flags) -> str:
    """A transform over nodes, or an empty one."""
    node = session.graph.create("transform", flags.get("name") or "group1", need_node(session, flags["parent"]) if flags.get("parent") else None)
    for name in [] if flags.get("empty") else targets(session, args):
        path = need_path(session, name)
        if len(path) > 1:
            session.graph.detach(path[-1], path[-2])
        session.graph.attach(path[-1], node)
    return short_name(session, node)


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
