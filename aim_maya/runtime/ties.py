"""What an edit may not take apart: doubles on UV seams stay together, eyes and teeth stay whole. And what a face without anatomy cannot be asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

from .edit import Edit
from .model_data import ModelData

Floats = NDArray[np.floating]
_MAPS = ("thickness", "bone_offset", "expression_gain", "rest_offset")


def tied(data: ModelData, edit: Edit) -> Edit:
    """A checked edit whose maps are the mean over vertices that are the same point, and over each separate piece; pieces keep their thickness.

    Raises AimError for thickness and bones of a face that was trained without bones.
    """
    if not data.has_anatomy and (np.any(np.asarray(edit.thickness) != 1.0) or np.any(edit.bone_offset)):
        raise AimError(
            f"'{data.manifest.get('name', data.path.name)}' was trained without bones, so its tissue and bones cannot be edited.",
            "It was trained with --bones none.", "Train it again with skull.obj and jaw.obj in the actor folder; expression gains need no bones.",
        )  # fmt: skip
    if data.pieces is not None:
        edit = _with_rigid_pieces(data.pieces, edit)
    if data.owners is None:
        return edit
    return replace(edit, **_means(edit, _MAPS, data.owners))


def _with_rigid_pieces(pieces: NDArray[np.integer], edit: Edit) -> Edit:
    """Tissue is not what eyes and teeth have; bone offsets and gains move each of them as one. The neutral's own edit is left as it is."""
    if np.ndim(edit.thickness) or edit.thickness != 1.0:
        edit = replace(edit, thickness=np.where(pieces > 0, np.float32(1), np.float32(edit.thickness)))
    first = np.unique(pieces, return_index=True, return_inverse=True)
    group = np.where(pieces > 0, first[1][first[2].ravel()], np.arange(len(pieces)))
    return replace(edit, **_means(edit, ("bone_offset", "expression_gain"), group))


def _means(edit: Edit, names: tuple[str, ...], owners: NDArray[np.integer]) -> dict[str, Any]:
    """The entries of those names that are maps, each as its mean."""
    return {name: _mean(value, owners) for name in names if np.ndim(value := getattr(edit, name))}


def _mean(values: Floats, owners: NDArray[np.integer]) -> Floats:
    """(V, ...) float32, the mean of values over each owner's vertices; bit for bit the value of a vertex that is alone."""
    count = np.bincount(owners, minlength=len(owners))
    total = np.zeros(values.shape, np.float64)
    np.add.at(total, owners, values)
    mean = total / np.maximum(count, 1).reshape(-1, *[1] * (values.ndim - 1))
    return mean[owners].astype(np.float32)
