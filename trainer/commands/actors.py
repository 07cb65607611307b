"""An actor before it is trained: looked at, and the bones and the jaw's motion estimated from its skin."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from aim_maya.core.actor import Actor
from aim_maya.core.actor_check import examine
from aim_maya.core.errors import AimError
from trainer.actor import load_actor, try_anatomy
from trainer.evaluate.tables import markdown


@dataclass
class CheckOptions:
    """Look at an actor as training would, in seconds: what was found, what is not used and why, and whether
    it can be trained.
    """

    actor: tyro.conf.Positional[Path]
    """Actor folder, a dataset.npz, or a USD file with UsdSkel blend shapes."""
    mm_per_unit: float | None = None
    """Millimetres in one unit of the actor's files; overrides actor.json."""
    any_size: bool = False
    """Skip the check that the neutral is the size of a head."""
    bones: Literal["auto", "none"] = "auto"
    """none: whether its expressions can be trained alone, as train --bones none does."""
    json: Path | None = None
    """Write the report here as JSON."""


def run_check(options: CheckOptions) -> dict[str, Any]:
    """Print the report; the reason why it cannot be trained goes to standard error, as errors do. Returns the
    report."""
    loaded: list[Actor] = []

    def load(path: Path, **how: Any) -> Actor:
        loaded.append(load_actor(path, **how))
        return loaded[0]

    found = examine(options.actor, mm_per_unit=options.mm_per_unit, any_size=options.any_size, load=load)
    if found.trainable and options.bones == "none":
        found.found |= dict.fromkeys(("skull", "jaw", "jaw_motion", "landmarks"), "not used (--bones none)")
    elif found.trainable:
        try_anatomy(found, loaded[0])
    sys.stdout.write(found.text())
    sys.stdout.flush()
    if found.reason is not None:
        parts = (
            ("Cannot be trained", found.reason.what),
            ("  Likely cause", found.reason.cause),
            ("  What to do", found.reason.remedy),
        )
        sys.stderr.write("".join(f"{title}: {text}\n" for title, text in parts if text))
    return found.figures()


def exit_code_check(figures: dict[str, Any]) -> int:
    """0 when it can be trained, 2 when not."""
    return 0 if figures["trainable"] else 2


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
    from trainer.actor.bones import (  # late, as below: a check needs them only at its end
        WITHOUT,
        estimate_bones,
    )
    from trainer.actor.weld import weld
    from trainer.evaluate.anatomy import bone_accuracy, bones_summary, write_bones

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
        for bone in ("skull", "jaw"):
            middle, most = found[bone]["median"], found[bone]["p90"]
            sys.stdout.write(f"{bone}: median {middle:.2f} mm, p90 {most:.2f} mm\n")
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
    from trainer.actor.bones import with_bones
    from trainer.actor.constraints import find_constraints
    from trainer.actor.weld import weld
    from trainer.evaluate.score import jaw_estimate_accuracy

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
