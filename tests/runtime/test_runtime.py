"""FaceModel: exact where it promises to be, the fast paths against plain twins, edits, threads, and wrong
input."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.posing import skin, tolerance
from aim_maya.runtime import Edit, FaceModel


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def full(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu", evaluation="full")


@pytest.fixture(scope="module")
def old(model: FaceModel) -> FaceModel:
    """From a file of before edits moved the skin as a whole: every vertex by itself."""
    return FaceModel(replace(model.data, skin_request=None, _made={}), Edit(), model._engine)


def test_rest_is_exact(model: FaceModel, sample: Actor) -> None:
    assert np.array_equal(
        model.points(np.zeros(len(model.targets))), sample.neutral.points.astype(np.float32)
    )
    assert np.array_equal(model.jaw({}), np.eye(4))


def test_every_trained_pose_is_exact(model: FaceModel, sample: Actor) -> None:
    within = tolerance(sample.neutral.points, 1.0)
    for target in sample.rig.targets:
        error = np.abs(model.points(sample.rig.trained_pose(target)) - sample.shapes[target]).max()
        assert error <= within, target


def test_names_and_order_agree(model: FaceModel) -> None:
    row = np.zeros(len(model.targets))
    row[model.targets.index("jawOpen")], row[model.targets.index("mouthSmile_L")] = 0.7, 0.4
    assert np.array_equal(model.points(row), model.points({"jawOpen": 0.7, "mouthSmile_L": 0.4}))


def test_jaw_is_the_one_the_sample_was_posed_with(model: FaceModel, sample: Actor) -> None:
    from trainer.sample import true_jaw_poses

    assert sample.lower_teeth is not None
    for target, truth in true_jaw_poses().items():
        moved = rigid.apply(model.jaw(sample.rig.trained_pose(target)), sample.lower_teeth.points)
        assert moved == pytest.approx(rigid.apply(truth, sample.lower_teeth.points), abs=1e-6)


@pytest.mark.parametrize("detail", [True, False])
def test_cached_against_the_plain_twin(model: FaceModel, detail: bool) -> None:
    """The planar, gathered sum against the equation written down in float64."""
    data, rng = model.data, np.random.default_rng(1)
    tables = data.tables(detail)
    for _ in range(5):
        weights = rng.uniform(-0.3, 1.2, len(model.targets)) * (rng.random(len(model.targets)) < 0.4)
        a = data.rig.activations(weights)
        p = tables.rest.astype(np.float64) + np.tensordot(a, tables.displacements.astype(np.float64), 1)
        plain = skin(p, data.motion.transform(a), data.weight.astype(np.float64), data.centre)
        assert np.abs(model.points(weights, detail=detail) - plain).max() < 1e-3


@pytest.mark.parametrize("detail", [True, False])
def test_full_agrees_with_cached(model: FaceModel, full: FaceModel, detail: bool) -> None:
    rng = np.random.default_rng(2)
    v = len(model.mesh.points)
    edits = [
        Edit(),
        Edit(thickness=1.4, jaw_gain=0.5, jaw_arc=0.3, expression_gain=0.8),
        Edit(
            thickness=rng.uniform(0.5, 1.5, v),
            bone_offset=rng.normal(size=(v, 3)),
            expression_gain=rng.uniform(0, 2, v),
            jaw_arc=0.0,
        ),
    ]
    jaw = rigid.exp([0.2, 0.05, 0, 0, 1, -2])
    for edit in edits:
        for given in (None, jaw):
            weights = rng.uniform(0, 1, len(model.targets))
            a = model.edited(edit).points(weights, jaw=given, detail=detail)
            b = full.edited(edit).points(weights, jaw=given, detail=detail)
            assert np.abs(a - b).max() < 1e-3


def test_default_edit_changes_nothing_to_the_last_bit(model: FaceModel) -> None:
    weights = np.linspace(0, 1, len(model.targets))
    assert np.array_equal(model.points(weights), model.edited(Edit()).points(weights))
    v = len(model.mesh.points)
    painted = Edit(thickness=np.ones(v), bone_offset=np.zeros((v, 3)), expression_gain=np.ones(v))
    assert np.array_equal(model.points(weights), model.edited(painted).points(weights))


def test_jaw_arc_zero_is_the_linear_blendshape(model: FaceModel, sample: Actor) -> None:
    """For controls of one knot; knots and combinations add their own hats to the same sum."""
    linear, rng = model.edited(Edit(jaw_arc=0.0)), np.random.default_rng(4)
    plain = ["jawOpen", "jawLeft", "mouthSmile_L", "mouthFunnel", "cheekPuff"]
    w = dict(zip(plain, rng.uniform(0, 1, len(plain)), strict=True))
    expected = sample.neutral.points + sum(
        x * (sample.shapes[t] - sample.neutral.points) for t, x in w.items()
    )
    assert np.abs(linear.points(w) - expected).max() < 2e-3
    assert np.abs(model.points(w) - expected).max() > 0.5  # the arc is another thing


def test_jaw_arc_zero_is_linear_in_a_combination_too(model: FaceModel, sample: Actor) -> None:
    linear = model.edited(Edit(jaw_arc=0.0))
    rest = sample.neutral.points
    open_, both = sample.shapes["jawOpen"] - rest, sample.shapes["mouthClose"] - rest
    corrective = both - open_
    expected = rest + 0.5 * open_ + 0.25 * corrective
    assert np.abs(linear.points({"jawOpen": 0.5, "mouthClose": 0.5}) - expected).max() < 2e-3


def test_thickness_moves_the_skin_along_the_normals_only(old: FaceModel, model: FaceModel) -> None:
    moved = old.edited(Edit(thickness=2.0)).points({}) - model.points({})
    along = (moved * model.anatomy.normals).sum(1)
    assert np.abs(moved - along[:, None] * model.anatomy.normals).max() < 1e-4
    assert along == pytest.approx(model.anatomy.thickness, abs=1e-3)


def test_a_bone_edit_turns_with_the_jaw(old: FaceModel) -> None:
    model = old
    chin = model.anatomy.skinning_weight > 0.97
    assert chin.sum() > 20
    offset = np.where(chin[:, None], [0.0, 0.0, 5.0], 0.0)
    edited, w = model.edited(Edit(bone_offset=offset)), {"jawOpen": 1.0}
    moved = (edited.points(w) - model.points(w))[chin]
    assert np.linalg.norm(moved, axis=1) == pytest.approx(5.0, abs=0.1)
    assert moved.mean(0) == pytest.approx(model.jaw(w)[:3, :3] @ [0, 0, 5.0], abs=0.1)


def test_a_driven_jaw_carries_the_chin_and_not_the_brow(model: FaceModel) -> None:
    jaw = rigid.exp([0.2, 0, 0, 0, 0, 0])
    moved = np.linalg.norm(model.points({}, jaw=jaw) - model.points({}), axis=1)
    k = model.anatomy.skinning_weight
    assert (k > 0.95).sum() > 20
    assert (k < 1e-2).sum() > 1000
    assert moved[k > 0.95].min() > 5
    assert moved[k < 1e-2].max() < 0.5


def test_threads_do_not_share_scratch(model: FaceModel) -> None:
    rng = np.random.default_rng(5)
    frames = rng.uniform(0, 1, (40, len(model.targets))) * (rng.random((40, len(model.targets))) < 0.3)
    expected = [model.points(f) for f in frames]
    wrong: list[int] = []

    def work(order: np.ndarray) -> None:
        for i in order:
            if not np.array_equal(model.points(frames[i]), expected[i]):
                wrong.append(int(i))

    threads = [threading.Thread(target=work, args=(rng.permutation(40),)) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_results_are_not_overwritten_by_the_next_call(model: FaceModel) -> None:
    first = model.points({"jawOpen": 1.0})
    kept = first.copy()
    model.points({"jawOpen": 0.2})
    model.points({})[:] = 0
    assert np.array_equal(first, kept)
    assert np.abs(model.points({})).max() > 1


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit(thickness=np.ones(7)), r"thickness has shape \(7,\)"),
        (Edit(bone_offset=np.ones((7, 3))), "bone_offset has shape"),
        (Edit(bone_offset=1.0), "bone_offset is 1.0"),
        (Edit(thickness=float("nan")), "thickness holds NaN"),
        (Edit(jaw_gain=np.ones(3)), "jaw_gain has shape"),  # type: ignore[arg-type]
    ],
)
def test_bad_edits(model: FaceModel, edit: Edit, says: str) -> None:
    with pytest.raises(AimError, match=says):
        model.edited(edit)


def test_bad_calls(model: FaceModel, draft: Path) -> None:
    with pytest.raises(AimError, match="Did you mean 'jawOpen'"):
        model.points({"jawopn": 1.0})
    with pytest.raises(AimError, match="finite 4x4"):
        model.points({}, jaw=np.eye(3))
    with pytest.raises(AimError, match="finite 4x4"):
        model.points({}, jaw=np.full((4, 4), np.nan))
    with pytest.raises(AimError, match="'gpu' is not one of"):
        FaceModel.load(draft, "gpu")
    with pytest.raises(AimError, match="'fast' is not one of"):
        FaceModel.load(draft, evaluation="fast")


def test_status_says_what_runs_where(model: FaceModel, full: FaceModel) -> None:
    assert "numpy" in model.status
    assert "onnxruntime" in full.status
    assert "CPU" in full.status


def test_asking_for_cuda_where_there_is_none_says_so(draft: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the CUDA provider")
    with pytest.raises(AimError, match="no CUDA provider"):
        FaceModel.load(draft, "cuda", evaluation="full")


def test_cached_needs_no_onnxruntime(draft: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from aim_maya.runtime import FaceModel\n"
        f"m = FaceModel.load({str(draft)!r})\nassert m.points({{'jawOpen': 0.5}}).shape == "
        "(len(m.mesh.points), 3)\n"
        "assert m.points({'jawOpen': 0.5}, detail=False).shape == (len(m.mesh.points), 3)\n"
        "try: FaceModel.load(m.data.path, evaluation='full')\n"
        "except Exception as e: assert 'onnxruntime cannot be imported' in str(e), e\n"
        "else: raise SystemExit('no error')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
