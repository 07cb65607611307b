"""Smooth fields on a mesh: the graph Laplacian, and least-squares extension of values known at some vertices."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from aim_maya.core.mesh import Mesh

Floats = NDArray[np.floating]


def edge_lengths(mesh: Mesh) -> Floats:
    """(E,) lengths of mesh.edges, model unit."""
    lengths: Floats = np.linalg.norm(mesh.points[mesh.edges[:, 0]] - mesh.points[mesh.edges[:, 1]], axis=1)
    return lengths


def edge_graph(mesh: Mesh) -> sp.csr_matrix:
    """(V, V) symmetric matrix of edge lengths, model unit: what shortest paths along the surface run on."""
    e, length = mesh.edges, np.maximum(edge_lengths(mesh), 1e-12)
    n = len(mesh.points)
    return sp.csr_matrix((np.tile(length, 2), (np.r_[e[:, 0], e[:, 1]], np.r_[e[:, 1], e[:, 0]])), shape=(n, n))


def laplacian(mesh: Mesh) -> sp.csc_matrix:
    """(V, V) positive semi-definite graph Laplacian, every row over its own weight sum; edges weigh 1 / length.

    Never negative weights, whatever the polygons; a vertex without faces has a zero row.
    """
    weights = edge_graph(mesh)
    weights.data = float(np.median(weights.data)) / weights.data if weights.nnz else weights.data
    total = np.asarray(weights.sum(axis=1)).ravel()
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sp.csc_matrix(sp.diags((total > 0).astype(float)) - sp.diags(inverse) @ weights)


def bent_least(mesh: Mesh, points: Floats, confidence: Floats | float, smoothness: float) -> Floats:
    """argmin sum confidence |f - points|^2 + smoothness |L f|^2, (V, 3): the surface without its small forms."""
    bending = laplacian(mesh)
    sure = np.broadcast_to(confidence, len(points))
    solved: Floats = _factorised(sp.diags(sure) + smoothness * (bending.T @ bending)).solve(sure[:, None] * points)
    return solved


def extend(mesh: Mesh, values: Floats, confidence: Floats, smoothness: float = 1.0) -> Floats:
    """The smooth field f (V, ...) that minimises sum confidence |f - values|^2 + smoothness |L f|^2.

    confidence (V,) >= 0, zero where nothing is known. A bi-Laplacian energy: it extends slopes, not only values.
    """
    bending = laplacian(mesh)
    system = sp.diags(confidence + 1e-9) + smoothness * (bending.T @ bending)
    flat = (confidence[:, None] * values.reshape(len(values), -1)).astype(np.float64)
    mean = flat.sum(0) / max(float(confidence.sum()), 1e-30)
    return _factorised(system).solve(flat + 1e-9 * mean).reshape(values.shape)


def _factorised(system: sp.spmatrix) -> SuperLU:
    """A symmetric positive system: it needs no pivots, and ordered as one it takes half the time."""
    return splu(sp.csc_matrix(system), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
