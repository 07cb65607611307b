"""What a shot shows at each of its frames: which part of which curves or performance, at what rate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.bake_back import control_weights
from aim_maya.core.curves import (
    Curves,
    FrameRange,
    Gaps,
    control_reach,
    frame_range,
    match_controls,
    resampled,
)
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.core.rigid import translations_rotations
from aim_maya.runtime import FaceModel, Performance
from trainer.usd.curves import read_any_curves

# A performance where curves are expected: its clock, and the weight curves of a global one.

ENDING = ".aimperf"
_CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz")
MOTIONS = tuple(f"{part}_{channel}" for part in ("jaw", "head") for channel in _CHANNELS)
"""Columns of motions, which are no weights."""


def is_performance(path: Path) -> bool:
    """Whether a file is a performance, by its ending."""
    return path.suffix.lower() == ENDING


def clock(performance: Performance, fps: float | None = None) -> Curves:
    """A row for every frame and no columns, at the performance's own rate or at fps."""
    rate = exact_rate(fps or performance.fps)
    return Curves(
        (),
        np.zeros((performance.frame_count, 0)),
        np.arange(performance.frame_count) / float(rate),
        float(rate),
    )


def weight_curves(
    performance: Performance, sampled: Curves, moments: Floats, model: FaceModel | None
) -> tuple[Curves, float]:
    """The sampled clock with a column a control (a target, without a model), and the largest difference of an
    activation that is left.

    A jaw that is free, and the head with it, come as jaw_tx ... head_rz: model unit, degrees, rotated x
    first, then y, then z. Raises AimError for a performance that varies over the face, and for a model that
    was not the one fitted.
    """
    if performance.data.fields is not None and replace(performance.data, fields=None, amounts=None).is_global:
        raise AimError(
            f"{performance.name} has no weight curves: its retarget carried displacements beside the "
            "weights.",
            "Targets of the source have no counterpart, or one control for two halves.",
            "Retarget with --fields 0, which leaves the weights alone; `aimface bake` and the node "
            "play it as it is.",
        )
    if not performance.is_global:
        raise AimError(
            f"{performance.name} has no weight curves: its coefficients vary over the face.",
            "It was fitted with --mode local.",
            "Fit it with --mode global; `aimface bake` and the node play it as it is.",
        )
    activations = np.stack([performance.activations_at(f) for f in moments])
    names, weights, left = tuple(performance.data.about["targets"]), activations, 0.0
    if model is not None:
        performance.check(model.data)
        weights, residual = control_weights(model.data.rig, activations)
        names, left = model.targets, float(residual.max())
    if performance.data.about["jaw"] == "free":
        motions = [np.stack([at(f) for f in moments]) for at in (performance.jaw, performance.head)]
        names += MOTIONS
        weights = np.hstack([weights, *(translations_rotations(motion) for motion in motions)])
    return replace(sampled, names=names, values=weights), left


def head_moves(performance: Performance) -> bool:
    """Whether the head does not stay where the model has it."""
    return bool(np.abs(performance.data.head - np.eye(4)).max() > 1e-6)


# Which part of which curves, at what rate: the options that `aimface bake` and `aimface curves` share, and
# what they give.

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
    """Frames a second of the output: the curves are resampled to it; theirs when not given. 29.97 means
    30000/1001."""
    curve_fps: float | None = None
    """What frame numbers or timecodes in the curves count; found when not given (frames alone: --fps, else
    30)."""
    gaps: Gaps = "interpolate"
    """Where frames are missing from the curves: keep the last value, go on straight, or stop. Every gap is
    reported."""
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
    """read: the curves as they are in the file (a performance has no columns); frames: what was asked of
    them; curves: their values there."""

    read: Curves
    frames: FrameRange
    curves: Curves

    @property
    def moments(self) -> Floats:
        """(F,) where the sampled frames lie among the take's own, 0-based: what a performance is played
        at.
        """
        positions = self.frames.positions * float(exact_rate(self.read.fps) / exact_rate(self.curves.fps))
        near: Floats = np.round(positions)
        return np.where(np.abs(positions - near) < 1e-6, near, positions)


