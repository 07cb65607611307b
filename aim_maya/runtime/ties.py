"""What an edit may not take apart: doubles on UV seams stay together. And what a face without anatomy cannot be asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

from .edit import Edit
from .model_data import ModelData

Floats = NDArray[np.floating]
_MAPS = ("thickness", "bone_offset", "expression_gain", "rest_offset")


def tied(data: ModelData, edit: Edit) -> Edit:
    """A checked edit whose maps are the mean over vertices that are the same point.

    Raises AimError for thickness and bones of a face that was trained without bones.
    """
    if not data.has_anatomy and (np.any(np.asarray(edit.thickness) != 1.0) or np.any(edit.bone_offset)):
        raise AimError(
            f"'{data.manifest.get('name', data.path.name)}' was trained without bones, so its tissue and bones cannot be edited.",
            "It was trained with --bones none.", "Train it again with skull.obj and jaw.obj in the actor folder; expression gains need no bones.",
        )  # fmt: skip
    if data.owners is None:
        return edit
    return replace(edit, **{name: _mean(value, data.owners) for name in _MAPS if np.ndim(value := getattr(edit, name))})


def _mean(values: Floats, owners: NDArray[np.integer]) -> Floats:
    """(V, ...) float32, the mean of values over each owner's vertices; bit for bit the value of a vertex that is alone."""
    count = np.bincount(owners, minlength=len(owners))
    total = np.zeros(values.shape, np.float64)
    np.add.at(total, owners, values)
    mean = total / np.maximum(count, 1).reshape(-1, *[1] * (values.ndim - 1))
    return mean[owners].astype(np.float32)
