"""Fit a face to 2D landmarks that one or several cameras see, with or without points in space: from tracks to a performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.runtime import FaceModel
from trainer.fit.performance import build_performance, residual_figures
from trainer.fit.take import filled, filled_rigid
from trainer.progress import Progress

from .camera import Camera
from .focal import solve_focal, with_cameras
from .frame_fit import Fitted
from .options import LandmarkOptions
from .seen_space import LinearSpace
from .suspicion import UNLIKELY, refuse_wrong_cameras, unlikeliness, warnings
from .take_fit import Steadiness, fit_take
from .tracks import Tracks
from .viewed_take import ViewedTake, make_take

Floats = NDArray[np.floating]


def fit_landmarks(
    model: FaceModel,
    space: LinearSpace,
    tracks: Tracks,
    cameras: Sequence[Camera],
    options: LandmarkOptions | None = None,
    progress: Progress | None = None,
    *,
    points: Floats | None = None,
    points_mm: float = 0.5,
    still_head: bool = False,
    tied: bool = False,
) -> PerformanceData:
    """The likeliest performance of `model` for what the cameras saw.

    points (F, V, 3), optional, world, model unit, NaN where unknown: places in space of some vertices, each within points_mm (one standard deviation).
    still_head: one pose of the head for the whole take (a camera on a helmet). tied: the jaw follows the weights exactly.
    Frames in which nothing was seen are interpolated and flagged EMPTY, frames with landmarks missing PARTLY, frames that model and noise do not
    explain LARGE_RESIDUAL. about["landmarks"] holds figures, about["warnings"] what looks wrong without stopping the fit.
    Raises AimError for input that cannot be meant, and Cancelled.
    """
    options = options or LandmarkOptions()
    take = make_take(model, space, tracks, cameras, options, points, points_mm)
    if not all(camera.focal_known for camera in cameras):
        solved = solve_focal(take.fit, take.frames, cameras, progress)
        take = replace(take, frames=[with_cameras(frame, cameras, solved) for frame in take.frames], cameras=solved)
    if progress is not None:
        progress.stage(f"Fitting {len(take.frames)} frames to 2D landmarks", len(take.frames))
    steadiness = Steadiness.of(options.steady, tracks.fps, model.mm_per_unit)
    fitted = fit_take(take.fit, take.frames, steadiness, progress, still_head=still_head)
    refuse_wrong_cameras(take.fit, take.frames, fitted, take.cameras)
    said = [*take.notes, *warnings(take.fit, take.frames, fitted, take.cameras)]
    for sentence in said if progress is not None else ():
        progress.note(sentence, warning=True)  # type: ignore[union-attr]
    return _performance(model, space, take, fitted, said, tied=tied)


def _performance(
    model: FaceModel,
    space: LinearSpace,
    take: ViewedTake,
    fitted: list[Fitted | None],
    said: list[str],
    *,
    tied: bool,
) -> PerformanceData:
    seen = take.fit.seen
    size = seen.jaw.shape[1]
    rows = filled(np.array([np.full(size, np.nan) if found is None else found.state.q for found in fitted]))
    heads = filled_rigid(np.array([np.full((4, 4), np.nan) if found is None else found.state.head for found in fitted]))
    unknowns = [seen.lift @ q[: seen.size] for q in rows]
    twists = [space.jaw_mean @ u if tied else seen.twist(q) for u, q in zip(unknowns, rows, strict=True)]
    parts = [space.coefficients(u) for u in unknowns]
    offsets = [part[1] for part in parts]
    flags = [_flags(frame, found, whole) for frame, found, whole in zip(take.frames, fitted, take.complete, strict=True)]
    residual = np.array([np.nan if found is None else found.residual_mm for found in fitted])
    arrays = PerformanceData(
        fps=take.tracks.fps,
        head=heads,
        jaw=np.array([rigid.exp(twist) for twist in twists]),
        coefficients=np.array([part[0] for part in parts], np.float32),
        basis=np.asarray(space.basis, np.float32),
        offsets=None if offsets[0] is None else np.array(offsets, np.float32),
        residual_mm=residual,
        flags=np.array(flags, np.uint8),
    )
    figures = {"unknowns": size} | residual_figures(residual)
    return build_performance(model, arrays, tied=tied, figures=figures, landmarks=_figures(take, residual), warnings=said)


def _flags(frame: Sequence[Any], found: Fitted | None, whole: bool) -> Flag:
    if found is None:
        return Flag.EMPTY
    flags = Flag(0) if whole else Flag.PARTLY
    return flags | Flag.LARGE_RESIDUAL if unlikeliness(frame, found) > UNLIKELY else flags


def _figures(take: ViewedTake, residual: Floats) -> dict[str, Any]:
    known = residual[np.isfinite(residual)]
    return {
        "sites": len(take.tracks.ids), "cameras": {camera.name: {"focal_px": camera.fx, "solved": not camera.focal_known} for camera in take.cameras},
        "first_frame": take.tracks.first_frame, "missing": take.tracks.missing, "empty_frames": int(np.isnan(residual).sum()),
        "residual_mm": {"mean": float(known.mean()), "max": float(known.max())},
    }  # fmt: skip
