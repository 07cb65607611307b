"""Graphs of a frame: the same points as numpy in every way that they run, with what does not change left
where it is."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.runtime import Edit, FaceModel, frame
from aim_maya.runtime.engine import FullEvaluator, ResidentEvaluator, full_evaluator, resident_evaluator
from aim_maya.runtime.frame import BlockMemory, DeviceMemory, FrameGraph, FullFrame, HostPoints, PoseFrame
from aim_maya.runtime.session import Session
from trainer.export.edited import bake_edit

JAW = rigid.exp([0.2, 0.05, -0.1, 1.0, -2.0, 3.0])


@pytest.fixture(scope="module")
def model(small_draft: Path) -> FaceModel:
    return FaceModel.load(small_draft, "cpu")


def weights_of(model: FaceModel, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, len(model.targets)) * (rng.random(len(model.targets)) < 0.5)


def edits_of(model: FaceModel) -> list[Edit]:
    rng, v = np.random.default_rng(5), len(model.mesh.points)
    return [
        Edit(),
        Edit(thickness=1.3, jaw_gain=0.5, jaw_arc=0.4, expression_gain=0.8),
        Edit(
            thickness=rng.uniform(0.8, 1.5, v),
            bone_offset=rng.normal(size=(v, 3)),
            expression_gain=rng.uniform(0.5, 1.5, v),
        ),
    ]


WAYS: dict[str, Callable[[FaceModel], FrameGraph]] = {
    "full, blocks": lambda model: FullFrame(model.data, "cpu"),
    "full, whole": lambda model: FullFrame(model.data, "cpu", whole=True),
    "resident, blocks": lambda model: PoseFrame(model.data, "cpu"),
    "resident, whole": lambda model: PoseFrame(model.data, "cpu", whole=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_points_as_numpy(model: FaceModel, way: str) -> None:
    """Edits, detail and jaws in turns: what was written for one frame may not stay for the next."""
    graph = WAYS[way](model)
    faces = [model.edited(edit) for edit in edits_of(model)]
    for seed, face in enumerate([*faces, faces[0]]):
        for detail in (True, False):
            for jaw in (None, JAW):
                weights = weights_of(model, seed)
                got = graph.points(model.data.rig.activations(weights), jaw, face.edit, detail, face.moved)
                assert np.abs(got - face.points(weights, jaw=jaw, detail=detail)).max() < 1e-3


def test_a_block_is_less_than_the_face_and_the_last_one_is_shorter(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    v, active = len(model.mesh.points), model.data.rig.activations(weights_of(model, 1))
    whole = FullFrame(model.data, "cpu", whole=True).points(active, None, model.edit, True)
    for size in (v, v - 1, 100, 7):
        monkeypatch.setattr(frame, "BLOCK", size)
        graph = FullFrame(model.data, "cpu")
        assert isinstance(graph.memory, BlockMemory)
        assert len(graph.memory._bindings) == -(-v // size)
        assert np.abs(graph.points(active, None, model.edit, True) - whole).max() < 1e-4


@pytest.mark.parametrize("way", ["full, blocks", "full, whole"])
def test_a_frame_writes_its_small_inputs_and_no_others(
    model: FaceModel, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, face = WAYS[way](model), model.edited(edits_of(model)[1])
    active = model.data.rig.activations(weights_of(model, 2))
    written: list[str] = []
    put = graph.memory.put
    monkeypatch.setattr(graph.memory, "put", lambda name, value: (written.append(name), put(name, value)))
    graph.points(active, None, model.edit, True)
    assert {"detail", "rest_detail", "thickness_gain"} <= set(written)
    written.clear()
    graph.points(active, None, model.edit, True)
    assert written == ["mix", "turn", "shift"]
    graph.points(active, None, face.edit, True, face.moved)
    assert ("detail" in written) is (face.moved is not None), "an edit carries the trained shapes along"
    assert "rest_detail" not in written
    assert {"thickness_gain", "expression_gain", "bone_offset"} <= set(written)


def test_points_are_the_callers_own(model: FaceModel) -> None:
    graph = FullFrame(model.data, "cpu")
    one, other = (model.data.rig.activations(weights_of(model, seed)) for seed in (3, 4))
    first = graph.points(one, None, model.edit, True)
    kept = first.copy()
    assert not np.array_equal(graph.points(other, None, model.edit, True), kept)
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("way", ["full, blocks", "full, whole"])
def test_threads_at_once_get_their_own_frames(model: FaceModel, way: str) -> None:
    """Nodes of one model under two edits, evaluated by a host's threads."""
    graph, faces = WAYS[way](model), [model.edited(edit) for edit in edits_of(model)[:2]]

    def points(i: int) -> np.ndarray:
        face, active = faces[i % 2], model.data.rig.activations(weights_of(model, i))
        return graph.points(active, None, face.edit, True, face.moved)

    alone = [points(i) for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(points, range(12)))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_file_without_these_graphs_goes_the_old_way(model: FaceModel, tmp_path: Path) -> None:
    manifest, members = read_aim(model.data.path)
    path = tmp_path / "older.aim"
    kept = {name: member for name, member in members.items() if "_frame" not in name}
    write_aim(path, {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")}, kept)
    older, weights = FaceModel.load(path, "cpu", evaluation="full"), weights_of(model, 6)
    assert isinstance(older._engine._graph, FullEvaluator)
    assert np.abs(older.points(weights) - model.points(weights)).max() < 1e-3
    resident = resident_evaluator(older.data, "cpu")
    assert isinstance(resident, ResidentEvaluator)
    active = model.data.rig.activations(weights)
    assert np.abs(resident.points(active, None, older.edit, True) - model.points(weights)).max() < 1e-3


def test_an_edited_file_answers_in_one_piece(model: FaceModel, tmp_path: Path) -> None:
    """Its graph holds a row a vertex, and so cannot be asked for a block."""
    edited = model.edited(Edit(thickness=1.2, expression_gain=0.7, jaw_gain=0.5, jaw_arc=0.3))
    path = tmp_path / "edited.aim"
    figures = bake_edit(model, edited, [], path, "edited")
    assert figures["full_cached_detail"] < 1e-3
    baked = FaceModel.load(path, "cpu")
    graph = full_evaluator(baked.data, "cpu")
    assert isinstance(graph, FullFrame)
    assert isinstance(graph.memory, DeviceMemory)
    weights = weights_of(model, 7)
    got = graph.points(baked.data.rig.activations(weights), None, baked.edit, True)
    assert np.abs(got - edited.points(weights)).max() < 1e-3


def test_where_a_cuda_graph_cannot_be_recorded_the_kernels_run_by_themselves(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of things on CUDA, with the CPU's memory under its name: recorded before the first frame, by
    the one thread that talks to the device whoever asks for frames; and once more without, where that
    fails, with nothing of the first left by then."""
    opened, real, threads, before = [], frame.open_session, set[str](), list[Any]()

    def pretend(graph: bytes, device: str, **options: Any) -> Session:
        assert all(handle() is None for handle in before)
        opened.append(options.get("capture", False))
        handle = real(graph, "cpu").handle
        before.append(weakref.ref(handle))
        return Session(handle, "cuda", "pretended CUDA", options.get("capture", False))

    class Pretended(DeviceMemory):
        def __init__(self, session: Session, *shapes: Any) -> None:
            super().__init__(Session(session.handle, "cpu", ""), *shapes)
            self.fails, self._session = session.captures and failing, session

        def evaluate(self) -> None:
            threads.add(threading.current_thread().name)
            if self.fails:
                raise RuntimeError(
                    "cuda_call.cc:154 CudaCall CUDA failure 900: not permitted ; GPU=0 ; file=x"
                )
            super().evaluate()

    monkeypatch.setattr(frame, "open_session", pretend)
    monkeypatch.setattr(frame, "DeviceMemory", Pretended)
    weights = weights_of(model, 8)
    for failing, sessions in ((False, [True]), (True, [True, False])):
        opened.clear()
        before.clear()
        graph = FullFrame(model.data, "cuda")
        assert opened == sessions
        assert ("(recording failed: CUDA failure 900: not permitted)" in graph.session.report) is failing
        with ThreadPoolExecutor(3) as pool:
            active = model.data.rig.activations(weights)
            asked = [pool.submit(graph.points, active, None, model.edit, True) for _ in range(6)]
        for got in asked:
            assert np.abs(got.result() - model.points(weights)).max() < 1e-3
    assert len(threads) == 1
    assert threading.current_thread().name not in threads


class Runtime:
    """Stands in for CUDA's runtime library: device memory is memory."""

    def __init__(self, pins: int = 0, copies: int = 0) -> None:
        self.pins, self.copies, self.pinned, self.last = pins, copies, 0, 0

    def cudaHostRegister(self, at: ctypes.c_void_p, size: ctypes.c_size_t, _flags: int) -> int:
        assert at.value is not None
        assert at.value % 4096 == size.value % 4096 == 0
        self.pinned += size.value if not self.pins else 0
        self.last = self.pins
        return self.pins

    def cudaGetLastError(self) -> int:
        last, self.last = self.last, 0
        return last

    def cudaHostUnregister(self, _at: object) -> int:
        self.pinned = 0
        return 0

    def cudaMemcpy(self, to: Any, source: Any, size: Any, kind: int) -> int:
        assert kind == 2
        if not self.copies:
            ctypes.memmove(to, source, size.value)
        return self.copies


def test_points_are_copied_to_page_locked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime import OrtValue

    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    value = OrtValue.ortvalue_from_numpy(points)
    for runtime in (Runtime(), Runtime(pins=1), None):
        monkeypatch.setattr(frame, "_cuda_runtime", lambda runtime=runtime: runtime)
        host = HostPoints(50, "cuda")
        assert host.pinned is (runtime is not None and not runtime.pins)
        assert np.array_equal(host.copied(value), points)
        if runtime is not None:
            assert runtime.pinned == (4096 if host.pinned else 0)
            assert not runtime.last  # onnxruntime would take it for its next kernel's
            del host
            assert runtime.pinned == 0
    monkeypatch.setattr(frame, "_cuda_runtime", lambda: Runtime(copies=700))
    with pytest.raises(AimError, match="error 700"):
        HostPoints(50, "cuda").copied(value)


def test_no_cuda_runtime_is_loaded_that_was_not_there() -> None:
    assert frame._cuda_runtime() is None
