"""What keeps an edit possible: bone never comes out of the skin above it. Clamped, and said where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

from .edit import Edit
from .model_data import ModelData

Floats = NDArray[np.floating]
LEAST_MM = 0.2  # tissue that stays over a bone point; where the model itself has less, that


def clamped(data: ModelData, edit: Edit) -> tuple[Edit, tuple[str, ...]]:
    """A checked edit that leaves tissue over every bone point, and what had to be changed for it, one sentence a reason.

    Bone offsets carry the skin along and never need it; thickness is held, and a neutral edit that sinks into the bone is lifted along the
    anatomy normals.
    """
    least = np.minimum(data.thickness, np.float32(LEAST_MM / float(data.manifest["mm_per_unit"])))
    edit, thin = _thickness(data, edit, least)
    edit, sunk = _rest(data, edit, least)
    return edit, (*thin, *sunk)


def _thickness(data: ModelData, edit: Edit, least: Floats) -> tuple[Edit, list[str]]:
    if not np.ndim(edit.thickness) and edit.thickness >= 1.0:
        return edit, []
    asked = np.float32(edit.thickness) * data.thickness
    low = asked < least * (1 - 1e-6)
    if not low.any():
        return edit, []
    held = np.where(low, least / np.maximum(data.thickness, 1e-12), np.float32(edit.thickness)).astype(np.float32)
    return replace(edit, thickness=held), [_said(data, low, float((least - asked).max()), "Bone came through the skin by its thickness")]


def _rest(data: ModelData, edit: Edit, least: Floats) -> tuple[Edit, list[str]]:
    if not np.ndim(edit.rest_offset):
        return edit, []
    lack = least - np.float32(edit.thickness) * data.thickness - (edit.rest_offset * data.normals).sum(1)
    low = lack > 1e-6 * np.maximum(data.thickness, least)
    if not low.any():
        return edit, []
    lifted = edit.rest_offset + np.where(low, lack, 0).astype(np.float32)[:, None] * data.normals
    return replace(edit, rest_offset=lifted), [_said(data, low, float(lack.max()), "The edited neutral sank into the bone")]


def _said(data: ModelData, low: NDArray[np.bool_], largest: float, what: str) -> str:
    mm = largest * float(data.manifest["mm_per_unit"])
    return f"{what} at {int(low.sum())} vertices ({_places(data, low)}), by up to {mm:.1f} mm: clamped to {LEAST_MM:g} mm of tissue."


def _places(data: ModelData, low: NDArray[np.bool_]) -> str:
    """The regions that hold them, most first; vertex ids for a model without regions."""
    try:
        regions = data.regions
    except AimError:
        return "vertex " + ", ".join(map(str, np.flatnonzero(low)[:3].tolist()))
    names = np.array([*regions, "elsewhere"])
    maps = np.stack([*regions.values(), np.full(len(low), 0.3, np.float32)])[:, low]
    found, counts = np.unique(names[maps.argmax(0)], return_counts=True)
    order = np.argsort(-counts)
    return ", ".join(f"{found[i]} {counts[i]}" for i in order)
