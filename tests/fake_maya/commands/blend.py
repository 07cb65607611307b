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

_FLAGS = "name target inBetween weight geometry envelope origin frontOfChain before after topologyCheck"


@command("blendShape", _FLAGS)
def blend_shape(session: Session, args: list[Any], flags: Flags) -> Any:
    """Create (targets, then the base) or edit a blendShape."""
    names = targets(session, args)
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
    session.graph.connect(
        manager, ("outBlendShapeVisibility", (index,)), node, ("directoryParentVisibility", (0,))
    )


def _pairs(value: Any) -> list[tuple[Any, ...]]:
    if not value:
        return []
    return [tuple(value)] if not isinstance(value[0], list | tuple) else [tuple(v) for v in value]


def _edit(session: Session, node: Node, flags: Flags) -> None:
    for index, weight in _pairs(flags.get("weight")):
        session.graph.set_value(node, ("weight", (int(index),)), float(weight))
    if "envelope" in flags:
        session.graph.set_value(node, ("envelope", ()), float(flags["envelope"]))
    for name in flatten([flags.get("geometry") or []]):
        for shape in shapes_of(session, [name]):
            index = max((i for i, _ in deformed_shapes(node)), default=-1) + 1
            splice(session, node, index, shape, reader_of(session, shape, {}, None))
    for base, index, target, full in _pairs(flags.get("target")):
        shape = shapes_of(session, [base])[0]
        geometry = next((i for i, s in deformed_shapes(node) if s is shape), None)
        if geometry is None:
            raise RuntimeError(f"blendShape: {base} is not a base of {node.name}")
        add_target(
            session, node, geometry, int(index), target, float(full), inbetween=bool(flags.get("inBetween"))
        )


def add_target(
    session: Session,
    node: Node,
    geometry: int,
    index: int,
    name: str,
    full: float,
    *,
    inbetween: bool = False,
) -> None:
    """A live target (or in-between).

    Its deltas are computed as long as it is connected; they are stored when it goes."""
    graph = session.graph
    shape = shapes_of(session, [name])[0]
    where = (geometry, index, item_index(full))
    base = session.evaluator.normal_value(node, ("inputGeometry", (geometry,)))
    points = session.evaluator.normal_value(shape, outlets(shape)[1])
    if node.stored(("topologyCheck", ())) and len(points.points) != len(base.points):
        raise RuntimeError(
            f"blendShape: No deformable objects: {name} has {len(points.points)} vertices, the base"
            f" {len(base.points)}"
        )
    if not inbetween and full != 1.0 and index not in node.indices("weight"):
        session.say("warning", f"the first target of {node.name}.weight[{index}] is not at 1")
    graph.connect(shape, outlets(shape)[0], node, ("inputGeomTarget", where))
    listed = node.stored(("childIndices", (0,)))
    children = [] if listed is None else list(listed)
    if inbetween:
        alias = node.aliases.get(("weight", (index,)), "target")
        graph.set_value(node, ("inbetweenTargetName", (index, where[2])), f"{alias}_{full:g}")
    elif index not in children:
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
