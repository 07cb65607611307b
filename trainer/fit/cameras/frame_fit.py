"""One frame: the most likely face and head for what was seen of it, by damped Gauss-Newton steps with
outliers taken back.

    min over (q, H)  sum rho(|W (seen - pi(H x(q)))|) + lambda |q - m|^2 + |log(H H_m^-1)|^2 / sd^2,    rho(r)
    = c^2 r^2 / (c^2 + r^2)

rho is Geman and McClure's (1987), solved by re-weighting; q as in seen_space.py, pi a camera or, for points
in space, nothing. The damping is that of D. Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.typed import Floats

from .observed import Observed
from .seen_space import SeenSpace, State

_MOST_STEPS = 30
# steps in which the outline's points move on: afterwards they would only go to and fro between two places
_SLIDES = 24
_SMALL = 3e-4  # of the cost: a step that gains less is the last
_BEHIND = 1e6  # what a point behind a camera costs


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed before looking: q ~ N(mean, 1 / precision); the head near `head` within head_sd (6,)
    radians and model units, or anywhere."""

    mean: Floats
    precision: float = 1.0
    head: Floats | None = None
    head_sd: Floats = field(default_factory=lambda: np.ones(6))


def away(head: Floats, other: Floats, pivot: Floats) -> Floats:
    """(6,) twist t with turned_about(t, other pivot) other = head, pivot (3,) in the head's own space."""
    relative = head @ np.linalg.inv(other)
    return np.r_[rigid.log(relative)[:3], rigid.apply(head, pivot) - rigid.apply(other, pivot)]


@dataclass(frozen=True, eq=False)
class Fitted:
    """state; cost; residuals: of every observation's points, mm at their depth, NaN where missing; steps
    taken."""

    state: State
    cost: float
    residual_mm: float
    steps: int


class FrameFit:
    """Solves frames of one space. robust: standard deviations at which a point has lost most of its pull (0:
    every point counts in full)."""

    def __init__(self, seen: SeenSpace, robust: float, mm_per_unit: float) -> None:
        self.seen, self.robust, self.mm_per_unit = seen, robust, mm_per_unit
        self.pivot = seen.centre

    def solve(
        self,
        observed: Sequence[Observed],
        prior: Belief,
        start: State,
        *,
        pose_only: bool = False,
        steps: int = _MOST_STEPS,
    ) -> Fitted:
        """From `start` to the nearest minimum. pose_only leaves q as it is."""
        state, damping = start, 1e-3
        observed = self.settled(observed, state)
        cost, normal, slope = self.linear(observed, prior, state, pose_only)
        done = 0
        for done in range(1, steps + 1):
            step = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), slope)
            if pose_only:
                step = np.r_[np.zeros(len(state.q)), step]
            tried = state.stepped(step, rigid.apply(state.head, self.pivot))
            slid = self.settled(observed, tried) if done <= _SLIDES else list(observed)
            new_cost, new_normal, new_slope = self.linear(slid, prior, tried, pose_only)
            if not new_cost <= cost:
                damping *= 8.0
                if damping > 1e6:
                    break
                continue
            small = cost - new_cost < _SMALL * cost
            state, cost, normal, slope, observed = tried, new_cost, new_normal, new_slope, slid
            damping = max(damping / 8.0, 1e-9)
            if small:
                break
        return Fitted(state, cost, self.residual(observed, state), done)

    def settled(self, observed: Sequence[Observed], state: State) -> list[Observed]:
        """What was seen, with noise and outline as they are at a state."""
        surface = self.seen.surface(state.q, state.head)
        return [seen.settled(surface, self.mm_per_unit) for seen in observed]

    def residual(self, observed: Sequence[Observed], state: State) -> float:
        """Mean distance in mm between what was seen and the face, at the face's depth; NaN when nothing was
        seen."""
        distances = [seen.distances_mm(self.seen, state, self.mm_per_unit) for seen in observed]
        together = np.concatenate(distances) if distances else np.zeros(0)
        return float(together.mean()) if len(together) else float("nan")

    def pull(self, square: Floats) -> Floats:
        """(m,) weights of points whose errors squared are these: 1 near, towards 0 for outliers."""
        c2 = self.robust**2
        return (c2 / (c2 + square)) ** 2 if self.robust else np.ones(len(square))

    def linear(
        self, observed: Sequence[Observed], prior: Belief, state: State, pose_only: bool = False
    ) -> tuple[float, Floats, Floats]:
        """Cost, and normal matrix and slope of the re-weighted problem, over (q, head) or the head alone."""
        n = 0 if pose_only else len(state.q)
        normal, slope, cost = np.zeros((n + 6, n + 6)), np.zeros(n + 6), 0.0
        for seen in observed:
            error, jacobian = seen.whitened(self.seen, state, head_only=pose_only)
            square = (error**2).sum(axis=1)
            behind = ~np.isfinite(square)
            square, error, jacobian = (
                np.where(behind, _BEHIND, square),
                np.where(behind[:, None], 0.0, error),
                np.where(behind[:, None, None], 0.0, jacobian),
            )
            c2 = self.robust**2
            pull = self.pull(square)
            cost += float((c2 * square / (c2 + square) if self.robust else square).sum())
            flat = (np.sqrt(pull)[:, None, None] * jacobian).reshape(-1, n + 6)
            normal += flat.T @ flat
            slope += np.einsum("p,pij,pi->j", pull, jacobian, error)
        if not pose_only:
            cost += prior.precision * float(((state.q - prior.mean) ** 2).sum())
            normal[np.arange(n), np.arange(n)] += prior.precision
            slope[:n] += prior.precision * (state.q - prior.mean)
        if prior.head is not None:
            twist = away(state.head, prior.head, self.pivot) / prior.head_sd
            cost += float(twist @ twist)
            normal[np.arange(n, n + 6), np.arange(n, n + 6)] += 1.0 / prior.head_sd**2
            slope[n:] += twist / prior.head_sd
        return cost, normal, slope
