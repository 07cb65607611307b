"""Write a model as a native rig: blend shapes and two joints that USD, glTF, Blender and FBX evaluate
themselves, exact, with no plug-in.

In .blend the jaw follows the sliders live; the others hold it in their animation. docs/guide/baking.md and
docs/guide/maya.md say when to take which.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from trainer.rig import RigOptions, write_rig


@dataclass
class Options:
    """What `aimface rig` takes."""

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

    rig: Annotated[RigOptions, tyro.conf.arg(name="")] = field(default_factory=RigOptions)
    """The face and what it plays."""


def run(options: Options) -> dict[str, Any]:
    """Write; returns what was written."""
    figures = write_rig(
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
