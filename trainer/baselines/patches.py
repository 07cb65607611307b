"""Overlapping patches over the part of a face that moves, and shares that blend them (a partition of unity)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from trainer.smoothness import edge_graph

from .method import Face

Floats = NDArray[np.floating]
_MOVING_MM = 0.5
_LEAST_SHARE = 1e-3


def patch_centres(face: Face, count: int) -> tuple[NDArray[np.integer], Floats]:
    """(P,) vertices by farthest-point sampling along the surface of what moves, and (P, V) their distances, mm.

    P is `count`, or the number of moving vertices when that is smaller. Other pieces of mesh are infinitely far.
    """
    graph = edge_graph(face.mesh.with_points(face.neutral))
    moving = face.motion > _MOVING_MM
    moving = moving if moving.any() else np.ones_like(moving)
    centres = [int(np.argmax(face.motion))]
    distances = [dijkstra(graph, indices=centres[0])]
    nearest = np.where(moving, distances[0], -1.0)
    while len(centres) < min(count, int(moving.sum())):
        centres.append(int(np.argmax(nearest)))
        distances.append(dijkstra(graph, indices=centres[-1]))
        nearest = np.minimum(nearest, distances[-1])
        nearest[~moving] = -1.0
    return np.array(centres), np.array(distances)


def patch_shares(face: Face, count: int, overlap: float) -> sp.csr_matrix:
    """(V, P) how much of every vertex belongs to each patch: rows sum to one.

    A patch reaches `overlap` times as far as the patches need to cover what moves, and falls off as (1 - (d / reach)^2)^2.
    A vertex out of reach of all belongs to the nearest patch.
    """
    distances = patch_centres(face, count)[1]
    nearest = distances.min(axis=0)
    inside = (face.motion > _MOVING_MM) & np.isfinite(nearest)
    reach = overlap * max(float(nearest[inside].max(initial=0.0)), 1e-9)
    shares = np.square(np.clip(1.0 - np.square(np.where(np.isfinite(distances), distances, np.inf) / reach), 0.0, None)).T
    alone = shares.sum(axis=1) < 1e-9
    shares[alone] = 0.0
    shares[alone, distances[:, alone].argmin(axis=0)] = 1.0
    shares /= shares.sum(axis=1, keepdims=True)
    shares[shares < _LEAST_SHARE] = 0.0
    return sp.csr_matrix(shares / shares.sum(axis=1, keepdims=True))


def overlap_grams(shares: sp.csr_matrix, columns: Floats, weights: Floats) -> Floats:
    """(K, P, n, P, n) sums over vertices of weight share_p share_q columns^T columns, for each of weights (K, V); columns (V, 3, n)."""
    by_patch, count, n = sp.csc_matrix(shares), shares.shape[1], columns.shape[2]
    grams = np.zeros((len(weights), count, n, count, n))
    for p in range(count):
        own = slice(by_patch.indptr[p], by_patch.indptr[p + 1])
        ids = by_patch.indices[own]
        at = columns[ids].astype(np.float64)
        product = np.einsum("vai,vaj->vij", at, at).reshape(len(ids), n * n)
        others = shares[ids].toarray()
        met = np.flatnonzero(others[:, p:].any(axis=0)) + p
        others = others[:, met].T
        for k, weight in enumerate(weights):
            blocks = ((others * (by_patch.data[own] * weight[ids])) @ product).reshape(len(met), n, n)
            grams[k][p][:, met] = blocks.transpose(1, 0, 2)
            grams[k][met, :, p] = blocks.transpose(0, 2, 1)
    return grams


def data_and_disagreement(shares: sp.csr_matrix, columns: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """(P n, P n) each: A^T A of the blended columns over what is seen (V,), and of what overlapping patches disagree on, on all skin:

    sum over pairs of share_p share_q |columns (u_p - u_q)|^2.
    """
    data, whole = overlap_grams(shares, columns, np.stack([seen, np.ones_like(seen)]))
    size = data.shape[0] * data.shape[1]
    disagreement = -whole
    for p, own in enumerate(whole.sum(axis=2)):
        disagreement[p, :, p] += own
    return data.reshape(size, size), disagreement.reshape(size, size)
