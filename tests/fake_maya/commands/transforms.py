"""xform, vertex colours, polyEvaluate, painted weights by percent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.maths import decompose, transform_points
from tests.fake_maya.node import Node
from tests.fake_maya.values import component_indices

from .core import Flags, command, flatten, need_node, need_path, targets
from .deform import deformed_shapes
from .edit import set_world

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_XFORM = "query worldSpace objectSpace translation rotation scale matrix relative absolute rotatePivot scalePivot rotateOrder shear pivots boundingBox preserve euler zeroTransformPivots"


def angle(session: Session) -> float:
    """Radians in the user's angular unit."""
    return math.pi / 180 if session.units["angle"] == "deg" else 1.0


@command("xform", _XFORM)
def xform(session: Session, args: list[Any], flags: Flags) -> Any:
    """Place of a transform (or of one vertex). Lengths and angles are in the user's units; matrices are unitless (centimetres)."""
    names = targets(session, args)
    if flags.get("query"):
        return _query(session, names[0], flags)
    for name in names:
        if ".vtx[" in name:
            _move_vertices(session, name, flags)
            continue
        _set(session, need_node(session, name), flags)
    session.modified = True
    return None


def _world(session: Session, name: str) -> np.ndarray:
    path = need_path(session, name)
    index = session.graph.paths(path[-1]).index(path)
    return np.asarray(session.evaluator.normal_value(path[-1], ("worldMatrix", (index,))))


def _query(session: Session, name: str, flags: Flags) -> Any:
    cm, rad = session.centimetres, angle(session)
    if ".vtx[" in name:
        node, indices, points = _vertices(session, name)
        found = points[indices]
        if flags.get("worldSpace"):
            found = transform_points(found, _world(session, name.partition(".")[0]))
        return [float(v) / cm for v in found.ravel()]
    node = need_node(session, name)
    matrix = _world(session, name) if flags.get("worldSpace") else np.asarray(session.evaluator.normal_value(node, ("matrix", ())))
    order = session.evaluator.normal_value(node, ("rotateOrder", ())) if node.type.base == "transform" else 0
    if flags.get("matrix"):
        return [float(v) for v in matrix.ravel()]
    if flags.get("rotateOrder"):
        return ("xyz", "yzx", "zxy", "xzy", "yxz", "zyx")[order]
    if flags.get("boundingBox"):
        points = transform_points(session.points(name), _world(session, name)) / cm
        return [float(v) for v in (*points.min(0), *points.max(0))]
    local = not flags.get("worldSpace")
    value = session.evaluator.normal_value
    for flag, attr in (("rotatePivot", "rotatePivot"), ("scalePivot", "scalePivot")):
        if flags.get(flag):
            pivot = np.array(value(node, (attr, ())))
            return [float(v) / cm for v in (pivot if local else transform_points(pivot[None], matrix)[0])]
    parts = decompose(matrix, order)
    if local:
        parts = tuple(np.array(value(node, (attr, ()))) for attr in ("translate", "rotate", "scale", "shear"))
    for flag, part, factor in (("translation", 0, cm), ("rotation", 1, rad), ("scale", 2, 1.0), ("shear", 3, 1.0)):
        if flags.get(flag):
            return [float(v) / factor for v in parts[part]]
    raise RuntimeError(f"xform: nothing to query in {sorted(flags)}")


def _set(session: Session, node: Node, flags: Flags) -> None:
    cm, rad = session.centimetres, angle(session)
    if flags.get("matrix") is not None:
        set_world(session, node, np.array(flatten([flags["matrix"]]), np.float64).reshape(4, 4), space="world" if flags.get("worldSpace") else "local")
    value = session.evaluator.normal_value
    for flag, attr, factor in (
        ("translation", "translate", cm),
        ("rotation", "rotate", rad),
        ("scale", "scale", 1.0),
        ("rotatePivot", "rotatePivot", cm),
        ("scalePivot", "scalePivot", cm),
    ):
        if flags.get(flag) is None:
            continue
        given = np.array(flags[flag], np.float64) * factor
        now = np.array(value(node, (attr, ())))
        if flags.get("worldSpace") and flag in ("translation", "rotation"):
            world = np.asarray(value(node, ("worldMatrix", (0,)))).copy()
            if flag == "translation":
                world[3, :3] = given + (world[3, :3] if flags.get("relative") else 0)
            else:
                from tests.fake_maya.maths import rotation, scaling, shearing, translation

                t, r, s, h = decompose(world, value(node, ("rotateOrder", ())))
                turned = rotation(given + (r if flags.get("relative") else 0), value(node, ("rotateOrder", ())))
                world = scaling(s) @ shearing(tuple(h)) @ turned @ translation(t)
            set_world(session, node, world)
            continue
        if flags.get("relative"):
            given = now * given if flag == "scale" else now + given
        for child, part in zip(node.attr(attr).children, given, strict=True):
            if node.is_locked((child, ())) or node.source((child, ())) is not None:
                raise RuntimeError(f"The attribute '{node.name}.{child}' is locked or connected and cannot be modified.")
            session.graph.set_value(node, (child, ()), float(part))


