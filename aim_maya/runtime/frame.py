"""Graphs of a frame: what is large lies where the graph runs, at addresses that stay, and what a frame
brings is small and formed by numpy in float64.

    e = sum a_i e_i,   s = s0 + e + k ((s0 - c) X + shift + sum X_i e_i)

for row vectors, with X_i what the jaw does to the displacement of target i and X what it does to the rest:
arc a_i (R - I)' + (1 - arc) gain L_i', where L_i are the linear look's shares (LinearBlend.combine). So a
frame is one matrix `mix` (3T, 6), rows [a_i I | X_i], with which every table (V, 3T) is multiplied once.

On CUDA nothing is bound, allocated or shaped anew between frames, so that the kernels are recorded once as a
CUDA graph and replayed; an edit is written to the addresses that the recording reads. On the CPU blocks of
vertices small enough for a core's own cache are evaluated side by side.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Protocol

import numpy as np

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.posing import displacement_form

from .bent_tables import BentTables
from .cached import edited_rest, edited_tables
from .edit import Edit
from .graph_check import GRAPHS
from .model_data import ModelData
from .session import Session, finite, import_onnxruntime, open_session, told
from .skin_field import MovedSkin
from .tables import SkinTables

# What a frame brings.


def frame_inputs(data: ModelData, activations: Floats, jaw: Floats | None, edit: Edit) -> dict[str, Floats]:
    """mix (3T, 6), turn (3, 3) and shift (1, 3), float64, for activations (T,) and a jaw (4, 4) or the
    learned one; the linear look (jaw_arc) is the learned one's alone."""
    targets = len(activations)
    turn, offset = displacement_form(
        data.motion.transform(activations, edit.jaw_gain) if jaw is None else jaw, data.centre
    )
    carried = activations[:, None, None] * turn.T
    turn = turn.T
    arc = edit.jaw_arc * data.baked.arc
    if jaw is None and arc != 1.0:
        line_turn, line_offset, line_turns = data.linear.combine(activations)
        share = (1 - arc) * edit.jaw_gain
        turn = arc * turn + share * line_turn.T
        offset = arc * offset + share * line_offset
        carried = arc * carried + share * line_turns.transpose(0, 2, 1)
        carried[activations == 0] = 0  # as numpy's sum over the active targets
    mix = np.zeros((targets, 3, 6))
    mix[:, [0, 1, 2], [0, 1, 2]] = activations[:, None]
    mix[:, :, 3:] = carried
    return {"mix": mix.reshape(3 * targets, 6), "turn": turn, "shift": offset[None]}


# Where a graph's inputs and points lie.


_BY_VERTEX = {
    name
    for kind in ("pose_frame.onnx", "full_frame.onnx")
    for name, (_, shape) in GRAPHS[kind][0].items()
    if shape[:1] == ("V",)
}


class Memory(Protocol):
    """Inputs and points of one graph, bound once; used by one thread at a time, under `lock`."""

    lock: Any

    def put(self, name: str, value: Floats) -> None:
        """Write an input, in place."""

    def run(self) -> Floats:
        """(V, 3) float32 points, in memory that the next run writes again."""


BLOCK = 256
"""Vertices that the CPU takes at once: the widest layer's values are then a quarter of a megabyte."""


