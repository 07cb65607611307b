"""What is retargeted, frame by frame: performances, scans or curves; how much of each the source's targets
explain, and what they leave over.

Of p - rest = sum_i c_i(v) e'_i(v) + left(v) the first part is shown by the target's own shapes, the second is
only carried over. Coefficients that are pressed hard for the last tenth of a millimetre give it to whichever
target can, and mean nothing on another face: so they vary smoothly, on the modes of a fit, and under more
doubt than there. Frames come several at a time: the factorisation is then read once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance
from trainer.fit.equations import Seen, complete
from trainer.fit.scans import Frames
from trainer.fit.solve import Motion, unskinned
from trainer.fit.space import FaceSpace, Prior, face_space, liveliness
from trainer.geometry.smooth import vertex_areas

from .mapping import ControlMap


@dataclass(frozen=True, eq=False)
class Moment:
    """points (V, 3) float64 with the head at rest; twist (6,) of the jaw; head (4, 4); activations (T,) where
    one number a target says it all."""

    points: Floats
    twist: Floats
    head: Floats
    activations: Floats | None


@dataclass(frozen=True, eq=False)
class PerformanceMoments:
    """The frames of a performance on the model that it was fitted with. scans: what it was fitted to, which
    is then followed to the point."""

    model: FaceModel
    performance: Performance
    scans: Frames | None = None

    @property
    def count(self) -> int:
        """F."""
        return self.performance.frame_count

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.performance.fps

    def __iter__(self) -> Iterator[Moment]:
        """Raises AimError for scans of another length, or a performance of another model."""
        take = self.performance
        if self.scans is not None and self.scans.count != self.count:
            what = f"The performance has {self.count} frames, the scans {self.scans.count}."
            cause, remedy = "They are not what it was fitted to.", "Give the same FRAMES as to aimface fit."
            raise AimError(what, cause, remedy)
        scans = iter(self.scans) if self.scans is not None else None
        for f in range(self.count):
            points = self._fitted(f) if scans is None else self._followed(f, next(scans))
            known = take.activations_at(f) if take.is_global and scans is None else None
            yield Moment(points, rigid.log(take.jaw(f)), take.head(f), known)

    def _fitted(self, f: int) -> Floats:
        """(V, 3)."""
        return self.model.performance_points(self.performance, f, head=False).astype(np.float64)

    def _followed(self, f: int, scan: Floats) -> Floats:
        """(V, 3) of a scan (P, 3), taken back into the head's space; what it lacks as the fit has it."""
        assert self.scans is not None
        known = complete(scan)
        vertices = self.scans.vertices[known]
        count = len(self.model.data.neutral)
        points = np.empty((count, 3)) if len(vertices) == count else self._fitted(f)
        points[vertices] = rigid.apply(np.linalg.inv(self.performance.head(f)), scan[known])
        return points


@dataclass(frozen=True, eq=False)
class CurveMoments:
    """weights (F, C) on the controls of a model; the head stays."""

    model: FaceModel
    weights: Floats
    fps: float

    @property
    def count(self) -> int:
        """F."""
        return len(self.weights)

    def __iter__(self) -> Iterator[Moment]:
        """Raises AimError as model.points does."""
        for row in self.weights:
            points, activations = self.model.points(row), self.model.data.rig.activations(row)
            yield Moment(points.astype(np.float64), rigid.log(self.model.jaw(row)), np.eye(4), activations)


Moments = PerformanceMoments | CurveMoments


# How much of each frame the source's targets explain, and what they leave over.

_POINTS, _WEIGHT, _LOCAL_MM, _POWER, _UNKNOWNS, _MOST_MODES = 2500, 0.6, 2.0, 0.5, 1400, 64


@dataclass(frozen=True, eq=False)
class Explained:
    """table (F, P, M) of the P targets that have a counterpart, left (F, V, 3) before skinning: source's
    unit, float32."""

    table: Floats
    left: Floats


class Explainer(Protocol):
    """basis (V, M) on which the tables are."""

    basis: Floats

    def explain(self, moments: Sequence[Moment]) -> Explained:
        """F frames."""


class Given:
    """Activations that are known, one a target for the whole face."""

    def __init__(self, model: FaceModel, mapping: ControlMap) -> None:
        self._space, self._used, self._shown = _space(model, mapping.used, 2), mapping.used, _shown(mapping)
        self.basis = np.ones((len(self._space.rest), 1), np.float32)

    def explain(self, moments: Sequence[Moment]) -> Explained:
        """As Explainer.explain. The moments have activations."""
        table = np.array([moment.activations for moment in moments], np.float32)[:, self._used]
        shown = np.tensordot(table @ self._shown, self._space.directions, 1)
        return Explained(table[:, :, None], _displacements(self._space, moments) - shown)


class Local:
    """Coefficients that vary over the face: one linear solve, whose factorisation all frames share. doubt in
    mm."""

    def __init__(self, model: FaceModel, mapping: ControlMap, modes: int, doubt: float) -> None:
        used, self._shown = mapping.used, _shown(mapping)
        modes = modes or max(2, min(_MOST_MODES, _UNKNOWNS // max(int(used.sum()), 1)))
        self.space = space = _space(model, used, modes)
        density = vertex_areas(model.mesh) * (liveliness(model, model.data.tables(True).displacements) + 0.02)
        count = min(_POINTS, len(density))
        likely = density / density.sum()
        few = np.sort(np.random.default_rng(0).choice(len(density), count, replace=False, p=likely))
        self.seen = Seen(space, few, np.ones(count), doubt / model.mm_per_unit * np.sqrt(count / _POINTS))
        self.basis = space.basis

    def explain(self, moments: Sequence[Moment]) -> Explained:
        """As Explainer.explain."""
        space = self.space
        left = _displacements(space, moments)
        pull = np.array([moment.twist for moment in moments]) @ space.jaw_precision @ space.jaw_mean
        unknowns = self.seen.solved((self.seen.gathered(left[:, self.seen.vertices]) + pull).T).T
        table = space.table(unknowns).astype(np.float32)
        shares = (self._shown @ table).reshape(-1, table.shape[2]) @ self.basis.T
        shares = shares.reshape(*table.shape[:2], -1)
        for frame, share in zip(left, shares, strict=True):
            frame -= np.einsum("rv,rva->va", share, space.directions)
        return Explained(table, left)


def _shown(mapping: ControlMap) -> Floats:
    """(P, P), symmetric: of the targets that are used what the target can show."""
    return mapping.shown[np.ix_(mapping.used, mapping.used)].astype(np.float32)


def _space(model: FaceModel, used: NDArray[np.bool_], modes: int) -> FaceSpace:
    """The fit's local space on the targets (T,) that are used, without the offsets that no target
    explains.
    """
    prior = Prior(weight=_WEIGHT, local=_LOCAL_MM, power=_POWER)
    whole = face_space(model, local=True, modes=modes, prior=prior)
    return replace(whole, directions=whole.directions[: len(used)][used], twists=whole.twists[used])


def _displacements(space: FaceSpace, moments: Sequence[Moment]) -> Floats:
    """(F, V, 3) float32: where the points would be with the jaw at rest, less the rest."""
    everywhere, still = np.arange(len(space.rest)), np.eye(4)
    places = [unskinned(space, everywhere, m.points, Motion(m.twist, still)).points for m in moments]
    return np.array([points - space.rest for points in places], np.float32)
