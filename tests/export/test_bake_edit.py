"""Edited actors as files of their own: they agree with the edit, graphs and all, and are whole or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.arrays import pack_arrays, read_arrays
from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.errors import AimError
from aim_maya.core.obj import read_obj
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.edit import preset, recipe_from_json
from aim_maya.runtime.edit_build import build_edit
from aim_maya.runtime.session import open_session
from trainer.__main__ import main
from trainer.evaluate import pictures
from trainer.export import aim as parity_module
from trainer.export.aim import apart, without_doubles
from trainer.export.edited import bake_edit, edited_graphs, edited_rest_fields, graph_edit_of

EVERYTHING = {
    "thickness": {"cheeks": 1.4, "lips": 0.9},
    "bones": {"jaw_longer_mm": 4, "brow_forward_mm": 2},
    "expression_gain": {"brow": 1.5, "all": 0.9},
    "jaw_gain": 0.8,
    "jaw_arc": 0.6,
}


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(autouse=True)
def _few_poses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer's own tests look at parity at all the poses that an export looks at; here a few tell."""
    monkeypatch.setattr(parity_module, "poses_to_compare", lambda matrix: [0, len(matrix) // 2])


def baked(model: FaceModel, entries: dict[str, Any] | Edit, out: Path) -> tuple[FaceModel, FaceModel]:
    """The edited model, and the file it was baked to."""
    recipe = recipe_from_json({} if isinstance(entries, Edit) else entries, "test")
    edited = model.edited(entries if isinstance(entries, Edit) else recipe)
    bake_edit(model, edited, [recipe], out, "baked")
    return edited, FaceModel.load(out, "cpu")


def test_a_file_of_before_without_graphs_of_a_frame_is_edited_and_whole(
    small_draft: Path, tmp_path: Path
) -> None:
    manifest, members = read_aim(small_draft)
    old = tmp_path / "old.aim"
    write_aim(
        old,
        {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")},
        {name: member for name, member in members.items() if not name.endswith("_frame.onnx")},
    )
    new = tmp_path / "new.aim"
    assert main(["edit", str(old), "--set", "thickness.cheeks=1.3", "-o", str(new)]) == 0
    edited = FaceModel.load(old, "cpu").edited({"thickness": {"cheeks": 1.3}})
    for evaluation in ("cached", "full"):
        again = FaceModel.load(new, "cpu", evaluation=evaluation)
        assert np.abs(again.points({"jawOpen": 0.5}) - edited.points({"jawOpen": 0.5})).max() < 1e-3


def test_everything_at_once_and_an_edit_of_the_edited(model: FaceModel, tmp_path: Path) -> None:
    edited, one = baked(model, EVERYTHING, tmp_path / "one.aim")
    assert apart(one, edited) < 1e-3
    assert one.mesh.topology_hash == model.mesh.topology_hash
    assert np.array_equal(one.points({}), edited.points({}))
    assert one.jaw({"jawOpen": 0.7}) == pytest.approx(edited.jaw({"jawOpen": 0.7}))
    again: dict[str, Any] = {
        "thickness": {"nose": 1.3},
        "jaw_gain": 0.5,
        "jaw_arc": 0.5,
        "bones": {"chin_forward_mm": 3},
    }
    assert one.manifest["edits"][0]["source"] == "sample.aim"
    _, two = baked(one, again, tmp_path / "two.aim")
    assert apart(two, one.edited(again)) < 1e-3
    assert len(two.manifest["edits"]) == 2
    assert two.data.sites.site("pogonion")[2] > one.data.sites.site("pogonion")[2] + 2.5


def test_the_neutral_and_a_jaw_pose(model: FaceModel, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pose = rigid.exp([0.15, 0, 0, 0, 0, 1])
    edited, one = baked(
        model,
        Edit(rest_offset=rng.normal(size=(len(model.data.neutral), 3)) * 0.05, jaw_pose=pose),
        tmp_path / "one.aim",
    )
    assert apart(one, edited) < 1e-3
    assert np.array_equal(one.jaw({}), pose)
    anatomy = one.anatomy
    learned = one.points(np.zeros(len(one.targets)), jaw=np.eye(4), detail=False)
    assert np.abs(anatomy.bone_points + anatomy.thickness[:, None] * anatomy.normals - learned).max() < 1e-4
    session = open_session(one.data.graphs["pose.onnx"], "cpu").handle
    d = one.data
    inputs = [
        d.bone,
        d.thickness[:, None],
        d.normals,
        d.weight[:, None],
        d.basis.transpose(1, 0, 2),
        np.zeros(len(d.rig.targets)),
        np.eye(4),
        np.array(0.0),
        np.array(1.0),
    ]
    inputs += [
        np.array(1.0, np.float32),
        np.ones((len(d.bone), 1), np.float32),
        np.zeros_like(d.bone),
        np.ones((len(d.bone), 1), np.float32),
    ]
    points, jaw = session.run(
        ["points", "jaw_transform"], dict(zip([i.name for i in session.get_inputs()], inputs, strict=True))
    )
    assert jaw == pytest.approx(pose)
    assert np.abs(points - one.points({}, detail=False)).max() < 1e-3


def test_a_zero_edit_bakes_the_same_face(model: FaceModel) -> None:
    graphs = {name: model.data.graph(name) for name in model.data.graphs}
    edited = edited_graphs(graphs, graph_edit_of(model.data, Edit()))
    assert without_doubles(edited) == without_doubles(graphs) == model.data.graphs
    rest = edited_rest_fields(model.data, Edit())
    for name in ("neutral", "bone", "normals", "thickness"):
        assert np.array_equal(getattr(rest, name), getattr(model.data, name)), name


def test_the_command(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, mesh = tmp_path / "new.aim", tmp_path / "new.obj"
    assert (
        main(
            [
                "edit",
                str(draft),
                "--preset",
                "long_jaw",
                "--amount",
                "0.5",
                "--set",
                "thickness.lips=1.1",
                "-o",
                str(out),
                "--obj",
                str(mesh),
                "--save",
                str(tmp_path / "e.json"),
            ]
        )
        == 0
    )
    model, new = FaceModel.load(draft, "cpu"), FaceModel.load(out, "cpu")
    both = build_edit(preset("long_jaw", 0.5), model.data).then(
        build_edit(recipe_from_json({"thickness": {"lips": 1.1, "all": 1.0}}, ""), model.data)
    )
    assert apart(new, model.edited(both)) < 1e-3
    assert np.abs(read_obj(mesh).points - new.points({})).max() < 1e-6
    assert "new.aim" in capsys.readouterr().out
    assert main(["edit", "--list"]) == 0
    assert "jaw_longer_mm" in capsys.readouterr().out
    assert main(["info", str(out)]) == 0
    assert "edited from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ([], "nothing to write"),
        (["--preset", "long", "-o", "x.aim"], "There is no preset 'long'"),
        (["--set", "thickness.lip=2", "-o", "x.aim"], "Did you mean 'lips'"),
        (["--edit", "gone.json", "-o", "x.aim"], "Cannot read"),
        (["--picture", "x.png", "--pose", "jawopn=1"], "Did you mean 'jawOpen'"),
    ],
)
def test_bad_input_leaves_nothing(
    draft: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    extra: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["edit", str(draft), *extra]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said_before_the_work(
    small_draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Minutes passed before a read-only folder was found out."""

    def work(*_: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr(FaceModel, "edited", work)
    for name in ("edit", "report"):
        (tmp_path / name).mkdir()
    assert main(["edit", str(small_draft), "--preset", "heavier", "-o", str(tmp_path / "edit")]) == 2
    assert main(["edit", str(small_draft), "--sheet", str(tmp_path / "edit")]) == 2
    assert main(["report", str(small_draft), "-o", str(tmp_path / "report")]) == 2
    assert capsys.readouterr().err.count("a folder has that name") == 3
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_the_model_itself_is_never_overwritten(draft: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(draft), "--preset", "heavier", "-o", str(draft)]) == 2
    assert "is the model that is edited" in capsys.readouterr().err


def test_a_file_that_disagrees_with_the_edit_is_not_written(
    model: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity_module, "parity", lambda *_: {})
    with pytest.raises(AimError, match="Export stopped"):
        bake_edit(model, _Other(model), [], tmp_path / "no.aim", "no")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_normals_count_by_the_tissue_that_they_lead_through(small_draft: Path, tmp_path: Path) -> None:
    """They counted by 10 mm everywhere: drafts of whole heads were refused for a fold with 2 mm of tissue."""
    model, (manifest, members) = FaceModel.load(small_draft, "cpu"), read_aim(small_draft)
    manifest = {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")}
    off = 1e-3
    for vertex in (int(model.data.thickness.argmin()), int(model.data.thickness.argmax())):
        arrays = read_arrays(members["mesh.npz"], "mesh.npz")
        arrays["normals"][vertex, 2] += off
        other = tmp_path / f"{vertex}.aim"
        write_aim(other, manifest, {**members, "mesh.npz": pack_arrays(**arrays)})
        tissue_mm = float(model.data.thickness[vertex]) * model.mm_per_unit
        figures = parity_module.parity(other)
        assert figures["normals"] == pytest.approx(off * tissue_mm, abs=3e-4), vertex


class _Other:
    """A model that says it is under no edit, and gives other points."""

    def __init__(self, model: FaceModel) -> None:
        self.edit, self.edit_notes, self.moved, self._model = Edit(), (), None, model

    def points(self, weights: np.ndarray, *, detail: bool) -> np.ndarray:
        return self._model.points(weights, detail=detail) + np.float32(0.01)


def test_the_picture_of_a_sculpted_target_shows_that_target(
    small_draft: Path, small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, figure = [], pictures.edits_figure

    def seen(model: FaceModel, edits: Any, weights: Any) -> Any:
        drawn.append(dict(zip(model.controls, weights, strict=True)))
        return figure(model, edits, weights)

    monkeypatch.setattr(pictures, "edits_figure", seen)
    name = "mouthSmile_L" if "mouthSmile_L" in FaceModel.load(small_draft, "cpu").controls else "smile"
    shape = small_folder / "shapes" / f"{name}.obj"
    picture = tmp_path / "smile.png"
    assert main(["edit", str(small_draft), "--target", f"{name}={shape}", "--picture", str(picture)]) == 0
    assert picture.is_file()
    assert [control for control, value in drawn[0].items() if value] == [name]
