"""Deformer chains: deformer, skinCluster, cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.node import Key, Node

from .core import Flags, command, flatten, need_node, short_name, targets

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

End = tuple[Node, Key]


def shapes_of(session: Session, names: list[str]) -> list[Node]:
    """Deformable shapes of these names (transform or shape)."""
    found = []
    for name in names:
        node = need_node(session, name.partition(".")[0])
        if node.type.base == "transform":
            node = next(
                (
                    c
                    for c in node.children
                    if "deformableShape" in c.type.lineage and not c.stored(("intermediateObject", ()))
                ),
                node,
            )
        found.append(node)
    return found


def inlet(shape: Node) -> Key:
    """The plug a deformer chain ends in."""
    return "inMesh", ()


def outlets(shape: Node) -> tuple[Key, Key]:
    """The plugs an original mesh gives to the chain: with its world, and in object space."""
    return ("worldMesh", (0,)), ("outMesh", ())


def chain_of(shape: Node) -> list[tuple[Node, int]]:
    """Deformers of a shape with the index it has in each, the nearest to the shape first."""
    found: list[tuple[Node, int]] = []
    end = shape.inputs.get(inlet(shape))
    while end is not None:
        node, key = end
        if node.is_deformer:
            found.append((node, key[1][0]))
            end = node.inputs.get(("inputGeometry", (key[1][0],)))
        elif node.type.name == "groupParts":
            end = node.inputs.get(("inputGeometry", ()))
        else:
            break
    return found


def original_of(shape: Node) -> Node | None:
    """The shape a chain starts from."""
    end = shape.inputs.get(inlet(shape))
    while end is not None:
        node, key = end
        if node.type.base == "shape":
            return node
        end = node.inputs.get(("inputGeometry", (key[1][0],) if node.is_deformer else ()))
    return None


def ensure_original(session: Session, shape: Node) -> Node:
    """The original shape; made as an intermediate object when there is no history yet."""
    found = original_of(shape)
    if found is not None:
        return found
    graph = session.graph
    original = graph.create(shape.type.name, f"{shape.name}Orig", shape.parents[0])
    graph.set_value(original, ("cachedInMesh", ()), session.evaluator.normal_value(shape, outlets(shape)[1]))
    for attr in ("componentTagName", "componentTagContents"):
        for indices, value in shape.values.get(attr, {}).items():
            graph.set_value(original, (attr, indices), value)
    graph.set_value(original, ("intermediateObject", ()), True)
    for name in ("pnts", "pntx", "pnty", "pntz"):
        if name in shape.values:
            graph.clear_value(shape, (name, ()))  # tweaks went into the original
    graph.connect(original, outlets(original)[0], shape, inlet(shape))
    return original


def local_shape(session: Session, shape: Node) -> Node:
    """A referenced shape is not deformed itself: it is hidden, and a shape of the scene stands in for it
    (<name>Deformed)."""
    if shape.reference is None:
        return shape
    graph = session.graph
    made = graph.create(shape.type.name, f"{shape.name.rpartition(':')[2]}Deformed", shape.parents[0])
    graph.connect(shape, outlets(shape)[0], made, inlet(made))
    graph.set_value(shape, ("intermediateObject", ()), True)
    return made


def splice(session: Session, node: Node, index: int, shape: Node, before: End) -> None:
    """Put a deformer in front of a plug of the chain (`before` is the plug that will read from it)."""
    graph = session.graph
    original = ensure_original(session, shape)
    end = before[0].inputs[before[1]]
    graph.connect(*end, node, ("inputGeometry", (index,)))
    graph.connect(original, outlets(original)[1], node, ("originalGeometry", (index,)))
    graph.connect(node, ("outputGeometry", (index,)), *before)


def reader_of(session: Session, shape: Node, flags: Flags, anchor: Node | None) -> End:
    """The plug that the new deformer's output shall feed, from the order flags."""
    ensure_original(session, shape)
    chain = chain_of(shape)
    if anchor is not None:
        place = next(((n, i) for n, i in chain if n is anchor), None)
        if place is None:
            raise RuntimeError(f"{anchor.name} does not deform {shape.name}")
        if flags.get("before"):
            return entry(*place)
        position = chain.index(place)
        return (shape, inlet(shape)) if position == 0 else entry(*chain[position - 1])
    if flags.get("frontOfChain") and chain:
        return entry(*chain[-1])
    return shape, inlet(shape)


def deformed_shape(node: Node, index: int) -> Node | None:
    """The shape at the end of a deformer's chain."""
    end: End | None = (node, ("outputGeometry", (index,)))
    while end is not None:
        ends = list(end[0].outputs.get(end[1], ()))
        if not ends:
            return None
        other, key = ends[0]
        if other.type.base == "shape":
            return other
        end = (other, ("outputGeometry", (key[1][0],) if other.is_deformer else ()))
    return None