def _vertices(session: Session, name: str) -> tuple[Node, np.ndarray, np.ndarray]:
    shape = session.shape(name.partition(".")[0])
    points = session.evaluator.normal_value(shape, ("outMesh", ())).points.astype(np.float64)
    return shape, component_indices([name.partition(".")[2]], len(points)), points


def _move_vertices(session: Session, name: str, flags: Flags) -> None:
    shape, indices, points = _vertices(session, name)
    given = np.array(flags["translation"], np.float64) * session.centimetres
    for vertex in indices:
        target = points[vertex] + given if flags.get("relative") else given
        if flags.get("worldSpace") and not flags.get("relative"):
            target = transform_points(given[None], np.linalg.inv(_world(session, name.partition(".")[0])))[0]
        tweak = np.array(session.evaluator.normal_value(shape, ("pnts", (int(vertex),)))) + target - points[vertex]
        for child, value in zip(("pntx", "pnty", "pntz"), tweak, strict=True):
            session.graph.set_value(shape, (child, (int(vertex),)), float(np.float32(value)))


@command("polyEvaluate", "vertex face edge uvcoord triangle boundingBox shell", undoable=False)
def poly_evaluate(session: Session, args: list[Any], flags: Flags) -> Any:
    """Counts of a mesh."""
    geometry = session.evaluator.normal_value(session.shape(targets(session, args)[0]), ("outMesh", ()))
    topology = geometry.topology
    answers = {
        "vertex": len(geometry.points), "face": len(topology.counts), "edge": len(topology.edges()), "triangle": int((topology.counts - 2).sum()),
        "uvcoord": len(next(iter(topology.uv_sets.values())).u) if topology.uv_sets else 0, "shell": 1,
    }  # fmt: skip
    asked = [f for f in flags if f in answers]
    return {f: answers[f] for f in asked or answers} if len(asked) != 1 else answers[asked[0]]


@command("polyColorSet", "create colorSet delete currentColorSet allColorSets representation clamped")
def poly_color_set(session: Session, args: list[Any], flags: Flags) -> Any:
    """Colour sets of a mesh."""
    shape = session.shape(targets(session, args)[0])
    table = session.extras.setdefault("colors", {}).setdefault(shape, {})
    if flags.get("query"):
        if flags.get("allColorSets"):
            return list(table) or None
        return [shape.stored(("currentColorSet", ()))] if flags.get("currentColorSet") and shape.stored(("currentColorSet", ())) else None
    name = flags.get("colorSet") or "colorSet1"
    if flags.get("create"):
        if name in table:
            raise RuntimeError(f"polyColorSet: {name} exists")
        session.journal.put(table, name, {})
    elif name not in table:
        raise RuntimeError(f"polyColorSet: no colour set {name}")
    if flags.get("delete"):
        session.journal.drop(table, name)
    elif flags.get("currentColorSet") or flags.get("create"):
        session.graph.set_value(shape, ("currentColorSet", ()), name)
    return [name]


@command("polyColorPerVertex", "colorRGB colorR colorG colorB alpha colorDisplayOption remove")
def poly_color_per_vertex(session: Session, args: list[Any], flags: Flags) -> Any:
    """Colours of vertices in the current set; ask them back."""
    result: list[float] = []
    for name in targets(session, args):
        shape = session.shape(name.partition(".")[0])
        if "colorDisplayOption" in flags and not flags.get("query"):
            session.graph.set_value(shape, ("displayColors", ()), bool(flags["colorDisplayOption"]))
        table = session.extras.setdefault("colors", {}).setdefault(shape, {}).setdefault(shape.stored(("currentColorSet", ())) or "colorSet1", {})
        count = len(session.evaluator.normal_value(shape, ("outMesh", ())).points)
        component = name.partition(".")[2] or "vtx[*]"
        for vertex in component_indices([component], count):
            if flags.get("query"):
                result += table.get(int(vertex), (0.0, 0.0, 0.0))
            elif flags.get("remove"):
                session.journal.drop(table, int(vertex))
            elif "colorRGB" in flags:
                session.journal.put(table, int(vertex), tuple(float(v) for v in flatten([flags["colorRGB"]])))
    return result if flags.get("query") else None


@command("percent", "value")
def percent(session: Session, args: list[Any], flags: Flags) -> Any:
    """Painted weights of a deformer on components."""
    node, *names = flatten(args)
    deformer = need_node(session, node)
    found: list[float] = []
    for name in names:
        shape = session.shape(name.partition(".")[0])
        index = next(i for i, s in deformed_shapes(deformer) if s is shape)
        count = len(session.evaluator.normal_value(shape, ("outMesh", ())).points)
        for vertex in component_indices([name.partition(".")[2] or "vtx[*]"], count):
            if flags.get("query"):
                found.append(float(session.evaluator.normal_value(deformer, ("weights", (index, int(vertex))))))
            else:
                session.graph.set_value(deformer, ("weights", (index, int(vertex))), float(np.float32(flags["value"])))
    return found if flags.get("query") else None
