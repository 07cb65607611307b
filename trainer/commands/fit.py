"""Fit a model to registered scans, 2D landmarks, or both, and write the performance (.aimperf).

FRAMES is a folder of OBJs in the model's vertex order, or an npz with `frames` (F, V, 3), optionally `fps`
and `vertices`. NaN is missing. With --landmarks and --camera it may be left out; given, its points count
beside the landmarks, frame by frame.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from threadpoolctl import threadpool_limits

from aim_maya import __version__
from aim_maya.core.errors import AimError
from aim_maya.core.files import check_writable
from aim_maya.core.fingerprint import file_state, fingerprint
from aim_maya.core.performance import Flag, PerformanceData, write_performance
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from trainer.fit.fit import fit_scans
from trainer.fit.linear import Spaces
from trainer.fit.options import FitOptions, LandmarkOptions, NeuralOptions
from trainer.fit.scans import Frames, open_frames, scattered
from trainer.fit.take import Resume


@dataclass
class Options:
    """What `aimface fit` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """OUT.aimperf."""
    frames: tyro.conf.Positional[Path | None] = None
    """Folder of OBJs, or an npz with `frames`."""
    landmarks: Path | None = None
    """2D landmarks, JSON or CSV (docs/reference/files.md)."""
    camera: Path | None = None
    """The cameras that saw them, JSON."""
    resume: bool = False
    """Go on with a fit of the same model, frames and options that was stopped."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks run: the neural solver."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    fit: Annotated[FitOptions, tyro.conf.arg(name="")] = field(default_factory=FitOptions)
    """How it is fitted."""
    neural: NeuralOptions = field(default_factory=NeuralOptions)
    """What the neural solver is told beside that."""
    outline: Annotated[LandmarkOptions, tyro.conf.arg(name="")] = field(default_factory=LandmarkOptions)
    """How 2D landmarks are read and fitted."""


def run(options: Options) -> dict[str, Any]:
    """Fit; returns the figures."""
    if options.out.suffix != ".aimperf":
        remedy = f"Write to {options.out.with_suffix('.aimperf')}." if options.out.name else ""
        raise AimError(f"The output '{options.out}' is no .aimperf.", remedy=remedy)
    if (options.landmarks is None) != (options.camera is None):
        raise AimError(
            "Landmarks and cameras go together.", "One of --landmarks and --camera is missing.", "Give both."
        )
    if options.frames is None and options.landmarks is None:
        raise AimError(
            "There is nothing to fit to.", remedy="Give FRAMES, or --landmarks and --camera, or all three."
        )
    options.fit.checked()
    check_writable(options.out)
    model = FaceModel.load(options.model, "cpu")
    frames = open_frames(options.frames, len(model.data.neutral)) if options.frames else None
    resume = Resume(options.out, _inputs(options))
    began = time.perf_counter()
    with Progress(options.progress) as progress:
        if not options.resume:
            resume.done()
        if options.landmarks is not None:
            data = _landmarks(model, frames, options, progress)
        elif options.fit.solver == "neural":
            data = _neural(model, _given(frames), options, progress)
        else:
            data = fit_scans(model, _given(frames), options.fit, progress, resume=resume)
    seconds = time.perf_counter() - began
    write_performance(options.out, data)
    resume.done()
    figures = dict(data.about["figures"])
    sys.stdout.write(
        f"wrote {data.frame_count} frames to {options.out}: {figures['residual_mean_mm']:.3f} mm from "
        f"what was seen, {seconds / data.frame_count:.3f} s a frame\n"
    )
    return {
        "frames": data.frame_count,
        "fps": data.fps,
        "seconds": round(seconds, 3),
        "seconds_a_frame": seconds / data.frame_count,
        "output": str(options.out),
        "flags": {flag.name or "": int((data.flags & flag != 0).sum()) for flag in Flag},
        **figures,
        **{name: data.about[name] for name in ("landmarks", "warnings") if name in data.about},
    }


def _given(frames: Frames | None) -> Frames:
    assert frames is not None
    return frames


def _landmarks(
    model: FaceModel, frames: Frames | None, options: Options, progress: Progress
) -> PerformanceData:
    """By cameras, with points in space where frames are given, too."""
    from trainer.fit.cameras.camera import read_cameras
    from trainer.fit.cameras.fit import fit_landmarks
    from trainer.fit.cameras.landmark_files import read_landmarks

    assert options.landmarks is not None
    assert options.camera is not None
    fit = options.fit
    if fit.solver == "neural":
        raise AimError("The neural solver fits scans only.", remedy="Leave out --solver neural.")
    if fit.limits:
        raise AimError("--limits is for fits to scans only.", remedy="Leave out --limits.")
    tracks = read_landmarks(options.landmarks, fps=fit.fps)
    cameras = read_cameras(options.camera, model.mm_per_unit)
    if frames is not None and frames.count != tracks.frame_count:
        raise AimError(
            f"{frames.path} has {frames.count} frames, {options.landmarks} {tracks.frame_count}.",
            "They are of different takes, or one begins earlier.",
            "Give as many frames of both; null is an empty frame of landmarks.",
        )
    points = None if frames is None else scattered(frames, len(model.data.neutral))
    with threadpool_limits(1):  # as fit_scans
        tied = fit.jaw == "tied"
        local = fit.mode == "local"
        spaces = Spaces.of(
            model, local=local, modes=fit.modes, unknowns=fit.unknowns, tied=tied, detail=fit.detail
        )
        return fit_landmarks(
            model,
            spaces.fine,
            tracks,
            cameras,
            options.outline,
            progress,
            points=points,
            points_mm=fit.noise or 0.5,
            still_head=fit.head == "still",
            tied=tied,
        )


def _neural(model: FaceModel, frames: Frames, options: Options, progress: Progress) -> PerformanceData:
    """By the networks, with the checkpoint in OUT.aimperf.run."""
    from aim_maya.core.run_folder import RunFolder
    from trainer.fit.neural.fit import fit_neural

    # beside that of a training of the same name
    run = RunFolder(options.out.with_name(options.out.name + ".run"))
    return fit_neural(
        model,
        frames,
        options.fit,
        options.neural,
        progress,
        device=options.device,
        run=run,
        resume=options.resume,
    )


def _inputs(options: Options) -> str:
    """The fingerprint of model, frames, options and program; scans are large: they count by path, size and
    time.
    """
    frames = None if options.frames is None else file_state(options.frames.resolve())
    return fingerprint(__version__, options.model, frames, options.fit)
