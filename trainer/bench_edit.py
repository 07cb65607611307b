"""What an edit costs a cached frame: paired with the unedited model at the same weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.core.regions import REGIONS
from aim_maya.runtime import Edit, EditRecipe, FaceModel, build_edit, preset

Floats = NDArray[np.floating]
Paired = Callable[[dict[str, Callable[[int], object]], int], dict[str, Floats]]


def edited_frames(model: FaceModel, active_count: int, rounds: int, paired: Paired) -> list[dict[str, Any]]:
    """A row an edit: median ms of a cached frame with and without it, and the median of the paired ratios; weights change every frame."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(model.targets), min(active_count, len(model.targets)), replace=False)
    frames = np.zeros((64, len(model.targets)))
    frames[:, chosen] = rng.uniform(0.05, 0.95, (64, len(chosen)))
    rows = []
    for name, edit in _edits(model).items():
        face = model.edited(edit)
        times = paired({"unedited": lambda i: model.points(frames[i % 64]), "edited": partial(_frame, face, frames)}, rounds)
        ratio = float(np.median(times["edited"] / times["unedited"]))
        rows.append({"edit": name, "edited_ms": float(np.median(times["edited"])), "unedited_ms": float(np.median(times["unedited"])), "ratio": ratio})
    return rows


def _frame(face: FaceModel, frames: Floats, i: int) -> Floats:
    return face.points(frames[i % len(frames)])


def _edits(model: FaceModel) -> dict[str, Edit]:
    """Tissue and bones together; and with a gain a vertex on the expressions, which every frame has to apply. Tissue alone where there are no regions."""
    try:
        model.data.regions  # noqa: B018 - asked whether there are any
    except AimError:
        return {"tissue": Edit(thickness=1.2)}
    tissue_and_bones = build_edit(preset("heavier"), model.data).then(build_edit(preset("long_jaw"), model.data))
    regional = build_edit(EditRecipe(expression_gain=dict.fromkeys(REGIONS, 1.2), jaw_gain=0.9), model.data)
    return {"tissue and bones": tissue_and_bones, "and expressions by region": tissue_and_bones.then(regional)}