def sampled(path: Path, options: TakeOptions) -> Taken:
    """Read a file of curves, or the clock of a performance, and sample it. Raises AimError for what cannot be
    read, and for frames or rates that are none."""
    check_rates(options)
    if is_performance(path):
        check_unscaled(options)
        return taken(clock(Performance.load(path), options.curve_fps), options)
    return taken(
        read_any_curves(
            path,
            options.curve_fps,
            options.fps,
            sort=options.sort,
            drop_frame=_DROP[options.drop_frame],
            prim=options.prim,
        ),
        options,
    )


def check_rates(options: TakeOptions) -> None:
    """Raises AimError for rates that are none."""
    for name, rate in (("fps", options.fps), ("curve-fps", options.curve_fps)):
        if rate is not None and not 0 < rate < 1e6:
            raise AimError(f"{name} is {rate}.", remedy="Give a positive number of frames a second.")


def check_unscaled(options: TakeOptions) -> None:
    """Raises AimError for a scale with a performance."""
    if options.scale is not None:
        raise AimError(
            "--scale goes with weight curves, not with a performance.",
            "It was fitted in the model's own weights.",
            "Leave it out.",
        )


def on_controls(read: Curves, model: FaceModel, scale: float | None) -> tuple[Curves, list[str]]:
    """A whole take on a model's controls, and sentences on columns that drive none and on its scale, which
    parts of it share.

    Raises AimError when no column drives any control, and for weights whose scale is in doubt.
    """
    weights, notes = match_controls(read, model.targets, scale=scale, reach=control_reach(model.data.rig))
    return replace(read, names=model.targets, values=weights), notes


def taken(read: Curves, options: TakeOptions) -> Taken:
    """Sample curves that were read. Raises AimError for frames that are not there, or gaps where they are
    refused."""
    rate = float(exact_rate(options.fps or read.fps))
    frames = frame_range(read, rate, start=options.start, frames=options.frames, step=options.step)
    return Taken(read, frames, resampled(read, rate, frames.positions, options.gaps))


# What a shot shows at each of its frames: control weights on the sliders, or a fitted performance at moments
# between its own frames.

BLOCK = 16  # frames whose tables are summed at once


class ShotFrames(Protocol):
    """Frames i = 0, 1, ... of a shot, made one at a time and in any order."""

    @property
    def moves_head(self) -> bool:
        """Whether the head itself moves, and with it what sits on the skull."""

    @property
    def on_numpy(self) -> bool:
        """Whether it may be used in a forked process."""

    def points(self, i: int) -> Floats:
        """(V, 3) float32 of the skin, model unit, object space, the head's motion in it."""

    def activations(self, i: int) -> Floats:
        """(T,) float64 activation of every target, where one number says it for the whole face."""

    def jaw(self, i: int) -> Floats:
        """(4, 4) float64 motion of the jaw relative to the head."""

    def head(self, i: int) -> Floats:
        """(4, 4) float64 motion of the head."""


