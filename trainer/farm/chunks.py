"""A take's frames cut into the pieces that one machine bakes at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import tyro

from aim_maya.core.curves import Curves, FrameRange
from aim_maya.core.errors import AimError
from trainer.commands.bake import Options
from trainer.take_options import check_rates, sampled, taken

MOST = 1024  # values of one task parameter, by the specification
_OURS = ("-o", "--out", "--frames", "--resume", "--progress", "--json")


def wanted(take: Path | Curves, words: Sequence[str], frames: str | None) -> FrameRange:
    """The frames of a take, or of a performance by its clock, that `aimface bake` would bake with these options.

    Raises AimError for curves or frames that it would refuse.

    Options it does not know end the command with tyro's own message: better here than on every machine.
    """
    for word in words:
        if word.split("=")[0] in _OURS:
            raise AimError(f"'{word}' cannot be among the bake options.", "The job gives it to every task itself.", "Leave it out; --frames is an option of the job.")
    options = tyro.cli(Options, args=["model.aim", "take", "-o", "chunk.npz", *words], prog="--bake-options:")
    shot = replace(options.shot, frames=frames)
    if isinstance(take, Path):
        return sampled(take, shot).frames
    check_rates(shot)
    return taken(take, shot).frames


def split(frames: FrameRange, size: int) -> list[str]:
    """Ranges 'A-B' of at most `size` samples that cover the frames in order, as even as they can be; whole frames apart.

    Sub-frames of one frame stay together. Raises AimError for a size below one, or more ranges than a task parameter may have.
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
    return [f"{_decimal(numbers[a])}-{_decimal(numbers[min(b, len(numbers)) - 1])}" for a, b in itertools.pairwise(edges)]


def _decimal(number: Fraction) -> str:
    """Rounded up where it has no end: a range takes in every sample below its end, and the next is further away than that."""
    text = f"{math.ceil(number * 10**6) / 10**6:.6f}"
    return text.rstrip("0").rstrip(".")
