"""Judge the jaw estimated from the skin alone against the true lower teeth, beside no motion at all and plain
rigid fits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from aim_maya.core.errors import AimError
from trainer.actor import load_actor
from trainer.actor.bones import with_bones
from trainer.actor.constraints import find_constraints
from trainer.actor.weld import weld
from trainer.evaluate.score import jaw_estimate_accuracy
from trainer.evaluate.tables import markdown


@dataclass
class Options:
    """What `aimface jaw` takes."""

    actors: tyro.conf.Positional[tuple[Path, ...]]
    """Actor folders with lower teeth in every target: they are the truth, and not used for the estimate."""
    targets: bool = False
    """Print a row for every target whose jaw moves or is said to."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
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
