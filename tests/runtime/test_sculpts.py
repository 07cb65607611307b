"""Targets sculpted after the build: met exactly, by every evaluation, and nothing else moves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from aim_maya.core.obj import write_obj
from aim_maya.core.posing import tolerance
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.edit import read_recipe
from aim_maya.runtime.edit_build import sculpts_of
from aim_maya.runtime.native_rig import NativeRig
from trainer.__main__ import main
from trainer.evaluate.packed import packed

SCULPTED = ("jawOpen", "eyeBlink_L_half", "mouthClose")  # a moving jaw, an in-between, a combination
EDIT = {"thickness": {"cheeks": 1.3}, "bones": {"jaw_longer_mm": 4}, "jaw_gain": 0.8, "jaw_arc": 0.6}


@pytest.fixture(scope="module")
def model(small_draft: Path) -> FaceModel:
    return FaceModel.load(small_draft, "cpu")


def sculpted(model: FaceModel, target: str, at: int = 7) -> np.ndarray:
    """(V, 3) float64 the shape of a target with a bump of 3 mm round a vertex of the face's front."""
    points = model.points(model.data.rig.trained_pose(target)).astype(np.float64)
    front = np.argsort(-points[:, 2])[at]
    away = np.linalg.norm(points - points[front], axis=1) * model.mm_per_unit
    return points + 3 / model.mm_per_unit * np.clip(1 - away / 30, 0, 1)[:, None] * [0.2, 0.3, 0.9]


def off(model: FaceModel, target: str, wanted: np.ndarray) -> float:
    return float(np.abs(model.points(model.data.rig.trained_pose(target)) - wanted).max())


def written(model: FaceModel, folder: Path, targets: tuple[str, ...] = SCULPTED) -> dict[str, np.ndarray]:
    shapes = {target: sculpted(model, target, 5 * i) for i, target in enumerate(targets)}
    for target, shape in shapes.items():
        write_obj(folder / f"{target}.obj", model.mesh.with_points(shape))
    return shapes


