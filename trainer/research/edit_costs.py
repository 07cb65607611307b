"""What an edit costs: in a cached frame, paired with the unedited model's; and until it shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.regions import REGIONS
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.edit import EditRecipe, preset
from aim_maya.runtime.edit_build import build_edit, sculpts_of
from aim_maya.runtime.model_data import ModelData

BURST = 16  # frames of one face in a row
Paired = Callable[[dict[str, Callable[[int], object]], int], dict[str, Floats]]


def edited_frames(model: FaceModel, active_count: int, rounds: int, paired: Paired) -> list[dict[str, Any]]:
    """A row an edit: median ms of a cached frame with and without it, and the median of the ratios of bursts;
    weights change every frame."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(model.targets), min(active_count, len(model.targets)), replace=False)
    frames = np.zeros((64, len(model.targets)))
    frames[:, chosen] = rng.uniform(0.05, 0.95, (64, len(chosen)))
    rows = []
    for name, edit in _edits(model).items():
        face = model.edited(edit)
        times = paired(
            {"unedited": partial(_played, model, frames), "edited": partial(_played, face, frames)},
            max(rounds // BURST, 10),
        )
        ratio = float(np.median(times["edited"] / times["unedited"]))
        rows.append(
            {
                "edit": name,
                "edited_ms": float(np.median(times["edited"])) / BURST,
                "unedited_ms": float(np.median(times["unedited"])) / BURST,
                "ratio": ratio,
            }
        )
    return rows


def _played(face: FaceModel, frames: Floats, i: int) -> None:
    """One face for a few frames, as a scene plays it: two in turn would push each other's rows out of the
    caches."""
    for k in range(BURST):
        face.points(frames[(i * BURST + k) % len(frames)])


def _edits(model: FaceModel) -> dict[str, Edit]:
    """Tissue and bones together; and with a gain a vertex on the expressions, which every frame has to apply.
    Tissue alone where there are no regions."""
    if not _has_regions(model.data):
        return {"tissue": Edit(thickness=1.2)}
    tissue_and_bones = build_edit(preset("heavier"), model.data).then(
        build_edit(preset("long_jaw"), model.data)
    )
    regional = build_edit(EditRecipe(expression_gain=dict.fromkeys(REGIONS, 1.2), jaw_gain=0.9), model.data)
    return {
        "tissue and bones": tissue_and_bones,
        "and expressions by region": tissue_and_bones.then(regional),
    }


_CHANGES = 12  # of a slider, of a map, of a sculpt


def edits_built(model: FaceModel) -> list[dict[str, Any]]:
    """A row a kind of edit: median and largest ms until the points of a face are there, of a dozen edits one
    after another that all differ; `first` is the model's first edit, once, where it has had none. Nothing
    for a face without anatomy."""
    data = model.data
    if not data.has_anatomy:
        return []
    shape = data.neutral.astype(np.float64)
    wave = (0.5 + 0.5 * np.sin(shape[:, 1] * model.mm_per_unit / 15)).astype(np.float32)

    rest: Floats = np.zeros(len(model.targets))
    pose = data.rig.trained_pose(data.rig.targets[0]) if data.rig.targets else rest
    posed, lift = model.points(pose), (wave / model.mm_per_unit)[:, None] * data.normals

    def sliders(amount: float) -> Edit:
        return build_edit(replace(preset("long_jaw", amount), thickness={"cheeks": 1 + 0.4 * amount}), data)

    def painted(amount: float) -> Edit:
        return Edit(thickness=1 + 0.3 * amount * wave)

    def bones(amount: float) -> Edit:
        return Edit(bone_offset=2 * amount * lift)

    def target(amount: float) -> Edit:
        return Edit(sculpts=sculpts_of(data, {data.rig.targets[0]: posed + amount * lift}))

    kinds: dict[str, tuple[Callable[[float], Edit], Floats]] = {}
    kinds |= {"sliders": (sliders, rest)} if _has_regions(data) else {}
    kinds |= {"painted map": (painted, rest), "sculpted bones": (bones, rest)}
    kinds |= {"sculpted target": (target, pose)} if data.rig.targets else {}
    rows, first = [], next(iter(kinds.values()))
    for kind, (build, shown) in {"first": first, **kinds}.items():
        times = []
        for i in range(1 if kind == "first" else _CHANGES):
            start = time.perf_counter()
            model.edited(build(0.5 + 0.5 * i / _CHANGES)).points(shown)
            times.append(1000 * (time.perf_counter() - start))
        row = {"edit": kind, "median_ms": float(np.median(times)), "max_ms": max(times)}
        rows.append({"vertices": len(shape), **row})
    return rows


def _has_regions(data: ModelData) -> bool:
    try:
        data.regions  # noqa: B018 - asked whether there are any
    except AimError:
        return False
    return True
