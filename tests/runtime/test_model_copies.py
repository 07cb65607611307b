"""A FaceModel sent to other processes, copied, shown; and weights that are none."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.arrays import pack_arrays, read_arrays
from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.runtime import Edit, FaceModel

WEIGHTS = {"jawOpen": 0.6, "mouthSmile_L": 0.3}


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


def _points(model: FaceModel) -> Any:
    return model.points(WEIGHTS)


def test_a_pool_of_spawned_processes(model: FaceModel) -> None:
    edited = model.edited(Edit(thickness=1.2, jaw_gain=0.5))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (plain, changed) = pool.map(_points, [model, edited])
    assert np.array_equal(plain, model.points(WEIGHTS))
    assert np.array_equal(changed, edited.points(WEIGHTS))
    assert not np.array_equal(plain, changed)


def test_a_pickle_is_small_and_keeps_options_and_notes(model: FaceModel) -> None:
    edited = model.edited(Edit(thickness=0.0))
    again = pickle.loads(pickle.dumps(edited))
    assert len(pickle.dumps(edited)) < 100_000  # a map of an edit, never the tables
    assert (again.device, again.edit_notes, repr(again)) == (edited.device, edited.edit_notes, repr(edited))


def test_the_path_is_that_of_where_it_was_loaded(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(draft.parent)
    model = FaceModel.load(draft.name, "cpu")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(
        pickle.loads(pickle.dumps(model.edited(Edit(jaw_gain=0.5)))).points({}), model.points({})
    )


def test_a_file_that_is_gone_or_another_by_then(draft: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.aim"
    shutil.copy(draft, path)
    model = FaceModel.load(path, "cpu")
    kept = pickle.dumps(model)
    manifest, members = read_aim(path)
    arrays = read_arrays(members["mesh.npz"], "mesh.npz")
    written = {key: value for key, value in manifest.items() if key not in ("members", "schema")}
    arrays["weight"] = arrays["weight"] * np.float32(0.5)
    write_aim(path, written, members | {"mesh.npz": pack_arrays(**arrays)})
    with pytest.raises(AimError, match="is another model than the one that was pickled"):
        pickle.loads(kept)
    path.unlink()
    with pytest.raises(AimError, match=r"a\.aim"):
        pickle.loads(kept)


def test_copies_share_everything(model: FaceModel) -> None:
    for one in (copy.copy(model), copy.deepcopy(model), copy.deepcopy({"face": model})["face"]):
        assert one.data is model.data
        assert np.array_equal(one.points(WEIGHTS), model.points(WEIGHTS))


def test_it_says_what_it_is(model: FaceModel, draft: Path) -> None:
    assert repr(model) == (
        f"<FaceModel 'sample' from {draft}: {len(model.mesh.points)} vertices, {len(model.targets)} "
        "controls, cached evaluation on cpu>"
    )
    assert repr(model.edited(Edit(jaw_gain=2.0))).endswith(", edited>")


@pytest.mark.parametrize(
    "weights",
    [
        "jawOpen",
        b"jawOpen",
        {"jawOpen": "1"},
        {"jawOpen": [0, 1]},
        {"jawOpen": None},
        {3: 1.0},
        None,
        [[1], [2, 3]],
        0.5,
        {"jawOpen"},
    ],
)
def test_weights_that_are_none(model: FaceModel, weights: Any) -> None:
    for ask in (model.points, model.jaw):
        with pytest.raises(AimError):
            ask(weights)


def test_text_of_numbers_is_text(model: FaceModel) -> None:
    with pytest.raises(AimError, match="Weights are numbers"):
        model.points(["0.5"] * len(model.targets))


def test_a_jaw_and_an_edit_that_are_text(model: FaceModel) -> None:
    with pytest.raises(AimError, match="finite 4x4"):
        model.points({}, jaw="open")
    for name in ("thickness", "bone_offset", "jaw_gain", "jaw_pose"):
        with pytest.raises(AimError):
            model.edited(Edit(**{name: "much"}))
