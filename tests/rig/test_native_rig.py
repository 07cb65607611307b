"""The one description of a native rig: FaceModel's own points, in any unit and with any axis up."""

from __future__ import annotations

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from aim_maya.core.posing import tolerance
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.native_rig import Combination, Knot, NativeRig, RigidPart, Target
from tests.in_maya.rich import random_weights, rich
from tests.in_maya.tiny import write_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FaceModel:
    return FaceModel.load(write_tiny(tmp_path_factory.mktemp("rich") / "rich.aim", rich()), "cpu")


def edits(model: FaceModel) -> list[Edit]:
    rng = np.random.default_rng(1)
    maps = rng.uniform(0.8, 1.2, len(model.mesh.points)).astype(np.float32)
    pose = rigid.exp([0.1, 0.05, 0, 0.1, 0.2, 0.3])
    return [Edit(), Edit(thickness=maps, expression_gain=maps, jaw_gain=1.4), Edit(jaw_pose=pose)]


def test_points_are_the_models_own_under_edits(model: FaceModel) -> None:
    within = tolerance(model.mesh.points, model.mm_per_unit)
    for edit in edits(model):
        edited = model.edited(edit)
        native = NativeRig.of(edited)
        for row in random_weights(native.rig, 40):
            assert np.abs(native.points(row) - edited.points(row)).max() <= within
            assert np.abs(native.jaw(native.activations(row)) - edited.jaw(row)).max() < 1e-9


@pytest.mark.parametrize("up", ["x", "z"])
def test_another_unit_and_axis_are_a_turn_and_a_scale(model: FaceModel, up: str) -> None:
    turn = {"x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], "z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]]}[up]
    part = RigidPart("teeth", model.mesh, "jaw", "teeth")
    native = NativeRig.of(model, [part])
    metres = native.in_space(1000.0, up)
    assert (metres.up, metres.mm_per_unit) == (up, 1000.0)
    for row in random_weights(native.rig, 24):
        expected = native.points(row) @ np.array(turn, np.float64).T / 100
        assert metres.points(row) == pytest.approx(expected, abs=4e-7)
    assert metres.parts[0].mesh.points == pytest.approx(part.mesh.points @ np.array(turn).T / 100, abs=1e-6)
    assert np.array_equal(metres.in_space(1000.0, up).rest, metres.rest)


def activation(native: NativeRig, target: Target, row: np.ndarray) -> float:
    """Of one target, from the plain numbers that writers put into their files."""
    if isinstance(target.drive, Combination):
        ratios = [max(row[c] / v, 0.0) for c, v in target.drive.factors]
        return float(min(ratios) if target.drive.method == "lowest" else np.prod(ratios))
    assert isinstance(target.drive, Knot)
    x, y = np.array(target.drive.curve).T
    i = min(max(int(np.searchsorted(x, row[target.drive.control])) - 1, 0), len(x) - 2)
    return float(y[i] + (y[i + 1] - y[i]) * (row[target.drive.control] - x[i]) / (x[i + 1] - x[i]))


def test_drives_are_the_rigs_activations(model: FaceModel) -> None:
    native = NativeRig.of(model)
    for row in np.vstack([random_weights(native.rig, 60), np.full((1, len(native.rig.controls)), -2.5)]):
        made = [activation(native, t, row) for t in native.targets]
        assert made == pytest.approx(native.activations(row), abs=1e-12)


def test_what_no_native_rig_can_show_is_refused(model: FaceModel) -> None:
    with pytest.raises(AimError, match=r"jaw_arc 0\.5.*no linear look"):
        NativeRig.of(model.edited(Edit(jaw_arc=0.5)))
    with pytest.raises(AimError, match="no rigid motion"):
        NativeRig.of(model.edited(Edit(jaw_pose=np.diag([2.0, 1, 1, 1]))))
