"""Full evaluation: all five networks every frame, fields and pose in one graph, data staying on the device in between.

The graph contracts E's last layer with the weights before it touches the vertices: e(w) = H(c) (W w). Detail enters as what
the networks leave over: at rest, and summed over the active targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .bound_graph import BoundGraph
from .model_data import ModelData

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
