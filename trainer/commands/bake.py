"""Bake weight curves (CSV) through an actor.aim: to one npz, or to a folder of OBJs when OUT has no ending."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from trainer.bake import bake


@dataclass
class Options:
    """What `aimface bake` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    curves: tyro.conf.Positional[Path]
    """CSV with a frame or time column and one column a control."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """OUT.npz, or a folder for frame_<number>.obj."""
    start: int = 1
    """Number of the first frame in an OBJ sequence."""
    fps: float | None = None
    """Frames a second; found from the time column when not given."""
    detail: bool = True
    """Exact at the trained poses; --no-detail takes everything from the networks."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where full evaluation runs."""
    evaluation: Literal["cached", "full"] = "cached"
    """cached: stored fields. full: all networks every frame."""
    progress: Literal["auto", "bar", "lines", "json", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Bake; returns what was written."""
    figures = bake(
        options.model, options.curves, options.out, start=options.start, fps=options.fps, detail=options.detail,
        device=options.device, evaluation=options.evaluation, style=options.progress,
    )  # fmt: skip
    sys.stdout.write(f"wrote {figures['frames']} frames to {options.out}\n")
    return figures
