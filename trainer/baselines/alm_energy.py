"""The energy of an anatomical local model and its exact gradient, in steps of the patches' and the jaw's own frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid

from .alm_patches import Patches, carried
from .head_motion import about
from .method import Face, Flags

Floats = NDArray[np.floating]
_JAW_TURN, _JAW_SHIFT_MM = 0.03, 1.5  # how far a jaw strays from where global blendshapes have it, per mm that the skin strays from its tie
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
    """turns (P, 3, 3), shifts (P, 3), coefficients (P, C), swellings (P, D), jaw and head (4, 4); expected (4, 4): the jaw that this one should be near."""

    turns: Floats
    shifts: Floats
    coefficients: Floats
    swellings: Floats
    jaw: Floats
    head: Floats
    expected: Floats


class Energy:
    """One face, its patches, the weights, and which vertices are seen. Unknowns: (6 + C + D) a patch, 6 of the jaw, 6 of a head that moves."""

    def __init__(self, face: Face, patches: Patches, weights: Weights, seen: Flags, head_moves: bool) -> None:
        assert face.anatomy is not None
        self.patches, self.weights, self.anatomy = patches, weights, face.anatomy
        self._deltas, self._twists = face.deltas, np.array([rigid.log(jaw) for jaw in face.anatomy.jaws]).reshape(-1, 6)
        self._neutral, self.middle = face.neutral, face.neutral.mean(axis=0)
        self._seen, self._head_moves = seen, head_moves
        self._shapes = [patches.shapes[own].reshape(-1, patches.shapes.shape[2]) for own in patches.own]
        self._arm = face.neutral[patches.vertex] - patches.centre[patches.patch]
        self.block = 6 + patches.deviation.shape[1] + patches.swell_deviation.shape[1]
        self.count = patches.count * self.block + 6 + 6 * head_moves
        self._tie = weights.anatomy * patches.closeness
        self._jaw_precision = self._tie.sum() * np.diag(np.r_[np.full(3, _JAW_TURN**-2), np.full(3, _JAW_SHIFT_MM**-2)])

    def begun(self, weights: Floats, head: Floats) -> State:
        """The state nearest to global blendshapes with weights (T,): every patch laid onto them rigidly, the jaw as they have it."""
        p, moved = self.patches, self._deltas @ weights
        turns, shifts = np.empty((p.count, 3, 3)), np.empty((p.count, 3))
        for i, own in enumerate(p.own):
            ids, middle = p.vertex[own], p.centre[i]
            motion = rigid.kabsch(self._neutral[ids], self._neutral[ids] + moved[ids], p.share[own])
            turns[i], shifts[i] = motion[:3, :3], motion[:3, :3] @ middle + motion[:3, 3] - middle
        jaw = rigid.exp(weights @ self._twists)
        return State(turns, shifts, np.zeros_like(p.deviation), np.zeros_like(p.swell_deviation), jaw, head, jaw)

    def points(self, state: State) -> Floats:
        """(V, 3) the blended skin, in the head's space."""
        blended: Floats = self.patches.blend @ self._placed(state)[1]
        return blended

    def at(self, state: State, seen: Floats) -> tuple[float, Floats]:
        """The energy for points (V, 3) where they are seen, half of it as a sum of squares, and its gradient (N,)."""
        p, w = self.patches, self.weights
        arm, placed = self._placed(state)
        skin = p.blend @ placed
        apart = placed - skin[p.vertex]
        left = np.where(self._seen[:, None], rigid.apply(np.linalg.inv(state.head), seen) - skin, 0.0)
        tie = self._tied(state, skin)
        scaled, scaled_swell = state.coefficients / self._soft(p.deviation), state.swellings / self._soft(p.swell_deviation)
        jaw_step = self._own_step(np.linalg.inv(state.expected) @ state.jaw)
        energy = np.square(left).sum() + w.consistency * float(p.share @ np.square(apart).sum(axis=1)) + float(np.einsum("va,va->", tie.force, tie.apart))
        energy += w.ridge * (np.square(scaled).sum() + np.square(scaled_swell).sum()) + jaw_step @ self._jaw_precision @ jaw_step
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
        turns = np.array([turn @ rigid.exp(np.r_[s[:3], 0, 0, 0])[:3, :3] for turn, s in zip(state.turns, own, strict=True)])
        shifts = state.shifts + np.einsum("pab,pb->pa", state.turns, own[:, 3:6])
        jaw = state.jaw @ about(step[p.count * self.block :][:6], self.middle)
        head = state.head @ about(step[-6:], self.middle) if self._head_moves else state.head
        return State(turns, shifts, state.coefficients + own[:, 6 : 6 + c], state.swellings + own[:, 6 + c :], jaw, head, state.expected)

    def travel(self, step: Floats) -> float:
        """About how far a step carries any patch, mm."""
        own = step[: self.patches.count * self.block].reshape(self.patches.count, self.block)
        return float((np.linalg.norm(own[:, :3], axis=1) * _RADIUS_MM + np.linalg.norm(own[:, 3:6], axis=1) + np.abs(own[:, 6:]).max(axis=1, initial=0.0)).max())

    def prior_hessian(self) -> Floats:
        """(N, N) of all that does not depend on the skin, and a trifle that keeps patches still of which nothing is known."""
        p, w = self.patches, self.weights
        own = np.concatenate([np.full((p.count, 6), _TINY), w.ridge / self._soft(p.deviation) ** 2, w.ridge / self._soft(p.swell_deviation) ** 2], axis=1)
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
        force = self._tie[:, None] * (self.weights.slide * apart + (1 - self.weights.slide) * along[:, None] * normal)
        return Tie(apart, force, normal, point, a.share[:, None] * (force @ turn))

    def _gradient(self, state: State, arm: Floats, push: Floats, tie: Tie) -> Floats:
        """(P, 6 + C + D) of data, overlaps and tie; push (E, 3) is minus the gradient at every pair."""
        p, c = self.patches, self.patches.deviation.shape[1]
        outward = np.einsum("va,va->v", tie.force, tie.normal)
        gradient = np.empty((p.count, self.block))
        for i, own in enumerate(p.own):
            local = push[own] @ state.turns[i]
            turning = arm[own].T @ local
            gradient[i, :3] = turning[1, 2] - turning[2, 1], turning[2, 0] - turning[0, 2], turning[0, 1] - turning[1, 0]
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
    """apart (V, 3): skin from where the bones would have it; force (V, 3) = weight times it; normal (V, 3); point (V, 3) before the jaw; push (V, 3) on it, jaw's frame."""

    apart: Floats
    force: Floats
    normal: Floats
    point: Floats
    push: Floats


def _moments(arm: Floats, force: Floats) -> Floats:
    """(6,) turn and shift that forces (n, 3) at arms (n, 3) ask for."""
    return np.r_[np.cross(arm, force).sum(axis=0), force.sum(axis=0)]
