"""One training, or several and a table of their figures."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.progress import Style
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from trainer.actor import load_actor
from trainer.evaluate.tables import accuracy_table, markdown
from trainer.learn.run import RunInputs


@dataclass
class TrainOptions:
    """Train an actor folder into an actor.aim. Ctrl-C, or a file named `cancel` in the run folder, stops
    cleanly; --resume goes on.
    """

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file with UsdSkel blend shapes."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The .aim file to write."""
    run: Path | None = None
    """RUN folder for progress, checkpoint and metrics; OUT with .run when not given."""
    resume: bool = False
    """Go on from the run folder's checkpoint."""
    if_needed: bool = False
    """For farms, where a task may come twice: nothing when OUT came of the same actor and settings, else from
    their checkpoint, else from the start."""
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


def run_train(options: TrainOptions) -> dict[str, Any]:
    """Train; returns the metrics."""
    if options.out.suffix != ".aim":
        raise AimError(
            f"The output is '{options.out}'.", "It has another ending.", "Name a file that ends in .aim."
        )
    actor = load_actor(options.actor, mm_per_unit=options.mm_per_unit, any_size=options.any_size)
    folder = RunFolder(options.run or options.out.with_suffix(".run"))
    inputs = RunInputs.of(folder, actor, options.config) if options.if_needed else None
    if inputs is not None and inputs.is_complete(options.out):
        sys.stdout.write(f"{options.out} is finished already\n")
        return dict(read_json(folder.metrics))
    from trainer.train import train  # late: torch takes two seconds to import, and a farm asks often

    resume = options.resume or (inputs is not None and inputs.can_resume())
    if inputs is not None:
        inputs.begin()
    trained = train(
        actor,
        options.out,
        options.config,
        folder,
        resume=resume,
        style=options.progress,
        leave_out=options.leave_out,
        with_parent=options.stop_with_parent,
        source=options.actor,
    )
    if inputs is not None:
        inputs.complete(options.out)
    if options.progress != "json":
        sys.stdout.write(accuracy_table(trained.metrics) + f"\nwrote {options.out}\n")
    return trained.metrics


@dataclass
class AccuracyOptions:
    """Train several actors with several seeds and print one table: the figures that
    docs/research/benchmarks.md shows.
    """

    actors: tyro.conf.Positional[tuple[Path, ...]]
    """Actor folders."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/accuracy")
    """Folder for the models and their run folders."""
    seeds: int = 3
    """Seeds 0, 1, ... of each actor."""
    leave_out: bool = False
    """Also leave whole regions of constraints out."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself."""


HEADER = (
    "actor",
    "seed",
    "mean",
    "p99.9",
    "max",
    "moving",
    "worst/motion",
    "neutral",
    "face/vertex",
    "used",
    "hit med",
    "surf med",
    "surf p95",
    "restarts",
    "s",
)


def run_accuracy(options: AccuracyOptions) -> dict[str, Any]:
    """Train them all; a row each, printed as it is known."""
    from trainer.train import train

    rows, figures = [], []
    for folder in options.actors:
        actor = load_actor(folder)
        for seed in range(options.seeds):
            config = TrainConfig(**(vars(options.config) | {"seed": seed}))
            name = f"{actor.name}_{seed}"
            m = train(
                actor,
                options.out / f"{name}.aim",
                config,
                RunFolder(options.out / f"{name}.run"),
                style=options.progress,
                leave_out=options.leave_out,
            ).metrics
            rows.append(_row(m, seed))
            figures.append(m)
            sys.stdout.write(
                " ".join(str(x) if not isinstance(x, float) else f"{x:.4g}" for x in rows[-1]) + "\n"
            )
            sys.stdout.flush()
    sys.stdout.write("\n" + markdown(HEADER, rows) + "\n")
    return {"rows": figures}


def _row(m: dict[str, Any], seed: int) -> list[Any]:
    skin, anatomy = m["skin"], m["anatomy"]
    return [
        m["actor"],
        seed,
        skin["mean"],
        skin["p999"],
        skin["max"],
        skin["moving_mean"],
        m["worst_relative"],
        m["neutral"]["mean"],
        m["between"]["face_centre_over_vertex"],
        anatomy["used_mean"],
        anatomy["unseen_hit_median"],
        anatomy["unseen_surface_median"],
        anatomy["unseen_surface_p95"],
        m["restarts"],
        m["seconds"]["total"],
    ]
