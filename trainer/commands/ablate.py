"""Train one actor again and again with one thing changed each time, and print what each is worth."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.errors import AimError
from aim_maya.core.files import write_text
from aim_maya.core.progress import Style
from aim_maya.core.training_options import TrainConfig
from trainer.actor.load import load_actor
from trainer.evaluate.tables import markdown
from trainer.research.ablate import ablate

HEADER = (
    "",
    "skin mean, mm",
    "p99.9",
    "max",
    "neutral",
    "jaw, mm",
    "bone median",
    "p95",
    "outside",
    "restarts",
    "s",
)


@dataclass
class Options:
    """What `aimface ablate` takes."""

    actor: tyro.conf.Positional[Path]
    """The actor; with lower teeth its jaw is judged, too."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/ablate")
    """Folder for the models, their run folders and table.md."""
    only: tuple[str, ...] | None = None
    """Only these rows of the table, by name."""
    progress: Style = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")] = field(default_factory=TrainConfig)
    """Everything about the training itself: what every variant starts from."""


def run(options: Options) -> dict[str, Any]:
    """Train them all; a line each as it is known, then the table."""

    def told(name: str, figures: dict[str, Any]) -> None:
        shown = figures.get("error") or ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
            for k, v in figures.items()
            if v is not None
        )
        sys.stdout.write(f"{name}: {shown}\n")
        sys.stdout.flush()

    figures = ablate(
        load_actor(options.actor), options.config, options.out, options.progress, told, options.only
    )
    if all("error" in f for f in figures.values()):
        raise AimError(
            "No variant could be trained.",
            f"The first said: {next(iter(figures.values()))['error']}",
            "Train the actor first: aimface train.",
        )
    table = markdown(HEADER, [_cells(name, f) for name, f in figures.items()])
    write_text(options.out / "table.md", table + "\n")
    sys.stdout.write("\n" + table + "\n")
    return figures


def _cells(name: str, figures: dict[str, Any]) -> list[Any]:
    if "error" in figures:
        return [name, figures["error"], *[""] * (len(HEADER) - 2)]
    shown = ["" if v is None else v for k, v in figures.items() if k != "not_exported"]
    return [f"{name} (not exported)" if "not_exported" in figures else name, *shown]
