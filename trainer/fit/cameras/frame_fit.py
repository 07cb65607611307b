"""One frame: the most likely face and head for what was seen of it, by damped Gauss-Newton steps with
outliers taken back; and where that starts.

    min over (q, H)  sum rho(|W (seen - pi(H x(q)))|) + lambda |q - m|^2 + |log(H H_m^-1)|^2 / sd^2,    rho(r)
    = c^2 r^2 / (c^2 + r^2)

rho is Geman and McClure's (1987), solved by re-weighting; q as in seen_space.py, pi a camera or, for points
in space, nothing. The damping is that of D. Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.progress import Progress

from .camera import Camera
from .observed import InPicture, InSpace, Observed, Sightings
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


# Where the head is, from nothing. For each camera: the affine picture of the resting face, its two rows made
# a rotation and a scale (D. DeMenthon, L. Davis 1995, first step); then a few Gauss-Newton steps on the head
# alone, all cameras together, for every such start, the likeliest wins.

_FEWEST = 6  # points for an affine camera with two to spare
_STEPS = 10


def start_pose(fit: FrameFit, observed: Sequence[Observed], guesses: Sequence[Floats] = ()) -> Fitted | None:
    """The face at rest where it fits best; None when too little was seen. guesses: further heads (4, 4) to
    try."""
    still = np.zeros(fit.seen.jaw.shape[1])
    starts = list(guesses)
    for seen in observed:
        if isinstance(seen, InPicture):
            found = affine_head(fit, seen)
            starts += [] if found is None else [found]
        elif isinstance(seen, InSpace) and len(seen.at) >= 3:
            starts.append(seen.rigid(fit.seen))
    fits = [
        fit.solve(observed, Belief(still), State(still, head), pose_only=True, steps=_STEPS)
        for head in starts
    ]
    return min(fits, key=lambda tried: tried.cost) if fits else None


def affine_head(fit: FrameFit, seen: InPicture) -> Floats | None:
    """(4, 4) head for one camera, without distortion; None for too few points, or points on a line."""
    if len(seen.sites) < _FEWEST:
        return None
    rest = fit.seen.places.rest[seen.layout.homes[seen.sites]]
    camera = seen.camera
    flat = (seen.pixels - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    middle = rest.mean(axis=0)
    rows, _, rank, _ = np.linalg.lstsq(np.c_[rest - middle, np.ones(len(rest))], flat, rcond=1e-6)
    if rank < 4:
        return None
    u, size, vt = np.linalg.svd(rows[:3].T, full_matrices=False)
    two = u @ vt
    depth = 1.0 / max(float(size.mean()), 1e-12)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([two[0], two[1], np.cross(two[0], two[1])])
    matrix[:3, 3] = depth * np.r_[rows[3], 1.0] - matrix[:3, :3] @ middle
    head: Floats = np.linalg.inv(camera.at(seen.frame)) @ matrix
    return head


# Focal lengths that are not known, one a camera for the whole take, on a few of its frames: first one share
# of the image's side for all, from wide to tele; then Gauss-Newton on their logarithms, faces and heads
# eliminated frame by frame (Schur complement; B. Triggs et al., Bundle Adjustment, 2000, 6.1).


_FRAMES = 5
_SHARES = (0.5, 0.75, 1.1, 1.6, 2.4, 3.6)  # of the longer side of the image
_ROUNDS, _FOCAL_STEPS = 15, 6
_FARTHEST, _NEAR = 0.3, 1e-3  # of a focal length: the largest step, and one that is the last


def solve_focal(
    fit: FrameFit, frames: Sightings, cameras: Sequence[Camera], progress: Progress | None = None
) -> tuple[Camera, ...]:
    """The cameras with the unknown focal lengths filled in. Raises AimError when no frame shows enough, and
    Cancelled."""
    chosen = _fullest(frames)
    if progress is not None:
        progress.stage("Solving the focal length", len(_SHARES) + _ROUNDS)
    unknown = [i for i, camera in enumerate(cameras) if not camera.focal_known]
    best: tuple[float, list[Camera], list[State]] = (np.inf, list(cameras), [])
    for done, share in enumerate(_SHARES, 1):
        tried = [
            camera if camera.focal_known else _with_focal(camera, share * max(camera.width, camera.height))
            for camera in cameras
        ]
        best = min(
            best,
            _from_nothing(fit, [with_cameras(frame, cameras, tried) for frame in chosen], tried),
            key=lambda found: found[0],
        )
        if progress is not None:
            progress.step(done, len(_SHARES) + _ROUNDS)
    cost, solved, states = best
    if not np.isfinite(cost):
        names = ", ".join(cameras[i].name for i in unknown)
        raise AimError(
            f"The focal length of {names} cannot be solved.",
            "Too few landmarks are seen.",
            "Give it in the camera file.",
        )
    for done in range(1, _ROUNDS + 1):
        step = np.clip(
            _step(
                fit,
                [with_cameras(frame, cameras, solved) for frame in chosen],
                states,
                [cameras[i].name for i in unknown],
            ),
            -_FARTHEST,
            _FARTHEST,
        )
        tried = list(solved)
        for i, by in zip(unknown, step, strict=True):
            tried[i] = solved[i].with_focal(float(np.exp(by)))
        new_cost, new_states = _refined(
            fit, [with_cameras(frame, cameras, tried) for frame in chosen], states
        )
        if progress is not None:
            progress.step(len(_SHARES) + done, len(_SHARES) + _ROUNDS)
        if new_cost > cost:
            break
        cost, solved, states = new_cost, tried, new_states
        if np.abs(step).max() < _NEAR:
            break
    return tuple(solved)


def with_cameras(
    frame: Sequence[Observed], cameras: Sequence[Camera], others: Sequence[Camera]
) -> list[Observed]:
    """The same observations through other cameras, one for each."""
    names = {camera.name: i for i, camera in enumerate(cameras)}
    return [
        replace(seen, camera=others[names[seen.camera.name]]) if isinstance(seen, InPicture) else seen
        for seen in frame
    ]


def _with_focal(camera: Camera, focal: float) -> Camera:
    return camera.with_focal(focal / camera.fx)


def _fullest(frames: Sightings) -> list[Sequence[Observed]]:
    """A few frames, spread over the better half of those that show most."""
    seen = [frame for frame in frames if any(isinstance(part, InPicture) for part in frame)]
    seen = sorted(seen, key=lambda frame: -sum(part.dimensions for part in frame))[
        : max(len(seen) // 2, _FRAMES)
    ]
    return [seen[i] for i in np.unique(np.linspace(0, len(seen) - 1, _FRAMES).astype(int))] if seen else []


def _from_nothing(
    fit: FrameFit, frames: Sightings, cameras: list[Camera]
) -> tuple[float, list[Camera], list[State]]:
    posed = [start_pose(fit, frame) for frame in frames]
    states = [found.state for found in posed if found is not None]
    if not states or len(states) < len(frames):
        return np.inf, cameras, []
    cost, states = _refined(fit, frames, states)
    return cost, cameras, states


def _refined(fit: FrameFit, frames: Sightings, states: Sequence[State]) -> tuple[float, list[State]]:
    found = [
        fit.solve(frame, Belief(np.zeros(len(state.q))), state, steps=_FOCAL_STEPS)
        for frame, state in zip(frames, states, strict=True)
    ]
    return sum(one.cost for one in found), [one.state for one in found]


def _step(fit: FrameFit, frames: Sightings, states: Sequence[State], names: Sequence[str]) -> Floats:
    """(C,) by which the logarithms of the focal lengths should change, faces and heads following."""
    normal, slope = np.eye(len(names)) * 1e-9, np.zeros(len(names))
    for frame, state in zip(frames, states, strict=True):
        settled = fit.settled(frame, state)
        _, inner, inner_slope = fit.linear(settled, Belief(np.zeros(len(state.q))), state)
        cross = np.zeros((len(names), len(inner)))
        for seen in settled:
            if not isinstance(seen, InPicture) or seen.camera.name not in names:
                continue
            at = names.index(seen.camera.name)
            error, jacobian = seen.whitened(fit.seen, state)
            pull = fit.pull((error**2).sum(axis=1))
            column = error + np.einsum(
                "pij,pj->pi", seen.whitening, seen.pixels - [seen.camera.cx, seen.camera.cy]
            )
            normal[at, at] += float(np.einsum("p,pi,pi->", pull, column, column))
            slope[at] += float(np.einsum("p,pi,pi->", pull, column, error))
            cross[at] += np.einsum("p,pi,pij->j", pull, column, jacobian)
        eliminated = np.linalg.solve(inner, np.c_[cross.T, inner_slope])
        normal -= cross @ eliminated[:, :-1]
        slope -= cross @ eliminated[:, -1]
    return -np.linalg.solve(normal, slope)
