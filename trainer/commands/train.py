"""Train an actor folder into an actor.aim. Ctrl-C, or a file named `cancel` in the run folder, stops cleanly; --resume goes on."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.errors import AimError
from trainer.config import TrainConfig
from trainer.figures import figures_table
from trainer.progress import Style
from trainer.run_folder import RunFolder
from trainer.train import train
from trainer.usd_actor import load_actor


@dataclass
class Options:
    """What `aimface train` takes."""

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file with UsdSkel blend shapes."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The .aim file to write."""
    run: Path | None = None
    """RUN folder for progress, checkpoint and metrics; OUT with .run when not given."""
    resume: bool = False
    """Go on from the run folder's checkpoint."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    any_size: bool = False
    """Skip the check that the neutral is the size of a head."""
    leave_out: bool = False
    """Also report how well the anatomy is guessed with whole regions of constraints missing."""
    stop_with_parent: bool = False
    """Stop, leaving a checkpoint, when standard input ends: whatever started this is gone."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself."""


def run(options: Options) -> dict[str, Any]:
    """Train; returns the metrics."""
    if options.out.suffix != ".aim":
        raise AimError(f"The output is '{options.out}'.", "It has another ending.", "Name a file that ends in .aim.")
    actor = load_actor(options.actor, mm_per_unit=options.mm_per_unit, any_size=options.any_size)
    folder = RunFolder(options.run or options.out.with_suffix(".run"))
    trained = train(
        actor, options.out, options.config, folder, resume=options.resume, style=options.progress, leave_out=options.leave_out, with_parent=options.stop_with_parent
    )
    if options.progress != "json":
        sys.stdout.write(figures_table(trained.metrics) + f"\nwrote {options.out}\n")
    return trained.metrics
