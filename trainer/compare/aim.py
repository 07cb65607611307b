"""The model's own fits as rows of the table: one weight a frame, weights that vary over the face, and the paper's networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData
from aim_maya.runtime import FaceModel, Performance
from trainer.baselines.method import Face, Flags, Observed, Solution
from trainer.fit.fit import fit_scans
from trainer.fit.options import FitOptions
from trainer.fit.scans import ArrayScans
from trainer.progress import Progress

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class AimOptions:
    """mode and solver as of `aimface fit`; unknowns: how many a frame; iterations of the neural solver, 0 for the paper's."""

    mode: Literal["global", "local"] = "local"
    solver: Literal["fast", "neural"] = "fast"
    unknowns: int = 1200
    iterations: int = 0


class Aim:
    """The method for one model. Nothing of it is tuned here: its prior comes from targets left out, its noise from the frames themselves."""

    def __init__(self, face: Face, options: AimOptions) -> None:
        if face.model is None:
            raise AimError(f"The fits of '{face.name}' need its trained model.", remedy="Give --model FILE.aim.")
        self._model, self._options = face.model, options

    def prepare(self, seen: Flags, head_moves: bool) -> None:
        """Whatever the solver prepares, it prepares in fit."""
        self._seen, self._head_moves = np.flatnonzero(seen), head_moves

    def fit(self, observed: Observed) -> Solution:
        """As `aimface fit` would; the head is still where the setting says so, and the drift is known to be there."""
        model, mm, o = self._model, self._model.mm_per_unit, self._options
        points = np.stack([observed.frame(f)[self._seen] / np.float32(mm) for f in range(len(observed))])
        scans = ArrayScans(points, self._seen, observed.fps)
        options = FitOptions(
            mode=o.mode,
            solver=o.solver,
            head="solve" if self._head_moves else "still",
            slide=observed.drift_mm,
            unknowns=max(o.unknowns - 6, 1),
        )
        with Progress("none") as quiet:
            data = _neural(model, scans, options, o.iterations, quiet) if o.solver == "neural" else fit_scans(model, scans, options, quiet)
        performance = Performance(data)
        count = data.codes.shape[1] if data.codes is not None else data.about["figures"]["unknowns"] + 6
        return Solution(lambda f: model.performance_points(performance, f).astype(np.float64) * mm, _mm(data.head, mm), _mm(data.jaw, mm), count + 6 * self._head_moves)


def _neural(model: FaceModel, scans: ArrayScans, options: FitOptions, iterations: int, progress: Progress) -> PerformanceData:
    from trainer.fit.neural.fit import fit_neural
    from trainer.fit.neural.options import NeuralOptions

    return fit_neural(model, scans, replace(options, solver="neural"), NeuralOptions(iterations=iterations), progress)


def _mm(motions: Floats, mm: float) -> Floats:
    """Rigid motions (F, 4, 4) in mm."""
    moved = np.array(motions, np.float64)
    moved[:, :3, 3] *= mm
    return moved
