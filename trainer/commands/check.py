"""Look at an actor as training would, in seconds: what was found, what is not used and why, and whether it
can be trained."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from aim_maya.core.actor import Actor
from aim_maya.core.actor_check import Examination, examine
from aim_maya.core.errors import AimError
from trainer.actor import load_actor


@dataclass
class Options:
    """What `aimface check` takes."""

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


def run(options: Options) -> dict[str, Any]:
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
        _try_anatomy(found, loaded[0])
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


def exit_code(figures: dict[str, Any]) -> int:
    """0 when it can be trained, 2 when not."""
    return 0 if figures["trainable"] else 2


def _try_anatomy(found: Examination, actor: Actor) -> None:
    """Bones, constraints and the jaw's motion, as training makes them: what a face lacks shows here."""
    from trainer.actor.bones import with_constraints
    from trainer.actor.jaw import find_jaw
    from trainer.actor.weld import weld

    welded = weld(actor)
    if welded.notes:
        found.found["learned"] = ". ".join(welded.notes)
    try:
        whole, bones, constraints = with_constraints(welded.actor)
        jaw = find_jaw(whole, constraints)
    except AimError as error:
        found.reason = error
        return
    found.found["constraints"] = (
        f"{len(constraints.used)} of {len(whole.neutral.points)} vertices lie over bone"
    )
    found.found["jaw_motion"] = f"{jaw.source}: {jaw.report}"
    if bones is not None:
        found.found["landmarks"] = bones.landmarks.report
