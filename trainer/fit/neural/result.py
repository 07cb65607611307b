"""What a neural fit gives: motions, codes and the network as a performance, with the distance of every frame to what was seen."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.runtime import FaceModel
from trainer.fit.performance import build_performance, residual_figures
from trainer.fit.seen import complete
from trainer.fit.take import filled, filled_rigid
from trainer.progress import Progress

from .export import checked_graph
from .training import NeuralFit

Floats = NDArray[np.floating]
_CHUNK, _FAR_MM = 4096, 2.5


def performance_of(fit: NeuralFit, model: FaceModel, fps: float, progress: Progress) -> PerformanceData:
    """The fit as arrays. Frames in which nothing was seen lie between their neighbours. Raises AimError when the exported network is another one; Cancelled."""
    counts = fit.recording.counts
    progress.stage("score", len(counts))
    residual = np.full(len(counts), np.nan)
    for frame in range(len(counts)):
        progress.step(frame, len(counts))
        if counts[frame]:
            residual[frame] = _miss_mm(fit, frame)
    with torch.no_grad():
        motion = fit.motion(np.arange(len(counts)))
        head, jaw = (fit.face.to_model(m.double().cpu().numpy()) for m in (motion.head, motion.jaw))
    codes, empty = fit.codes.detach().cpu().numpy().copy(), counts == 0
    for rows in (codes, head, jaw):
        rows[empty] = np.nan
    codes = filled(codes)
    network, parity = checked_graph(fit.coefficients, codes, model.data.template)
    partly = ~empty & (counts < np.count_nonzero(fit.recording.confidence > 0))
    flags = np.where(empty, Flag.EMPTY, np.where(partly, Flag.PARTLY, 0) | np.where(residual > _FAR_MM, Flag.LARGE_RESIDUAL, 0)).astype(np.uint8)
    figures = {"iterations": fit.step, "parity": parity} | residual_figures(residual)
    vertices, targets = len(model.data.neutral), len(model.data.rig.targets)
    arrays = PerformanceData(
        fps=fps, head=filled_rigid(head), jaw=filled_rigid(jaw), coefficients=np.zeros((len(counts), targets, 0), np.float32), basis=np.zeros((vertices, 0), np.float32),
        network=network, codes=codes, residual_mm=residual, flags=flags,
    )  # fmt: skip
    return build_performance(model, arrays, solver="neural", tied=fit.options.jaw == "tied", figures=figures)


@torch.no_grad()
def _miss_mm(fit: NeuralFit, frame: int) -> float:
    """Mean distance to the points seen in a frame."""
    columns, total, frames = np.flatnonzero(complete(fit.recording.points[frame])), 0.0, np.array([frame])
    for some in np.split(columns, range(_CHUNK, len(columns), _CHUNK)):
        points = fit.predict(frames, torch.from_numpy(fit.recording.vertices[some]).to(fit.device))[0][0].cpu().numpy()
        total += float(np.linalg.norm(points - fit.face.to_mm(fit.recording.at(frames, some))[0], axis=1).sum())
    return total / len(columns)
