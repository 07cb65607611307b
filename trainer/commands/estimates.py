"""What is estimated from the skin alone: skull and jaw, and the jaw's motion."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from aim_maya.core.errors import AimError
from trainer.actor import load_actor
from trainer.actor.bones import WITHOUT, estimate_bones, with_bones
from trainer.actor.constraints import find_constraints
from trainer.actor.weld import weld
from trainer.evaluate.anatomy import bone_accuracy, bones_summary, write_bones
from trainer.evaluate.score import jaw_estimate_accuracy
from trainer.evaluate.tables import markdown


@dataclass
class BonesOptions:
    """Estimate skull and jaw from the skin alone, by landmarks and published tissue depths, as meshes to look
    at, mend and keep.
    """

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file. Its own skull and jaw, if any, are only compared with."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for skull.obj, jaw.obj, bones.json and bones.png; 'estimated_bones' beside or in the actor when
    not given."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_bones(options: BonesOptions) -> dict[str, Any]:
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


@dataclass
class JawOptions:
    """Judge the jaw estimated from the skin alone against the true lower teeth, beside no motion at all and
    plain rigid fits.
    """

    actors: tyro.conf.Positional[tuple[Path, ...]]
    """Actor folders with lower teeth in every target: they are the truth, and not used for the estimate."""
    targets: bool = False
    """Print a row for every target whose jaw moves or is said to."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_jaw(options: JawOptions) -> dict[str, Any]:
    """Print the table; returns {actor: {row: figures}}."""
    if not options.actors:
        raise AimError(
            "No actor was named.",
            remedy="Give one or more actor folders with lower teeth: aimface jaw ACTOR ...",
        )
    figures: dict[str, Any] = {}
    for path in options.actors:
        actor = with_bones(weld(load_actor(path)).actor)[0]
        figures[actor.name] = jaw_estimate_accuracy(actor, find_constraints(actor))
    head = ["actor", "jaw", "all, mm", "moving: mean, % of motion", "worst, %", "still: mean, mm", "max, mm"]
    rows = [
        [
            name,
            row,
            f"{f['mean']:.2f}",
            f"{100 * f['moving_share']:.0f} ({f['moving']})",
            f"{100 * f['moving_worst']:.0f}",
            f"{f['still_mean']:.2f}",
            f"{f['still_max']:.2f}",
        ]
        for name, table in figures.items()
        for row, f in table.items()
    ]
    sys.stdout.write(markdown(head, rows) + "\n")
    if options.targets:
        listed = [
            [name, r["target"], f"{r['motion']:.1f}", f"{r['error']:.2f}", f"{r['degrees']:.1f}"]
            for name, table in figures.items()
            for r in table["estimate"]["targets"]
            if max(r["motion"], r["error"]) > 0.5
        ]
        sys.stdout.write(
            "\n" + markdown(["actor", "target", "motion, mm", "error, mm", "degrees"], listed) + "\n"
        )
    return figures
