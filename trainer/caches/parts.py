"""What goes along with the skin: teeth from an actor folder, and the learned bones as two clouds of points."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_obj
from aim_maya.runtime import FaceModel

from .shot import Part

TEETH: dict[str, Literal["jaw", "skull"]] = {"upper_teeth": "skull", "lower_teeth": "jaw"}


def teeth_files(actor: Path) -> list[Path]:
    """The files of an actor folder that hold teeth. Raises AimError when it has none."""
    found = [file for name in TEETH if (file := actor / f"{name}.obj").is_file()]
    if not found:
        raise AimError(
            f"{actor} has no upper_teeth.obj and no lower_teeth.obj.",
            "It is no actor folder, or one without teeth.",
            "Give the folder with the teeth, or leave --actor out.",
        )
    return found


def teeth(actor: Path, model: FaceModel) -> tuple[Part, ...]:
    """The teeth of an actor folder in the model's unit: the upper ones are the skull's, the lower ones follow the jaw.

    Raises AimError for teeth outside the head: another unit, or another actor's.
    """
    parts = []
    low, high = model.mesh.points.min(0), model.mesh.points.max(0)
    for file in teeth_files(actor):
        mesh = read_obj(file)
        inside = ((mesh.points >= low) & (mesh.points <= high)).all(1).mean()
        if inside < 0.5:
            raise AimError(f"{file}: {100 * (1 - inside):.0f} % of its vertices lie outside the head of the model.",
                "They are in another unit or space, or belong to another actor.", "Export them in the neutral's space and unit.")  # fmt: skip
        parts.append(Part(file.stem, mesh, TEETH[file.stem], "teeth"))
    return tuple(parts)


def bones(model: FaceModel) -> tuple[Part, ...]:
    """The learned bone point under every skin vertex: those of the jaw (skinning weight >= 0.5) follow it, the others are the skull's."""
    anatomy = model.anatomy
    of_jaw = anatomy.skinning_weight >= 0.5
    nothing = np.zeros(0, np.int32)
    clouds: tuple[tuple[str, Any, Literal["jaw", "skull"]], ...] = (("skull_points", ~of_jaw, "skull"), ("jaw_points", of_jaw, "jaw"))
    return tuple(Part(name, Mesh(anatomy.bone_points[chosen].astype(np.float64), nothing, nothing), follows, "bone") for name, chosen, follows in clouds if chosen.any())
