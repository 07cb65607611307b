"""What the patches of an anatomical local model know: their deformation and thickness subspaces, and how closely skin keeps to its bone.

C. Wu, D. Bradley, M. Gross, T. Beeler, An Anatomically-Constrained Local Deformation Model for Monocular Face Capture (SIGGRAPH 2016):
the deformation of a patch is what is left of the shapes once its own rigid motion is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.skinning import displacement_form, unskin

from .method import Anatomy, Face
from .patches import patch_shares

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
_TIE_MM = 1.0  # skin that the shapes move by this about its bone is tied half as closely as skin that keeps to it


@dataclass(frozen=True, eq=False)
class Patches:
    """P patches over V vertices as E pairs (vertex, patch), patch by patch: vertex, patch, share (E,); starts (P,) where each begins; centre (P, 3).

    shapes (E, 3, C): deformation components, deviation (P, C) theirs over the shapes, mm. swell (E, D) and swell_deviation (P, D): the same for thickness.
    closeness (V,): 0 to 1. blend (V, E): sums pairs into vertices by their shares.
    """

    vertex: Ints
    patch: Ints
    share: Floats
    starts: Ints
    centre: Floats
    shapes: Floats
    deviation: Floats
    swell: Floats
    swell_deviation: Floats
    closeness: Floats
    blend: sp.csr_matrix

    @property
    def count(self) -> int:
        """P."""
        return len(self.centre)

    @cached_property
    def own(self) -> list[slice]:
        """The pairs of every patch."""
        return [slice(a, b) for a, b in pairwise([*self.starts.tolist(), len(self.vertex)])]


def make_patches(face: Face, anatomy: Anatomy, count: int, overlap: float, components: int, thickness: int) -> Patches:
    """Subspaces by weighted principal components over the face's targets; components and thickness are at most their number."""
    shares = sp.csc_matrix(patch_shares(face, count, overlap))
    count, targets = shares.shape[1], face.deltas.shape[2]
    components, thickness = min(components, targets), min(thickness, targets)
    moved = _about_bone(face, anatomy)
    outward = np.einsum("vat,va->vt", moved, anatomy.normals)
    vertex, share, starts = shares.indices, shares.data, shares.indptr[:-1]
    shapes, swell = np.zeros((len(vertex), 3, components), np.float32), np.zeros((len(vertex), thickness), np.float32)
    centre, deviation, swell_deviation = np.zeros((count, 3)), np.zeros((count, components)), np.zeros((count, thickness))
    for p in range(count):
        own = slice(shares.indptr[p], shares.indptr[p + 1])
        ids, weight = vertex[own], share[own]
        centre[p] = weight @ face.neutral[ids] / weight.sum()
        local = _without_rigid(face.neutral[ids], face.deltas[ids].astype(np.float64), weight)
        found, deviation[p] = _components(local.reshape(3 * len(ids), targets), np.repeat(weight, 3), components)
        shapes[own] = found.reshape(len(ids), 3, components)
        swell[own], swell_deviation[p] = _components(outward[ids], weight, thickness)
    patch = np.repeat(np.arange(count), np.diff(shares.indptr))
    closeness = 1.0 / (1.0 + np.square(moved).sum(axis=1).mean(axis=1) / _TIE_MM**2)
    blend = sp.csr_matrix((share, (vertex, np.arange(len(vertex)))), shape=(len(face.neutral), len(vertex)))
    return Patches(vertex, patch, share, starts, centre, shapes, deviation, swell, swell_deviation, closeness, blend)


def _about_bone(face: Face, anatomy: Anatomy) -> Floats:
    """(V, 3, T) mm: how the shapes move the skin once the jaw's motion is taken out."""
    middle = face.neutral.mean(axis=0)
    shapes = face.neutral[:, :, None] + face.deltas
    back = [unskin(shapes[:, :, t], jaw, anatomy.share, middle) for t, jaw in enumerate(anatomy.jaws)]
    return np.stack(back, axis=2) - face.neutral[:, :, None]


def _without_rigid(points: Floats, deltas: Floats, weight: Floats) -> Floats:
    """(n, 3, T) deltas of points (n, 3) once each shape is laid back onto the points rigidly."""
    local = np.empty_like(deltas)
    for t in range(deltas.shape[2]):
        back = rigid.kabsch(points + deltas[:, :, t], points, weight)
        local[:, :, t] = rigid.apply(back, points + deltas[:, :, t]) - points
    return local


def _components(values: Floats, weight: Floats, count: int) -> tuple[Floats, Floats]:
    """(n, count) directions of values (n, T) about zero, orthonormal under weight (n,), and their deviations (count,)."""
    root = np.sqrt(weight)[:, None]
    left, singular, _ = np.linalg.svd(root * values, full_matrices=False)
    scale = np.sqrt(weight.sum())  # a component of deviation 1 moves the patch by 1 mm, root mean square
    return left[:, :count] / np.maximum(root, 1e-9) * scale, singular[:count] / scale / np.sqrt(values.shape[1])


def carried(points: Floats, jaw: Floats, share: Floats, middle: Floats) -> Floats:
    """LBS of points (V, 3) by jaw (4, 4), about the middle."""
    turn, offset = displacement_form(jaw, middle)
    moved: Floats = points + share[:, None] * ((points - middle) @ turn.T + offset)
    return moved
