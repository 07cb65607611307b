"""Which evaluator forms the points of a model: numpy, the fields kept on a GPU, or all networks every frame;
and what happens when the device fails half-way.

Files that carry the graphs of frame.py are evaluated there; what is here of pose.onnx and full.onnx is for
those without. full.onnx contracts E's last layer with the weights before it touches the vertices: e(w) =
H(c) (W w). Detail enters as what the networks leave over: at rest, and summed over the active targets.

With detail the tables of the trained shapes take the fields' place: the bone points are moved so that they
and the unchanged thickness meet in the neutral, so edits act as they do on the CPU.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError

from .cached import edited_tables
from .edit import Edit
from .frame import FrameGraph, FullFrame, PoseFrame
from .model_data import ModelData
from .session import Session, finite, import_onnxruntime, keep_for_good, open_session, told
from .skin_field import MovedSkin
from .tables import SkinTables

# One onnxruntime session with its inputs kept on the device: copied again only when another array comes under
# a name.


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
        self._waiting, self._bound = dict[str, Floats](), dict[str, Any]()
        self._ones, self._no_offset = np.ones((v, 1), np.float32), np.zeros((v, 3), np.float32)
        self._summed: tuple[Edit | None, Floats] = (None, self._no_offset)
        self._binding = self.session.handle.io_binding()
        self._kept: dict[str, object] = {}

    def points(
        self,
        activations: Floats,
        jaw: Floats | None,
        edit: Edit,
        detail: bool,
        moved: MovedSkin | None = None,
    ) -> Floats:
        """(V, 3) float32, as CachedEvaluator.points within 1e-3 mm."""
        with self._lock:
            self._bind_edit(edit, moved)
            self._bind_fields(activations, edited_tables(self._data, edit, detail, moved))
            small = {
                "weights": np.asarray(activations, np.float64),
                "jaw": np.eye(4) if jaw is None else np.asarray(jaw, np.float64),
                "jaw_given": np.float64(jaw is not None),
                "jaw_gain": np.float64(edit.jaw_gain),
                "jaw_arc": np.float32(edit.jaw_arc),
            }
            answer = self.session.do(lambda: self._run(small))
            return finite(answer, (len(self._data.neutral), 3))

    def _run(self, small: dict[str, Any]) -> Any:
        """In the device's thread: (V, 3)."""
        from onnxruntime import OrtValue

        while self._waiting:
            name, array = self._waiting.popitem()
            self._bound[name] = OrtValue.ortvalue_from_numpy(array, self.session.device, 0)
            self._binding.bind_ortvalue_input(name, self._bound[name])
        for name, number in small.items():
            self._binding.bind_cpu_input(name, np.array(number, order="C"))
        self._binding.bind_output("points", self.session.device)
        self.session.handle.run_with_iobinding(self._binding)
        return self._binding.copy_outputs_to_cpu()[0]

    def _bind_fields(self, activations: Floats, tables: SkinTables) -> None:
        raise NotImplementedError

    def _keep(self, name: str, key: object, array: Floats) -> None:
        """Bind `array` on the device, unless what is bound under `name` came with the same `key` object."""
        if self._kept.get(name) is not key:
            self._kept[name], self._waiting[name] = key, np.ascontiguousarray(array)

    def _bind_edit(self, edit: Edit, moved: MovedSkin | None) -> None:
        """A motion of the skin holds what thickness and bones ask for."""
        v = len(self._data.neutral)
        thickness = edit.thickness if moved is None else 1.0
        for name, value in (("thickness_gain", thickness), ("expression_gain", edit.expression_gain)):
            if not np.ndim(value) and value == 1.0:
                self._keep(name, self._ones, self._ones)
            else:
                self._keep(name, value, np.broadcast_to(np.float32(value).reshape(-1, 1), (v, 1)))
        offset = self._offset(edit, moved)
        self._keep("bone_offset", offset, offset)

    def _offset(self, edit: Edit, moved: MovedSkin | None) -> Floats:
        """Bones, or the skin's motion, and neutral together, the same array for the same edit: the skin is
        b0 + d0 n0, so that what moves b0 moves the skin."""
        if self._summed[0] is not edit:
            offset = edit.skin_offset if moved is None else moved.offset + edit.rest_offset
            self._summed = edit, offset if isinstance(offset, np.ndarray) else self._no_offset
        return self._summed[1]


