"""Where the head is, from nothing: a camera far away is linear in it, and from there the true cameras refine it.

For each camera: the affine picture of the resting face, its two rows made a rotation and a scale (D. DeMenthon, L. Davis 1995, first step);
then a few Gauss-Newton steps on the head alone, all cameras together, for every such start, the likeliest wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .frame_fit import Belief, Fitted, FrameFit, State
from .observed import InPicture, InSpace, Observed

Floats = NDArray[np.floating]

_FEWEST = 6  # points for an affine camera with two to spare
_STEPS = 10


def start_pose(fit: FrameFit, observed: Sequence[Observed], guesses: Sequence[Floats] = ()) -> Fitted | None:
    """The face at rest where it fits best; None when too little was seen. guesses: further heads (4, 4) to try."""
    still = np.zeros(fit.seen.jaw.shape[1])
    starts = list(guesses)
    for seen in observed:
        if isinstance(seen, InPicture):
            found = affine_head(fit, seen)
            starts += [] if found is None else [found]
        elif isinstance(seen, InSpace) and len(seen.at) >= 3:
            starts.append(seen.rigid(fit.seen))
    fits = [fit.solve(observed, Belief(still), State(still, head), pose_only=True, steps=_STEPS) for head in starts]
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
