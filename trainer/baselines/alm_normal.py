"""The Hessian of an anatomical local model at rest, in the parts that its weights multiply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .alm_patches import Patches
from .head_motion import rigid_columns
from .method import Face, Flags

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Grams:
    """(N, N) each, of all unknowns, the jaw's and the head's six last: data, disagreement of overlapping patches, tie along and across the normals,

    and every patch by itself, as if all data were its own.
    """

    data: Floats
    disagreement: Floats
    along: Floats
    across: Floats
    own: Floats


def normal_grams(face: Face, patches: Patches, seen: Flags) -> Grams:
    """Sums over vertices of the products of the columns by which each unknown moves what an energy looks at."""
    assert face.anatomy is not None
    a, p, middle = face.anatomy, patches, face.neutral.mean(axis=0)
    columns = np.concatenate([rigid_columns(face.neutral[p.vertex] - p.centre[p.patch], np.zeros(3)), p.shapes], axis=2)
    swell = -a.normals[p.vertex][:, :, None] * p.swell[:, None, :]
    skin = np.concatenate([columns, np.zeros_like(swell)], axis=2)
    still = np.zeros((len(face.neutral), 3, 6))
    head = rigid_columns(face.neutral, middle)
    jaw = -a.share[:, None, None] * rigid_columns(a.bone + a.thickness[:, None] * a.normals, middle)
    whole = _gram(_matrix(p, skin, still, still), p)
    own = _own_blocks(p, skin)
    tie = _matrix(p, np.concatenate([columns, swell], axis=2), jaw, still)
    closeness = np.repeat(np.sqrt(p.closeness), 3)
    data = _gram(sp.diags(np.repeat(seen.astype(float), 3)) @ _matrix(p, skin, still, head), p)
    along = sp.csr_matrix((a.normals.ravel(), (np.repeat(np.arange(len(a.normals)), 3), np.arange(3 * len(a.normals)))))
    straight = _gram(sp.diags(np.sqrt(p.closeness)) @ along @ tie, p)
    return Grams(data, own - whole, straight, _gram(sp.diags(closeness) @ tie, p) - straight, own)


def _matrix(p: Patches, pairs: Floats, jaw: Floats, head: Floats) -> sp.csr_matrix:
    """(3 V, N) blended columns of all patches (E, 3, n), then of jaw and head (V, 3, 6)."""
    n, vertices = pairs.shape[2], len(jaw)
    rows = np.repeat(3 * p.vertex[:, None] + np.arange(3), n, axis=1).ravel()
    places = np.broadcast_to(p.patch[:, None, None] * n + np.arange(n), pairs.shape).ravel()
    shared = sp.csr_matrix(((p.share[:, None, None] * pairs).ravel(), (rows, places)), shape=(3 * vertices, p.count * n))
    return sp.csr_matrix(sp.hstack([shared, sp.csr_matrix(jaw.reshape(-1, 6)), sp.csr_matrix(head.reshape(-1, 6))]))


def _gram(matrix: sp.csr_matrix, p: Patches) -> Floats:
    """(N, N) matrix^T matrix, a patch at a time over the rows that it is in."""
    matrix = sp.csr_matrix(matrix)
    by_column, size = sp.csc_matrix(matrix), matrix.shape[1]
    width = (size - 12) // p.count
    gram = np.zeros((size, size))
    for first in [*range(0, size - 12, width), size - 12]:
        own = by_column[:, first : first + (width if first < size - 12 else 12)]
        rows = np.unique(own.indices)
        gram[first : first + own.shape[1]] = (matrix[rows].T @ own[rows].toarray()).T
    return gram


def _own_blocks(p: Patches, pairs: Floats) -> Floats:
    """(N, N) sums of share columns^T columns of every patch by itself."""
    n = pairs.shape[2]
    gram = np.zeros((p.count * n + 12, p.count * n + 12))
    for i, own in enumerate(p.own):
        columns = (np.sqrt(p.share[own])[:, None, None] * pairs[own]).reshape(-1, n)
        at = slice(i * n, (i + 1) * n)
        gram[at, at] = columns.T @ columns
    return gram