# Full evaluation: all five networks every frame, fields and pose in one graph, data staying on the device in
# between.


class FullEvaluator(BoundGraph):
    """full.onnx of one model."""

    graph = "full.onnx"

    def __init__(self, data: ModelData, device: str) -> None:
        super().__init__(data, device)
        self._zeros = np.zeros((len(data.neutral), 6), np.float32)
        self._rest_left: Floats | None = None
        self._keep("template", data, data.template)

    def _bind_fields(self, activations: Floats, tables: SkinTables) -> None:
        learned = self._data.tables(False)
        if tables is learned:
            self._keep("rest_detail", self._no_offset, self._no_offset)
            self._keep("expression_detail", self._zeros, self._zeros)
            return
        if self._rest_left is None:
            self._rest_left = tables.rest - learned.rest
        self._keep("rest_detail", self._rest_left, self._rest_left)
        turns, active = self._data.linear.combine(activations)[2], np.flatnonzero(activations)
        left = np.zeros((len(self._data.neutral), 6), np.float32)
        for i in active.tolist():
            difference: Floats = tables.row(i) - learned.row(i)
            left[:, :3] += np.float32(activations[i]) * difference
            left[:, 3:] += difference @ turns[i].astype(np.float32).T
        self._keep("expression_detail", left, left)


def full_evaluator(data: ModelData, device: str) -> FrameGraph | FullEvaluator:
    """All networks every frame, by the best graph that the file has. Raises AimError as open_session does."""
    return (FullFrame if FullFrame.graph in data.graphs else FullEvaluator)(data, device)


def resident_evaluator(data: ModelData, device: str) -> FrameGraph | ResidentEvaluator:
    """The stored fields kept on the device, likewise."""
    return (PoseFrame if PoseFrame.graph in data.graphs else ResidentEvaluator)(data, device)


def evaluated_fields(data: ModelData, device: str) -> ModelData:
    """The model with the fields that its networks give on `device`, in place of the stored ones. Raises
    AimError as open_session does."""
    names = ("bone_points", "thickness", "normals", "skinning_weight", "basis")
    session = open_session(data.graph("fields.onnx"), device)
    given = session.do(lambda: session.handle.run(names, {"template": data.template}))
    v, t = len(data.neutral), len(data.rig.targets)
    shapes = ((v, 3), (v, 1), (v, 3), (v, 1), (v, t, 3))
    bone, thickness, normals, weight, basis = (
        finite(a, shape) for a, shape in zip(given, shapes, strict=True)
    )
    return replace(
        data,
        bone=bone,
        thickness=thickness[:, 0],
        normals=normals,
        weight=weight[:, 0],
        learned=np.ascontiguousarray(basis.transpose(1, 0, 2)),
        _made={},
        _lock=threading.Lock(),
    )


# Cached evaluation on a GPU: the fields stay on the device, and pose.onnx forms the skin from them each
# frame.


class ResidentEvaluator(BoundGraph):
    """pose.onnx of one model."""

    graph = "pose.onnx"

    def __init__(self, data: ModelData, device: str) -> None:
        super().__init__(data, device)
        self._keep("thickness", data, data.thickness[:, None])
        self._keep("normals", data, data.normals)
        self._keep("skinning_weight", data, data.weight[:, None])

    # the fields do not depend on the frame
    def _bind_fields(self, activations: Floats, tables: SkinTables) -> None:  # noqa: ARG002
        if self._kept.get("basis") is tables:
            return
        self._keep("bone_points", tables, tables.rest - self._data.thickness[:, None] * self._data.normals)
        tables.need(np.arange(tables.count))
        self._keep("basis", tables, tables.displacements.transpose(1, 0, 2))


# Which evaluator forms the points of a model, in words, and what happens when the device fails half-way
# through a shot.

