"""Any kind of actor, by what it is: a folder, a dataset.npz, or a USD file."""

from __future__ import annotations

from pathlib import Path

from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.actor_folder import read_actor
from trainer.usd.actor import USD_ENDINGS, read_usd_actor


def load_actor(path: str | Path, *, mm_per_unit: float | None = None, any_size: bool = False) -> Actor:
    """Read an actor folder, a dataset.npz or a USD file, by its ending. Raises AimError for what cannot be
    trained on."""
    if Path(path).suffix.lower() not in USD_ENDINGS:
        return read_actor(path, mm_per_unit=mm_per_unit, any_size=any_size)
    actor = read_usd_actor(Path(path))
    if mm_per_unit is not None:
        actor.mm_per_unit = mm_per_unit
    check_actor(actor, any_size=any_size)
    return actor
