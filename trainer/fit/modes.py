"""A smooth spatial basis on a mesh: wide bumps along the surface, closer together where expressions move the skin, turned into modes.

Bumps sit at centres found by farthest-point sampling along the surface and blend to one everywhere. Their span is turned (Rayleigh and
Ritz) into modes of the mesh's Laplacian, from flat to fine, so that a prior can tell one from the other. Laplacian eigenfunctions
themselves do worse on faces with as many unknowns: docs/fitting.md.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.csgraph import dijkstra

from aim_maya.core.mesh import Mesh, triangle_areas
from trainer.smoothness import edge_graph

Floats = NDArray[np.floating]
_REACH, _NEIGHBOURS = 2.7, 4  # a bump reaches this many times as far as its nearest neighbours lie on average


def vertex_areas(mesh: Mesh) -> Floats:
    """(V,) a third of the triangles round every vertex, unit squared; a loose vertex has the least area of all."""
    areas = triangle_areas(mesh.points, mesh.triangles)
    total = np.bincount(mesh.triangles.ravel(), np.repeat(areas / 3, 3), len(mesh.points))
    return np.maximum(total, total[total > 0].min(initial=1.0) if (total > 0).any() else 1.0)


def smooth_modes(mesh: Mesh, liveliness: Floats, count: int) -> tuple[Floats, Floats]:
    """(V, M) modes with phi^T D phi = total of D and (M,) their eigenvalues, ascending: L phi = lambda D phi within the span of the bumps.

    liveliness (V,) >= 0, at most one: how much expressions move the skin; D is the area times it. The first mode is one everywhere. M is `count`, or
    what the mesh has room for.
    """
    bumps = _bumps(mesh, liveliness, count)
    density = vertex_areas(mesh) * (liveliness + 0.02)
    density /= density.sum()
    graph = edge_graph(mesh)
    graph.data = 1.0 / graph.data
    stiffness = sp.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph
    mass = bumps.T @ (density[:, None] * bumps)
    mass += 1e-9 * np.trace(mass) / len(mass) * np.eye(len(mass))
    values, vectors = eigh(bumps.T @ (stiffness @ bumps), mass)
    modes = bumps @ vectors
    modes *= np.sign(modes[np.abs(modes).argmax(axis=0), np.arange(modes.shape[1])])
    return np.ascontiguousarray(modes), np.maximum(values, 0.0)


def _bumps(mesh: Mesh, liveliness: Floats, count: int) -> Floats:
    """(V, M) rows that sum to one."""
    graph = edge_graph(mesh)
    lively = np.sqrt(liveliness + 0.02)
    moving = liveliness > 0.02 if (liveliness > 0.02).sum() >= count else np.ones(len(liveliness), bool)
    centres = [int(np.argmax(liveliness))]
    distances = [dijkstra(graph, indices=centres[0])]
    nearest = np.where(moving, distances[0] * lively, -1.0)
    while len(centres) < count and nearest.max() > 0:
        centres.append(int(np.argmax(nearest)))
        distances.append(dijkstra(graph, indices=centres[-1]))
        nearest = np.minimum(nearest, np.where(moving, distances[-1] * lively, -1.0))
    away = np.array(distances)
    between = np.sort(away[:, centres], axis=1)[:, 1 : 1 + _NEIGHBOURS]
    finite = np.where(np.isfinite(between), between, np.nan)
    reach = _REACH * np.nanmean(finite, axis=1) if between.shape[1] and np.isfinite(finite).any(axis=1).all() else np.full(len(centres), away[np.isfinite(away)].max())
    bumps = np.square(np.clip(1.0 - np.square(away / reach[:, None]), 0.0, None)).T
    alone = bumps.sum(axis=1) < 1e-9
    bumps[alone] = 0.0
    bumps[alone, away[:, alone].argmin(axis=0)] = 1.0
    blended: Floats = bumps / bumps.sum(axis=1, keepdims=True)
    return blended
