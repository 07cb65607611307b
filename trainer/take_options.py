"""Which part of which curves, at what rate: the options that `aimface bake` and `aimface curves` share, and what they give."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.curves import Curves, FrameRange, Gaps, control_reach, frame_range, match_controls, resampled
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance

from .performance_curves import clock, is_performance
from .usd_curves import read_any_curves

Floats = NDArray[np.floating]
_DROP = {"auto": None, "yes": True, "no": False}


@dataclass(frozen=True)
class TakeOptions:
    """How curves are read and sampled."""

    start: int = 1
    """Frame number of the curves' first row."""
    frames: str | None = None
    """Range A-B (or A) of frame numbers; everything when not given."""
    step: str = "1"
    """Every n-th frame, or a part of a frame: 2, 0.25, 1/3."""
    fps: float | None = None
    """Frames a second of the output: the curves are resampled to it; theirs when not given. 29.97 means 30000/1001."""
    curve_fps: float | None = None
    """What frame numbers or timecodes in the curves count; found when not given (frames alone: --fps, else 30)."""
    gaps: Gaps = "interpolate"
    """Where frames are missing from the curves: go on straight, keep the last value, or stop. Every gap is reported."""
    sort: bool = False
    """Put the curves' rows in order of time instead of refusing them."""
    drop_frame: Literal["auto", "yes", "no"] = "auto"
    """Whether timecodes are drop-frame; auto: those with ';' before the frames are."""
    scale: float | None = None
    """Multiply the weights: 0.01 for percent, 1 to take them as they are; found when not given, and said."""
    prim: str | None = None
    """Path of the SkelAnimation, where a USD file has several."""


@dataclass(frozen=True)
class Taken:
    """read: the curves as they are in the file (a performance has no columns); frames: what was asked of them; curves: their values there."""

    read: Curves
    frames: FrameRange
    curves: Curves

    @property
    def moments(self) -> Floats:
        """(F,) where the sampled frames lie among the take's own, 0-based: what a performance is played at."""
        positions = self.frames.positions * float(exact_rate(self.read.fps) / exact_rate(self.curves.fps))
        near: Floats = np.round(positions)
        return np.where(np.abs(positions - near) < 1e-6, near, positions)


def sampled(path: Path, options: TakeOptions) -> Taken:
    """Read a file of curves, or the clock of a performance, and sample it. Raises AimError for what cannot be read, and for frames or rates that are none."""
    check_rates(options)
    if is_performance(path):
        check_unscaled(options)
        return taken(clock(Performance.load(path), options.curve_fps), options)
    return taken(read_any_curves(path, options.curve_fps, options.fps, sort=options.sort, drop_frame=_DROP[options.drop_frame], prim=options.prim), options)


def check_rates(options: TakeOptions) -> None:
    """Raises AimError for rates that are none."""
    for name, rate in (("fps", options.fps), ("curve-fps", options.curve_fps)):
        if rate is not None and not 0 < rate < 1e6:
            raise AimError(f"{name} is {rate}.", remedy="Give a positive number of frames a second.")


def check_unscaled(options: TakeOptions) -> None:
    """Raises AimError for a scale with a performance."""
    if options.scale is not None:
        raise AimError("--scale goes with weight curves, not with a performance.", "It was fitted in the model's own weights.", "Leave it out.")


def on_controls(read: Curves, model: FaceModel, scale: float | None) -> tuple[Curves, list[str]]:
    """A whole take on a model's controls, and sentences on columns that drive none and on its scale, which parts of it share.

    Raises AimError when no column drives any control, and for weights whose scale is in doubt.
    """
    weights, notes = match_controls(read, model.targets, scale=scale, reach=control_reach(model.data.rig))
    return replace(read, names=model.targets, values=weights), notes


def taken(read: Curves, options: TakeOptions) -> Taken:
    """Sample curves that were read. Raises AimError for frames that are not there, or gaps where they are refused."""
    rate = float(exact_rate(options.fps or read.fps))
    frames = frame_range(read, rate, start=options.start, frames=options.frames, step=options.step)
    return Taken(read, frames, resampled(read, rate, frames.positions, options.gaps))
