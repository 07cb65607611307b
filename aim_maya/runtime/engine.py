"""Which evaluator forms the points of a model, in words, and what happens when the device fails half-way through a shot."""

from __future__ import annotations

import importlib.util
import logging
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError, first_line

from .bound_graph import BoundGraph
from .edit import Edit
from .full import FullEvaluator, evaluated_fields
from .model_data import ModelData
from .resident import ResidentEvaluator

Floats = NDArray[np.floating]
EVALUATIONS = ("cached", "full")
_NUMPY = "cached evaluation: numpy on the CPU"
_log = logging.getLogger("aim_maya")


class Engine:
    """Shared by every edited copy of a model. `points` is None where numpy's cached evaluation has to do it."""

    def __init__(self, data: ModelData, device: str, evaluation: str) -> None:
        """Raises AimError when CUDA was asked for and cannot be had, or full evaluation without onnxruntime."""
        self._data, self._lock = data, threading.Lock()
        self.evaluation, self.device = evaluation, device
        self._fields: ModelData | None = None
        self._graph, self.status = self._open()

    def _open(self) -> tuple[BoundGraph | None, str]:
        if self.evaluation == "full":
            full = FullEvaluator(self._data, self.device)
            return full, f"full evaluation, all networks every frame: {full.session.report}"
        if self.device == "cpu":
            return None, f"{_NUMPY} (the CPU was asked for)"
        if self.device == "auto" and not _cuda_provider_installed():
            return None, f"{_NUMPY} (the installed onnxruntime has no CUDA provider)"
        try:
            resident = ResidentEvaluator(self._data, self.device)
        except AimError as error:
            if self.device == "cuda":
                raise
            return None, f"{_NUMPY} ({error})"
        if resident.session.device == "cpu":  # numpy sums only the active targets, which beats the graph on a CPU
            return None, f"{_NUMPY}; {resident.session.report}"
        return resident, f"cached evaluation, fields resident on the GPU: {resident.session.report}"

    @property
    def on_numpy(self) -> bool:
        """Whether numpy does it: no graph, and so no runtime or driver of another library, is in use."""
        return self._graph is None

    def points(self, activations: Floats, jaw: Floats | None, edit: Edit, detail: bool) -> Floats | None:
        """(V, 3) float32 from the graph in use, or None: numpy's turn. A device that fails is left for good, said once."""
        graph = self._graph
        while graph is not None:
            try:
                return graph.points(activations, jaw, edit, detail)
            except Exception as error:  # noqa: BLE001 - a driver that goes away raises onnxruntime's own untyped exceptions
                graph = self._left(graph, error)
        return None

    def fields(self) -> ModelData:
        """What local coefficients are summed over: the stored fields or, under full evaluation, those that the networks give here, once."""
        if self._graph is None or self.evaluation != "full":
            return self._data
        with self._lock:
            if self._fields is None:
                try:
                    self._fields = evaluated_fields(self._data, self._graph.session.device)
                except Exception as error:  # noqa: BLE001 - as in points
                    _log.warning("%s: the stored fields are used, since the networks failed (%s)", self._data.path, error)
                    self._fields = self._data
            return self._fields

    def _left(self, failed: BoundGraph, error: Exception) -> BoundGraph | None:
        """What takes the place of a graph that failed; of two threads that failed at once, the first decides."""
        with self._lock:
            if self._graph is not failed:
                return self._graph
            reason = f"{failed.session.device.upper()} failed while running ({first_line(error)})"
            self._graph, self.status = None, f"{_NUMPY}, since {reason}"
            if isinstance(failed, FullEvaluator) and failed.session.device != "cpu":
                self._graph = FullEvaluator(self._data, "cpu")
                self.status = f"full evaluation on the CPU, since {reason}"
            _log.warning("%s: %s", self._data.path, self.status)
            return self._graph


def _cuda_provider_installed() -> bool:
    """True when onnxruntime is there with a CUDA provider library: found without importing it, which costs 0.1 s and more."""
    try:
        found = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        return False
    if found is None or not found.origin:
        return False
    return any((Path(found.origin).parent / "capi").glob("*onnxruntime_providers_cuda*"))