def deformed_shapes(node: Node) -> list[tuple[int, Node]]:
    """Indices and shapes a deformer acts on."""
    return [(i, shape) for i in node.indices("input") if (shape := deformed_shape(node, i)) is not None]


def create_deformer(session: Session, kind: str, names: list[str], flags: Flags, default: str) -> Node:
    """A deformer on shapes; with before or after, a deformer among the names is the place."""
    nodes = [need_node(session, name.partition(".")[0]) for name in names]
    anchor = next((n for n in nodes if n.is_deformer), None)
    shapes = shapes_of(session, [n for n, node in zip(names, nodes, strict=True) if node is not anchor])
    if anchor is not None and not (flags.get("before") or flags.get("after")):
        raise RuntimeError(f"{anchor.name} cannot be deformed")
    if anchor is not None and not shapes:
        shapes = [shape for _, shape in deformed_shapes(anchor)]
    if any("deformableShape" not in s.type.lineage for s in shapes):
        raise RuntimeError(f"No deformable objects selected: {names}")
    if anchor is None:
        shapes = [local_shape(session, shape) for shape in shapes]
    readers = [reader_of(session, shape, flags, anchor) for shape in shapes]
    node = session.create_node(kind, flags.get("name") or default)
    for index, (shape, reader) in enumerate(zip(shapes, readers, strict=True)):
        splice(session, node, index, shape, reader)
    session.modified = True
    return node


@command("deformer", "type name before after frontOfChain geometry geometryIndices")
def deformer(session: Session, args: list[Any], flags: Flags) -> Any:
    """Create a deformer of a type on geometry, or ask one."""
    if flags.get("query"):
        node = need_node(session, flatten(args)[0])
        if flags.get("type"):
            return node.type.name
        if flags.get("geometryIndices"):
            return [i for i, _ in deformed_shapes(node)]
        return [s.name for _, s in deformed_shapes(node)] or None  # bare, also where several have the name
    kind = flags.get("type")
    if kind not in session.graph.types or session.graph.types[kind].base != "deformer":
        raise RuntimeError(f"deformer: '{kind}' is no deformer type")
    node = create_deformer(session, kind, targets(session, args), flags, f"{kind}1")
    return [short_name(session, node)]


def entry(node: Node, index: int) -> End:
    """The plug where geometry comes into a deformer: in old scenes that of its groupParts."""
    end = node.inputs.get(("inputGeometry", (index,)))
    return (
        (end[0], ("inputGeometry", ()))
        if end is not None and end[0].type.name == "groupParts"
        else (node, ("inputGeometry", (index,)))
    )


@command("skinCluster", "name toSelectedBones influence")
def skin_cluster(session: Session, args: list[Any], flags: Flags) -> Any:
    """Bind shapes to joints: each point wholly to the nearest joint."""
    names = targets(session, args)
    if flags.get("query"):
        node = need_node(session, names[0])
        if flags.get("influence"):
            ends = [node.inputs.get(("matrix", (i,))) for i in node.indices("matrix")]
            return [short_name(session, end[0]) for end in ends if end] or None
        return [short_name(session, s) for _, s in deformed_shapes(node)] or None
    joints = [n for n in (need_node(session, name) for name in names) if n.type.name == "joint"]
    meshes = [name for name in names if need_node(session, name) not in joints]
    node = create_deformer(session, "skinCluster", meshes, flags, "skinCluster1")
    graph, value = session.graph, session.evaluator.normal_value
    shape = shapes_of(session, meshes)[0]
    world = np.asarray(value(shape, ("worldMatrix", (0,))))
    graph.set_value(node, ("geomMatrix", ()), world)
    for i, joint in enumerate(joints):
        graph.connect(joint, ("worldMatrix", (0,)), node, ("matrix", (i,)))
        graph.set_value(node, ("bindPreMatrix", (i,)), np.linalg.inv(value(joint, ("worldMatrix", (0,)))))
    places = np.array([value(joint, ("worldMatrix", (0,)))[3, :3] for joint in joints])
    points = value(shape, outlets(shape)[1]).points @ world[:3, :3] + world[3, :3]
    nearest = np.linalg.norm(points[:, None] - places[None], axis=2).argmin(1)
    for vertex, j in enumerate(nearest):
        graph.set_value(node, ("weights", (vertex, int(j))), 1.0)
    return [short_name(session, node)]


@command("cluster", "name before after frontOfChain")
def cluster(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """A cluster with its handle: the handle's translation moves the points."""
    node = create_deformer(session, "cluster", targets(session, args), flags, "cluster1")
    digits = re.sub(r".*?(\d*)$", r"\1", node.name)
    handle = session.graph.create(
        "transform",
        f"{node.name[: len(node.name) - len(digits)]}Handle{digits}"
        if not flags.get("name")
        else f"{node.name}Handle",
    )
    session.graph.connect(handle, ("worldMatrix", (0,)), node, ("matrix", ()))
    return [short_name(session, node), short_name(session, handle)]
