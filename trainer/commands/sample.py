"""Write a built-in head as an actor folder: the ICT-FaceKit head with its 53 targets, bones and teeth, or a
procedural one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.errors import AimError
from trainer.sample import write_ict_head, write_ict_model

Head = Literal["ict", "procedural"]


@dataclass
class Options:
    """What `aimface sample` takes."""

    folder: tyro.conf.Positional[Path]
    """Folder to write."""
    head: Head = "ict"
    """ict: the generic head of ICT-FaceKit (MIT), exactly as published. procedural: made by a program,
    with an in-between and a combination."""
    trained: bool = False
    """Also write FOLDER.aim, the finished model of the ict head: to look at before anything is trained."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Write the folder."""
    if options.trained and options.head != "ict":
        raise AimError(
            f"There is no finished model of the {options.head} head.",
            "Only the ict head comes with one.",
            "Leave --trained out and train it, or take --head ict.",
        )
    actor = write_head(options.head, options.folder)
    sys.stdout.write(
        f"{options.folder}: {len(actor.rig.targets)} targets; aimface train {options.folder} trains it\n"
    )
    if options.trained:
        model = options.folder.with_name(options.folder.name + ".aim")
        write_ict_model(model)
        sys.stdout.write(f"{model}: aimface view {model} shows it\n")
    return {
        "folder": str(options.folder),
        "head": options.head,
        "vertices": len(actor.neutral.points),
        "targets": list(actor.rig.targets),
    }


def write_head(head: Head, folder: Path) -> Actor:
    """Write that head as an actor folder."""
    if head == "ict":
        return write_ict_head(folder)
    from trainer.sample import sample_actor  # needs scipy, which the other head does not

    actor = sample_actor()
    write_actor(actor, folder)
    return actor
