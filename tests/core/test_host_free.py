"""What the Maya side needs and Maya does not: driven jaws, model paths, a native blendShape that follows the
model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.bake_back import bake_back, sampled_poses, with_in_betweens
from aim_maya.core.controls import Control, Rig
from aim_maya.core.dependencies import SearchContext, expand, resolve
from aim_maya.core.errors import AimError
from aim_maya.core.rigid import driven_jaw
from aim_maya.runtime import FaceModel

twists = st.lists(st.floats(-2, 2), min_size=6, max_size=6).map(
    lambda t: rigid.exp([*t[:3], *(50 * x for x in t[3:])])
)


@given(face=twists, jaw=twists, head=twists, moved=twists)
def test_a_driven_jaw_is_identity_at_bind_and_blind_to_the_head(
    face: np.ndarray, jaw: np.ndarray, head: np.ndarray, moved: np.ndarray
) -> None:
    assert np.array_equal(driven_jaw(face, jaw, jaw, head, head), np.eye(4))
    assert np.array_equal(
        driven_jaw(face, jaw, moved @ jaw, head, moved @ head), np.eye(4)
    )  # the jaw rides along with the head


def test_a_driven_jaw_turns_in_the_face_space() -> None:
    face, jaw_bind = rigid.exp([0, np.pi / 6, 0, 10, 0, 0]), rigid.exp([0, 0, 0, 0, 5, 0])
    turn = rigid.exp([np.pi / 6, 0, 0, 0, 0, 3])
    motion = driven_jaw(face, jaw_bind, turn @ jaw_bind, np.eye(4), np.eye(4))
    point = np.array([1.0, 2.0, 3.0])
    world = rigid.apply(turn, rigid.apply(face, point))
    assert rigid.apply(face, rigid.apply(motion, point)) == pytest.approx(world)


def test_paths_are_tried_in_order_and_all_listed(tmp_path: Path) -> None:
    scene, library = tmp_path / "scene", tmp_path / "lib rary"
    scene.mkdir()
    library.mkdir()
    (library / "a.aim").write_bytes(b"")
    environment = {"AIM_MODEL_PATH": str(library), "SHOW": str(tmp_path)}
    context = SearchContext((str(scene),), (("X:/old", str(library)),))
    assert resolve("models/a.aim", context, environment) == library / "a.aim"
    assert resolve("$SHOW/lib rary/a.aim", SearchContext(), environment) == library / "a.aim"
    assert resolve("X:\\old\\a.aim", context, {}) == library / "a.aim"
    (scene / "a.aim").write_bytes(b"")
    assert resolve("a.aim", context, environment) == scene / "a.aim"
    with pytest.raises(AimError) as caught:
        resolve("/nowhere/b.aim", context, environment)
    for place in ("/nowhere/b.aim", str(scene), str(library)):
        assert place in caught.value.what
    with pytest.raises(AimError, match="No model file"):
        resolve("  ", context)


def test_unknown_variables_stay_as_written() -> None:
    assert expand("${A}/%B%/$C/x", {"A": "1", "B": "2"}) == "1/2/$C/x"


def test_bake_back_follows_the_arc_better_than_the_plain_sum(draft: Path) -> None:
    model = FaceModel.load(draft, "cpu")
    rig = model.data.rig
    finer = with_in_betweens(rig, {"jawOpen": 0.3})
    assert len(next(c for c in finer.controls if c.name == "jawOpen").knots) == 2
    result = bake_back(
        model.points,
        rig,
        finer,
        model.data.neutral.astype(float),
        sampled_poses(rig, 200),
        sampled_poses(rig, 40, seed=1),
        model.mm_per_unit,
    )
    assert result.residual["rms"] < 0.7 * result.residual["linear_rms"]
    assert result.residual["max"] < result.residual["linear_max"]
    assert set(result.shapes) == set(finer.targets)


def test_bake_back_of_a_linear_model_is_the_model() -> None:
    rng = np.random.default_rng(0)
    rest, deltas = rng.normal(size=(20, 3)), rng.normal(size=(3, 20, 3))
    rig = Rig(tuple(Control(n, i, ((1.0, n),)) for i, n in enumerate("abc")))
    result = bake_back(
        lambda w: rest + np.tensordot(w, deltas, 1),
        rig,
        rig,
        rest,
        sampled_poses(rig, 10),
        sampled_poses(rig, 5, 1),
        1.0,
    )
    assert result.residual["max"] < 1e-9
    assert np.abs(result.shapes["b"] - rest - deltas[1]).max() < 1e-9
    with pytest.raises(AimError, match="no poses"):
        bake_back(lambda w: rest, rig, rig, rest, np.zeros((0, 3)), np.zeros((0, 3)), 1.0)