class DeviceMemory:
    """Everything whole in the memory of the session's device."""

    def __init__(self, session: Session, shapes: Mapping[str, tuple[int, ...]], vertices: int) -> None:
        self._session, self._shapes, self.lock = session, shapes, threading.RLock()
        self._waiting: dict[str, Floats] = {}
        session.do(lambda: self._bind(vertices))

    def _bind(self, vertices: int) -> None:
        values, device = import_onnxruntime().OrtValue, self._session.device
        self._binding = self._session.handle.io_binding()
        self._values = {
            name: values.ortvalue_from_numpy(np.zeros(shape, np.float32), device, 0)
            for name, shape in self._shapes.items()
        }
        self._points = values.ortvalue_from_numpy(np.zeros((vertices, 3), np.float32), device, 0)
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._binding.bind_ortvalue_output("points", self._points)
        self._host = HostPoints(vertices, device)

    def put(self, name: str, value: Floats) -> None:
        """See Memory. It is copied by the next run, in one visit to the device's thread."""
        self._waiting[name] = np.ascontiguousarray(value, np.float32).reshape(self._shapes[name])

    def run(self) -> Floats:
        """See Memory. It is over for the device, too, when it returns."""
        return self._session.do(self._run)

    def _run(self) -> Floats:
        self.copy_in()
        self.evaluate()
        return self.copy_out()

    def copy_in(self) -> None:
        """In the device's thread: what was put, to its addresses."""
        while self._waiting:
            name, value = self._waiting.popitem()
            self._values[name].update_inplace(value)

    def evaluate(self) -> None:
        """In the device's thread: replay or run the graph, and wait for its end."""
        self._session.handle.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def copy_out(self) -> Floats:
        """In the device's thread: the points, in memory of the host."""
        return self._host.copied(self._points)


class BlockMemory:
    """On the CPU: blocks of BLOCK vertices, each bound to its part of the whole arrays, on all cores."""

    def __init__(self, session: Session, shapes: Mapping[str, tuple[int, ...]], vertices: int) -> None:
        values = import_onnxruntime().OrtValue
        self._session, self.lock = session.handle, threading.RLock()
        self._arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self._points = np.zeros((vertices, 3), np.float32)
        self._bindings = []
        for begin in range(0, vertices, BLOCK):
            binding, part = self._session.io_binding(), slice(begin, begin + BLOCK)
            for name, array in self._arrays.items():
                value = values.ortvalue_from_numpy(array[part] if name in _BY_VERTEX else array)
                binding.bind_ortvalue_input(name, value)
            binding.bind_ortvalue_output("points", values.ortvalue_from_numpy(self._points[part]))
            self._bindings.append(binding)

    def put(self, name: str, value: Floats) -> None:
        """See Memory."""
        self._arrays[name][...] = np.reshape(value, self._arrays[name].shape)

    def run(self) -> Floats:
        """See Memory."""
        waiting = deque(self._bindings)

        def work() -> None:
            while True:
                try:
                    binding = waiting.popleft()
                except IndexError:
                    return
                self._session.run_with_iobinding(binding)

        helpers = min(_cores(), len(self._bindings)) - 1
        others = [_pool().submit(work) for _ in range(helpers)]
        try:
            work()
        finally:
            for other in others:
                other.result()
        return self._points


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that help with blocks, shared by all models; none is started before it is needed."""
    return ThreadPoolExecutor(max(_cores() - 1, 1), "aim_frame")


class HostPoints:
    """(vertices, 3) float32 that points on a device are copied to: page-locked on CUDA where its runtime can
    be reached, which the device then writes without a detour. It has its pages for itself: one that is locked
    for two arrays is refused."""

    def __init__(self, vertices: int, device: str) -> None:
        size = 12 * vertices
        room = np.zeros(-(-size // _PAGE) * _PAGE + _PAGE, np.uint8)
        begin = -room.ctypes.data % _PAGE
        self._array = room[begin : begin + size].view(np.float32).reshape(vertices, 3)
        self._cuda = _cuda_runtime() if device == "cuda" else None
        if self._cuda is None:
            return
        pages = ctypes.c_size_t(len(room) - _PAGE)
        if self._cuda.cudaHostRegister(self._at, pages, 0) == 0:
            weakref.finalize(self, self._cuda.cudaHostUnregister, self._at)
        else:
            self._cuda.cudaGetLastError()  # forgotten: onnxruntime would take it for its next kernel's
            self._cuda = None

    @property
    def pinned(self) -> bool:
        """Whether the memory is page-locked."""
        return self._cuda is not None

    @property
    def _at(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._array.ctypes.data)

    def copied(self, value: Any) -> Floats:
        """What an OrtValue on the device holds. Raises AimError when CUDA does not copy."""
        if self._cuda is None:
            points: Floats = value.numpy()
            return points
        size = ctypes.c_size_t(self._array.nbytes)
        error = self._cuda.cudaMemcpy(self._at, ctypes.c_void_p(value.data_ptr()), size, _DEVICE_TO_HOST)
        if error:
            raise AimError(f"CUDA did not copy the points (error {error})")
        return self._array


_DEVICE_TO_HOST = 2  # cudaMemcpyKind
_PAGE = 4096
_RUNTIMES = ("libcudart.so.13", "libcudart.so.12", "cudart64_13.dll", "cudart64_12.dll")


def _cuda_runtime() -> Any:
    """The CUDA runtime library that onnxruntime has loaded, or None. Never one that it did not: two of them
    in a process do not know each other's memory."""
    for name in _RUNTIMES:
        try:
            if name.endswith(".dll"):
                return ctypes.CDLL(name, handle=_loaded_dll(name))
            return ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        except (OSError, AttributeError):
            continue
    return None


