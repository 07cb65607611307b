"""Registered scans to a performance: frame by frame, then smooth where the data leaves room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.performance import build_performance, residual_figures

from .equations import complete
from .linear import LinearSolver, Solvers, Spaces, estimated_noise, rest_normals
from .options import FitOptions
from .scans import Frames, check_scale, read_confidence
from .take import Resume, Take, filled, filled_rigid, smoothed

LIMITS = (0.0, 1.0)
_FAR_MM, _PILOTS = 2.5, 6
# standard deviation of a second difference of a weight at 30 frames a second, over the weight's own
_SPEEDING_UP = 0.1


def fit_scans(
    model: FaceModel, scans: Frames, options: FitOptions, progress: Progress, *, resume: Resume | None = None
) -> PerformanceData:
    """Fit every frame. scans: (P, 3) a frame at scans.vertices of the model, model unit, NaN where a point is
    missing.

    Raises AimError for scans of another mesh or scale, or of which nothing can be used; Cancelled when the
    progress says so.
    """
    options.checked()
    with threadpool_limits(1):  # BLAS threads wait for each other on a busy machine: what takes 0.2 s took 26
        return _fit(model, scans, options, progress, resume)


def _fit(
    model: FaceModel, scans: Frames, options: FitOptions, progress: Progress, resume: Resume | None
) -> PerformanceData:
    fps = options.fps or scans.fps or 30.0
    confidence = read_confidence(options.confidence, len(model.data.neutral))[scans.vertices]
    check_scale(model, scans, progress)
    tied = options.jaw == "tied"
    spaces = Spaces.of(
        model,
        local=options.mode == "local",
        modes=options.modes,
        unknowns=options.unknowns,
        tied=tied,
        detail=options.detail,
    )
    noise = (
        options.noise
        if options.noise is not None
        else estimated_noise(spaces, scans, confidence, head=options.head == "solve", pilots=_PILOTS)
    )
    limit = options.outliers if options.outliers is not None else max(2.0, 4 * noise)
    progress.note(
        f"noise {noise:.2f} mm{'' if options.noise is not None else ' (estimated)'}; "
        f"{spaces.fine.count} unknowns a frame"
    )
    normals = rest_normals(model) if options.slide else None
    solvers = Solvers(
        lambda seen: LinearSolver(
            spaces,
            scans.vertices[seen],
            confidence[seen],
            noise=noise,
            slide=options.slide,
            limit=limit,
            head=options.head == "solve",
            normals=normals,
            limits=LIMITS if options.limits else None,
        )
    )
    take = (resume.read(spaces.fine.count) if resume else None) or Take()
    solver = _solve(scans, solvers, spaces, take, confidence > 0, progress, resume, _FAR_MM + noise)
    if solver is None:
        raise AimError(
            "Not one frame has three points.",
            "Every point of every frame is NaN, or has no confidence.",
            "Look at the scans, and at --confidence.",
        )
    unknowns, twists, heads = (
        filled(np.array(take.unknowns)),
        filled(np.array(take.twists)),
        filled_rigid(np.array(take.heads)),
    )
    if options.smooth > 0 and len(unknowns) > 2:
        calm = options.smooth / (_SPEEDING_UP * (30.0 / fps) ** 2) ** 2
        unknowns = smoothed(
            unknowns.astype(np.float64), solver.precision, calm * spaces.fine.precision
        ).astype(np.float32)
    if options.limits:
        unknowns = unknowns.clip(*LIMITS)
    if tied:
        twists = unknowns @ spaces.fine.jaw_mean.T
    data = _performance(model, spaces, take, unknowns, twists, heads, fps, options, noise)
    _say(progress, data)
    return data


def _solve(
    scans: Frames,
    solvers: Solvers,
    spaces: Spaces,
    take: Take,
    trusted: NDArray[np.bool_],
    progress: Progress,
    resume: Resume | None,
    far_mm: float,
) -> LinearSolver | None:
    """Every frame that the take lacks; the solver that was used last, or None where nothing was seen."""
    progress.stage("fit", scans.count, len(take.flags))
    solver: LinearSolver | None = None
    try:
        for index, points in enumerate(scans):
            if index < len(take.flags) and not (index == len(take.flags) - 1 and solver is None):
                continue
            seen = complete(points) & trusted
            frame = None
            if seen.sum() >= 3:
                mask, found = solvers.for_mask(seen)
                solver = found.after(solver)
                frame = solver.solve(np.where(seen[:, None], points, np.nan)[mask])
            if index >= len(take.flags):
                take.add(frame, spaces.fine, int((trusted & ~seen).sum()), far_mm)
                progress.step(index + 1, scans.count, error_mm=take.residual[-1] if frame else 0.0)
    except BaseException:
        if resume:
            resume.write(take)
        raise
    return solver


def _performance(
    model: FaceModel,
    spaces: Spaces,
    take: Take,
    unknowns: Floats,
    twists: Floats,
    heads: Floats,
    fps: float,
    options: FitOptions,
    noise: float,
) -> PerformanceData:
    space = spaces.fine
    tables = space.table(unknowns).astype(np.float32)
    arrays = PerformanceData(
        fps=fps,
        head=heads,
        jaw=np.array([rigid.exp(t) for t in twists]),
        coefficients=tables[:, : space.targets],
        basis=space.basis,
        offsets=np.ascontiguousarray(tables[:, space.targets :].transpose(0, 2, 1))
        if options.mode == "local"
        else None,
        residual_mm=np.array(take.residual),
        flags=np.array(take.flags, np.uint8),
    )
    figures = {"noise_mm": noise, "unknowns": space.count} | residual_figures(arrays.residual_mm)
    return build_performance(model.data, arrays, tied=options.jaw == "tied", figures=figures)


def _say(progress: Progress, data: PerformanceData) -> None:
    flags = data.flags
    for flag, words in (
        (Flag.EMPTY, "nothing was seen: interpolated from their neighbours"),
        (Flag.PARTLY, "points were missing"),
        (Flag.LARGE_RESIDUAL, "the model stays far from the scan: another actor's model, or damaged scans"),
    ):
        frames = np.flatnonzero(flags & flag)
        if len(frames):
            names = ", ".join(str(f) for f in frames[:8]) + (" ..." if len(frames) > 8 else "")
            progress.note(
                f"in {len(frames)} of {len(flags)} frames {words} (frames {names})",
                warning=flag != Flag.PARTLY,
            )
