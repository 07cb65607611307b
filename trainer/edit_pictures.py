"""Edits in a row: the presets on one actor, at rest and with the jaw open."""

from __future__ import annotations

from typing import Any

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.runtime import PRESETS, EditRecipe, FaceModel

from . import pictures

ROW = ("thinner", "heavier", "long_jaw", "wide_jaw", "strong_chin")


def edits_figure(model: FaceModel, edits: dict[str, EditRecipe], weights: dict[str, float], turn: float = 30.0) -> Any:
    """A column for the unedited face and one for each edit; the row above at rest, the row below at `weights`. Raises AimError for a control that is not there."""
    for name in weights:
        if name not in model.targets:
            raise AimError(f"There is no control '{name}'.", nearest_name(name, model.targets), "aimface info lists them.")
    made, axes = pictures.figure(len(edits) + 1, 2, width=2.4, height=3.0)
    for column, (name, recipe) in enumerate([("unedited", EditRecipe()), *edits.items()]):
        face = model.edited(recipe)
        axes[column].set_title(name.replace("_", " "))
        for row, pose in enumerate(({}, weights)):
            pictures.draw(axes[column + row * (len(edits) + 1)], model.mesh, face.points(pose), turn=turn, up=str(model.manifest["up"]))
    return made


def preset_row(names: tuple[str, ...] = ROW) -> dict[str, EditRecipe]:
    """The presets of the page in docs."""
    return {name: PRESETS[name][1] for name in names}
