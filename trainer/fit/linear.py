"""The linear solver: head and jaw on a coarse space, then weights on the fine one; factorisations shared by
frames that see the same; noise from what it leaves.

A fine space can explain a jaw that is wrong by local weights and loses nothing by it; a coarse one cannot.
And where targets leave each other unexplained, the skin says less of the jaw: a point counts as much as its
own misfit there allows (unexplained).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import vertex_normals
from aim_maya.runtime import FaceModel

from .equations import Seen, complete, unexplained
from .principal import PrincipalSpace, principal_space
from .scans import Frames
from .solve import Frame, MotionSolver, WeightSolver
from .space import FaceSpace, Prior, face_space

# The linear solver: where head and jaw are is decided on a coarse space, the weights then on the fine one.

FINE_MODES, UNKNOWNS = 150, 1400
_COARSE_MODES, _COARSE_POINTS, _DOUBT, _LEAST_NOISE_MM = 6, 4000, 10.0, 0.5
_TOGETHER_MM, _ASKED = 15.0, 200  # skin this near slides as one


@dataclass(frozen=True, eq=False)
class Spaces:
    """coarse decides the motion, fine the weights; the same one for global fits."""

    coarse: FaceSpace
    fine: FaceSpace

    @classmethod
    def of(
        cls,
        model: FaceModel,
        *,
        local: bool,
        modes: int = 0,
        unknowns: int = 0,
        tied: bool = False,
        detail: bool = True,
    ) -> Spaces:
        """The spaces of a model; see fine_space and face_space."""
        if not local:
            whole = face_space(model, local=False, tied=tied, detail=detail)
            return cls(whole, whole)
        fine = fine_space(model, modes=modes, unknowns=unknowns, tied=tied, detail=detail)
        few = min(_COARSE_MODES, fine.basis.shape[1])
        return cls(face_space(model, local=True, modes=few, tied=tied, detail=detail), fine)


@lru_cache(maxsize=2)  # seconds to make, and takes of one actor follow each other
def fine_space(
    model: FaceModel, *, modes: int = 0, unknowns: int = 0, tied: bool = False, detail: bool = True
) -> PrincipalSpace:
    """The space that weights are solved on. modes of the basis, 0 for 150; unknowns, 0 for 1,400."""
    space = face_space(
        model, local=True, modes=modes or FINE_MODES, prior=Prior.fine(), tied=tied, detail=detail
    )
    return principal_space(space, model.mesh, unknowns or UNKNOWNS)


class LinearSolver:
    """Frames that see the same vertices (P,), with confidences (P,). noise, slide (along the surface), limit
    (outliers): mm."""

    def __init__(
        self,
        spaces: Spaces,
        vertices: Ints,
        confidence: Floats,
        *,
        noise: float,
        slide: float = 0.0,
        limit: float = np.inf,
        head: bool = True,
        normals: Floats | None = None,
    ) -> None:
        unit = spaces.fine.mm_per_unit
        self.spaces, self.vertices = spaces, vertices
        few = _thinned(len(vertices), _COARSE_POINTS)
        coarse_noise = max(noise, _LEAST_NOISE_MM) / unit
        doubt = unexplained(spaces.coarse, vertices[few], coarse_noise)
        sure = confidence[few] * coarse_noise**2 / (coarse_noise**2 + _DOUBT * doubt**2)
        self._few = few

        def seen(space: FaceSpace, ids: Ints, confidence: Floats, noise: float) -> Seen:
            return Seen(
                space,
                ids,
                confidence,
                noise,
                slide / unit * _alike(spaces.fine, ids) if slide else 0.0,
                None if normals is None else normals[ids],
            )

        self._motion = MotionSolver(
            spaces.coarse,
            seen(spaces.coarse, vertices[few], sure, coarse_noise),
            head=head,
            limit=limit / unit,
        )
        self._weights = WeightSolver(
            spaces.fine, seen(spaces.fine, vertices, confidence, noise / unit), limit=limit / unit
        )
        self._last: tuple[Frame, Frame] | None = None

    def solve(self, points: Floats) -> Frame:
        """points (P, 3) of the vertices, model unit, NaN where this frame lacks one. Starts where the frame
        before ended."""
        coarse = self._motion.solve(points[self._few], self._last[0] if self._last else None)
        fine = self._weights.solve(points, coarse.motion, self._last[1].unknowns if self._last else None)
        self._last = coarse, fine
        return fine

    def after(self, before: LinearSolver | None) -> LinearSolver:
        """This solver, starting where another one ended."""
        if before is not None and before is not self:
            self._last = before._last
        return self

    @property
    def precision(self) -> Floats:
        """(K, K) of a frame's unknowns."""
        return self._weights.seen.precision

    @property
    def used(self) -> float:
        """Degrees of freedom that the unknowns take from a frame's points."""
        return self._weights.seen.explained

    def squares(self, points: Floats) -> float:
        """What a fit of these points leaves over, squared and summed by confidence, model unit squared."""
        return self._weights.squares(points, self.solve(points))


