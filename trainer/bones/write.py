"""Estimated bones as files that a rigger can look at, mend and put beside neutral.obj: two meshes, what they rest on, a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.files import atomic_path, write_json
from aim_maya.core.obj import write_obj
from trainer import pictures

from .estimate import EstimatedBones


def write_bones(folder: Path, actor: Actor, bones: EstimatedBones) -> None:
    """skull.obj, jaw.obj, bones.json (landmarks in object space, error to expect a region), bones.png."""
    write_obj(folder / "skull.obj", bones.skull)
    write_obj(folder / "jaw.obj", bones.jaw)
    write_json(folder / "bones.json", describe(bones))
    with atomic_path(folder / "bones.png") as temporary:
        temporary.write_bytes(pictures.png(bones_figure(actor, bones)))


def describe(bones: EstimatedBones) -> dict[str, Any]:
    """Where the estimate comes from, in plain values."""
    at = bones.landmarks
    return {
        "report": bones.report, "expected_error_mm": bones.expected_mm, "vertices": bones.vertices,
        "landmarks": {name: [round(float(v), 4) for v in at.frame.to_object(point)] for name, point in at.points.items()},
        "landmarks_given": list(at.given), "landmarks_by_proportion": list(at.guessed),
    }  # fmt: skip


def bones_figure(actor: Actor, bones: EstimatedBones) -> Any:
    """The landmarks on the skin, and the bones, from the front and from the side."""
    made, axes = pictures.figure(4)
    marks = bones.landmarks.frame.to_object(np.array(list(bones.landmarks.points.values())))
    for i, turn in enumerate((0.0, 80.0)):
        pictures.draw(axes[2 * i], actor.neutral, actor.neutral.points, turn=turn, up=actor.up)
        pictures.scatter(axes[2 * i], marks, "#a02020", turn=turn, up=actor.up, size=14)
        pictures.draw_bones(axes[2 * i + 1], bones.skull, bones.jaw, turn=turn, up=actor.up)
        axes[2 * i + 1].set_xlim(axes[2 * i].get_xlim())
        axes[2 * i + 1].set_ylim(axes[2 * i].get_ylim())
    axes[0].set_title("landmarks")
    axes[1].set_title("estimated skull and jaw")
    return made
