"""Edits in a row: the presets on one actor, at rest and with the jaw open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.runtime import PRESETS, Edit, EditRecipe, FaceModel

from . import pictures

Floats = NDArray[np.floating]
ROW = ("thinner", "heavier", "long_jaw", "wide_jaw", "strong_chin")


def edits_figure(model: FaceModel, edits: Mapping[str, Edit | EditRecipe], weights: Floats, turn: float = 30.0) -> Any:
    """A column for the unedited face and one for each edit; the row above at rest, the row below at weights (C,)."""
    made, axes = pictures.figure(len(edits) + 1, 2, width=2.4, height=3.0)
    for column, (name, edit) in enumerate([("unedited", EditRecipe()), *edits.items()]):
        face = model.edited(edit)
        axes[column].set_title(pictures.label(name.replace("_", " ")))
        for row, pose in enumerate((np.zeros_like(weights), weights)):
            pictures.draw(axes[column + row * (len(edits) + 1)], model.mesh, face.points(pose), turn=turn, up=str(model.manifest["up"]))
    return made


def preset_row(names: tuple[str, ...] = ROW) -> dict[str, EditRecipe]:
    """The presets of the page in docs."""
    return {name: PRESETS[name][1] for name in names}
