"""Polygons: a plane, counts, colours of vertices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.values import Geometry, Topology, UVSet, component_indices

from .core import Flags, command, flatten, short_name, targets
from .deform import ensure_original

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


@command("polyPlane", "name width height subdivisionsX subdivisionsY constructionHistory")
def poly_plane(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """A plane in x and z, without construction history."""
    width, height = (flags.get(f, 1.0) * session.centimetres for f in ("width", "height"))
    nu, nv = flags.get("subdivisionsX", 10), flags.get("subdivisionsY", 10)
    uvs = np.array([[i / nu, j / nv] for j in range(nv + 1) for i in range(nu + 1)], np.float32)
    points = np.stack([(uvs[:, 0] - 0.5) * width, 0 * uvs[:, 0], (0.5 - uvs[:, 1]) * height], 1)
    ids = np.arange(len(uvs), dtype=np.int32).reshape(nv + 1, nu + 1)
    corners = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], 2).ravel()
    counts = np.full(nu * nv, 4, np.int32)
    topology = Topology(len(points), counts, corners)
    topology.uv_sets["map1"] = UVSet(uvs[:, 0], uvs[:, 1], counts, corners)
    geometry = Geometry(points.astype(np.float32), topology=topology)
    transform, _ = session.make_mesh(flags.get("name") or "pPlane1", geometry)
    session.journal.assign(session, "selection", [short_name(session, transform)])
    session.modified = True
    return [short_name(session, transform)]


@command("polyEvaluate", "vertex face edge", undoable=False)
def poly_evaluate(session: Session, args: list[Any], flags: Flags) -> Any:
    """One count of a mesh."""
    geometry = session.evaluator.normal_value(session.shape(targets(session, args)[0]), ("outMesh", ()))
    topology = geometry.topology
    answers = {"vertex": len(geometry.points), "face": len(topology.counts), "edge": len(topology.edges())}
    return next(answers[f] for f in flags)


@command("polyColorSet", "create colorSet currentColorSet allColorSets representation")
def poly_color_set(session: Session, args: list[Any], flags: Flags) -> Any:
    """Colour sets of a mesh."""
    shape = session.shape(targets(session, args)[0])
    table = session.extras.setdefault("colors", {}).setdefault(shape, {})
    if flags.get("query"):
        current = shape.stored(("currentColorSet", ()))
        return (list(table) if flags.get("allColorSets") else [current] if current else None) or None
    name = flags.get("colorSet") or "colorSet1"
    if flags.get("create"):
        if name in table:
            raise RuntimeError(f"polyColorSet: {name} exists")
        session.journal.put(table, name, {})
    elif name not in table:
        raise RuntimeError(f"polyColorSet: no colour set {name}")
    session.graph.set_value(shape, ("currentColorSet", ()), name)
    return [name]


@command("polyColorPerVertex", "colorRGB colorDisplayOption")
def poly_color_per_vertex(session: Session, args: list[Any], flags: Flags) -> Any:
    """Colours of vertices in the current set; ask them back. They are history, which begins at an original."""
    result: list[float] = []
    for name in targets(session, args):
        shape = session.shape(name.partition(".")[0])
        if not flags.get("query"):
            ensure_original(session, shape)
        if "colorDisplayOption" in flags and not flags.get("query"):
            session.graph.set_value(shape, ("displayColors", ()), bool(flags["colorDisplayOption"]))
        sets = session.extras.setdefault("colors", {}).setdefault(shape, {})
        table = sets.setdefault(shape.stored(("currentColorSet", ())) or "colorSet1", {})
        count = len(session.evaluator.normal_value(shape, ("outMesh", ())).points)
        for vertex in component_indices([name.partition(".")[2] or "vtx[*]"], count):
            if flags.get("query"):
                result += table.get(int(vertex), (0.0, 0.0, 0.0))
            else:
                session.journal.put(table, int(vertex), tuple(float(v) for v in flatten([flags["colorRGB"]])))
    return result if flags.get("query") else None
