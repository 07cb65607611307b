"""How many frames a capture has, and at what rate: what a job must know of a performance that is not fitted yet."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from aim_maya.core.curves import Curves
from aim_maya.core.curves.curve_files import DEFAULT_FPS
from aim_maya.core.curves.take import exact_rate
from aim_maya.core.errors import AimError
from trainer.commands.fit import Options


def is_captured(path: Path) -> bool:
    """Whether a take is captured frames, and not curves or a performance."""
    return path.is_dir() or path.suffix.lower() == ".npz"


def captured_clock(path: Path, words: Sequence[str] = ()) -> Curves:
    """A row for every captured frame and no columns, of a folder of OBJs or an npz with `frames` (F, V, 3); only its header is read.

    The rate is what a fit with the options `words` would take: --fps, the npz's `fps`, or 30. Raises AimError where there are no frames;
    options that a fit does not know end the command with tyro's own message.
    """
    given = tyro.cli(Options, args=["model.aim", str(path), "-o", "take.aimperf", *words], prog="--fit-options:").fit.fps
    count, own = _npz(path) if path.suffix.lower() == ".npz" else (_objs(path), DEFAULT_FPS)
    fps = given or own
    if not count:
        raise AimError(f"{path} holds no frames.", "It is another folder, or the capture is empty.", "Give a folder of OBJs, or an npz with `frames` (F, V, 3).")
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
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape = read(stream)[0]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise AimError(f"{path} cannot be read as captured frames ({error}).", "It is cut off, or has no `frames` (F, V, 3).") from error
    if len(shape) != 3 or shape[2] != 3 or not 0 < fps < 1e6:
        raise AimError(f"{path}: its frames are {shape} at {fps} a second, not (F, V, 3) at a positive rate.", "Another program wrote it.")
    return int(shape[0]), fps
