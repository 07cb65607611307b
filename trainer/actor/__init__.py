"""An actor understood: loaded by its ending, landmarks, head frame, bones, constraints, the jaw's motion."""

from __future__ import annotations

from pathlib import Path

from aim_maya.core import lazy
from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.actor_check import Examination
from aim_maya.core.actor_folder import read_actor
from aim_maya.core.errors import AimError

__all__ = ["estimate_bones", "find_constraints", "find_jaw", "find_landmarks", "load_actor", "try_anatomy"]

__getattr__ = lazy(
    __name__,
    landmarks="find_landmarks",
    bones="estimate_bones",
    constraints="find_constraints",
    jaw="find_jaw",
)


def load_actor(path: str | Path, *, mm_per_unit: float | None = None, any_size: bool = False) -> Actor:
    """Read an actor folder, a dataset.npz or a USD file, by its ending. Raises AimError for what cannot be
    trained on."""
    from trainer.usd.actor import USD_ENDINGS, read_usd_actor

    if Path(path).suffix.lower() not in USD_ENDINGS:
        return read_actor(path, mm_per_unit=mm_per_unit, any_size=any_size)
    actor = read_usd_actor(Path(path))
    if mm_per_unit is not None:
        actor.mm_per_unit = mm_per_unit
    check_actor(actor, any_size=any_size)
    return actor


def try_anatomy(found: Examination, actor: Actor) -> None:
    """Bones, constraints and the jaw's motion, as training makes them: what a face lacks shows here."""
    from .bones import with_constraints
    from .jaw import find_jaw
    from .landmarks import find_landmarks
    from .weld import weld

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
    try:
        at = find_landmarks(whole) if bones is None else bones.landmarks
    except AimError as error:  # training goes on: the bones are given
        found.found["landmarks"] = "not found"
        found.warnings.append(
            f"{error.what} Regions and handles of edits are placed roughly then, and tissue depths are not "
            f"known. {error.remedy}"
        )
    else:
        found.found["landmarks"] = at.report
        if at.warning:
            found.warnings.append(at.warning)
