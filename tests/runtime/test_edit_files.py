"""Edit files: recipes in JSON, maps and offsets beside them, presets, and everything that is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core.errors import AimError
from aim_maya.core.regions import NAMES, REGIONS
from aim_maya.runtime import FaceModel, read_edit
from aim_maya.runtime.edit import PRESETS, EditRecipe, preset, read_recipe, recipe_from_json


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


def test_recipes_survive_json(tmp_path: Path) -> None:
    for name, (_, recipe) in PRESETS.items():
        recipe.write(tmp_path / f"{name}.json")
        again = read_recipe(tmp_path / f"{name}.json")
        assert again.to_json() == recipe.to_json()
    changed = EditRecipe().changed(
        ["thickness=1.2", "thickness.cheeks=1.5", "jaw_longer_mm=4", "bones.jaw_wider_mm=2", "jaw_gain=0.5"]
    )
    assert changed.thickness == {"all": 1.2, "cheeks": 1.5}
    assert changed.bones == {"jaw_longer_mm": 4.0, "jaw_wider_mm": 2.0}
    assert changed.jaw_gain == 0.5


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(PRESETS)), st.floats(0, 2))
def test_presets_scale(name: str, amount: float) -> None:
    recipe, whole = preset(name, amount), preset(name)
    for handle, mm in whole.bones.items():
        assert recipe.bones[handle] == pytest.approx(amount * mm)
    if isinstance(whole.thickness, dict):
        for part, factor in whole.thickness.items():
            assert recipe.thickness[part] == pytest.approx(1 + amount * (factor - 1))  # type: ignore[index]


def test_maps_and_offsets_from_files(model: FaceModel, tmp_path: Path) -> None:
    v, rng = len(model.data.neutral), np.random.default_rng(0)
    factor, mm = rng.uniform(1, 1.2, v).astype(np.float32), 0.3 * rng.normal(size=(v, 3)).astype(np.float32)
    np.save(tmp_path / "map.npy", factor)
    (tmp_path / "map.csv").write_text("thickness\n" + "\n".join(map(repr, factor.astype(float).tolist())))
    (tmp_path / "some.csv").write_text("vertex,thickness\n3,1.5\n7,1.1\n")
    np.savez(tmp_path / "sculpt.npz", bone_offset_mm=mm)
    for file in ("map.npy", "map.csv"):
        assert np.array_equal(
            model.edited(recipe_from_json({"thickness_map": file}, "x", tmp_path)).edit.thickness, factor
        )
    some = model.edited(
        recipe_from_json({"thickness_map": "some.csv", "thickness": 1.2}, "x", tmp_path)
    ).edit.thickness
    assert (some[3], some[7], some[0]) == pytest.approx((1.8, 1.32, 1.2))  # type: ignore[index]
    assert model.edited(
        recipe_from_json({"bone_offset": "sculpt.npz"}, "x", tmp_path)
    ).edit.bone_offset == pytest.approx(mm / model.mm_per_unit)


def test_a_handle_is_read_by_its_first_name(model: FaceModel) -> None:
    recipe = recipe_from_json({"bones": {"jaw_forward_mm": 3}}, "x")
    assert recipe.to_json()["bones"] == {"bite_forward_mm": 3}
    for said in ("jaw_forward_mm=3", "bones.jaw_forward_mm=3", "bite_forward_mm=3"):
        assert EditRecipe().changed([said]).bones == {"bite_forward_mm": 3.0}
    assert np.array_equal(model.data.handles["jaw_forward_mm"], model.data.handles["bite_forward_mm"])


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"thicknes": 2}, "Did you mean 'thickness'"),
        ({"thickness": {"cheek": 1.2}}, "Did you mean 'cheeks'"),
        ({"bones": {"jaw_longer": 5}}, "Did you mean 'jaw_longer_mm'"),
        ({"jaw_longr_mm": 5}, "Did you mean 'jaw_longer_mm'"),
        ({"bones": 5}, "not handles and their mm"),
        ({"bones": {"jaw_longer_mm": "5"}}, "not a number"),
        ({"thickness": {"lips": None}}, "not a number"),
        ({"schema": 99}, "newer version"),
        ({"jaw_gain": float("nan")}, "every number must be finite"),
        ({"jaw_gain": 10**30}, "not a number up to"),
        ({"bones": {"jaw_longer_mm": 10**30}}, "not a number up to"),
        ({"thickness": [10**30]}, "not a number or a list"),
        ({"thickness": ["1.0"]}, "not a number or a list"),
        ({"schema": 10**290}, "newer version"),
        ({"thickness": [1.0, 2.0]}, "holds 2 numbers; the model needs"),
        ({"thickness": [1.0, 2.0], "thickness_map": "map.npy"}, "holds 2 numbers; the model needs"),
        (
            {"bone_offset": [[1.0, 2.0]], "bones": {"jaw_longer_mm": 1}},
            "holds 1 x 2 numbers; the model needs",
        ),
        ({"thickness_map": "text.npy"}, "or no numbers"),
        ({"thickness_map": "far.csv"}, "names vertex 1e\\+06"),
        ({"thickness_map": "half.csv"}, "names vertex 1.5"),
        ({"thickness_map": "pointer.csv"}, "git lfs pull"),
        ({"thickness_map": "pipe"}, "a pipe or device"),
        ({"thickness_map": "/dev/zero"}, "a pipe or device"),
        ({"thickness_map": "."}, "a folder"),
        ({"bone_offset": "pipe"}, "a pipe or device"),
        ({"bone_offset": "cut.npz"}, "cannot be read"),
        ({"neutral": "pipe.npy"}, "a pipe or device"),
        ({"thickness_map": "short.npy"}, "holds 7 numbers; the model needs"),
        ({"thickness_map": "nothing.npy"}, "Cannot read"),
        ({"thickness_map": "bad.csv"}, "cannot be read as a map"),
        ({"thickness_map": 3}, "not the name of a file"),
        ({"bone_offset": "short.npy"}, "holds 7 numbers; the model needs"),
        ({"bone_offset": "other.npz"}, "holds no array 'bone_offset_mm'"),
        ({"neutral": "small.obj"}, "holds 3 x 3 numbers"),
        ({"neutral": "gone.obj"}, "Cannot read"),
        ({"jaw_pose": [[1, 2], [3, 4]]}, "no rigid motion"),
        ({"jaw_pose": (2 * np.eye(4)).tolist()}, "no rigid motion"),
        ([1], "must hold an object"),
    ],
)
def test_bad_edits_are_refused_in_a_sentence(
    model: FaceModel, tmp_path: Path, entries: Any, said: str
) -> None:
    np.save(tmp_path / "short.npy", np.ones(7))
    np.save(tmp_path / "map.npy", np.ones(len(model.data.neutral)))
    np.save(tmp_path / "text.npy", np.full(len(model.data.neutral), "1"))
    (tmp_path / "far.csv").write_text("1000000,1\n")
    (tmp_path / "half.csv").write_text("1.5,1\n")
    (tmp_path / "pointer.csv").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    (tmp_path / "cut.npz").write_bytes(b"PK")
    for pipe in ("pipe", "pipe.npy"):
        os.mkfifo(tmp_path / pipe)
    np.savez(tmp_path / "other.npz", offset=np.ones(7))
    (tmp_path / "bad.csv").write_text("a,b\nc,d\n")
    (tmp_path / "small.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    file = tmp_path / "edit.json"
    file.write_text(json.dumps(entries))
    with pytest.raises(AimError, match=said):
        model.edited(read_edit(file, model.data))


def test_bad_presets_and_settings() -> None:
    with pytest.raises(AimError, match="Did you mean 'heavier'"):
        preset("heavyer")
    with pytest.raises(AimError, match="is not NAME=VALUE"):
        EditRecipe().changed(["thickness"])
    with pytest.raises(AimError, match="Did you mean 'thickness'"):
        EditRecipe().changed(["thicknes=2"])
    assert len(NAMES) == 3 * len(REGIONS)
