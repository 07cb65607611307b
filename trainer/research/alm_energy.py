"""The energy of an anatomical local model and its exact gradient, and what its patches know.

C. Wu, D. Bradley, M. Gross, T. Beeler, An Anatomically-Constrained Local Deformation Model for Monocular Face
Capture (SIGGRAPH 2016): the deformation of a patch is what is left of the shapes once its own rigid motion is
taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from aim_maya.core import rigid
from aim_maya.core.arrays import Flags, Floats, Ints
from aim_maya.core.posing import displacement_form, unskin

from .blendshapes import patch_shares
from .method import Anatomy, Face, about

# What the patches of an anatomical local model know: their deformation and thickness subspaces, and how
# closely skin keeps to its bone.

# skin that the shapes move by this about its bone is tied half as closely as skin that keeps to it
_TIE_MM = 1.0


@dataclass(frozen=True, eq=False)
class Patches:
    """P patches over V vertices as E pairs (vertex, patch), patch by patch: vertex, patch, share (E,); starts
    (P,) where each begins; centre (P, 3).

    shapes (E, 3, C): deformation components, deviation (P, C) theirs over the shapes, mm. swell (E, D) and
    swell_deviation (P, D): the same for thickness. closeness (V,): 0 to 1. blend (V, E): sums pairs into
    vertices by their shares.
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


def make_patches(
    face: Face, anatomy: Anatomy, count: int, overlap: float, components: int, thickness: int
) -> Patches:
    """Subspaces by weighted principal components over the face's targets; components and thickness are at
    most their number."""
    shares = sp.csc_matrix(patch_shares(face, count, overlap))
    count, targets = shares.shape[1], face.deltas.shape[2]
    components, thickness = min(components, targets), min(thickness, targets)
    moved = _about_bone(face, anatomy)
    outward = np.einsum("vat,va->vt", moved, anatomy.normals)
    vertex, share, starts = shares.indices, shares.data, shares.indptr[:-1]
    shapes, swell = (
        np.zeros((len(vertex), 3, components), np.float32),
        np.zeros((len(vertex), thickness), np.float32),
    )
    centre, deviation, swell_deviation = (
        np.zeros((count, 3)),
        np.zeros((count, components)),
        np.zeros((count, thickness)),
    )
    for p in range(count):
        own = slice(shares.indptr[p], shares.indptr[p + 1])
        ids, weight = vertex[own], share[own]
        centre[p] = weight @ face.neutral[ids] / weight.sum()
        local = _without_rigid(face.neutral[ids], face.deltas[ids].astype(np.float64), weight)
        found, deviation[p] = _components(
            local.reshape(3 * len(ids), targets), np.repeat(weight, 3), components
        )
        shapes[own] = found.reshape(len(ids), 3, components)
        swell[own], swell_deviation[p] = _components(outward[ids], weight, thickness)
    patch = np.repeat(np.arange(count), np.diff(shares.indptr))
    closeness = 1.0 / (1.0 + np.square(moved).sum(axis=1).mean(axis=1) / _TIE_MM**2)
    blend = sp.csr_matrix((share, (vertex, np.arange(len(vertex)))), shape=(len(face.neutral), len(vertex)))
    return Patches(
        vertex, patch, share, starts, centre, shapes, deviation, swell, swell_deviation, closeness, blend
    )


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
    """(n, count) directions of values (n, T) about zero, orthonormal under weight (n,), and their deviations
    (count,)."""
    root = np.sqrt(weight)[:, None]
    left, singular, _ = np.linalg.svd(root * values, full_matrices=False)
    scale = np.sqrt(weight.sum())  # a component of deviation 1 moves the patch by 1 mm, root mean square
    return left[:, :count] / np.maximum(root, 1e-9) * scale, singular[:count] / scale / np.sqrt(
        values.shape[1]
    )


def carried(points: Floats, jaw: Floats, share: Floats, middle: Floats) -> Floats:
    """LBS of points (V, 3) by jaw (4, 4), about the middle."""
    turn, offset = displacement_form(jaw, middle)
    moved: Floats = points + share[:, None] * ((points - middle) @ turn.T + offset)
    return moved


# The energy of an anatomical local model and its exact gradient, in steps of the patches' and the jaw's own
# frames.

# how far a jaw strays from where global blendshapes have it, per mm that the skin strays from its tie
_JAW_TURN, _JAW_SHIFT_MM = (0.03, 1.5)
_RADIUS_MM, _TINY = 20.0, 1e-3


@dataclass(frozen=True)
class Weights:
    """As in alm.AlmOptions."""

    consistency: float
    anatomy: float
    slide: float
    ridge: float


