"""ALM: the anatomical local model. Patches with a rigid motion and deformation coefficients each, agreeing in
their overlaps and over bone.

    x_p(v) = R_p (s0(v) + shapes_p(v) a_p - c_p) + c_p + t_p          x(v) = H sum_p share_p(v) x_p(v)
    y(v)   = LBS(bone(v) + d(v) n(v), jaw, k(v)),  d(v) = d0(v) + sum_p share_p(v) swell_p(v) b_p

    min |x - seen|^2 + consistency sum share_p |x_p - x|^2 + anatomy sum closeness ((n . (x - y))^2 + slide
    |(1 - n n^T) (x - y)|^2)
        + ridge (|a / deviation|^2 + |b / deviation|^2) + a jaw near where global blendshapes have it

All of it together per frame, begun from global blendshapes or from the frame before, whichever is better:
Gauss-Newton with gradients that are exact but for the turning of the normals. Steps are taken in the patches'
and the jaw's own frames, in which the Hessian hardly changes: it is factorised once for all frames that see
the same vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_factor, cho_solve

from aim_maya.core import rigid
from aim_maya.core.arrays import Flags, Floats
from aim_maya.core.errors import AimError

from .alm_energy import Energy, Patches, State, Weights, make_patches
from .blendshapes import Gbs, GbsOptions
from .method import Face, Observed, Solution, rigid_columns

# The Hessian of an anatomical local model at rest, in the parts that its weights multiply.


@dataclass(frozen=True, eq=False)
class Grams:
    """(N, N) each, of all unknowns, the jaw's and the head's six last: data, disagreement of overlapping
    patches, tie along and across the normals,

    and every patch by itself, as if all data were its own.
    """

    data: Floats
    disagreement: Floats
    along: Floats
    across: Floats
    own: Floats


def normal_grams(face: Face, patches: Patches, seen: Flags) -> Grams:
    """Sums over vertices of the products of the columns by which each unknown moves what an energy looks
    at.
    """
    assert face.anatomy is not None
    a, p, middle = face.anatomy, patches, face.neutral.mean(axis=0)
    columns = np.concatenate(
        [rigid_columns(face.neutral[p.vertex] - p.centre[p.patch], np.zeros(3)), p.shapes], axis=2
    )
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
    along = sp.csr_matrix(
        (a.normals.ravel(), (np.repeat(np.arange(len(a.normals)), 3), np.arange(3 * len(a.normals))))
    )
    straight = _gram(sp.diags(np.sqrt(p.closeness)) @ along @ tie, p)
    return Grams(data, own - whole, straight, _gram(sp.diags(closeness) @ tie, p) - straight, own)


def _matrix(p: Patches, pairs: Floats, jaw: Floats, head: Floats) -> sp.csr_matrix:
    """(3 V, N) blended columns of all patches (E, 3, n), then of jaw and head (V, 3, 6)."""
    n, vertices = pairs.shape[2], len(jaw)
    rows = np.repeat(3 * p.vertex[:, None] + np.arange(3), n, axis=1).ravel()
    places = np.broadcast_to(p.patch[:, None, None] * n + np.arange(n), pairs.shape).ravel()
    shared = sp.csr_matrix(
        ((p.share[:, None, None] * pairs).ravel(), (rows, places)), shape=(3 * vertices, p.count * n)
    )
    return sp.csr_matrix(
        sp.hstack([shared, sp.csr_matrix(jaw.reshape(-1, 6)), sp.csr_matrix(head.reshape(-1, 6))])
    )


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


# ALM: the anatomical local model. Patches with a rigid motion and deformation coefficients each, agreeing in
# their overlaps, tied to skull and jaw.

_BEGIN_RIDGE = 10.0
_STEPS, _ENOUGH_MM, _ENOUGH_SHARE = 24, 0.02, 1e-4
_DAMPING = (0.0, 1e-3, 1e-2, 1e-1, 1.0)  # with 1 a patch moves as if all data were its own: never too far


@dataclass(frozen=True)
class AlmOptions:
    """What is tuned; the number of patches is not: it is what makes the unknowns equal."""

    patches: int = 80
    """How many patches."""
    components: int = 6
    """Deformation coefficients of a patch."""
    thickness: int = 2
    """Thickness coefficients of a patch."""
    overlap: float = 1.5
    """How far a patch reaches, in the distance that just covers the face."""
    ridge: float = 0.1
    """Weight of the coefficients in their own deviations, squared mm."""
    consistency: float = 0.1
    """Weight of what overlapping patches disagree on."""
    anatomy: float = 0.01
    """Weight of the tie to the bones along the anatomy normal."""
    slide: float = 0.1
    """Share of that weight across the normal: skin slides over bone."""


class Alm:
    """The method for one face with an anatomy. Raises AimError without."""

    def __init__(self, face: Face, options: AlmOptions | None = None) -> None:
        if face.anatomy is None:
            raise AimError(
                f"ALM needs the anatomy of '{face.name}'.",
                "No trained model was given.",
                "Give --model FILE.aim.",
            )
        o = self.options = options or AlmOptions()
        self.face = face
        self._key = (o.patches, o.overlap, o.components, o.thickness)
        self._patches = _patches(face, *self._key)

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """The Hessian at rest and its factorisation."""
        o = self.options
        self._energy = Energy(
            self.face, self._patches, Weights(o.consistency, o.anatomy, o.slide, o.ridge), seen, head_moves
        )
        self._seen = np.flatnonzero(seen)
        self._begin = Gbs(self.face, GbsOptions(_BEGIN_RIDGE))
        self._begin.prepare(seen, head_moves)
        grams = _grams(self.face, self._key, seen.tobytes())
        normal = (
            grams.data
            + o.consistency * grams.disagreement
            + o.anatomy * (grams.along + o.slide * grams.across)
        )
        size = self._energy.count
        normal = normal[:size, :size] + self._energy.prior_hessian()
        self._factors = [
            cho_factor(
                normal + damping * grams.own[:size, :size], lower=True, overwrite_a=True, check_finite=False
            )
            for damping in _DAMPING
        ]

    def fit(self, observed: Observed) -> Solution:
        """A few steps a frame, begun from the frame before."""
        states: list[State] = []
        for f in range(len(observed)):
            points = observed.frame(f).astype(np.float64)
            starts = [
                self._energy.begun(
                    *self._begin.solve(points[self._seen], states[-1].head if states else np.eye(4))
                )
            ]
            starts += (
                [replace(states[-1], expected=starts[0].expected)]
                if f and observed.clip[f] == observed.clip[f - 1]
                else []
            )
            states.append(
                self._solve(points, min(starts, key=lambda state: self._energy.at(state, points)[0]))
            )
        heads = np.array([s.head for s in states])
        return Solution(
            lambda f: rigid.apply(heads[f], self._energy.points(states[f])),
            heads,
            np.array([s.jaw for s in states]),
            self._energy.count,
        )

    def _solve(self, points: Floats, state: State) -> State:
        """Levenberg's damping: less after a step that was good, more after one that was not."""
        energy, gradient = self._energy.at(state, points)
        level = len(_DAMPING) // 2
        for _ in range(_STEPS):
            step = cho_solve(self._factors[level], -gradient, check_finite=False)
            tried = self._energy.moved(state, step)
            new_energy, new_gradient = self._energy.at(tried, points)
            if new_energy >= energy:
                level += 1
                if level == len(_DAMPING):
                    break
                continue
            done = self._energy.travel(step) < _ENOUGH_MM or energy - new_energy < _ENOUGH_SHARE * new_energy
            state, energy, gradient = tried, new_energy, new_gradient
            if done and level == 0:
                break
            level = max(level - 1, 0)
        return state


@lru_cache(maxsize=4)
def _patches(face: Face, count: int, overlap: float, components: int, thickness: int) -> Patches:
    assert face.anatomy is not None
    return make_patches(face, face.anatomy, count, overlap, components, thickness)


@lru_cache(maxsize=3)
def _grams(face: Face, key: tuple[int, float, int, int], seen: bytes) -> Grams:
    """Kept for the next weights: they are most of the time that a search takes."""
    return normal_grams(face, _patches(face, *key), np.frombuffer(seen, bool))
