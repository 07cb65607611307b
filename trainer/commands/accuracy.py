"""Train several actors with several seeds and print one table: the figures that docs/research/benchmarks.md
shows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.progress import Style
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from trainer.actor import load_actor
from trainer.evaluate.tables import markdown
from trainer.train import train


@dataclass
class Options:
    """What `aimface accuracy` takes."""

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


def run(options: Options) -> dict[str, Any]:
    """Train them all; a row each, printed as it is known."""
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
