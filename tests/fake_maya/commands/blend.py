"""The blendShape command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.node import Node
from tests.fake_maya.nodes_blend import item_index

from .core import Flags, command, flatten, need_node, short_name, targets
from .deform import create_deformer, deformed_shapes, outlets, reader_of, shapes_of, splice

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_FLAGS = (
    "name target inBetween inBetweenType weight geometry envelope origin frontOfChain before after topologyCheck remove weightCount automatic tangentSpace useComponentTags"
    " resetTargetDelta inBetweenIndex"
)


@command("blendShape", _FLAGS)
def blend_shape(session: Session, args: list[Any], flags: Flags) -> Any:
    """Create (targets, then the base), edit or query a blendShape."""
    names = targets(session, args)
    if flags.get("query"):
        return _query(session, need_node(session, names[0]), flags)
    if flags.get("edit"):
        _edit(session, need_node(session, names[0]), flags)
        return names[0]
    order = {k: v for k, v in flags.items() if k in ("name", "frontOfChain", "before", "after")}
    node = create_deformer(session, "blendShape", names[-1:], order, "blendShape1")
    if "origin" in flags:
        session.graph.set_value(node, ("origin", ()), {"world": 0, "local": 1}[flags["origin"]])
    if "topologyCheck" in flags:
        session.graph.set_value(node, ("topologyCheck", ()), bool(flags["topologyCheck"]))
    join_shape_editor(session, node)
    for index, target in enumerate(names[:-1]):
        add_target(session, node, 0, index, target, 1.0)
    for index, weight in _pairs(flags.get("weight")):
        session.graph.set_value(node, ("weight", (int(index),)), float(weight))
    return [short_name(session, node)]


def join_shape_editor(session: Session, node: Node) -> None:
    """Every blendShape is connected both ways to the shapeEditorManager."""
    manager = next(n for n in session.graph if n.type.name == "shapeEditorManager")
    index = max(manager.indices("blendShapeParent"), default=-1) + 1
    session.graph.set_value(node, ("midLayerId", ()), index)
    session.graph.connect(node, ("midLayerParent", ()), manager, ("blendShapeParent", (index,)))
    session.graph.connect(manager, ("outBlendShapeVisibility", (index,)), node, ("directoryParentVisibility", (0,)))


def _pairs(value: Any) -> list[tuple[Any, ...]]:
    if not value:
        return []
    return [tuple(value)] if not isinstance(value[0], list | tuple) else [tuple(v) for v in value]


def _query(session: Session, node: Node, flags: Flags) -> Any:
    if flags.get("geometry"):
        return [short_name(session, s) for _, s in deformed_shapes(node)] or None
    if flags.get("target"):
        found = []
        for target in node.indices("weight"):
            end = node.inputs.get(("inputGeomTarget", (0, target, 6000)))
            found.append(short_name(session, end[0].parents[0]) if end else node.aliases.get(("weight", (target,)), f"weight[{target}]"))
        return found or None
    if flags.get("weight"):
        return [float(session.evaluator.normal_value(node, ("weight", (i,)))) for i in node.indices("weight")] or None
    if flags.get("weightCount"):
        return len(node.indices("weight"))
    if flags.get("envelope"):
        return session.evaluator.normal_value(node, ("envelope", ()))
    if flags.get("origin"):
        return ("world", "local")[session.evaluator.normal_value(node, ("origin", ()))]
    raise RuntimeError(f"blendShape: cannot query {sorted(flags)}")


def _edit(session: Session, node: Node, flags: Flags) -> None:
    for index, weight in _pairs(flags.get("weight")):
        session.graph.set_value(node, ("weight", (int(index),)), float(weight))
    if "envelope" in flags:
        session.graph.set_value(node, ("envelope", ()), float(flags["envelope"]))
    for name in flatten([flags["geometry"]]) if flags.get("geometry") else ():
        for shape in shapes_of(session, [name]):
            splice(session, node, max((i for i, _ in deformed_shapes(node)), default=-1) + 1, shape, reader_of(session, shape, {}, None))
    if flags.get("resetTargetDelta"):
        for geometry, target in _pairs(flags["resetTargetDelta"]):
            for item in node.indices("inputTargetItem", (int(geometry), int(target))):
                for name in ("inputPointsTarget", "inputComponentsTarget"):
                    session.graph.clear_value(node, (name, (int(geometry), int(target), item)))
    for base, index, target, full in _pairs(flags.get("target")):
        shape = shapes_of(session, [base])[0]
        geometry = next((i for i, s in deformed_shapes(node) if s is shape), None)
        if geometry is None:
            raise RuntimeError(f"blendShape: {base} is not a base of {node.name}")
        if flags.get("remove"):
            remove_target(session, node, geometry, int(index))
        else:
            relative = flags.get("inBetween") and flags.get("inBetweenType") == "relative"
            add_target(session, node, geometry, int(index), target, float(full), inbetween=bool(flags.get("inBetween")), relative=bool(relative))


def add_target(session: Session, node: Node, geometry: int, index: int, name: str, full: float, *, inbetween: bool = False, relative: bool = False) -> None:
    """A live target (or in-between). Its deltas are computed as long as it is connected; they are stored when it goes."""
    graph = session.graph
    shape = shapes_of(session, [name])[0]
    where = (geometry, index, item_index(full))
    base = session.evaluator.normal_value(node, ("inputGeometry", (geometry,)))
    points = session.evaluator.normal_value(shape, outlets(shape)[1])
    if node.stored(("topologyCheck", ())) and len(points.points) != len(base.points):
        raise RuntimeError(f"blendShape: No deformable objects: {name} has {len(points.points)} vertices, the base {len(base.points)}")
    if not inbetween and full != 1.0 and index not in node.indices("weight"):
        session.say("warning", f"the first target of {node.name}.weight[{index}] is not at 1")
    graph.connect(shape, outlets(shape)[0], node, ("inputGeomTarget", where))
    if relative:
        graph.set_value(node, ("inbetweenTargetType", (index, where[2])), 1)
    if inbetween:
        graph.set_value(node, ("inbetweenTargetName", (index, where[2])), f"{node.aliases.get(('weight', (index,)), 'target')}_{full:g}")
    elif index not in (children := list(node.stored(("childIndices", (0,))) if node.stored(("childIndices", (0,))) is not None else [])):
        graph.set_value(node, ("childIndices", (0,)), np.array([*children, index], np.int64))
        graph.set_value(node, ("parentDirectory", (index,)), 0)
    if ("weight", (index,)) not in node.aliases and not inbetween:
        if (index,) not in node.values.get("weight", {}):
            graph.set_value(node, ("weight", (index,)), 0.0)
        alias = re.sub(r"\W", "_", name.rpartition("|")[2].rpartition(":")[2])
        taken = set(node.aliases.values()) | {alias if node.find_attr(alias) else ""}
        stem, number = alias, 0
        while alias in taken:
            number += 1
            alias = f"{stem}{number}"
        graph.set_alias(node, ("weight", (index,)), alias)


def remove_target(session: Session, node: Node, geometry: int, index: int) -> None:
    """Take a target out: items, weight and alias."""
    graph = session.graph
    for item in node.indices("inputTargetItem", (geometry, index)):
        graph.disconnect(node, ("inputGeomTarget", (geometry, index, item)))
    graph.clear_value(node, ("inputTargetGroup", (geometry, index)))
    graph.disconnect(node, ("weight", (index,)))
    graph.clear_value(node, ("weight", (index,)))
    graph.set_alias(node, ("weight", (index,)), None)
