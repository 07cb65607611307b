"""Bake weight curves through an actor.aim, without Maya: to USD, Alembic, npz, or a folder of OBJs when OUT has no ending.

CURVES is a CSV with a frame, time or timecode column, a Live Link Face file as it comes, or USD with a SkelAnimation.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from trainer.bake import BakeOptions, bake


@dataclass
class Options:
    """What `aimface bake` takes."""

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    curves: tyro.conf.Positional[Path]
    """CSV, Live Link Face CSV, or USD with blendShapeWeights over time."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """OUT.usd, .usdc, .usda, .abc, .npz, or a folder for frame_<number>.obj."""
    start: int = 1
    """Frame number of the curves' first row."""
    frames: str | None = None
    """Range A-B (or A) of frame numbers; everything when not given."""
    step: str = "1"
    """Every n-th frame, or a part of a frame: 2, 0.25, 1/3."""
    fps: float | None = None
    """Frames a second of the output: the curves are resampled to it; theirs when not given. 29.97 means 30000/1001."""
    curve_fps: float | None = None
    """What frame numbers or timecodes in the curves count; found when not given (frames alone: --fps, else 30)."""
    gaps: Literal["interpolate", "hold", "refuse"] = "interpolate"
    """Where frames are missing from the curves: go on straight, keep the last value, or stop. Every gap is reported."""
    sort: bool = False
    """Put the curves' rows in order of time instead of refusing them."""
    drop_frame: Literal["auto", "yes", "no"] = "auto"
    """Whether timecodes are drop-frame; auto: those with ';' before the frames are."""
    prim: str | None = None
    """Path of the SkelAnimation, where a USD file has several."""
    actor: Path | None = None
    """Actor folder: its upper_teeth.obj and lower_teeth.obj are baked too, the lower ones with the jaw (USD, Alembic, OBJ)."""
    bones: bool = False
    """The learned bone points of skull and jaw too, as points (USD, Alembic)."""
    normals: bool = False
    """Smooth normals at every frame too (USD, Alembic)."""
    skel: bool = False
    """UsdSkel blend shapes, a jaw joint and their animation in place of points over time; the residual is printed."""
    material: str = "skin"
    """Name of the skin's material (USD: bound at ROOT/Looks/NAME; Alembic: a face set)."""
    resume: bool = False
    """Skip an output that is finished and of the same model, curves and options; go on in a folder of OBJs."""
    detail: bool = True
    """Exact at the trained poses; --no-detail takes everything from the networks."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where full evaluation runs."""
    evaluation: Literal["cached", "full"] = "cached"
    """cached: stored fields. full: all networks every frame."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""

    def chosen(self) -> BakeOptions:
        """What shapes the output."""
        return BakeOptions(
            start=self.start, frames=self.frames, step=self.step, fps=self.fps, curve_fps=self.curve_fps, gaps=self.gaps, sort=self.sort,
            drop_frame={"auto": None, "yes": True, "no": False}[self.drop_frame], prim=self.prim, actor=self.actor, bones=self.bones, normals=self.normals,
            skel=self.skel, material=self.material, detail=self.detail, evaluation=self.evaluation,
        )  # fmt: skip


def run(options: Options) -> dict[str, Any]:
    """Bake; returns what was written."""
    figures = bake(options.model, options.curves, options.out, options.chosen(), device=options.device, resume=options.resume, style=options.progress)
    if figures["skipped"]:
        sys.stdout.write(f"{options.out} is finished: nothing to do\n")
    else:
        residual = f", UsdSkel within {figures['residual_max_mm']:.2g} mm of the model" if options.skel else ""
        sys.stdout.write(f"wrote {figures['frames']} frames to {options.out} in {figures['seconds']:.1f} s{residual}\n")
    return figures