def _loaded_dll(name: str) -> int:
    """Windows' handle of a library that is in the process. Raises OSError where it is not."""
    find = ctypes.windll.kernel32.GetModuleHandleW  # type: ignore[attr-defined]
    find.restype = ctypes.c_void_p
    handle: int | None = find(name)
    if not handle:
        raise OSError(name)
    return handle


# The two graphs.


class FrameGraph:
    """A graph of a frame on one device, shared by all edits of a model. A subclass names it and writes what
    comes from the edit."""

    graph = ""

    def __init__(self, data: ModelData, device: str, *, whole: bool = False, capture: bool = True) -> None:
        """whole: in one piece on the CPU too, as on CUDA. capture: record a CUDA graph there. Raises AimError
        when `device` cannot be had."""
        self._data = data
        self._written: dict[str, object] = {}
        self._table = np.zeros((len(data.neutral), len(data.rig.targets), 3), np.float32)
        self._table_of: SkinTables | None = None
        self._there = np.zeros(0, bool)
        import_onnxruntime()  # its absence is told before anything about the graph
        sizes = {"V": len(data.neutral), "T": len(data.rig.targets), "3T": 3 * len(data.rig.targets)}
        self._shapes = {
            name: tuple(n if isinstance(n, int) else sizes[n] for n in shape)
            for name, (_, shape) in GRAPHS[self.graph][0].items()
        }
        self.session, self.memory = self._opened(device, whole, capture)
        with self.memory.lock:
            self._write_model()

    def _opened(self, device: str, whole: bool, capture: bool) -> tuple[Session, Memory]:
        graph, vertices = self._data.graph(self.graph), len(self._data.neutral)
        session = open_session(graph, device, threads=0 if whole else 1, capture=capture)
        if session.device == "cuda":
            memory = None
            try:
                memory = DeviceMemory(session, self._shapes, vertices)
                memory.run()  # records
            except Exception as error:  # onnxruntime's own, untyped
                if not capture:
                    raise
                reason = told(error)
            else:
                return session, memory
            del session, memory  # first: a recording that failed half-way may not be over while it is there
            session = open_session(graph, device)
            why = f"{session.report}, each kernel by itself (recording failed: {reason})"
            session = Session(session.handle, session.device, why)
            memory = DeviceMemory(session, self._shapes, vertices)
            return session, memory
        if whole:
            return session, DeviceMemory(session, self._shapes, vertices)
        if isinstance(session.handle.get_inputs()[0].shape[0], int):  # an edited file: its own vertices only
            session = open_session(graph, "cpu")
            return session, DeviceMemory(session, self._shapes, vertices)
        return session, BlockMemory(session, self._shapes, vertices)

    def points(
        self,
        activations: Floats,
        jaw: Floats | None,
        edit: Edit,
        detail: bool,
        moved: MovedSkin | None = None,
    ) -> Floats:
        """(V, 3) float32, as CachedEvaluator.points within 1e-3 mm. moved: the edit's motion of the skin."""
        small = frame_inputs(self._data, activations, jaw, edit)
        with self.memory.lock:
            self._write_fields(activations, edit, detail, moved)
            for name, value in small.items():
                self.memory.put(name, value)
            return finite(self.memory.run(), (len(self._data.neutral), 3)).copy()

    def _write_model(self) -> None:
        raise NotImplementedError

    def _write_fields(self, activations: Floats, edit: Edit, detail: bool, moved: MovedSkin | None) -> None:
        raise NotImplementedError

    def _write(self, key: object, values: Mapping[str, Any]) -> None:
        """Write inputs, arrays or numbers or functions that give them, unless they were written last with an
        equal `key`; what has no other equal is compared by identity."""
        for name, value in values.items():
            if name not in self._written or self._written[name] != key:
                array = np.asarray(value() if callable(value) else value, np.float32)
                shape = self._shapes[name]
                if array.ndim:
                    array = array.reshape(-1, *shape[1:])
                self.memory.put(name, np.broadcast_to(array, shape))
                self._written[name] = key

    def _write_table(self, name: str, tables: SkinTables, less: SkinTables | None, active: Ints) -> None:
        """Write a table (V, 3T), less another: all of it at once, but of an edit's tables, whose rows are
        made when they are asked for, those of the active targets (A,); the others' weights are zero. On a
        device it stays whole, zeros too: one product with a dense matrix is what a GPU does best."""
        if self._table_of is not tables:
            self._table_of, self._there = tables, np.zeros(tables.count, bool)
        rows = active if isinstance(tables, BentTables) else np.arange(len(self._there))
        rows = rows[~self._there[rows]]
        if len(rows):
            tables.need(rows)
            for i in rows:
                row = tables.row(i)
                self._table[:, i] = row if less is None else row - less.row(i)
            self._there[rows] = True
            self.memory.put(name, self._table.reshape(len(self._table), -1))


