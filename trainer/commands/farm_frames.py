"""How many frames a take gives and at what rate, captured, retargeted or baked, and the pieces that one
machine bakes at a time.
"""

from __future__ import annotations

import itertools
import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro
from numpy.lib import format as npy

from aim_maya.core.curves import Curves, FrameRange
from aim_maya.core.curves.clock import DEFAULT_FPS
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance
from trainer.bake.take import check_rates, clock, is_performance, sampled, taken

from .writers import BakeOptions

if TYPE_CHECKING:
    from .retarget import Options as RetargetOptions


# What a job must know of a performance that is not fitted yet.


def is_captured(path: Path) -> bool:
    """Whether a take is captured frames, and not curves or a performance."""
    return path.is_dir() or path.suffix.lower() == ".npz"


def captured_clock(path: Path, words: Sequence[str] = ()) -> Curves:
    """A row for every captured frame and no columns, of a folder of OBJs or an npz with `frames` (F, V, 3);
    only its header is read.

    The rate is what a fit with the options `words` would take: --fps, the npz's `fps`, or 30. Raises AimError
    where there are no frames; options that a fit does not know end the command with tyro's own message.
    """
    from trainer.commands.fit import Options

    given = tyro.cli(
        Options, args=["model.aim", str(path), "-o", "take.aimperf", *words], prog="--fit-options:"
    ).fit.fps
    count, own = _npz(path) if path.suffix.lower() == ".npz" else (_objs(path), DEFAULT_FPS)
    fps = given or own
    if not count:
        raise AimError(
            f"{path} holds no frames.",
            "It is another folder, or the capture is empty.",
            "Give a folder of OBJs, or an npz with `frames` (F, V, 3).",
        )
    return ticking(count, fps)


def ticking(count: int, fps: float) -> Curves:
    """A clock of `count` frames: no columns."""
    rate = float(exact_rate(fps))
    return Curves((), np.zeros((count, 0)), np.arange(count) / rate, rate)


def _objs(folder: Path) -> int:
    return sum(1 for file in folder.iterdir() if file.suffix.lower() == ".obj") if folder.is_dir() else 0


def _npz(path: Path) -> tuple[int, float]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            fps = float(arrays["fps"]) if "fps" in arrays.files else DEFAULT_FPS
        with zipfile.ZipFile(path) as archive, archive.open("frames.npy") as stream:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape = read(stream)[0]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise AimError(
            f"{path} cannot be read as captured frames ({error}).",
            "It is cut off, or has no `frames` (F, V, 3).",
            "Write np.savez(path, frames=..., fps=...).",
        ) from error
    if len(shape) != 3 or shape[2] != 3 or not 0 < fps < 1e6:
        raise AimError(
            f"{path}: its frames are {shape} at {fps} a second, not (F, V, 3) at a positive rate.",
            "Another program wrote it.",
        )
    return int(shape[0]), fps


# Of a retarget of curves or a performance that are there when the job is written.

_THE_JOBS_OWN = {
    "suggest": "Write the mapping first: aimface retarget --suggest FILE.",
    "mapping": "Give --mapping to aimface farm retarget.",
    "scans": "Name the scans as takes.",
    "source": "Name the model of the takes first.",
    "target": "Give --targets.",
    "out": "Give --to.",
    "picture": "Draw it when the job is done: aimface retarget --picture.",
}


def carried_clock(take: Path, source: Path, words: Sequence[str]) -> Curves:
    """Its clock with the options `words` of `aimface retarget` and a source that may have to be trained
    first. Raises AimError for a take that a retarget would refuse."""
    from trainer.commands.retarget import whole_take

    options = checked_words(words)
    if is_performance(take):
        whole_take(options)
        performance = Performance.load(take)
        if source.suffix == ".aim":
            performance.check(FaceModel.load(source, "cpu").data)
        return clock(performance)
    curves = sampled(take, options.take).curves
    return ticking(len(curves.values), curves.fps)


def checked_words(words: Sequence[str]) -> RetargetOptions:
    """The options as `aimface retarget` reads them; those that it does not know end the command with tyro's
    own message. Raises AimError for numbers that are none."""
    from .retarget import Options as RetargetOptions

    options = tyro.cli(
        RetargetOptions,
        args=["take", "--source", "a.aim", "--target", "b.aim", "-o", "take.aimperf", *words],
        prog="--retarget-options:",
    )
    options.retarget.checked()
    for name in _THE_JOBS_OWN:
        if any(word == f"--{name}" or word.startswith(f"--{name}=") for word in words):
            raise AimError(
                f"--{name} cannot be among the --retarget-options.",
                "The job says it itself, once for every take and target.",
                _THE_JOBS_OWN[name],
            )
    return options


# A take's frames cut into the pieces that one machine bakes at a time.

MOST = 1024  # values of one task parameter, by the specification
_OURS = ("-o", "--out", "--frames", "--resume", "--progress", "--json")


def wanted(take: Path | Curves, words: Sequence[str], frames: str | None) -> FrameRange:
    """The frames of a take, or of a performance by its clock, that `aimface bake` would bake with these
    options. Raises AimError for curves or frames that it would refuse; options it does not know end the
    command with tyro's own message: better here than on every machine."""
    for word in words:
        if word.split("=")[0] in _OURS:
            raise AimError(
                f"'{word}' cannot be among the bake options.",
                "The job gives it to every task itself.",
                "Leave it out; --frames is an option of the job.",
            )
    options = tyro.cli(
        BakeOptions, args=["model.aim", "take", "-o", "chunk.npz", *words], prog="--bake-options:"
    )
    shot = replace(options.shot, frames=frames)
    if isinstance(take, Path):
        return sampled(take, shot).frames
    check_rates(shot)
    return taken(take, shot).frames


def split(frames: FrameRange, size: int) -> list[str]:
    """Ranges 'A-B' of at most `size` samples that cover the frames in order, as even as they can be; whole
    frames apart.

    Sub-frames of one frame stay together. Raises AimError for a size below one, or more ranges than a task
    parameter may have.
    """
    if size < 1:
        raise AimError(f"A chunk of {size} frames is none.", remedy="Give a number of frames above zero.")
    numbers, together = frames.numbers, frames.step.denominator
    groups = math.ceil(len(numbers) / together)
    count = math.ceil(groups / max(1, size // together))
    if count > MOST:
        raise AimError(
            f"{len(numbers)} frames in chunks of {size} are {count} tasks; one step may have {MOST}.",
            remedy=f"Take chunks of {math.ceil(groups / MOST) * together} or more.",
        )
    edges = [together * (groups * i // count) for i in range(count + 1)]
    ends = [(numbers[a], numbers[min(b, len(numbers)) - 1]) for a, b in itertools.pairwise(edges)]
    return [f"{_decimal(first)}-{_decimal(last)}" for first, last in ends]


def _decimal(number: Fraction) -> str:
    """Rounded up where it has no end: a range takes in every sample below its end, and the next is further
    away than that."""
    text = f"{math.ceil(number * 10**6) / 10**6:.6f}"
    return text.rstrip("0").rstrip(".")
