"""Where on a mesh the points of a landmark scheme lie: each site a vertex or a mean of vertices; outline
sites a strip along which they slide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.geometry.smooth import edge_graph

Site = tuple[tuple[int, float], ...]  # vertices with their shares, which add up to 1

# how far an outline point slides along the skin to each side: from under the jaw onto the cheek
REACH_MM = 25.0
_SPACING_MM = 3.0  # between knots on a strip: the face's motion is interpolated between them
_STEP_MM = 1.0


def read_sites(path: str | Path, vertex_count: int) -> dict[str, Site]:
    """{site: its vertices and shares} from JSON: a list of vertex ids, {"vertex_ids": [...]}, or {site:
    vertex or [[vertex, share], ...]}.

    Raises AimError naming the entry: vertices that the mesh does not have, shares that do not add up to 1.
    """
    data = read_json(path)
    listed = data["vertex_ids"] if isinstance(data, dict) and "vertex_ids" in data else data
    if isinstance(listed, list):
        listed = {str(i): value for i, value in enumerate(listed)}
    if not isinstance(listed, dict) or not listed:
        raise AimError(
            f"{path} holds no sites.",
            remedy='Give {"30": 4857, "chin": [[120, 0.5], [121, 0.5]]}, or a list of vertex ids.',
        )
    return {str(name): _site(value, vertex_count, f"{path}: site '{name}'") for name, value in listed.items()}


def _site(value: Any, vertex_count: int, where: str) -> Site:
    pairs = value if isinstance(value, list) else [[value, 1.0]]
    try:
        site = tuple((int(vertex), float(share)) for vertex, share in pairs)
        whole = all(not isinstance(vertex, bool) and int(vertex) == vertex for vertex, _ in pairs)
    except (TypeError, ValueError) as error:
        raise AimError(
            f"{where} is {str(value)[:60]}.", remedy="Give a vertex id, or [[vertex id, share], ...]."
        ) from error
    if not site or not whole or abs(sum(share for _, share in site) - 1.0) > 1e-3:
        raise AimError(
            f"{where}: the shares add up to {sum(share for _, share in site):g}.",
            remedy="Whole vertex ids, with shares that add up to 1.",
        )
    for vertex, _ in site:
        if not 0 <= vertex < vertex_count:
            raise AimError(
                f"{where}: vertex {vertex} is outside the mesh, which has {vertex_count} vertices.",
                "The sites were made for another mesh.",
            )
    return site


@dataclass(frozen=True, eq=False)
class Layout:
    """S sites as runs of places: run i is places first[i] .. first[i + 1], one where the site stays, many, a
    millimetre apart, where it slides.

    vertices (P,) that are used; mixing (C, P) sparse: knots on the skin from vertices; between (N, C) sparse:
    places from knots; along (N,) way from home on the strip, mm; normals (N, 3) of the neutral.
    """

    names: tuple[str, ...]
    first: Ints
    vertices: Ints
    mixing: sp.csr_matrix
    between: sp.csr_matrix
    along: Floats
    normals: Floats

    @cached_property
    def slides(self) -> NDArray[np.bool_]:
        """(S,) whether a site has a strip."""
        return np.diff(self.first) > 1

    @cached_property
    def homes(self) -> Ints:
        """(S,) the place of each site when it does not slide."""
        return np.array(
            [first + int(np.argmin(np.abs(self.along[first:end]))) for first, end in pairwise(self.first)]
        )


def lay_out(mesh: Mesh, sites: dict[str, Site], sliding: Iterable[str], mm_per_unit: float) -> Layout:
    """Sites as places on the mesh; `sliding` names those with a strip, across the line through their
    neighbours in the order of `sites`."""
    outline = [name for name in sites if name in set(sliding)]
    strips = _strips(mesh, {name: sites[name] for name in outline}, mm_per_unit) if len(outline) > 2 else {}
    runs = [strips.get(name, [(0.0, site)]) for name, site in sites.items()]
    knots = [site for run in runs for _, site in run]
    vertices = np.unique([vertex for site in knots for vertex, _ in site])
    rows, columns, shares = zip(
        *[(i, vertex, share) for i, site in enumerate(knots) for vertex, share in site], strict=True
    )
    mixing = sp.csr_matrix(
        (shares, (rows, np.searchsorted(vertices, columns))), shape=(len(knots), len(vertices))
    )
    between, along, first = _places([np.array([way for way, _ in run]) for run in runs])
    normals = between @ (mixing @ vertex_normals(mesh)[vertices])
    return Layout(
        tuple(sites),
        first,
        vertices,
        mixing,
        between,
        along,
        normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12),
    )


def _places(runs: Sequence[Floats]) -> tuple[sp.csr_matrix, Floats, Ints]:
    """Places a millimetre apart between the knots of every run (their ways from home, ascending): from knots,
    ways, where each run begins."""
    blocks, along = [], []
    for ways in runs:
        fine = np.unique(np.r_[ways, np.arange(np.ceil(ways[0]), ways[-1], _STEP_MM)])
        blocks.append(np.stack([np.interp(fine, ways, row) for row in np.eye(len(ways))], axis=1))
        along.append(fine)
    return (
        sp.csr_matrix(sp.block_diag(blocks)),
        np.concatenate(along),
        np.r_[0, np.cumsum([len(fine) for fine in along])],
    )


def _strips(mesh: Mesh, outline: dict[str, Site], mm_per_unit: float) -> dict[str, list[tuple[float, Site]]]:
    """{site: [(place in mm, knot), ...]} in order along the cut of the skin by the plane that stands on the
    outline there."""
    graph, normals = edge_graph(mesh), vertex_normals(mesh)
    homes = np.array([max(site, key=lambda pair: pair[1])[0] for site in outline.values()])
    reach = REACH_MM / mm_per_unit
    distances = dijkstra(graph, directed=False, indices=homes, limit=reach)
    points = np.array(
        [sum(share * mesh.points[vertex] for vertex, share in site) for site in outline.values()]
    )
    tangents = np.gradient(points, axis=0)
    strips = {}
    for i, (name, site) in enumerate(outline.items()):
        tangent = tangents[i] / max(float(np.linalg.norm(tangents[i])), 1e-12)
        across = np.cross(normals[homes[i]], tangent)
        places = _crossings(mesh, points[i], tangent, across, distances[i])
        strips[name] = _thinned([(0.0, site), *((place * mm_per_unit, knot) for place, knot in places)])
    return strips


def _crossings(
    mesh: Mesh, point: Floats, tangent: Floats, across: Floats, distance: Floats
) -> list[tuple[float, Site]]:
    """Where edges near `point` cross the plane through it with normal `tangent`, each with its signed way
    along the skin."""
    edges = mesh.edges[np.isfinite(distance[mesh.edges]).all(axis=1)]
    height = (mesh.points[edges] - point) @ tangent
    # a vertex on the plane itself, as on the midline of a symmetric head, counts as in front
    crossing = (height[:, 0] < 0) != (height[:, 1] < 0)
    edges, height = edges[crossing], height[crossing]
    share = height[:, 0] / (height[:, 0] - height[:, 1])
    at = mesh.points[edges[:, 0]] * (1 - share)[:, None] + mesh.points[edges[:, 1]] * share[:, None]
    way = distance[edges[:, 0]] * (1 - share) + distance[edges[:, 1]] * share
    signed = way * np.sign((at - point) @ across)
    return [
        (float(w), ((int(a), 1 - float(s)), (int(b), float(s))))
        for w, (a, b), s in zip(signed, edges, share, strict=True)
    ]


def _thinned(places: Sequence[tuple[float, Site]]) -> list[tuple[float, Site]]:
    """In order along the strip, none nearer than the spacing to the one before on its way out from home."""
    kept: list[tuple[float, Site]] = []
    for sign in (-1.0, 1.0):
        last = 0.0
        for place, site in sorted(((w, s) for w, s in places if w * sign > 0), key=lambda pair: abs(pair[0])):
            if abs(place) - last >= _SPACING_MM:
                kept.append((place, site))
                last = abs(place)
    return sorted([*kept, places[0]], key=lambda pair: pair[0])
