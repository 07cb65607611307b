"""Cached evaluation on a GPU: the fields stay on the device, and pose.onnx forms the skin from them each frame.

With detail the tables of the trained shapes take the fields' place: the bone points are moved so that they and the unchanged
thickness meet in the neutral, so edits act as they do on the CPU.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .bound_graph import BoundGraph
from .model_data import ModelData

Floats = NDArray[np.floating]


class ResidentEvaluator(BoundGraph):
    """pose.onnx of one model."""

    graph = "pose.onnx"

    def __init__(self, data: ModelData, device: str) -> None:
        super().__init__(data, device)
        self._keep("thickness", data, data.thickness[:, None])
        self._keep("normals", data, data.normals)
        self._keep("skinning_weight", data, data.weight[:, None])

    def _bind_fields(self, activations: Floats, detail: bool) -> None:  # noqa: ARG002 - the fields do not depend on the frame
        tables = self._data.tables(detail)
        if self._bound.get("basis", (None,))[0] is tables:
            return
        self._keep("bone_points", tables, tables.rest - self._data.thickness[:, None] * self._data.normals)
        self._keep("basis", tables, tables.displacements.transpose(1, 0, 2))
