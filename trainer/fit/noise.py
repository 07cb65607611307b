"""How noisy points are, from the points themselves: what a fit leaves over, corrected for what it has used up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fast import FastSolver, Spaces
from .scans import Scans
from .seen import complete

Floats = NDArray[np.floating]
_START_MM, _ROUNDS, _MISFIT_MM, _SPARSE = 0.5, 3, (0.1, 0.3), 1000


def estimated_noise(spaces: Spaces, scans: Scans, confidence: Floats, *, head: bool, pilots: int) -> float:
    """Standard deviation of a coordinate in mm, from the first `pilots` frames in which enough is seen.

    Never less than what such a model misses anyway: 0.1 mm, and 0.3 where few points are seen, each of which then has to speak for its
    neighbourhood. Residuals are summed over the degrees of freedom that are left (points less what the unknowns have used).
    """
    frames: list[tuple[NDArray[np.bool_], Floats]] = []
    for points in scans:
        seen = complete(points) & (confidence > 0)
        if seen.sum() >= 30 and (not frames or (seen == frames[0][0]).all()):
            frames.append((seen, points))
        if len(frames) == pilots:
            break
    if not frames:
        return _START_MM
    mask = frames[0][0]
    vertices = scans.vertices[mask]
    floor, noise = _MISFIT_MM[int(mask.sum()) < _SPARSE], _START_MM
    for _ in range(_ROUNDS):
        solver = FastSolver(spaces, vertices, confidence[mask], noise=noise, head=head)
        found = noise_left(solver, [points[mask] for _, points in frames]) * spaces.fine.mm_per_unit
        settled = abs(found - noise) < 0.1 * noise
        noise = max(found, floor)
        if settled or noise == floor:
            break
    return float(noise)


def noise_left(solver: FastSolver, frames: list[Floats]) -> float:
    """Model unit."""
    squares = [solver.squares(points) for points in frames]
    free = max(3 * len(solver.vertices) - solver.used, len(solver.vertices))
    return float(np.sqrt(np.mean(squares) / free))
