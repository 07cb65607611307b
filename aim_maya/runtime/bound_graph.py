"""One onnxruntime session with its inputs kept on the device: copied again only when another array comes under a name."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

from .edit import Edit
from .model_data import ModelData
from .session import Session, import_onnxruntime, open_session

Floats = NDArray[np.floating]


class BoundGraph:
    """A graph of the model bound to reused memory; shared by all edits of a model, one run at a time.

    A subclass names its graph and binds what does not come from the edit or the frame.
    """

    graph = ""

    def __init__(self, data: ModelData, device: str) -> None:
        """Raises AimError when `device` cannot be had."""
        self._data = data
        import_onnxruntime()  # its absence is told before anything about the graph
        self.session: Session = open_session(data.graph(self.graph), device)
        self._lock = threading.Lock()
        v = len(data.neutral)
        self._ones, self._no_offset = np.ones((v, 1), np.float32), np.zeros((v, 3), np.float32)
        self._summed: tuple[Edit | None, Floats] = (None, self._no_offset)
        self._binding = self.session.handle.io_binding()
        self._bound: dict[str, tuple[object, object]] = {}

    def points(self, activations: Floats, jaw: Floats | None, edit: Edit, detail: bool) -> Floats:
        """(V, 3) float32, as CachedEvaluator.points within 1e-3 mm."""
        with self._lock:
            self._bind_edit(edit)
            self._bind_fields(activations, detail)
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
            return finite(self._binding.copy_outputs_to_cpu()[0], (len(self._data.neutral), 3))

    def _bind_fields(self, activations: Floats, detail: bool) -> None:
        raise NotImplementedError

    def _keep(self, name: str, key: object, array: Floats) -> None:
        """Bind `array` on the device, unless what is bound under `name` came with the same `key` object."""
        if name in self._bound and self._bound[name][0] is key:
            return
        from onnxruntime import OrtValue

        value = OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.session.device, 0)
        self._binding.bind_ortvalue_input(name, value)
        self._bound[name] = (key, value)

    def _bind_edit(self, edit: Edit) -> None:
        v = len(self._data.neutral)
        for name, value in (("thickness_gain", edit.thickness), ("expression_gain", edit.expression_gain)):
            if not np.ndim(value) and value == 1.0:
                self._keep(name, self._ones, self._ones)
            else:
                self._keep(name, value, np.broadcast_to(np.float32(value).reshape(-1, 1), (v, 1)))
        offset = self._offset(edit)
        self._keep("bone_offset", offset, offset)

    def _offset(self, edit: Edit) -> Floats:
        """Bones and neutral together, the same array for the same edit: the skin is b0 + d0 n0, so that what moves b0 moves the skin."""
        if self._summed[0] is not edit:
            offset = edit.skin_offset
            self._summed = edit, offset if isinstance(offset, np.ndarray) else self._no_offset
        return self._summed[1]


def finite(answer: Any, shape: tuple[int, ...]) -> Floats:
    """What a graph gave. Raises AimError unless it is finite float32 numbers of that shape."""
    given = np.asarray(answer)
    if given.shape != shape or given.dtype != np.float32:
        raise AimError(f"the graph gave {given.dtype} {given.shape}, not float32 {shape}")
    if not np.isfinite(given).all():
        raise AimError("the graph gave NaN or infinity")
    return given
