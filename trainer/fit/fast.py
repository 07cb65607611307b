"""The fast solver: where head and jaw are is decided on a coarse space, the weights then on the fine one.

A fine space can explain a jaw that is wrong by local weights and loses nothing by it; a coarse one cannot. And where targets leave
each other unexplained, the skin says less of the jaw: a point counts as much as its own misfit there allows (unexplained).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from aim_maya.core.mesh import vertex_normals
from aim_maya.runtime import FaceModel

from .principal import PrincipalSpace, principal_space
from .prior import Prior
from .seen import Seen
from .solve import Frame, MotionSolver, WeightSolver
from .space import FaceSpace, face_space
from .unexplained import unexplained

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
FINE_MODES, UNKNOWNS = 150, 1400
_COARSE_MODES, _COARSE_POINTS, _DOUBT, _LEAST_NOISE_MM = 6, 4000, 10.0, 0.5
_TOGETHER_MM, _ASKED = 15.0, 200  # skin this near slides as one


@dataclass(frozen=True, eq=False)
class Spaces:
    """coarse decides the motion, fine the weights; the same one for global fits."""

    coarse: FaceSpace
    fine: FaceSpace

    @classmethod
    def of(cls, model: FaceModel, *, local: bool, modes: int = 0, unknowns: int = 0, tied: bool = False, detail: bool = True) -> Spaces:
        """The spaces of a model; see fine_space and face_space."""
        if not local:
            whole = face_space(model, local=False, tied=tied, detail=detail)
            return cls(whole, whole)
        fine = fine_space(model, modes=modes, unknowns=unknowns, tied=tied, detail=detail)
        few = min(_COARSE_MODES, fine.basis.shape[1])
        return cls(face_space(model, local=True, modes=few, tied=tied, detail=detail), fine)


@lru_cache(maxsize=2)  # seconds to make, and takes of one actor follow each other
def fine_space(model: FaceModel, *, modes: int = 0, unknowns: int = 0, tied: bool = False, detail: bool = True) -> PrincipalSpace:
    """The space that weights are solved on. modes of the basis, 0 for 150; unknowns, 0 for 1,400."""
    space = face_space(model, local=True, modes=modes or FINE_MODES, prior=Prior.fine(), tied=tied, detail=detail)
    return principal_space(space, model.mesh, unknowns or UNKNOWNS)


class FastSolver:
    """Frames that see the same vertices (P,), with confidences (P,). noise, slide (along the surface), limit (outliers): mm."""

    def __init__(
        self, spaces: Spaces, vertices: Ints, confidence: Floats, *, noise: float, slide: float = 0.0, limit: float = np.inf, head: bool = True, normals: Floats | None = None,
    ) -> None:  # fmt: skip
        unit = spaces.fine.mm_per_unit
        self.spaces, self.vertices = spaces, vertices
        few = _thinned(len(vertices), _COARSE_POINTS)
        coarse_noise = max(noise, _LEAST_NOISE_MM) / unit
        doubt = unexplained(spaces.coarse, vertices[few], coarse_noise)
        sure = confidence[few] * coarse_noise**2 / (coarse_noise**2 + _DOUBT * doubt**2)
        self._few = few

        def seen(space: FaceSpace, ids: Ints, confidence: Floats, noise: float) -> Seen:
            return Seen(space, ids, confidence, noise, slide / unit * _alike(spaces.fine, ids) if slide else 0.0, None if normals is None else normals[ids])

        self._motion = MotionSolver(spaces.coarse, seen(spaces.coarse, vertices[few], sure, coarse_noise), head=head, limit=limit / unit)
        self._weights = WeightSolver(spaces.fine, seen(spaces.fine, vertices, confidence, noise / unit), limit=limit / unit)
        self._last: tuple[Frame, Frame] | None = None

    def solve(self, points: Floats) -> Frame:
        """points (P, 3) of the vertices, model unit, NaN where this frame lacks one. Starts where the frame before ended."""
        coarse = self._motion.solve(points[self._few], self._last[0] if self._last else None)
        fine = self._weights.solve(points, coarse.motion, self._last[1].unknowns if self._last else None)
        self._last = coarse, fine
        return fine

    def after(self, before: FastSolver | None) -> FastSolver:
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
    """By how much a slide counts as larger, because neighbours slide alike: n points that say the same say no more than one. Root of the mean n."""
    points = space.rest[vertices]
    tree = KDTree(points)
    some = points[:: max(len(points) // _ASKED, 1)]
    return float(np.sqrt(np.mean(tree.query_ball_point(some, _TOGETHER_MM / space.mm_per_unit, return_length=True))))


def _thinned(count: int, most: int) -> Ints:
    """At most `most` of `count` indices, spread at random but always the same."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