class FullFrame(FrameGraph):
    """full_frame.onnx: all five networks every frame."""

    graph = "full_frame.onnx"

    def _write_model(self) -> None:
        self._write(_Same(self._data), {"template": self._data.template})

    def _write_fields(self, activations: Floats, edit: Edit, detail: bool, moved: MovedSkin | None) -> None:
        tables, learned = edited_tables(self._data, edit, detail, moved), self._data.tables(False)
        if detail:
            self._write(True, {"rest_detail": lambda: tables.rest - learned.rest})
            self._write_table("detail", tables, learned, np.flatnonzero(activations))
        self._write(detail, {"detail_share": float(detail)})
        self._write(
            _Same(edit, moved),
            {
                "thickness_gain": edit.thickness if moved is None else 1.0,
                "bone_offset": edit.skin_offset if moved is None else moved.offset + edit.rest_offset,
                "expression_gain": edit.expression_gain,
            },
        )


class PoseFrame(FrameGraph):
    """pose_frame.onnx: the stored fields."""

    graph = "pose_frame.onnx"

    def _write_model(self) -> None:
        self._write(_Same(self._data), {"skinning_weight": self._data.weight})

    def _write_fields(self, activations: Floats, edit: Edit, detail: bool, moved: MovedSkin | None) -> None:
        tables = edited_tables(self._data, edit, detail, moved)
        self._write_table("table", tables, None, np.flatnonzero(activations))
        self._write(
            _Same(edit, moved, detail),
            {
                "expression_gain": edit.expression_gain,
                "rest": lambda: edited_rest(self._data, edit, detail, moved),
            },
        )


class _Same:
    """Equal to another of the very same objects, which it keeps alive."""

    def __init__(self, *objects: object) -> None:
        self._objects = objects

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and [*map(id, self._objects)] == [*map(id, other._objects)]

    __hash__ = None  # type: ignore[assignment]
