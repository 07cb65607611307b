"""Smooth fields on a mesh: the graph Laplacian, least-squares extension of values known at some vertices,
what pushes vertices apart, directions without small forms, and fields no steeper than they may be."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import SuperLU, splu

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh, triangle_areas


def edge_lengths(mesh: Mesh) -> Floats:
    """(E,) lengths of mesh.edges, model unit."""
    lengths: Floats = np.linalg.norm(mesh.points[mesh.edges[:, 0]] - mesh.points[mesh.edges[:, 1]], axis=1)
    return lengths


def edge_graph(mesh: Mesh) -> sp.csr_matrix:
    """(V, V) symmetric matrix of edge lengths, model unit: what shortest paths along the surface run on."""
    e, length = mesh.edges, np.maximum(edge_lengths(mesh), 1e-12)
    n = len(mesh.points)
    return sp.csr_matrix(
        (np.tile(length, 2), (np.r_[e[:, 0], e[:, 1]], np.r_[e[:, 1], e[:, 0]])), shape=(n, n)
    )


def laplacian(mesh: Mesh) -> sp.csc_matrix:
    """(V, V) positive semi-definite graph Laplacian, every row over its own weight sum; edges weigh 1 /
    length.

    Never negative weights, whatever the polygons; a vertex without faces has a zero row.
    """
    weights = edge_graph(mesh)
    weights.data = float(np.median(weights.data)) / weights.data if weights.nnz else weights.data
    total = np.asarray(weights.sum(axis=1)).ravel()
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sp.csc_matrix(sp.diags((total > 0).astype(float)) - sp.diags(inverse) @ weights)


def bent_least(mesh: Mesh, points: Floats, confidence: Floats | float, smoothness: float) -> Floats:
    """argmin sum confidence |f - points|^2 + smoothness |L f|^2, (V, 3): the surface without its small
    forms.
    """
    bending = laplacian(mesh)
    sure = np.broadcast_to(confidence, len(points))
    solved: Floats = _factorised(sp.diags(sure) + smoothness * (bending.T @ bending)).solve(
        sure[:, None] * points
    )
    return solved


def extend(mesh: Mesh, values: Floats, confidence: Floats, smoothness: float = 1.0) -> Floats:
    """The smooth field f (V, ...) that minimises sum confidence |f - values|^2 + smoothness |L f|^2.

    confidence (V,) >= 0, zero where nothing is known. A bi-Laplacian energy: it extends slopes, not only
    values.
    """
    bending = laplacian(mesh)
    system = sp.diags(confidence + 1e-9) + smoothness * (bending.T @ bending)
    flat = (confidence[:, None] * values.reshape(len(values), -1)).astype(np.float64)
    mean = flat.sum(0) / max(float(confidence.sum()), 1e-30)
    return _factorised(system).solve(flat + 1e-9 * mean).reshape(values.shape)


def pushed_apart(mesh: Mesh, pairs: Ints, apart: Floats) -> Floats:
    """(V, 3) smooth field u that moves the first vertex of every pair (P, 2) by `apart` (P, 3) against the
    second.

    min |L u|^2 + mu |u|^2 + sum |u_i - u_j - apart_ij|^2
    """
    n, p = len(mesh.points), len(pairs)
    differences = sp.csr_matrix(
        (np.r_[np.ones(p), -np.ones(p)], (np.r_[np.arange(p), np.arange(p)], pairs.T.ravel())), shape=(p, n)
    )
    bending = laplacian(mesh)
    system = 30.0 * (bending.T @ bending) + 1e-4 * sp.identity(n) + differences.T @ differences
    field: Floats = splu(sp.csc_matrix(system)).solve(differences.T @ apart)
    return field


_ROUNDS = 8
# times the forms that go: directions are evened over an edge, where it is no longer than this
_LONG_EDGE = 3.0
_ACROSS = 0.2  # cosine between a direction and the one it came from


def smooth_directions(
    mesh: Mesh, given: Floats, among: NDArray[np.bool_], reach: float, turn: float, astray: float
) -> Floats:
    """Unit directions (V, 3) near `given` that turn gently along the edges between vertices of `among` (V,).

    They minimise integral |n - given|^2 + reach^2 |grad n|^2 (reach: model unit, the size of the forms that
    go, or an edge that is not much longer), solved again and again with more stiffness where an edge turns by
    more than `turn`, and more hold where a direction leaves the given one by more than `astray` (radians).
    One that ends up across its own stays as it was given, as do all outside `among`.
    """
    e, area = mesh.edges, vertex_areas(mesh)
    reached = np.clip(edge_lengths(mesh), reach, _LONG_EDGE * reach)
    stiffness = np.where(among[e].all(1), reached**2 * _edge_stiffness(mesh), 0.0)
    hold = np.ones(len(given))
    found = given
    for _ in range(_ROUNDS):
        system = sp.diags(area * hold) + _graph_form(mesh, stiffness)
        found = _factorised(system).solve((area * hold)[:, None] * given)
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        stiffness *= np.maximum(1.0, np.linalg.norm(found[e[:, 0]] - found[e[:, 1]], axis=1) / turn)
        hold *= np.maximum(1.0, np.arccos(np.clip((found * given).sum(1), -1, 1)) / astray)
    across = (found * given).sum(1) < _ACROSS
    return np.where(across[:, None], given, found)


def _edge_stiffness(mesh: Mesh) -> Floats:
    """(E,) w with sum w |f_i - f_j|^2 about the integral of |grad f|^2; positive on any polygons, however
    thin."""
    e, length = mesh.edges, edge_lengths(mesh)
    degree = np.maximum(np.bincount(e.ravel(), minlength=len(mesh.points)), 1)
    share = vertex_areas(mesh) / degree
    least = 0.05 * float(np.median(length)) if len(length) else 1.0
    stiffness: Floats = 2 * (share[e[:, 0]] + share[e[:, 1]]) / np.maximum(length, max(least, 1e-12)) ** 2
    return stiffness


def _graph_form(mesh: Mesh, weights: Floats) -> sp.spmatrix:
    """(V, V) symmetric K with f K f = sum over edges of weights (E,) |f_i - f_j|^2."""
    e, n = mesh.edges, len(mesh.points)
    links = sp.csr_matrix(
        (np.tile(weights, 2), (np.r_[e[:, 0], e[:, 1]], np.r_[e[:, 1], e[:, 0]])), shape=(n, n)
    )
    return sp.diags(np.asarray(links.sum(axis=1)).ravel()) - links


def slope_limited(mesh: Mesh, field: Floats, steepest: float, among: NDArray[np.bool_]) -> Floats:
    """A field (V,) near `field` that changes by at most `steepest` times the length of every edge between
    vertices of `among` (V,): a cliff becomes a slope, half of it on either side.

    The mean of the largest such field below `field` and the smallest above it.
    """
    top = float(field.max(initial=0.0))
    above = top - slope_below(mesh, top - field, steepest, among)
    return 0.5 * (slope_below(mesh, field, steepest, among) + above)


def slope_below(mesh: Mesh, field: Floats, steepest: float, among: NDArray[np.bool_]) -> Floats:
    """The largest field (V,) nowhere above `field` >= 0 with such slopes: min over u of field(u) + steepest x
    way along the edges to u.

    Vertices outside `among` are held down by those within, and hold none down themselves.
    """
    n = len(field)
    ends = np.concatenate([mesh.edges, mesh.edges[:, ::-1]])
    e = ends[among[ends[:, 0]]]
    ways = np.maximum(steepest * np.linalg.norm(mesh.points[e[:, 0]] - mesh.points[e[:, 1]], axis=1), 1e-12)
    begin = np.maximum(field, 1e-12)  # the field as edges from one more vertex; an edge of 0 would be none
    graph = sp.csr_matrix(
        (np.r_[ways, begin], (np.r_[e[:, 0], np.full(n, n)], np.r_[e[:, 1], np.arange(n)])),
        shape=(n + 1, n + 1),
    )
    below: Floats = dijkstra(graph, indices=n)[:n]
    return below


def _factorised(system: sp.spmatrix) -> SuperLU:
    """A symmetric positive system: it needs no pivots, and ordered as one it takes half the time."""
    return splu(
        sp.csc_matrix(system),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def vertex_areas(mesh: Mesh) -> Floats:
    """(V,) a third of the triangles round every vertex, unit squared; a loose vertex has the least area of
    all."""
    areas = triangle_areas(mesh.points, mesh.triangles)
    total = np.bincount(mesh.triangles.ravel(), np.repeat(areas / 3, 3), len(mesh.points))
    return np.maximum(total, total[total > 0].min(initial=1.0) if (total > 0).any() else 1.0)