@dataclass(frozen=True)
class CurveSource:
    """weights (N, C) float64 on a model's controls, of which row `before` is the shot's first frame; the head
    stays.

    Frames are summed in blocks of BLOCK rows. A chunk of a shot comes with the whole blocks that the shot
    has, so that a frame has the same neighbours, and with them the same bytes, in whichever chunk it is.
    """

    model: FaceModel
    weights: Floats
    before: int = 0
    detail: bool = True
    moves_head: bool = False
    _block: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        model: FaceModel,
        take: Taken,
        gaps: Gaps = "interpolate",
        detail: bool = True,
        scale: float | None = None,
    ) -> tuple[CurveSource, list[str]]:
        """The sampled frames of a take, and what `on_controls` says. Raises AimError as `on_controls` and
        `resampled` do."""
        blocks, before = take.frames.in_blocks(BLOCK)
        driving, notes = on_controls(take.read, model, scale)
        return cls(
            model, resampled(driving, take.curves.fps, blocks.positions, gaps).values, before, detail
        ), notes

    @property
    def on_numpy(self) -> bool:
        """As ShotFrames.on_numpy."""
        return self.model.on_numpy

    def points(self, i: int) -> Floats:
        """As ShotFrames.points."""
        if not self.on_numpy:
            return self.model.points(self.weights[self.before + i], detail=self.detail)
        number, row = divmod(self.before + i, BLOCK)
        if number not in self._block:
            self._sum(number)
        activations, displacements = self._block[number]
        return self.model.posed(activations[row], self.model.jaw_pose, self.detail, displacements[row])

    def _sum(self, number: int) -> None:
        """Put a block in the last one's place, and into its memory."""
        activations = np.array(
            [
                self.model.data.rig.activations(row)
                for row in self.weights[number * BLOCK : (number + 1) * BLOCK]
            ]
        )
        memory = self._block.popitem()[1][1] if self._block else None
        self._block[number] = activations, self.model.displacements(activations, self.detail, memory)

    def activations(self, i: int) -> Floats:
        """As ShotFrames.activations."""
        return self.model.data.rig.activations(self.weights[self.before + i])

    def jaw(self, i: int) -> Floats:
        """As ShotFrames.jaw."""
        return self.model.jaw(self.weights[self.before + i])

    def head(self, i: int) -> Floats:  # noqa: ARG002 - the same in every frame
        """As ShotFrames.head."""
        return np.eye(4)


@dataclass(frozen=True)
class PerformanceSource:
    """A performance at moments (F,) of its own frames; with moves_head False the head stays where the model
    has it."""

    model: FaceModel
    performance: Performance
    moments: Floats
    detail: bool = True
    moves_head: bool = True

    @property
    def on_numpy(self) -> bool:
        """As ShotFrames.on_numpy."""
        return self.model.on_numpy and self.performance.on_numpy

    def points(self, i: int) -> Floats:
        """As ShotFrames.points."""
        return self.model.performance_points(
            self.performance, self.moments[i], detail=self.detail, head=self.moves_head
        )

    def activations(self, i: int) -> Floats:
        """As ShotFrames.activations, of a global performance."""
        return self.performance.activations_at(self.moments[i])

    def jaw(self, i: int) -> Floats:
        """As ShotFrames.jaw."""
        return self.model.performance_jaw(self.performance, self.moments[i])

    def head(self, i: int) -> Floats:
        """As ShotFrames.head."""
        return self.performance.head(self.moments[i]) if self.moves_head else np.eye(4)


def shown(
    model: FaceModel, path: Path, options: TakeOptions, one_weight: str = "", head: bool = True
) -> tuple[Taken, ShotFrames, list[str]]:
    """The sampled take, what it shows on the model, and sentences on columns without a control and on the
    weights' scale.

    one_weight: what has one weight a blend shape, and so takes global performances alone. head: whether the
    head of a performance moves. Raises AimError for what cannot be read, or is of another model.
    """
    detail = bool(getattr(options, "detail", True))
    if not is_performance(path):
        take = sampled(path, options)
        return take, *CurveSource.of(model, take, options.gaps, detail, options.scale)
    performance = Performance.load(path)
    performance.check(model.data)
    if one_weight and not performance.is_global:
        raise AimError(
            f"{path} cannot be baked as {one_weight}: its coefficients vary over the face.",
            "That has one weight a blend shape.",
            "Bake points (`aimface bake` to .usd, .abc or .npz), or fit with --mode global.",
        )
    check_rates(options)
    check_unscaled(options)
    read = clock(performance, options.curve_fps)
    warning = performance.warning(model.data)
    take = taken(replace(read, notes=(f"{path} was {warning}.",) if warning else ()), options)
    return take, PerformanceSource(model, performance, take.moments, detail, head), []
