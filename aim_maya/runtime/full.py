"""Full evaluation: all five networks every frame, fields and pose in one graph, data staying on the device in between.

The graph contracts E's last layer with the weights before it touches the vertices: e(w) = H(c) (W w). Detail enters as what
the networks leave over: at rest, and summed over the active targets.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .bound_graph import BoundGraph, finite
from .model_data import ModelData
from .session import open_session

Floats = NDArray[np.floating]


class FullEvaluator(BoundGraph):
    """full.onnx of one model."""

    graph = "full.onnx"

    def __init__(self, data: ModelData, device: str) -> None:
        super().__init__(data, device)
        self._zeros = np.zeros((len(data.neutral), 6), np.float32)
        self._rest_left: Floats | None = None
        self._keep("template", data, data.template)

    def _bind_fields(self, activations: Floats, detail: bool) -> None:
        if not detail:
            self._keep("rest_detail", self._no_offset, self._no_offset)
            self._keep("expression_detail", self._zeros, self._zeros)
            return
        exact, learned = self._data.tables(True), self._data.tables(False)
        if self._rest_left is None:
            self._rest_left = exact.rest - learned.rest
        self._keep("rest_detail", self._rest_left, self._rest_left)
        turns = self._data.linear.combine(activations)[2]
        left = np.zeros((len(self._data.neutral), 6), np.float32)
        for i in np.flatnonzero(activations):
            difference = exact.displacements[i] - learned.displacements[i]
            left[:, :3] += np.float32(activations[i]) * difference
            left[:, 3:] += difference @ turns[i].astype(np.float32).T
        self._keep("expression_detail", left, left)


def evaluated_fields(data: ModelData, device: str) -> ModelData:
    """The model with the fields that its networks give on `device`, in place of the stored ones. Raises AimError as open_session does."""
    names = ("bone_points", "thickness", "normals", "skinning_weight", "basis")
    given = open_session(data.graph("fields.onnx"), device).handle.run(names, {"template": data.template})
    v, t = len(data.neutral), len(data.rig.targets)
    shapes = ((v, 3), (v, 1), (v, 3), (v, 1), (v, t, 3))
    bone, thickness, normals, weight, basis = (finite(a, shape) for a, shape in zip(given, shapes, strict=True))
    return replace(
        data, bone=bone, thickness=thickness[:, 0], normals=normals, weight=weight[:, 0], basis=np.ascontiguousarray(basis.transpose(1, 0, 2)),
        _made={}, _lock=threading.Lock(),
    )  # fmt: skip
