"""The neural solver of local fits, from scans to a performance: whole, or stopped and resumed."""

from __future__ import annotations

from collections.abc import Sequence

from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData
from aim_maya.runtime import FaceModel
from trainer.fit.confidence import read_confidence
from trainer.fit.options import FitOptions
from trainer.fit.scale import check_scale
from trainer.fit.scans import Scans
from trainer.progress import Progress
from trainer.run_folder import RunFolder
from trainer.train import pick_device

from .face import neural_face
from .options import NeuralOptions
from .recording import record
from .result import performance_of
from .training import NeuralFit, OtherTerm


def fit_neural(
    model: FaceModel, scans: Scans, options: FitOptions, neural: NeuralOptions, progress: Progress, *, device: str = "auto", run: RunFolder | None = None,
    resume: bool = False, terms: Sequence[OtherTerm] = (),
) -> PerformanceData:  # fmt: skip
    """Fit coefficients that vary over the face. scans: (P, 3) a frame at scans.vertices of the model, model unit, NaN where a point is missing.

    Of `options` jaw, head, fps, confidence and detail count here; coefficients are smooth over time by a loss, noise and drift have no estimate.
    run: keeps the checkpoint; with resume the fit goes on from it. Raises AimError for a global fit, scans of another mesh or scale, nothing seen,
    or a checkpoint of another fit; Cancelled, with the checkpoint on disk, when asked to stop.
    """
    if options.mode != "local":
        raise AimError("The neural solver fits weights that vary over the face.", "--mode global was asked for.", "Leave out --solver neural, or --mode global.")
    state = run.load() if run is not None and resume else None
    progress.stage("prepare")
    check_scale(model, scans, progress)
    if run is not None:
        run.path.mkdir(parents=True, exist_ok=True)
    confidence = read_confidence(options.confidence, len(model.data.neutral))[scans.vertices]
    recording = record(scans, confidence, run.path if run else None)
    face = neural_face(model, pick_device(device), detail=options.detail)
    fit = NeuralFit(face, recording, options, neural, terms)
    if state is not None:
        fit.restore(state)
        progress.note(f"Resuming at step {fit.step} of {fit.total}.")
    fit.run(progress, lambda: run.save(fit.state()) if run is not None else None)
    return performance_of(fit, model, options.fps or scans.fps or 30.0, progress)
