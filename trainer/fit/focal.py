"""Focal lengths that are not known, one a camera for the whole take: those under which some of its frames are likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from aim_maya.core.errors import AimError
from trainer.progress import Progress

from .camera import Camera
from .frame_fit import FrameFit, Prior
from .observed import InPicture, Observed
from .start_pose import start_pose

_FRAMES = 6
_COARSE = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)  # times the longer side of the image: from wide to tele
_ROUNDS = 2  # with several cameras, each in its turn
_STEPS = 12


def solve_focal(fit: FrameFit, frames: Sequence[Sequence[Observed]], cameras: Sequence[Camera], progress: Progress | None = None) -> tuple[Camera, ...]:
    """The cameras with the unknown focal lengths filled in. Raises AimError when no frame shows enough, and Cancelled."""
    fullest = sorted((f for f in frames if any(isinstance(seen, InPicture) for seen in f)), key=lambda frame: -sum(_count(seen) for seen in frame))
    chosen = [fullest[i] for i in np.unique(np.linspace(0, max(len(fullest) // 2, min(len(fullest), _FRAMES) - 1), _FRAMES).astype(int))] if fullest else []
    solved = list(cameras)
    unknown = [i for i, camera in enumerate(cameras) if not camera.focal_known]
    rounds = _ROUNDS if len(unknown) > 1 else 1
    evaluations = rounds * len(unknown) * (len(_COARSE) + 12)
    if progress is not None:
        progress.stage("Solving the focal length", evaluations)
    done = 0

    def cost(i: int, focal: float) -> float:
        nonlocal done
        tried = [*solved]
        tried[i] = replace(cameras[i], fx=focal, fy=focal)
        done = min(done + 1, evaluations)
        if progress is not None:
            progress.step(done, evaluations)
        return sum(_cost(fit, with_cameras(frame, cameras, tried)) for frame in chosen)

    for _ in range(rounds):
        for i in unknown:
            side = max(cameras[i].width, cameras[i].height)
            coarse = [cost(i, share * side) for share in _COARSE]
            best = int(np.argmin(coarse))
            if not np.isfinite(coarse[best]):
                raise AimError(f"The focal length of camera '{cameras[i].name}' cannot be solved.", "Too few landmarks are seen in it.", "Give its focal length.")
            around = np.log([_COARSE[max(best - 1, 0)] / 1.3, _COARSE[min(best + 1, len(_COARSE) - 1)] * 1.3])
            found = minimize_scalar(lambda x, i=i, side=side: cost(i, float(np.exp(x)) * side), bounds=around, method="bounded", options={"maxiter": 12, "xatol": 0.005})
            focal = float(np.exp(found.x)) * side
            solved[i] = replace(cameras[i], fx=focal, fy=focal)
    return tuple(solved)


def with_cameras(frame: Sequence[Observed], cameras: Sequence[Camera], others: Sequence[Camera]) -> list[Observed]:
    """The same observations through other cameras, one for each."""
    names = {camera.name: i for i, camera in enumerate(cameras)}
    return [replace(seen, camera=others[names[seen.camera.name]]) if isinstance(seen, InPicture) else seen for seen in frame]


def _cost(fit: FrameFit, frame: Sequence[Observed]) -> float:
    posed = start_pose(fit, frame)
    if posed is None:
        return float("inf")
    return fit.solve(frame, Prior(np.zeros(len(posed.state.q))), posed.state, steps=_STEPS).cost


def _count(seen: Observed) -> int:
    return len(seen.sites) if isinstance(seen, InPicture) else 0
