"""Full evaluation: all five networks every frame, fields and pose in one graph, data staying on the device in between.

The graph contracts E's last layer with the weights before it touches the vertices: e(w) = H(c) (W w). Detail enters as what
the networks leave over: at rest, and summed over the active targets.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from .edit import Edit
from .model_data import ModelData
from .session import Session, open_session

Floats = NDArray[np.floating]


class FullEvaluator:
    """Points of one model through onnxruntime. Shared by all edits of a model; one run at a time."""

    def __init__(self, data: ModelData, device: str) -> None:
        self._data = data
        self.session: Session = open_session(data.graphs["full.onnx"], device)
        self._lock = threading.Lock()
        v = len(data.neutral)
        self._zeros, self._ones = np.zeros((v, 6), np.float32), np.ones((v, 1), np.float32)
        self._binding = self.session.handle.io_binding()
        self._bound: dict[str, tuple[Floats, object]] = {}
        self._rest_left: Floats | None = None
        self._no_offset = np.zeros((v, 3), np.float32)
        self._keep("template", data.template)

    def _keep(self, name: str, array: Floats) -> None:
        """Bind an input on the device; copied again only when another array object comes under that name."""
        if name in self._bound and self._bound[name][0] is array:
            return
        from onnxruntime import OrtValue

        value = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.session.device, 0)
        self._binding.bind_ortvalue_input(name, value)
        self._bound[name] = (array, value)

    def points(self, activations: Floats, jaw: Floats | None, edit: Edit, detail: bool) -> Floats:
        """(V, 3) float32, as CachedEvaluator.points within 1e-3 mm."""
        with self._lock:
            self._bind_edit(edit)
            self._bind_detail(activations, detail)
            small = {
                "weights": np.asarray(activations, np.float64),
                "jaw": np.eye(4) if jaw is None else np.asarray(jaw, np.float64),
                "jaw_given": np.float64(jaw is not None),
                "jaw_gain": np.float64(edit.jaw_gain),
                "jaw_arc": np.float32(edit.jaw_arc),
            }
            for name, value in small.items():
                self._binding.bind_cpu_input(name, np.array(value, order="C"))
            self._binding.bind_output("points", self.session.device)
            self.session.handle.run_with_iobinding(self._binding)
            points: Floats = self._binding.copy_outputs_to_cpu()[0]
            return points

    def _bind_edit(self, edit: Edit) -> None:
        v = len(self._data.neutral)
        for name, value in (("thickness_gain", edit.thickness), ("expression_gain", edit.expression_gain)):
            plain = not np.ndim(value) and value == 1.0
            self._keep(name, self._ones if plain else np.broadcast_to(np.float32(value).reshape(-1, 1), (v, 1)).copy())
        self._keep("bone_offset", edit.bone_offset if isinstance(edit.bone_offset, np.ndarray) else self._no_offset)

    def _bind_detail(self, activations: Floats, detail: bool) -> None:
        if not detail:
            self._keep("rest_detail", self._no_offset)
            self._keep("expression_detail", self._zeros)
            return
        exact, learned = self._data.tables(True), self._data.tables(False)
        if self._rest_left is None:
            self._rest_left = exact.rest - learned.rest
        self._keep("rest_detail", self._rest_left)
        turns = self._data.linear.combine(activations)[2]
        left = np.zeros((len(self._data.neutral), 6), np.float32)
        for i in np.flatnonzero(activations):
            difference = exact.displacements[i] - learned.displacements[i]
            left[:, :3] += np.float32(activations[i]) * difference
            left[:, 3:] += difference @ turns[i].astype(np.float32).T
        self._keep("expression_detail", left)
