"""What other programs play: baked frames, and native rigs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from trainer import rig as native
from trainer.bake import bake as shots


@dataclass
class BakeOptions:
    """Bake weight curves or a performance through an actor.aim, without Maya: to USD, Alembic, npz, or a
    folder of OBJs when OUT has no ending.

    CURVES is a CSV with a frame, time or timecode column, a Live Link Face file as it comes, USD with a
    SkelAnimation, or a fitted .aimperf.
    """

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

    shot: Annotated[shots.BakeOptions, tyro.conf.arg(name="")] = field(default_factory=shots.BakeOptions)
    """Frames, curves and what is written."""


def run_bake(options: BakeOptions) -> dict[str, Any]:
    """Bake; returns what was written."""
    figures = shots.bake(
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


@dataclass
class RigOptions:
    """Write a model as a native rig: blend shapes and two joints that USD, glTF, Blender and FBX evaluate
    themselves, exact, with no plug-in.

    In .blend the jaw follows the sliders live; the others hold it in their animation. docs/guide/baking.md
    and docs/guide/maya.md say when to take which.
    """

    model: tyro.conf.Positional[Path]
    """The .aim file."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """OUT.usd, .usda, .usdc, .glb, .blend or .fbx; .html is a page that shows the face to anyone."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where a performance's networks run."""
    progress: Literal["auto", "bar", "lines", "json", "openjd", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""

    rig: Annotated[native.RigOptions, tyro.conf.arg(name="")] = field(default_factory=native.RigOptions)
    """The face and what it plays."""


def run_rig(options: RigOptions) -> dict[str, Any]:
    """Write; returns what was written."""
    figures = native.write_rig(
        options.model, options.out, options.rig, device=options.device, style=options.progress
    )
    frames = f", {figures['frames']} frames" if figures["frames"] else ""
    sys.stdout.write(
        f"wrote {figures['targets']} shapes on {figures['vertices']} vertices{frames} to {options.out} "
        f"({figures['bytes'] / 2**20:.1f} MiB) in {figures['seconds']:.1f} s\n"
    )
    for name, unit in figures.get("slider_units", {}).items():
        sys.stdout.write(f"note: 1 on Blender's slider '{name}' is {unit:g} of the control\n")
    return figures
