"""The neural solver of local fits: what it recovers, what it does without, that it stops and goes on, and the
network that it leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.runtime import FaceModel, Performance
from trainer.fit.neural.fit import checked_graph, fit_neural
from trainer.fit.neural.networks import CoefficientNetwork, rotation_6d
from trainer.fit.neural.training import record
from trainer.fit.options import FitOptions, NeuralOptions
from trainer.fit.scans import Frames

QUICK = NeuralOptions(iterations=30, code_size=8, width=32, points=128, frames=4, rate=4e-3, check_every=10)
FIT = FitOptions(solver="neural")


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def take(model: FaceModel) -> np.ndarray:
    """(6, V, 3) smooth random weights, and a head that turns by 20 degrees and goes away."""
    drawn = np.random.default_rng(4)
    ends = np.where(drawn.random((2, len(model.targets))) < 0.4, drawn.random((2, len(model.targets))), 0.0)
    frames = []
    for share in np.linspace(0, 1, 6):
        head = rigid.exp(share * np.array([0.1, 0.35, -0.05, 40.0, 5.0, -20.0]))
        frames.append(rigid.apply(head, model.points((1 - share) * ends[0] + share * ends[1])))
    return np.array(frames, np.float32)


def fitted(
    model: FaceModel, frames: np.ndarray, neural: NeuralOptions = QUICK, fit: FitOptions = FIT, **more: Any
) -> PerformanceData:
    with Progress("none") as progress:
        return fit_neural(model, scans(frames), fit, neural, progress, device="cpu", **more)


def scans(frames: np.ndarray) -> Frames:
    return Frames.of(frames, np.arange(frames.shape[1]))


def played(model: FaceModel, data: PerformanceData, frame: int) -> np.ndarray:
    return model.performance_points(Performance(data), frame)


def distances(model: FaceModel, data: PerformanceData, truth: np.ndarray) -> np.ndarray:
    """(F, V) mm."""
    return (
        np.array([np.linalg.norm(played(model, data, f) - points, axis=1) for f, points in enumerate(truth)])
        * model.mm_per_unit
    )


@pytest.mark.parametrize(("jaw", "alone"), [("free", False), ("free", True), ("tied", False)])
def test_points_of_smooth_weights_come_back(
    model: FaceModel, take: np.ndarray, jaw: Literal["free", "tied"], alone: bool
) -> None:
    data = fitted(
        model, take, replace(QUICK, iterations=120, jaw_alone=alone, weight_l2=0.01), replace(FIT, jaw=jaw)
    )
    rest = model.points(np.zeros(len(model.targets)))
    still = (
        np.mean(
            [np.linalg.norm(rigid.apply(data.head[f], rest) - p, axis=1).mean() for f, p in enumerate(take)]
        )
        * model.mm_per_unit
    )
    missed = distances(model, data, take)
    assert missed.mean() < 0.5 * still
    assert missed.mean() < 0.5
    np.testing.assert_allclose(data.residual_mm, missed.mean(axis=1), atol=2e-3)
    assert all(rigid.is_rigid(m) for m in [*data.head, *data.jaw])
    assert not data.flags.any()
    assert data.about["jaw"] == jaw


def test_the_result_is_a_local_performance(model: FaceModel, take: np.ndarray) -> None:
    data = fitted(model, take[:3].astype(np.float64), fit=replace(FIT, fps=24.0))
    v, t = len(model.data.neutral), len(model.data.rig.targets)
    assert data.coefficients.shape == (3, t, 0)
    assert data.basis.shape == (v, 0)
    assert data.codes is not None
    assert data.codes.shape == (3, 8)
    assert data.codes.dtype == np.float32
    assert not data.is_global
    assert data.fps == 24.0
    assert data.about["figures"]["parity"] < 1e-4
    assert set(data.about) >= {
        "targets",
        "model",
        "topology_hash",
        "vertices",
        "mm_per_unit",
        "mode",
        "solver",
        "jaw",
        "figures",
    }


def test_missing_points_are_left_out_and_empty_frames_lie_between(model: FaceModel, take: np.ndarray) -> None:
    seen = take.copy()
    seen[1, ::3] = np.nan
    seen[3] = np.nan
    seen[4, 10, 1] = np.nan
    data = fitted(model, seen)
    assert list(data.flags) == [0, Flag.PARTLY, 0, Flag.EMPTY, Flag.PARTLY, 0]
    assert list(np.isnan(data.residual_mm)) == [False, False, False, True, False, False]
    assert data.codes is not None
    np.testing.assert_allclose(data.codes[3], (data.codes[2] + data.codes[4]) / 2, atol=1e-6)
    np.testing.assert_allclose(
        data.head[3] @ np.linalg.inv(data.head[2]),
        data.head[4] @ np.linalg.inv(data.head[3]),
        atol=1e-6 * np.abs(take).max(),
    )
    missed = distances(model, data, take)
    assert missed[1, ::3].mean() < 2 * missed[1].mean(), "where nothing was seen the face follows what was"


def test_a_take_of_which_only_the_ends_are_empty_holds_its_last_frames(
    model: FaceModel, take: np.ndarray
) -> None:
    seen = take[:3].copy()
    seen[[0, 2]] = np.nan
    data = fitted(model, seen, replace(QUICK, iterations=10))
    np.testing.assert_array_equal(data.head[0], data.head[1])
    np.testing.assert_array_equal(data.head[2], data.head[1])


def test_few_points_are_enough_to_run(model: FaceModel, take: np.ndarray) -> None:
    few = np.arange(0, 7000, 150)
    with Progress("none") as progress:
        data = fit_neural(model, Frames.of(take[:2, few], few, 25.0), FIT, QUICK, progress, device="cpu")
    assert data.fps == 25.0
    assert (data.residual_mm < 3).all()
    assert not data.flags.any()
    assert np.linalg.norm(played(model, data, 1) - take[1], axis=1).mean() < 3 / model.mm_per_unit


def test_windows_are_taken_in_one_after_another(model: FaceModel, take: np.ndarray) -> None:
    from trainer.fit.neural.networks import neural_face
    from trainer.fit.neural.training import NeuralFit

    recording = record(scans(take), np.ones(take.shape[1]))
    fit = NeuralFit(
        neural_face(model, torch.device("cpu")), recording, FIT, replace(QUICK, window=2, iterations=20)
    )
    assert fit.total == 60
    drawn = []
    while fit.step < fit.total:
        fit._one_step()
        fit.step += 1
        drawn.append(fit._frames().max())
    assert max(drawn[:12]) == 1
    assert max(drawn[15:26]) == 3
    assert max(drawn[45:]) == 5


def test_a_further_term_pulls(model: FaceModel, take: np.ndarray) -> None:
    """A hook for landmarks through a camera: here one that holds a vertex away from where it was seen."""
    ids = torch.tensor([50])

    def term(frames: np.ndarray, points: object) -> object:
        return 100 * (points(ids)[..., 0] - 300).square().mean()  # type: ignore[operator]

    free, pulled = (fitted(model, take[:2], terms=terms) for terms in ((), (term,)))
    assert played(model, pulled, 0)[50, 0] > played(model, free, 0)[50, 0] + 1.0


def test_cancelled_and_resumed_is_as_if_never_stopped(
    model: FaceModel, take: np.ndarray, tmp_path: Path
) -> None:
    whole = fitted(model, take)
    asked = iter([False] * 15 + [True] * 999)
    run = RunFolder(tmp_path / "take.run")
    with pytest.raises(Cancelled), Progress("none", cancelled=lambda: next(asked)) as progress:
        fit_neural(model, scans(take), FIT, QUICK, progress, device="cpu", run=run)
    assert 0 < run.load()["step"] < 30
    resumed = fitted(model, take, run=run, resume=True)
    assert whole.codes is not None
    assert resumed.codes is not None
    np.testing.assert_array_equal(whole.codes, resumed.codes)
    np.testing.assert_array_equal(whole.residual_mm, resumed.residual_mm)
    with pytest.raises(AimError, match="other frames"):
        fitted(model, take[:4], run=run, resume=True)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: 1000 * f, "times as large"),
        (lambda f: np.full_like(f, np.nan), "No point was seen"),
        (lambda f: f[:0], "No point was seen"),
    ],
)
def test_bad_frames_are_refused(model: FaceModel, take: np.ndarray, spoil: object, says: str) -> None:
    with pytest.raises(AimError, match=says):
        fitted(model, spoil(take))  # type: ignore[operator]


def test_confidence_and_a_still_head(model: FaceModel, take: np.ndarray, tmp_path: Path) -> None:
    """A part that is nonsense and has no confidence changes nothing."""
    trust = np.ones(take.shape[1])
    trust[1000:3000] = 0
    np.save(tmp_path / "trust.npy", trust)
    still = take[[0, 0]]
    spoilt = still.copy()
    spoilt[:, 1000:3000] += 30
    fit = replace(FIT, confidence=tmp_path / "trust.npy", head="still")
    a, b = (fitted(model, frames, fit=fit) for frames in (still, spoilt))
    assert a.codes is not None
    assert b.codes is not None
    np.testing.assert_array_equal(a.codes, b.codes)
    assert not b.flags.any()
    np.testing.assert_array_equal(a.head, np.tile(np.eye(4), (2, 1, 1)))


def test_frames_of_another_face_are_flagged(model: FaceModel, take: np.ndarray) -> None:
    wide = take[:1] * np.float32([1.3, 0.9, 1.0])
    assert fitted(model, wide, replace(QUICK, iterations=5)).flags[0] == Flag.LARGE_RESIDUAL


def test_a_global_fit_is_not_its_task(model: FaceModel, take: np.ndarray) -> None:
    with pytest.raises(AimError, match="global"):
        fitted(model, take, fit=replace(FIT, mode="global"))


def test_the_command_fits_by_networks(
    draft: Path, model: FaceModel, take: np.ndarray, tmp_path: Path
) -> None:
    from trainer.commands.fit import Options, run

    np.savez(tmp_path / "take.npz", frames=take[:3], fps=25.0)
    figures = run(
        Options(
            draft,
            frames=tmp_path / "take.npz",
            out=tmp_path / "take.aimperf",
            device="cpu",
            progress="none",
            fit=FIT,
            neural=QUICK,
        )
    )
    assert figures["iterations"] == QUICK.iterations
    back = Performance.load(tmp_path / "take.aimperf")
    assert back.data.about["solver"] == "neural"
    assert back.fps == 25.0
    assert model.performance_points(back, 1.5).shape == take[0].shape


def test_bad_options_are_refused() -> None:
    for bad in ({"rate": 0.0}, {"code_size": 0}, {"frames": 1}, {"weight_l2": -1.0}, {"iterations": -3}):
        with pytest.raises(AimError, match=next(iter(bad))):
            NeuralOptions(**bad)  # type: ignore[arg-type]
    assert NeuralOptions(schedule="draft").total(10) < NeuralOptions().total(10) < NeuralOptions().total(1000)


@pytest.mark.parametrize("activation", ["sine", "gelu"])
def test_the_exported_network_gives_what_torch_gives(model: FaceModel, activation: str) -> None:
    generator = torch.Generator().manual_seed(2)
    network = CoefficientNetwork(5, 7, 24, activation, generator)  # type: ignore[arg-type]
    codes = torch.randn(3, 5, generator=generator).numpy()
    serialised, difference = checked_graph(network, codes, model.data.template)
    assert difference < 1e-5
    import onnx

    made = onnx.load_from_string(serialised)
    assert made.ir_version <= 10
    assert made.opset_import[0].version == 17


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_rotations_are_rotations(values: list[float]) -> None:
    a, b = np.add(values[:3], (1, 0, 0)), np.add(values[3:], (0, 1, 0))
    if np.linalg.norm(np.cross(a, b)) < 1e-2 or min(np.linalg.norm(a), np.linalg.norm(b)) < 1e-2:
        return  # a half-line: no rotation is meant
    turn = rotation_6d(torch.tensor(values, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) > 0
    np.testing.assert_allclose(turn[:, 0] * np.linalg.norm(a), a, atol=1e-9)


def test_no_change_is_no_rotation() -> None:
    np.testing.assert_array_equal(rotation_6d(torch.zeros(6)).numpy(), np.eye(3, dtype=np.float32))
