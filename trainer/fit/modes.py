"""A smooth spatial basis on a mesh: the lowest modes of its Laplacian, finer where expressions move the skin."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from aim_maya.core.mesh import Mesh, triangle_areas
from trainer.smoothness import edge_graph

Floats = NDArray[np.floating]


def vertex_areas(mesh: Mesh) -> Floats:
    """(V,) a third of the triangles round every vertex, unit squared; a loose vertex has the least area of all."""
    areas = triangle_areas(mesh.points, mesh.triangles)
    total = np.bincount(mesh.triangles.ravel(), np.repeat(areas / 3, 3), len(mesh.points))
    return np.maximum(total, total[total > 0].min(initial=1.0) if (total > 0).any() else 1.0)


def smooth_modes(mesh: Mesh, density: Floats, count: int) -> tuple[Floats, Floats]:
    """(V, M) modes and (M,) their eigenvalues, ascending: L phi = lambda D phi, phi^T D phi = total of D.

    density (V,) > 0 draws the modes to where it is large. The first mode is one everywhere; with separate pieces of mesh the
    constants of the pieces come first. M is `count`, or the number of vertices when that is smaller.
    """
    graph = edge_graph(mesh)
    graph.data = 1.0 / graph.data
    stiffness = sp.csc_matrix(sp.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph)
    total = float(density.sum())
    scale = sp.diags(1.0 / np.sqrt(density / total))
    symmetric = sp.csc_matrix(scale @ stiffness @ scale)
    count = min(count, len(density) - 2)
    start = np.ones(len(density))
    values, vectors = eigsh(symmetric + 1e-9 * sp.identity(len(density)) * symmetric.diagonal().mean(), k=count, sigma=0.0, which="LM", v0=start)
    order = np.argsort(values)
    modes = scale @ vectors[:, order]
    modes *= np.sign(modes[np.abs(modes).argmax(axis=0), np.arange(count)])
    return np.ascontiguousarray(modes), np.maximum(values[order], 0.0)
