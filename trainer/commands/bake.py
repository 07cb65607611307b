"""Bake weight curves or a performance through an actor.aim, without Maya: to USD, Alembic, npz, or a folder
of OBJs when OUT has no ending.

CURVES is a CSV with a frame, time or timecode column, a Live Link Face file as it comes, USD with a
SkelAnimation, or a fitted .aimperf.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from trainer.bake.bake import BakeOptions, bake


@dataclass
class Options:
    """What `aimface bake` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    curves: tyro.conf.Positional[Path]
    """CSV, Live Link Face CSV, USD with blendShapeWeights over time, or a fitted performance (.aimperf)."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """OUT.usd, .usdc, .usda, .abc, .npz, or a folder for frame_<number>.obj."""
    resume: bool = False
    """Skip an output that is finished and of the same model, curves and options; go on in a folder of OBJs.
    """
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where full evaluation runs."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""

    shot: Annotated[BakeOptions, tyro.conf.arg(name="")] = field(default_factory=BakeOptions)
    """Frames, curves and what is written."""


def run(options: Options) -> dict[str, Any]:
    """Bake; returns what was written."""
    figures = bake(
        options.model,
        options.curves,
        options.out,
        options.shot,
        device=options.device,
        resume=options.resume,
        style=options.progress,
    )
    if figures["skipped"]:
        sys.stdout.write(f"{options.out} is finished: nothing to do\n")
    else:
        residual = (
            f", UsdSkel within {figures['residual_max_mm']:.2g} mm of the model" if options.shot.skel else ""
        )
        sys.stdout.write(
            f"wrote {figures['frames']} frames to {options.out} in {figures['seconds']:.1f} s{residual}\n"
        )
    return figures
