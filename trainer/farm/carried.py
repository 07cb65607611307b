"""How many frames a retarget gives, and at what rate, of curves or a performance that are there when the job is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tyro

from aim_maya.core.curves import Curves
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel, Performance
from trainer.commands.retarget import Options, whole_take
from trainer.performance_curves import clock, is_performance
from trainer.take_options import sampled

from .captured import ticking

_THE_JOBS_OWN = {
    "suggest": "Write the mapping first: aimface retarget --suggest FILE.", "mapping": "Give --mapping to aimface farm retarget.", "scans": "Name the scans as takes.",
    "source": "Name the model of the takes first.", "target": "Give --targets.", "out": "Give --to.", "picture": "Draw it when the job is done: aimface retarget --picture.",
}  # fmt: skip


def carried_clock(take: Path, source: Path, words: Sequence[str]) -> Curves:
    """Its clock with the options `words` of `aimface retarget` and a source that may have to be trained first. Raises AimError for a take that a retarget would refuse."""
    options = checked_words(words)
    if is_performance(take):
        whole_take(options)
        performance = Performance.load(take)
        if source.suffix == ".aim":
            performance.check(FaceModel.load(source, "cpu"))
        return clock(performance)
    curves = sampled(take, options.take).curves
    return ticking(len(curves.values), curves.fps)


def checked_words(words: Sequence[str]) -> Options:
    """The options as `aimface retarget` reads them; those that it does not know end the command with tyro's own message. Raises AimError for numbers that are none."""
    options = tyro.cli(Options, args=["take", "--source", "a.aim", "--target", "b.aim", "-o", "take.aimperf", *words], prog="--retarget-options:")
    options.retarget.checked()
    for name in _THE_JOBS_OWN:
        if any(word == f"--{name}" or word.startswith(f"--{name}=") for word in words):
            raise AimError(f"--{name} cannot be among the --retarget-options.", "The job says it itself, once for every take and target.", _THE_JOBS_OWN[name])
    return options
