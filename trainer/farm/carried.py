"""How many frames a retarget gives, and at what rate, of curves or a performance that are there when the job is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tyro

from aim_maya.core.curves import Curves
from aim_maya.runtime import Performance
from trainer.commands.retarget import Options
from trainer.performance_curves import clock, is_performance
from trainer.take_options import sampled

from .captured import ticking


def carried_clock(take: Path, words: Sequence[str]) -> Curves:
    """Its clock with the options `words` of `aimface retarget`. Raises AimError for a take that a retarget would refuse."""
    options = checked_words(words)
    if is_performance(take):
        return clock(Performance.load(take))
    curves = sampled(take, options.take).curves
    return ticking(len(curves.values), curves.fps)


def checked_words(words: Sequence[str]) -> Options:
    """The options as `aimface retarget` reads them; those that it does not know end the command with tyro's own message. Raises AimError for numbers that are none."""
    options = tyro.cli(Options, args=["take", "--source", "a.aim", "--target", "b.aim", "-o", "take.aimperf", *words], prog="--retarget-options:")
    options.retarget.checked()
    return options
