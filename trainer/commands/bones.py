"""Estimate skull and jaw from the skin alone, by landmarks and published tissue depths, as meshes to look at,
mend and keep."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.errors import AimError
from trainer.actor import load_actor
from trainer.actor.bones import WITHOUT, estimate_bones
from trainer.actor.weld import weld
from trainer.evaluate.anatomy import bone_accuracy, bones_summary, write_bones
from trainer.evaluate.tables import markdown


@dataclass
class Options:
    """What `aimface bones` takes."""

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file. Its own skull and jaw, if any, are only compared with."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for skull.obj, jaw.obj, bones.json and bones.png; 'estimated_bones' beside or in the actor when
    not given."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Estimate and write; prints the error to expect of every region, and the error found where the actor has
    bones."""
    actor = load_actor(options.actor, mm_per_unit=options.mm_per_unit)
    try:
        bones = estimate_bones(weld(actor).actor)
    except AimError as error:
        raise AimError(error.what, error.cause, f"{error.remedy} {WITHOUT}".strip()) from error
    out = (
        options.out or (options.actor if options.actor.is_dir() else options.actor.parent) / "estimated_bones"
    )
    write_bones(out, actor, bones)
    found = bone_accuracy(actor, bones)
    head = ["region", "vertices", "error to expect, mm"] + (
        ["median to the actor's own bone, mm"] if found else []
    )
    rows = [
        [name, str(bones.vertices[name]), f"{mm:g}"]
        + ([f"{found['regions'].get(name, float('nan')):.2f}"] if found else [])
        for name, mm in bones.expected_mm.items()
    ]
    sys.stdout.write(f"Landmarks: {bones.landmarks.report}.\n{markdown(head, rows)}\n")
    if found:
        sys.stdout.write(
            "".join(
                f"{bone}: median {found[bone]['median']:.2f} mm, p90 {found[bone]['p90']:.2f} mm\n"
                for bone in ("skull", "jaw")
            )
        )
    sys.stdout.write(f"wrote {out}. To use or mend them, put skull.obj and jaw.obj beside neutral.obj.\n")
    return bones_summary(bones) | {"compared": found}
