"""How much of a frame the source's targets explain, and what they leave over.

Of p - rest = sum_i c_i(v) e'_i(v) + left(v) the first part is shown by the target's own shapes, the second is only carried over. Coefficients
that are pressed hard for the last tenth of a millimetre give it to whichever target can, and mean nothing on another face: so they vary
smoothly, on the modes of a fit, and under more doubt than there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime import FaceModel
from trainer.fit.modes import vertex_areas
from trainer.fit.motion import Motion, unskinned
from trainer.fit.prior import Prior
from trainer.fit.seen import Seen
from trainer.fit.solve import WeightSolver
from trainer.fit.space import FaceSpace, face_space, liveliness

from .moments import Moment

Floats = NDArray[np.floating]
_POINTS, _WEIGHT, _LOCAL_MM, _POWER, _UNKNOWNS, _MOST_MODES = 2500, 0.6, 2.0, 0.5, 1400, 64


@dataclass(frozen=True, eq=False)
class Explained:
    """table (P, M) of the P targets that have a counterpart, left (V, 3) before skinning: source's unit."""

    table: Floats
    left: Floats


class Explainer(Protocol):
    """basis (V, M) on which the tables are."""

    basis: Floats

    def explain(self, moment: Moment) -> Explained:
        """One frame."""


class Given:
    """Activations that are known, one a target for the whole face."""

    def __init__(self, model: FaceModel, used: NDArray[np.bool_]) -> None:
        self._space, self._used = _space(model, used, 2), used
        self.basis = np.ones((len(self._space.rest), 1), np.float32)

    def explain(self, moment: Moment) -> Explained:
        """As Explainer.explain. The moment has activations."""
        assert moment.activations is not None
        table = moment.activations[self._used, None]
        explained = np.tensordot(table[:, 0].astype(np.float32), self._space.directions, 1)
        return Explained(table.astype(np.float32), _before_skinning(self._space, moment) - self._space.rest - explained)


class Local:
    """Coefficients that vary over the face, one linear solve a frame. doubt in mm."""

    def __init__(self, model: FaceModel, used: NDArray[np.bool_], modes: int, doubt: float) -> None:
        self._space = space = _space(model, used, modes or max(2, min(_MOST_MODES, _UNKNOWNS // max(int(used.sum()), 1))))
        density = vertex_areas(model.mesh) * (liveliness(model, model.data.tables(True).displacements) + 0.02)
        count = min(_POINTS, len(density))
        few = np.sort(np.random.default_rng(0).choice(len(density), count, replace=False, p=density / density.sum()))
        seen = Seen(space, few, np.ones(count), doubt / model.mm_per_unit * np.sqrt(count / _POINTS))
        self._few, self._solver, self.basis = few, WeightSolver(space, seen), space.basis

    def explain(self, moment: Moment) -> Explained:
        """As Explainer.explain."""
        frame = self._solver.solve(moment.points[self._few], Motion(moment.twist, np.eye(4)), None)
        explained = self._space.displaced(frame.unknowns)
        table = frame.unknowns.reshape(len(self._space.directions), -1).astype(np.float32)
        return Explained(table, _before_skinning(self._space, moment) - self._space.rest - explained)


def _space(model: FaceModel, used: NDArray[np.bool_], modes: int) -> FaceSpace:
    """The fit's local space on the targets (T,) that are used, without the offsets that no target explains."""
    whole = face_space(model, local=True, modes=modes, prior=Prior(weight=_WEIGHT, local=_LOCAL_MM, power=_POWER))
    return replace(whole, directions=whole.directions[: len(used)][used], twists=whole.twists[used])


def _before_skinning(space: FaceSpace, moment: Moment) -> Floats:
    """(V, 3) where the points would be with the jaw at rest."""
    return unskinned(space, np.arange(len(space.rest)), moment.points, Motion(moment.twist, np.eye(4))).points