def test_the_command_meets_sculpts_and_leaves_the_rest(
    model: FaceModel, small_draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is met by cached and full evaluation and by the native rig; it says what is sculpted; the edit
    it saved makes the same, and without its entry the face is as it was."""
    shapes, out, kept = written(model, tmp_path), tmp_path / "new.aim", tmp_path / "edits" / "e.json"
    kept.parent.mkdir()
    given = [word for target in shapes for word in ("--target", f"{target}={tmp_path / target}.obj")]
    assert main(["edit", str(small_draft), *given, "-o", str(out), "--save", str(kept)]) == 0
    new, full = FaceModel.load(out, "cpu"), FaceModel.load(out, "cpu", evaluation="full")
    live, equal = model.edited(read_recipe(kept)), tolerance(model.data.neutral, model.mm_per_unit)
    for target, shape in shapes.items():
        assert off(new, target, shape) <= equal
        assert off(full, target, shape) <= 2 * equal
        assert off(live, target, shape) <= equal
    others = [target for target in model.data.rig.targets if target not in shapes]
    for face in (new, live):
        for target in others:
            pose = model.data.rig.trained_pose(target)
            assert np.array_equal(face.points(pose), model.points(pose)), target
    weights = np.linspace(0, 1, len(model.targets))
    assert np.abs(NativeRig.of(live).points(weights) - live.points(weights)).max() < 1e-3
    assert np.abs(live.points(weights) - new.points(weights)).max() < 2e-3
    assert new.manifest["sculpted"] == [t for t in model.data.rig.targets if t in shapes]
    assert main(["info", str(out)]) == 0
    assert "jawOpen" in next(x for x in capsys.readouterr().out.splitlines() if "sculpted targets" in x)
    entries = json.loads(kept.read_text())
    del entries["targets"]["jawOpen"]
    kept.write_text(json.dumps(entries))
    fewer = model.edited(read_recipe(kept))
    assert np.array_equal(fewer.points({"jawOpen": 1.0}), model.points({"jawOpen": 1.0}))
    assert (
        off(fewer, "mouthClose", shapes["mouthClose"]) <= equal
    )  # its parent's sculpt is gone, it is still met


def test_a_combination_goes_along_with_its_sculpted_parent(model: FaceModel) -> None:
    shape, pose = sculpted(model, "jawOpen"), model.data.rig.trained_pose("mouthClose")
    live = model.edited(Edit(sculpts=sculpts_of(model.data, {"jawOpen": shape})))
    moved = live.points(pose) - model.points(pose)
    assert np.linalg.norm(moved, axis=1).max() * model.mm_per_unit > 2
    assert np.array_equal(live.points(pose, detail=False), model.points(pose, detail=False))
    again = pickle.loads(pickle.dumps(live))
    assert np.array_equal(again.points(pose), live.points(pose))


@pytest.mark.parametrize("target", SCULPTED)
def test_a_sculpt_of_the_edited_face(model: FaceModel, target: str) -> None:
    """It is met under the edit; on the unedited face it is a shape of its own, which other edits carry."""
    edited = model.edited(EDIT)
    wanted = sculpted(edited, target)
    shape = edited.unedited_shape(target, wanted)
    both = model.edited(edited.edit.then(Edit(sculpts=sculpts_of(model.data, {target: shape}))))
    equal = tolerance(model.data.neutral, model.mm_per_unit)
    assert off(both, target, wanted) <= 2 * equal
    assert 1 < off(model, target, shape) * model.mm_per_unit < 6
    jaw = rigid.exp([0.2, 0.05, 0, 0, -0.1, 0.1])  # driven: what was sculpted there is taken through it
    pose = model.data.rig.trained_pose(target)
    change = wanted - edited.points(pose)
    through = edited.unedited_shape(target, edited.points(pose, jaw=jaw) + change, jaw)
    driven = model.edited(edited.edit.then(Edit(sculpts=sculpts_of(model.data, {target: through}))))
    assert np.abs(driven.points(pose, jaw=jaw) - edited.points(pose, jaw=jaw) - change).max() <= 2 * equal
    page = packed(
        model, {"both": ("", both), "plain": ("", edited)}, np.zeros((len(model.data.rig.targets), 0))
    )
    assert len(page.head["edits"][0]["moves"]) == len(model.data.rig.targets)


@pytest.mark.parametrize(
    ("target", "change", "said"),
    [
        ("jawOpn", lambda m: m, "Did you mean 'jawOpen'"),
        ("eyeBlink_L", lambda m: m.with_points(10 * m.points), "is 10 times the size"),
        ("jawOpen", lambda m: m.with_points(m.points + np.full(3, 300.0)), "beside the face"),
        ("jawOpen", lambda m: type(m)(m.points[:-1], m.counts[:1], m.corners[: m.counts[0]]), "vertices"),
        ("jawOpen", lambda m: type(m)(m.points, m.counts, m.corners[::-1].copy()), "another order"),
        ("jawOpen", lambda m: m.with_points(np.vstack([m.points[:-1], [[9e5, 0, 0]]])), "mm from where"),
    ],
)
def test_bad_sculpts_are_refused_in_a_sentence(
    model: FaceModel, tmp_path: Path, target: str, change: object, said: str
) -> None:
    shape = model.mesh.with_points(sculpted(model, "jawOpen"))
    write_obj(tmp_path / "s.obj", change(shape))  # type: ignore[operator]
    with pytest.raises(AimError, match=said):
        model.edited(read_recipe(_edit(tmp_path, {target: "s.obj"})))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"jawOpen": "."}, "a folder"),
        ({"jawOpen": "gone.obj"}, "Cannot read"),
        ({"jawOpen": "nan.npy"}, "holds NaN"),
        ({"jawOpen": "rest.npy"}, "is the neutral"),
        ({"jawOpen": 3}, "the files of their sculpts"),
        (["jawOpen"], "the files of their sculpts"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(
    model: FaceModel, tmp_path: Path, entry: object, said: str
) -> None:
    rest = model.data.neutral.copy()
    np.save(tmp_path / "rest.npy", rest)
    rest[3, 1] = np.nan
    np.save(tmp_path / "nan.npy", rest)
    with pytest.raises(AimError, match=said):
        model.edited(read_recipe(_edit(tmp_path, entry)))


def _edit(folder: Path, targets: object) -> Path:
    (folder / "edit.json").write_text(json.dumps({"targets": targets}))
    return folder / "edit.json"