@dataclass(frozen=True, eq=False)
class State:
    """turns (P, 3, 3), shifts (P, 3), coefficients (P, C), swellings (P, D), jaw and head (4, 4); expected
    (4, 4): the jaw that this one should be near."""

    turns: Floats
    shifts: Floats
    coefficients: Floats
    swellings: Floats
    jaw: Floats
    head: Floats
    expected: Floats


class Energy:
    """One face, its patches, the weights, and which vertices are seen. Unknowns: (6 + C + D) a patch, 6 of
    the jaw, 6 of a head that moves."""

    def __init__(self, face: Face, patches: Patches, weights: Weights, seen: Flags, head_moves: bool) -> None:
        assert face.anatomy is not None
        self.patches, self.weights, self.anatomy = patches, weights, face.anatomy
        self._deltas, self._twists = (
            face.deltas,
            np.array([rigid.log(jaw) for jaw in face.anatomy.jaws]).reshape(-1, 6),
        )
        self._neutral, self.middle = face.neutral, face.neutral.mean(axis=0)
        self._seen, self._head_moves = seen, head_moves
        self._shapes = [patches.shapes[own].reshape(-1, patches.shapes.shape[2]) for own in patches.own]
        self._arm = face.neutral[patches.vertex] - patches.centre[patches.patch]
        self.block = 6 + patches.deviation.shape[1] + patches.swell_deviation.shape[1]
        self.count = patches.count * self.block + 6 + 6 * head_moves
        self._tie = weights.anatomy * patches.closeness
        self._jaw_precision = self._tie.sum() * np.diag(
            np.r_[np.full(3, _JAW_TURN**-2), np.full(3, _JAW_SHIFT_MM**-2)]
        )

    def begun(self, weights: Floats, head: Floats) -> State:
        """The state nearest to global blendshapes with weights (T,): every patch laid onto them rigidly, the
        jaw as they have it."""
        p, moved = self.patches, self._deltas @ weights
        turns, shifts = np.empty((p.count, 3, 3)), np.empty((p.count, 3))
        for i, own in enumerate(p.own):
            ids, middle = p.vertex[own], p.centre[i]
            motion = rigid.kabsch(self._neutral[ids], self._neutral[ids] + moved[ids], p.share[own])
            turns[i], shifts[i] = motion[:3, :3], motion[:3, :3] @ middle + motion[:3, 3] - middle
        jaw = rigid.exp(weights @ self._twists)
        return State(
            turns, shifts, np.zeros_like(p.deviation), np.zeros_like(p.swell_deviation), jaw, head, jaw
        )

    def points(self, state: State) -> Floats:
        """(V, 3) the blended skin, in the head's space."""
        blended: Floats = self.patches.blend @ self._placed(state)[1]
        return blended

    def at(self, state: State, seen: Floats) -> tuple[float, Floats]:
        """The energy for points (V, 3) where they are seen, half of it as a sum of squares, and its gradient
        (N,)."""
        p, w = self.patches, self.weights
        arm, placed = self._placed(state)
        skin = p.blend @ placed
        apart = placed - skin[p.vertex]
        left = np.where(self._seen[:, None], rigid.apply(np.linalg.inv(state.head), seen) - skin, 0.0)
        tie = self._tied(state, skin)
        scaled, scaled_swell = (
            state.coefficients / self._soft(p.deviation),
            state.swellings / self._soft(p.swell_deviation),
        )
        jaw_step = self._own_step(np.linalg.inv(state.expected) @ state.jaw)
        energy = (
            np.square(left).sum()
            + w.consistency * float(p.share @ np.square(apart).sum(axis=1))
            + float(np.einsum("va,va->", tie.force, tie.apart))
        )
        energy += (
            w.ridge * (np.square(scaled).sum() + np.square(scaled_swell).sum())
            + jaw_step @ self._jaw_precision @ jaw_step
        )
        push = p.share[:, None] * ((left - tie.force)[p.vertex] - w.consistency * apart)
        gradient = self._gradient(state, arm, push, tie)
        gradient[:, 6 : 6 + scaled.shape[1]] += w.ridge * scaled / self._soft(p.deviation)
        gradient[:, 6 + scaled.shape[1] :] += w.ridge * scaled_swell / self._soft(p.swell_deviation)
        ends = [-_moments(tie.point - self.middle, tie.push) + self._jaw_precision @ jaw_step]
        if self._head_moves:
            ends.append(-_moments(skin - self.middle, left))
        return 0.5 * float(energy), np.concatenate([gradient.ravel(), *ends])

    def moved(self, state: State, step: Floats) -> State:
        """After a step (N,)."""
        p, c = self.patches, self.patches.deviation.shape[1]
        own = step[: p.count * self.block].reshape(p.count, self.block)
        turns = np.array(
            [
                turn @ rigid.exp(np.r_[s[:3], 0, 0, 0])[:3, :3]
                for turn, s in zip(state.turns, own, strict=True)
            ]
        )
        shifts = state.shifts + np.einsum("pab,pb->pa", state.turns, own[:, 3:6])
        jaw = state.jaw @ about(step[p.count * self.block :][:6], self.middle)
        head = state.head @ about(step[-6:], self.middle) if self._head_moves else state.head
        return State(
            turns,
            shifts,
            state.coefficients + own[:, 6 : 6 + c],
            state.swellings + own[:, 6 + c :],
            jaw,
            head,
            state.expected,
        )

    def travel(self, step: Floats) -> float:
        """About how far a step carries any patch, mm."""
        own = step[: self.patches.count * self.block].reshape(self.patches.count, self.block)
        return float(
            (
                np.linalg.norm(own[:, :3], axis=1) * _RADIUS_MM
                + np.linalg.norm(own[:, 3:6], axis=1)
                + np.abs(own[:, 6:]).max(axis=1, initial=0.0)
            ).max()
        )

    def prior_hessian(self) -> Floats:
        """(N, N) of all that does not depend on the skin, and a trifle that keeps patches still of which
        nothing is known."""
        p, w = self.patches, self.weights
        own = np.concatenate(
            [
                np.full((p.count, 6), _TINY),
                w.ridge / self._soft(p.deviation) ** 2,
                w.ridge / self._soft(p.swell_deviation) ** 2,
            ],
            axis=1,
        )
        hessian = np.diag(np.r_[own.ravel(), np.full(self.count - own.size, _TINY)])
        jaw = slice(own.size, own.size + 6)
        hessian[jaw, jaw] += self._jaw_precision
        return hessian

    def _placed(self, state: State) -> tuple[Floats, Floats]:
        """(E, 3) arms in the patches' own frames, deformed, and where they are."""
        arm, placed = self._arm.copy(), np.empty_like(self._arm)
        for i, own in enumerate(self.patches.own):
            arm[own] += (self._shapes[i] @ state.coefficients[i]).reshape(-1, 3)
            placed[own] = arm[own] @ state.turns[i].T + self.patches.centre[i] + state.shifts[i]
        return arm, placed

    def _tied(self, state: State, skin: Floats) -> Tie:
        p, a = self.patches, self.anatomy
        depth = a.thickness + p.blend @ np.einsum("ed,ed->e", p.swell, state.swellings[p.patch])
        point = a.bone + depth[:, None] * a.normals
        turn = state.jaw[:3, :3]
        normal = a.normals + a.share[:, None] * (a.normals @ (turn - np.eye(3)).T)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        apart = skin - carried(point, state.jaw, a.share, self.middle)
        along = np.einsum("va,va->v", apart, normal)
        force = self._tie[:, None] * (
            self.weights.slide * apart + (1 - self.weights.slide) * along[:, None] * normal
        )
        return Tie(apart, force, normal, point, a.share[:, None] * (force @ turn))

    def _gradient(self, state: State, arm: Floats, push: Floats, tie: Tie) -> Floats:
        """(P, 6 + C + D) of data, overlaps and tie; push (E, 3) is minus the gradient at every pair."""
        p, c = self.patches, self.patches.deviation.shape[1]
        outward = np.einsum("va,va->v", tie.force, tie.normal)
        gradient = np.empty((p.count, self.block))
        for i, own in enumerate(p.own):
            local = push[own] @ state.turns[i]
            turning = arm[own].T @ local
            gradient[i, :3] = (
                turning[1, 2] - turning[2, 1],
                turning[2, 0] - turning[0, 2],
                turning[0, 1] - turning[1, 0],
            )
            gradient[i, 3:6] = local.sum(axis=0)
            gradient[i, 6 : 6 + c] = local.ravel() @ self._shapes[i]
            gradient[i, 6 + c :] = (p.share[own] * outward[p.vertex[own]]) @ p.swell[own]
        return -gradient

    def _own_step(self, jaw: Floats) -> Floats:
        """(6,) turn about the middle, and shift of the middle, of a jaw (4, 4)."""
        return np.r_[rigid.log(jaw)[:3], jaw[:3, :3] @ self.middle + jaw[:3, 3] - self.middle]

    @staticmethod
    def _soft(deviation: Floats) -> Floats:
        return np.maximum(deviation, _TINY)


@dataclass(frozen=True, eq=False)
class Tie:
    """apart (V, 3): skin from where the bones would have it; force (V, 3) = weight times it; normal (V, 3);
    point (V, 3) before the jaw; push (V, 3) on it, jaw's frame."""

    apart: Floats
    force: Floats
    normal: Floats
    point: Floats
    push: Floats


def _moments(arm: Floats, force: Floats) -> Floats:
    """(6,) turn and shift that forces (n, 3) at arms (n, 3) ask for."""
    return np.r_[np.cross(arm, force).sum(axis=0), force.sum(axis=0)]