def rest_normals(model: FaceModel) -> Floats:
    """(V, 3) of the neutral."""
    return vertex_normals(model.mesh)


def _alike(space: FaceSpace, vertices: Ints) -> float:
    """By how much a slide counts as larger, because neighbours slide alike: n points that say the same say no
    more than one. Root of the mean n."""
    points = space.rest[vertices]
    tree = KDTree(points)
    some = points[:: max(len(points) // _ASKED, 1)]
    return float(
        np.sqrt(np.mean(tree.query_ball_point(some, _TOGETHER_MM / space.mm_per_unit, return_length=True)))
    )


def _thinned(count: int, most: int) -> Ints:
    """At most `most` of `count` indices, spread at random but always the same."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


# Which frames share a factorisation: those that see nearly the same vertices.

_KEPT, _ODD = 4, 0.02


class Solvers:
    """A solver for what a frame sees; a few are kept. make: vertices seen (V,) -> a solver of them."""

    def __init__(self, make: Callable[[NDArray[np.bool_]], LinearSolver]) -> None:
        self._make = make
        self._kept: OrderedDict[bytes, tuple[NDArray[np.bool_], LinearSolver]] = OrderedDict()

    def for_mask(self, seen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], LinearSolver]:
        """The mask (V,) of a solver and the solver: all of `seen`, and at most a fiftieth more, which the
        frame then lacks."""
        for key in reversed(self._kept):
            mask, solver = self._kept[key]
            if not (seen & ~mask).any() and (mask & ~seen).sum() <= _ODD * max(int(seen.sum()), 1):
                self._kept.move_to_end(key)
                return mask, solver
        whole = self._grown(seen)
        while len(self._kept) >= _KEPT:
            self._kept.popitem(last=False)
        self._kept[whole.tobytes()] = (whole, self._make(whole))
        return self._kept[whole.tobytes()]

    def _grown(self, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Everything, where nearly everything is seen: single holes differ from frame to frame."""
        return np.ones_like(seen) if (~seen).sum() <= _ODD * len(seen) else seen


# How noisy points are, from the points themselves: what a fit leaves over, corrected for what it has used up.

_START_MM, _ROUNDS, _MISFIT_MM, _SPARSE = 0.5, 3, (0.1, 0.3), 1000


def estimated_noise(spaces: Spaces, scans: Frames, confidence: Floats, *, head: bool, pilots: int) -> float:
    """Standard deviation of a coordinate in mm, from the first `pilots` frames in which enough is seen.

    Never less than what such a model misses anyway: 0.1 mm, and 0.3 where few points are seen, each of which
    then has to speak for its neighbourhood. Residuals are summed over the degrees of freedom that are left
    (points less what the unknowns have used).
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
        solver = LinearSolver(spaces, vertices, confidence[mask], noise=noise, head=head)
        found = noise_left(solver, [points[mask] for _, points in frames]) * spaces.fine.mm_per_unit
        settled = abs(found - noise) < 0.1 * noise
        noise = max(found, floor)
        if settled or noise == floor:
            break
    return float(noise)


def noise_left(solver: LinearSolver, frames: list[Floats]) -> float:
    """Model unit."""
    squares = [solver.squares(points) for points in frames]
    free = max(3 * len(solver.vertices) - solver.used, len(solver.vertices))
    return float(np.sqrt(np.mean(squares) / free))