EVALUATIONS = ("cached", "full")
_NUMPY = "cached evaluation: numpy on the CPU"
_log = logging.getLogger("aim_maya")


class Engine:
    """Shared by every edited copy of a model.

    `points` is None where numpy's cached evaluation has to do it.
    """

    def __init__(self, data: ModelData, device: str, evaluation: str) -> None:
        """Raises AimError when CUDA was asked for and cannot be had, or full evaluation without
        onnxruntime.
        """
        self._data, self._lock = data, threading.Lock()
        self.evaluation, self.device = evaluation, device
        self._fields: ModelData | None = None
        self._graph, self.status = self._open()

    def _open(self) -> tuple[BoundGraph | FrameGraph | None, str]:
        if self.evaluation == "full":
            full = full_evaluator(self._data, self.device)
            return full, f"full evaluation, all networks every frame: {full.session.report}"
        if self.device == "cpu":
            return None, f"{_NUMPY} (the CPU was asked for)"
        if self.device == "auto" and (lacking := _cuda_lacking()):
            return None, f"{_NUMPY} ({lacking})"
        try:
            resident = resident_evaluator(self._data, self.device)
        except AimError as error:
            if self.device == "cuda":
                raise
            return None, f"{_NUMPY} ({error})"
        if (
            resident.session.device == "cpu"
        ):  # numpy sums only the active targets, which beats the graph on a CPU
            return None, f"{_NUMPY}; {resident.session.report}"
        return resident, f"cached evaluation, fields resident on the GPU: {resident.session.report}"

    @property
    def on_numpy(self) -> bool:
        """Whether numpy does it: no graph, and so no runtime or driver of another library, is in use."""
        return self._graph is None

    def points(
        self,
        activations: Floats,
        jaw: Floats | None,
        edit: Edit,
        detail: bool,
        moved: MovedSkin | None = None,
    ) -> Floats | None:
        """(V, 3) float32 from the graph in use, or None: numpy's turn. A device that fails is left for good,
        said once."""
        graph = self._graph
        while graph is not None:
            try:
                return graph.points(activations, jaw, edit, detail, moved)
            # a driver that goes away raises onnxruntime's own untyped exceptions
            except Exception as error:  # noqa: BLE001
                graph = self._left(graph, error)
        return None

    def fields(self) -> ModelData:
        """What local coefficients are summed over: the stored fields or, under full evaluation, those that
        the networks give here, once."""
        if self._graph is None or self.evaluation != "full":
            return self._data
        with self._lock:
            if self._fields is None:
                try:
                    self._fields = evaluated_fields(self._data, self._graph.session.device)
                except Exception as error:  # noqa: BLE001 - as in points
                    _log.warning(
                        "%s: the stored fields are used, since the networks failed (%s)",
                        self._data.path,
                        error,
                    )
                    self._fields = self._data
            return self._fields

    def _left(self, failed: BoundGraph | FrameGraph, error: Exception) -> BoundGraph | FrameGraph | None:
        """What takes the place of a graph that failed; of two threads that failed at once, the first
        decides.
        """
        with self._lock:
            if self._graph is not failed:
                return self._graph
            reason = f"{failed.session.device.upper()} failed while running ({told(error)})"
            if failed.session.device == "cuda":
                keep_for_good()
            self._graph, self.status = None, f"{_NUMPY}, since {reason}"
            if self.evaluation == "full" and failed.session.device != "cpu":
                self._graph = full_evaluator(self._data, "cpu")
                self.status = f"full evaluation on the CPU, since {reason}"
            _log.warning("%s: %s", self._data.path, self.status)
            return self._graph


def _cuda_lacking() -> str:
    """What CUDA lacks here, '' when onnxruntime is there with a CUDA provider library: found without
    importing it, which costs 0.1 s and more."""
    try:
        found = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        found = None
    if found is None or not found.origin:
        return "onnxruntime is not installed"
    there = any((Path(found.origin).parent / "capi").glob("*onnxruntime_providers_cuda*"))
    return "" if there else "the installed onnxruntime has no CUDA provider"
