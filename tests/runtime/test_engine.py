"""What runs where: fields resident for pose.onnx, a device that fails half-way, one model for many, and what
a deformer adds."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from aim_maya.runtime import Edit, FaceModel, read_edit
from aim_maya.runtime import engine as engine_module
from aim_maya.runtime import session as session_module
from aim_maya.runtime.deformation import Deformation, forget, open_models, shared_model
from aim_maya.runtime.engine import ResidentEvaluator


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


def random_weights(model: FaceModel, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, len(model.targets)) * (rng.random(len(model.targets)) < 0.4)


@pytest.mark.parametrize("detail", [True, False])
def test_resident_fields_give_the_same_points(model: FaceModel, detail: bool) -> None:
    """The graph that runs on CUDA, here on the CPU through the same bindings."""
    resident, v = ResidentEvaluator(model.data, "cpu"), len(model.mesh.points)
    rng = np.random.default_rng(3)
    edits = [
        Edit(),
        Edit(thickness=1.3, jaw_gain=0.5, jaw_arc=0.4, expression_gain=0.8),
        Edit(thickness=rng.uniform(0.5, 1.5, v), bone_offset=rng.normal(size=(v, 3))),
    ]
    for seed, edit in enumerate(
        [*edits, edits[0]]
    ):  # the default again: what is bound must follow the edit both ways
        weights, face = random_weights(model, seed), model.edited(edit)
        got = resident.points(model.data.rig.activations(weights), None, face.edit, detail, face.moved)
        assert np.abs(got - face.points(weights, detail=detail)).max() < 1e-3


class FailingGraph:
    """Stands in for a graph whose driver goes away."""

    class session:
        device = "cuda"

    calls = 0

    def points(self, *_: object) -> np.ndarray:
        FailingGraph.calls += 1
        raise RuntimeError(
            "/src/cuda_call.cc:154 CudaCall() CUDA failure 719: unspecified launch failure ; GPU=0"
        )


def test_a_device_that_fails_is_left_once_and_said_once(
    draft: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shaky, plain = FaceModel.load(draft, "cpu"), FaceModel.load(draft, "cpu")
    shaky._engine._graph = FailingGraph()  # type: ignore[assignment]
    weights = random_weights(plain, 1)
    with caplog.at_level(logging.WARNING, "aim_maya"):
        for _ in range(5):
            assert np.array_equal(shaky.points(weights), plain.points(weights))
    assert FailingGraph.calls == 1
    assert len(caplog.records) == 1
    assert "719" in shaky.status
    assert "numpy" in shaky.status


def test_full_evaluation_that_loses_cuda_goes_on_with_the_networks_on_the_cpu(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the session is never taken down: onnxruntime 1.31.1 ends the process in its destructor then."""
    monkeypatch.setattr(session_module, "_open", weakref.WeakSet())
    shaky = FaceModel.load(draft, "cpu", evaluation="full")
    good = shaky._engine._graph
    assert good is not None
    handle = weakref.ref(good.session.handle)
    session_module._open.add(handle())
    good.session = type(good.session)(good.session.handle, "cuda", "pretended")
    weights = random_weights(shaky, 2)
    good.points = FailingGraph().points  # type: ignore[method-assign,assignment]
    assert np.abs(shaky.points(weights) - FaceModel.load(draft, "cpu").points(weights)).max() < 1e-3
    assert shaky.status.endswith(
        "since CUDA failed while running (CUDA failure 719: unspecified launch failure)"
    )
    assert "full evaluation on the CPU" in shaky.status
    del good
    gc.collect()
    assert handle() is not None


def test_status_says_why_numpy(draft: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        engine_module, "_cuda_lacking", lambda: "the installed onnxruntime has no CUDA provider"
    )
    assert "no CUDA provider" in FaceModel.load(draft, "auto").status
    monkeypatch.setattr(engine_module, "_cuda_lacking", lambda: "")
    found = FaceModel.load(
        draft, "auto"
    ).status  # the provider's library is said to be there, the session comes up on the CPU
    assert "numpy" in found
    assert "onnxruntime" in found
    with pytest.raises(AimError, match="CUDA was asked for"):
        FaceModel.load(draft, "cuda")


def test_one_model_for_all_released_with_the_last(draft: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(draft, tmp_path / "m.aim"))
    held = [shared_model(path, "cpu") for _ in range(200)]
    assert len({id(m) for m in held}) == 1
    assert [m for m in open_models() if m is held[0]]
    old = held[0]
    assert forget(path) == 1
    assert shared_model(path, "cpu") is not old
    count = len(open_models())
    del held, old
    gc.collect()
    assert len(open_models()) <= count


