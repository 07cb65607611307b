"""Where a fit to landmarks starts: the head from nothing, and focal lengths that are not known, one a camera
for the whole take.

For each camera: the affine picture of the resting face, its two rows made a rotation and a scale (D.
DeMenthon, L. Davis 1995, first step); then a few Gauss-Newton steps on the head alone, all cameras together,
for every such start, the likeliest wins.

First one share of the image's side for all unknown cameras, from wide to tele; then Gauss-Newton on the
logarithms of the focal lengths, faces and heads eliminated frame by frame (Schur complement; B. Triggs et
al., Bundle Adjustment, 2000, 6.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.progress import Progress
from aim_maya.core.typed import Floats

from .camera import Camera
from .frame_fit import Belief, Fitted, FrameFit
from .observed import InPicture, InSpace, Observed, Sightings
from .seen_space import State

# Where the head is, from nothing: a camera far away is linear in it, and from there the true cameras refine
# it.

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


# Focal lengths that are not known, one a camera for the whole take: solved together with face and head on a
# few of its frames.


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
