"""Write the built-in sample actor (a procedural head with skull, jaw and teeth) as an actor folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from aim_maya.core.actor_folder import write_actor
from trainer.sample import sample_actor


@dataclass
class Options:
    """What `aimface sample` takes."""

    folder: tyro.conf.Positional[Path]
    """Folder to write."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Write the folder."""
    actor = sample_actor()
    write_actor(actor, options.folder)
    return {
        "folder": str(options.folder),
        "vertices": len(actor.neutral.points),
        "targets": list(actor.rig.targets),
    }