def test_a_shared_model_falls_back_where_a_device_is_missing(draft: Path) -> None:
    model = shared_model(draft, "cuda")
    assert model.points({"jawOpen": 1.0}).shape[1] == 3
    assert "CUDA was asked for" in model.status
    with pytest.raises(AimError):
        shared_model(draft.parent / "missing.aim")


def test_nothing_active_means_no_call(model: FaceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FaceModel, "points", lambda *_, **__: pytest.fail("the model was called"))
    zero = np.zeros(len(model.targets))
    for edit in (
        Edit(),
        Edit(jaw_gain=0.3, jaw_arc=0.0, expression_gain=2.0),
        Edit(thickness=np.ones(len(model.mesh.points))),
    ):
        for overlay in (False, True):
            assert Deformation(model, edit, overlay).offset(zero, None) is None
            assert Deformation(model, edit, overlay).offset(zero, np.eye(4)) is None


def test_replace_adds_the_shape_and_overlay_what_the_linear_sum_lacks(model: FaceModel) -> None:
    neutral, weights = model.data.neutral, random_weights(model, 6)
    replaced = Deformation(model, Edit()).offset(weights, None)
    assert np.abs(neutral + replaced - model.points(weights)).max() < 1e-4
    over = Deformation(model, Edit(), overlay=True).offset(weights, None)
    linear = model.edited(Edit(jaw_arc=0.0)).points(weights)
    assert np.abs(linear + over - model.points(weights)).max() < 1e-4
    trained = model.data.rig.trained_pose("jawOpen")
    assert np.abs(Deformation(model, Edit(), overlay=True).offset(trained, None)).max() < 2e-3
    flat = Deformation(model, Edit(jaw_arc=0.0), overlay=True).offset(weights, None)
    assert np.abs(flat).max() < 1e-4


def test_an_edit_at_rest_shows_at_rest(model: FaceModel) -> None:
    zero = np.zeros(len(model.targets))
    shown = Deformation(model, Edit(thickness=1.3))
    offset = shown.offset(zero, None)
    assert shown.face.moved is not None
    assert offset is not None
    assert np.abs(offset - shown.face.moved.offset).max() < 1e-4
    asked = 0.3 * model.data.thickness[:, None] * model.data.normals
    cheeks = model.data.regions["cheeks"] > 0.7
    assert np.abs(offset - asked)[cheeks].mean() < 0.3 * np.abs(asked)[cheeks].mean()


def test_read_edit(model: FaceModel, tmp_path: Path) -> None:
    file = tmp_path / "edit.json"
    gains = [1, 2] * (len(model.data.neutral) // 2) + [1] * (len(model.data.neutral) % 2)
    file.write_text(json.dumps({"thickness": 1.5, "jaw_gain": 0.5, "expression_gain": gains}))
    edit = read_edit(file, model.data)
    assert edit.thickness == 1.5
    assert np.array_equal(edit.expression_gain, gains)
    for bad, said in (
        ('{"thicknes": 1}', "Did you mean 'thickness'"),
        ('{"jaw_gain": "a"}', "not a number"),
        ("[1]", "must hold an object"),
        ('{"expression_gain": [1, 2]}', "holds 2 numbers"),
        ("{", "not valid JSON"),
    ):
        file.write_text(bad)
        with pytest.raises(AimError, match=said):
            read_edit(file, model.data)


@pytest.mark.parametrize(
    ("driver", "said"), [((12, 4), "missing: libcudnn.so.9"), (None, "no NVIDIA driver")]
)
def test_status_names_what_cuda_lacks(
    draft: Path, monkeypatch: pytest.MonkeyPatch, driver: tuple[int, int] | None, said: str
) -> None:
    """An onnxruntime with CUDA whose provider does not load, as it behaves without cuDNN: it prints, and
    falls back without an error."""
    import onnxruntime

    from aim_maya.core import dependencies

    plain = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(
        onnxruntime,
        "preload_dlls",
        lambda: sys.stdout.write(
            "Failed to load libcudnn.so.9: libcudnn.so.9: cannot open shared object file\n"
        ),
        raising=False,
    )
    tried = []

    def fallen_back(graph: bytes, options: object, providers: list[object], **_: object) -> object:
        tried.append(len(providers) > 1)
        return plain(graph, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", fallen_back)
    monkeypatch.setattr(session_module, "driver_version", lambda: driver)
    monkeypatch.setattr(engine_module, "_cuda_lacking", lambda: "")
    assert dependencies.missing_libraries(onnxruntime) == ["libcudnn.so.9"]
    status = FaceModel.load(draft, "auto").status
    assert said in status, status
    assert status.startswith("cached evaluation: numpy"), status
    # without a driver CUDA is not even tried: onnxruntime would print errors of its own
    assert any(tried) == (driver is not None)
