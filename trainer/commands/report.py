"""Write a self-contained HTML page about a model: face, learned bones, thickness, errors per target,
figures.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from aim_maya.core.files import check_apart, read_json
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.runtime import FaceModel
from trainer.actor import load_actor
from trainer.evaluate.report import write_pictures, write_report


@dataclass
class Options:
    """What `aimface report` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """The page; MODEL with .html when not given."""
    actor: Path | None = None
    """Measure against this actor's shapes; else against those the file holds."""
    metrics: Path | None = None
    """metrics.json of the training, for anatomy figures and time; found in MODEL's run folder when there is
    one."""
    pictures: Path | None = None
    """Also write the first pictures as PNG files into this folder."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Write the page."""
    model = FaceModel.load(options.model, "cpu")
    nearby = RunFolder(options.model.with_suffix(".run")).metrics
    metrics = options.metrics or (nearby if nearby.exists() else None)
    out = options.out or options.model.with_suffix(".html")
    check_apart(out, options.model)
    with Progress(options.progress) as progress:
        if options.actor is not None:
            progress.stage("reading the actor")
        actor = load_actor(options.actor) if options.actor else None
        figures = write_report(model, out, actor, read_json(metrics) if metrics else None, progress)
        if options.pictures is not None:
            progress.stage("pictures as files")
            write_pictures(model, options.pictures, actor)
    sys.stdout.write(f"wrote {out}\n")
    return figures
