"""The fast solver: where head and jaw are is decided on a coarse space, the weights then on the fine one.

A fine space can explain a jaw that is wrong by local weights and loses nothing by it; a coarse one cannot. And where targets leave
each other unexplained, the skin says less of the jaw: a point counts as much as its own misfit there allows (unexplained).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import vertex_normals
from aim_maya.runtime import FaceModel

from .prior import Prior
from .seen import Seen
from .solve import Frame, MotionSolver, WeightSolver
from .space import FaceSpace, face_space
from .unexplained import unexplained

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
_COARSE_MODES, _COARSE_POINTS, _DOUBT, _LEAST_NOISE_MM = 6, 1500, 10.0, 0.5


@dataclass(frozen=True, eq=False)
class Spaces:
    """coarse decides the motion, fine the weights; the same one for global fits."""

    coarse: FaceSpace
    fine: FaceSpace

    @classmethod
    def of(cls, model: FaceModel, *, local: bool, modes: int = 0, prior: Prior | None = None, tied: bool = False, detail: bool = True) -> Spaces:
        """The spaces of a model; see face_space."""
        fine = face_space(model, local=local, modes=modes, prior=prior, tied=tied, detail=detail)
        few = local and fine.basis.shape[1] > _COARSE_MODES
        return cls(face_space(model, local=True, modes=_COARSE_MODES, prior=prior, tied=tied, detail=detail) if few else fine, fine)


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
        given = (slide / unit, None if normals is None else normals[vertices])
        self._few = few
        self._motion = MotionSolver(
            spaces.coarse, Seen(spaces.coarse, vertices[few], sure, coarse_noise, given[0], None if given[1] is None else given[1][few]), head=head, limit=limit / unit
        )
        self._weights = WeightSolver(spaces.fine, Seen(spaces.fine, vertices, confidence, noise / unit, *given), limit=limit / unit)
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


def _thinned(count: int, most: int) -> Ints:
    """At most `most` of `count` indices, spread at random but always the same."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
