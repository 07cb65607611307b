"""`aimface check`: what lies in a folder and is not used is named, with the name it should have, before
minutes are spent."""

from __future__ import annotations

import json
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.actor_check import Examination, examine, pieces
from aim_maya.core.actor_folder import read_actor, write_actor, write_dataset
from aim_maya.core.controls import Rig
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, joined
from aim_maya.core.obj import write_obj
from tests.conftest import grid_mesh, turned
from trainer.__main__ import main
from trainer.actor import bones


def neutral() -> Mesh:
    """A bent sheet of 200 mm, far from the origin as heads in a scene are."""
    mesh = grid_mesh()
    flat = (mesh.points - mesh.points.min(0)) / np.ptp(mesh.points, axis=0).max() * 200
    return mesh.with_points(flat + np.array([0, 1500, 0]) + np.outer(np.square(flat[:, 0] / 25), [0, 0, 1]))


def moved(by: float) -> Mesh:
    mesh = neutral()
    points = mesh.points.copy()
    points[: len(points) // 4, 1] -= by
    return mesh.with_points(points)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "anna"
    write_obj(root / "neutral.obj", neutral())
    for i, name in enumerate(("jawOpen", "smile", "blink")):
        write_obj(root / "shapes" / f"{name}.obj", moved(3.0 + i))
    return root


def unused(found: Examination) -> dict[str, str]:
    return {entry["name"]: entry["better"] for entry in found.unused}


def test_a_plain_actor(folder: Path) -> None:
    found = examine(folder)
    assert found.trainable
    assert found.unused == []
    assert found.warnings == []
    assert found.found["targets"] == 3
    assert found.found["skull"] == "estimated from the skin"
    assert "size_mm" in found.text()
    assert "It can be trained." in found.text()


def test_files_of_other_names_are_named_with_the_right_one(folder: Path) -> None:
    for name in ("Skull_LOD0", "LowerTeeth_geo", "Jaw_mesh", "upper_teeth"):
        write_obj(folder / f"{name}.obj", joined(neutral(), neutral()))
    write_obj(folder / "jawLeft.obj", moved(7))
    write_obj(folder / "Lower-Teeth" / "jawOpen.obj", moved(7))
    write_obj(folder / "shapes" / "brows" / "browUp.obj", moved(8))
    (folder / "JawPoses.json").write_text("{}")
    (folder / "shapes" / "smile.mtl").write_text("")
    found = unused(examine(folder))
    assert found == {
        "Skull_LOD0.obj": "skull.obj",
        "LowerTeeth_geo.obj": "lower_teeth.obj",
        "Jaw_mesh.obj": "jaw.obj",
        "upper_teeth.obj": "",
        "jawLeft.obj": "shapes/jawLeft.obj",
        "Lower-Teeth/": "lower_teeth/",
        "shapes/brows/": "shapes/browUp.obj and so on",
        "JawPoses.json": "jaw_poses.json",
        "shapes/smile.mtl": "",
    }
    assert any(
        "Skull_LOD0.obj (should be skull.obj)" in warning for warning in read_actor(folder).warnings
    )  # `train` prints these


def test_a_neutral_of_another_name(folder: Path) -> None:
    (folder / "neutral.obj").rename(folder / "Neutral_geo.obj")
    found = examine(folder)
    assert found.reason is not None
    assert found.reason.remedy == "Rename Neutral_geo.obj to neutral.obj."
    assert unused(found)["Neutral_geo.obj"] == "neutral.obj"


def test_shapes_beside_the_neutral(folder: Path) -> None:
    for file in (folder / "shapes").iterdir():
        file.rename(folder / file.name)
    found = examine(folder)
    assert found.reason is not None
    assert "3 OBJ files of the neutral's vertex count" in found.reason.what
    assert unused(found)["smile.obj"] == "shapes/smile.obj"


@pytest.mark.parametrize("given", ["shapes", ".."])
def test_the_folder_below_or_above(folder: Path, given: str) -> None:
    reason = examine(folder / given).reason
    assert reason is not None
    assert reason.remedy.startswith("Give ")


def test_endings_in_capitals(folder: Path) -> None:
    write_obj(folder / "skull.obj", neutral())
    for file in [*folder.glob("*.obj"), *folder.glob("shapes/*.obj")]:
        file.rename(file.with_suffix(".OBJ"))
    actor = read_actor(folder)
    assert actor.rig.names == ("blink", "jawOpen", "smile")
    assert actor.skull is not None


def test_hidden_files_are_no_shapes(folder: Path) -> None:
    shutil.copy(folder / "shapes/smile.obj", folder / "shapes/.smile.obj.r0wfpztf.obj")
    (folder / "shapes/._smile.obj").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (folder / "._neutral.obj").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    assert read_actor(folder).rig.names == ("blink", "jawOpen", "smile")
    assert set(unused(examine(folder))) == {
        "._neutral.obj",
        "shapes/._smile.obj",
        "shapes/.smile.obj.r0wfpztf.obj",
    }


def test_differences_in_the_place_of_shapes(folder: Path) -> None:
    for name in ("smile", "blink"):
        write_obj(folder / f"shapes/{name}.obj", neutral().with_points(moved(4).points - neutral().points))
    reason = examine(folder).reason
    assert reason is not None
    assert "'blink' lie at the origin" in reason.what
    assert "1 more shape" in reason.what
    assert "deltas" in reason.cause


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.1, "0.1 times"), (10, "10 times"), (1 / 2.54, "0.394 times"), (0.001, "0.001 times")],
)
@pytest.mark.parametrize("centred", [True, False])
def test_one_shape_in_another_unit(folder: Path, factor: float, words: str, centred: bool) -> None:
    middle = neutral().points.mean(0) * centred
    write_obj(folder / "neutral.obj", neutral().with_points(neutral().points - middle))
    for name in ("jawOpen", "smile", "blink"):
        write_obj(
            folder / f"shapes/{name}.obj",
            neutral().with_points((moved(4).points - middle) * (factor if name == "smile" else 1)),
        )
    reason = examine(folder).reason
    assert reason is not None
    assert f"'smile' is {words}" in reason.what
    assert "another unit" in reason.cause


def test_doubtful_shapes_and_names(folder: Path) -> None:
    shutil.copy(folder / "shapes/smile.obj", folder / "shapes/smileCopy.obj")
    shutil.copy(folder / "neutral.obj", folder / "shapes/nothing.obj")
    shutil.copy(folder / "shapes/blink.obj", folder / "shapes/blendShape1.blink_L.obj")
    mesh = moved(5)
    write_obj(folder / "shapes/lifted.obj", mesh.with_points(mesh.points + np.array([0, 30, 0])))
    said = " ".join(examine(folder).warnings)
    assert "'smile' and 'smileCopy' are the same" in said
    assert "'nothing' is identical to the neutral" in said
    assert "'blendShape1.blink_L' should be 'blink_L'" in said
    assert "whole head moves in lifted" in said


def test_a_prefix_that_all_have(folder: Path) -> None:
    for i, name in enumerate(("jawOpen", "smile", "blink")):
        (folder / f"shapes/{name}.obj").unlink()
        write_obj(folder / f"shapes/anna_{name}.obj", moved(3 + i))
    write_obj(folder / "shapes/anna_frown.obj", moved(9))
    assert any("'anna_blink' should be 'blink'" in warning for warning in examine(folder).warnings)


def test_separate_pieces(folder: Path) -> None:
    eye = neutral().with_points(neutral().points * 0.1 + [3, 1403, 0])
    for file in [folder / "neutral.obj", *(folder / "shapes").glob("*.obj")]:
        write_obj(file, joined(read_actor(folder).neutral if file.stem == "neutral" else moved(3), eye))
    count = len(neutral().points)
    assert any(
        f"2 separate pieces, of {count}, {count} vertices" in warning for warning in examine(folder).warnings
    )


def test_pieces_that_touch_are_one() -> None:
    sheet = neutral()
    beside = sheet.with_points(sheet.points + np.array([np.ptp(sheet.points[:, 0]), 0, 0]))
    seam = np.isclose(beside.points[:, 0], beside.points[:, 0].min())
    beside.points[seam] = sheet.points[np.isclose(sheet.points[:, 0], sheet.points[:, 0].max())]
    assert pieces(joined(sheet, beside)) == [2 * len(sheet.points)]
    assert len(pieces(joined(sheet, sheet.with_points(sheet.points + 1000.0)))) == 2
    apart = Mesh(
        np.arange(36.0).reshape(12, 3),
        np.full(4, 3, np.int32),
        np.array([0, 1, 2, 2, 3, 4, 5, 6, 7, 9, 10, 11], np.int32),
    )
    assert pieces(apart) == [5, 3, 3]


def test_teeth_that_cannot_be_used(folder: Path) -> None:
    write_obj(folder / "lower_teeth/jawOpne.obj", moved(1))
    warnings = " ".join(read_actor(folder).warnings)
    assert "there is no lower_teeth.obj" in warnings
    assert "Did you mean 'jawOpen'?" in warnings


def test_accents_are_one_name_on_every_system(folder: Path) -> None:
    write_obj(folder / "shapes" / (unicodedata.normalize("NFD", "Lächeln") + ".obj"), moved(6))
    controls = [{"name": "Lächeln", "knots": [[1, unicodedata.normalize("NFC", "Lächeln")]]}]
    (folder / "actor.json").write_text(json.dumps({"controls": controls}))
    assert read_actor(folder).rig.targets == ("Lächeln",)


@pytest.mark.parametrize("name", ["CON", "aux", "Nul.left", "com1", "LPT9", "ends ", "dot.", "new\nline"])
def test_names_that_windows_has_no_file_for(folder: Path, name: str, tmp_path: Path) -> None:
    actor = read_actor(folder)
    (folder / "shapes/smile.obj").rename(folder / f"shapes/{name}.obj")
    with pytest.raises(AimError, match="cannot be a shape's name"):
        read_actor(folder)
    actor.shapes[name] = actor.shapes.pop("smile")
    write_dataset(actor, tmp_path / "d.npz")
    with pytest.raises(AimError, match="cannot be a shape's name"):
        read_actor(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["../../up", "a/b", "a\\b", ".hidden", "", "x" * 300, "\udcff"])
def test_names_that_leave_the_folder(folder: Path, name: str, tmp_path: Path) -> None:
    actor = read_actor(folder)
    with np.load(_dataset(actor, tmp_path)) as data:
        arrays = dict(data)
    arrays["shape_names"] = np.array([name, "b", "c"])
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(AimError, match="cannot be"):
        read_actor(tmp_path / "d.npz")


def _dataset(actor: object, folder: Path) -> Path:
    write_dataset(actor, folder / "d.npz")  # type: ignore[arg-type]
    return folder / "d.npz"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("neutral_corners", np.array([0, 1, 10**9]), "a face has 4 to 4 corners"),
        ("neutral_counts", np.array([-3]), "-3"),
        ("shapes", np.full((3, 81, 3), np.nan), "shapes"),
        ("shapes", np.zeros((3, 5, 3)), "'shapes' is"),
        ("shape_names", np.arange(3), "'shape_names' is"),
        ("actor", np.array("{"), "not valid JSON"),
        ("actor", np.array('{"mm_per_unit": "x"}'), "'mm_per_unit' is 'x'"),
        ("jaw_poses", np.array("5"), "jaw_poses must be an object"),
    ],
)
def test_damaged_datasets(folder: Path, tmp_path: Path, name: str, value: np.ndarray, says: str) -> None:
    with np.load(_dataset(read_actor(folder), tmp_path)) as data:
        arrays = dict(data)
    np.savez(tmp_path / "d.npz", **(arrays | {name: value}))  # type: ignore[arg-type]
    with pytest.raises(AimError, match=says):
        read_actor(tmp_path / "d.npz")


def test_the_command(sample_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tmp_path / "sample"
    shutil.copytree(sample_folder, whole)
    (whole / "lower_teeth.obj").rename(whole / "LowerTeeth_geo.obj")
    assert main(["check", str(whole), "--json", str(tmp_path / "check.json")]) == 0
    said = capsys.readouterr().out
    assert "LowerTeeth_geo.obj: it is not a name that is read; it should be lower_teeth.obj" in said
    assert "vertices lie over bone" in said
    report = json.loads((tmp_path / "check.json").read_text())
    assert report["trainable"]
    assert report["found"]["vertices"] == 7822


def test_the_command_says_why_not(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shapes/smile.obj").write_text("v 1,5 2 3\n")
    assert main(["check", str(folder), "--json", str(tmp_path / "check.json")]) == 2
    assert "decimal commas" in capsys.readouterr().err
    assert "smile.obj, line 1" in json.loads((tmp_path / "check.json").read_text())["reason"]["what"]
    assert main(["check", str(tmp_path / "nowhere")]) == 2
    assert "no actor at" in capsys.readouterr().err


def test_a_sheet_that_is_no_face(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_bones(_actor: object) -> None:
        raise AimError("No face was found.")

    monkeypatch.setattr(bones, "with_bones", no_bones)
    assert (
        main(["check", str(folder)]) == 2
    )  # nothing is wrong with its files, but no bones can be had for it
    assert "Cannot be trained: " in capsys.readouterr().err


def test_the_windows_form(folder: Path, qtbot: object) -> None:
    pytest.importorskip("PySide6.QtWidgets")
    from aim_maya.ui.host import FilesHost
    from aim_maya.ui.training.form import TrainForm

    write_obj(folder / "Skull_LOD0.obj", neutral())
    form = TrainForm(FilesHost())
    qtbot.addWidget(form)  # type: ignore[attr-defined]
    form.actor.setText(str(folder))
    form.check.click()
    qtbot.waitUntil(  # type: ignore[attr-defined]
        lambda: form.check.box is not None and form.check.isEnabled(), timeout=30_000
    )
    assert form.check.box is not None
    assert "it should be skull.obj" in form.check.box.text()
    form.check.box.close()


def test_a_face_whose_landmarks_are_not_found_says_so(
    sample: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With bones it is trained all the same; that they would be "found by themselves" was not true."""
    from trainer.actor.landmarks import find_landmarks

    write_actor(sample, tmp_path / "face")
    assert main(["check", str(tmp_path / "face")]) == 0
    assert f"landmarks      {find_landmarks(sample).report}" in capsys.readouterr().out
    points = sample.neutral.points.copy()
    points[:, 2] = np.minimum(points[:, 2], np.quantile(points[:, 2], 0.85))  # no nose, no lips
    flat = replace(
        sample, neutral=sample.neutral.with_points(points), shapes=dict.fromkeys(sample.shapes, points + 1.0)
    )
    write_actor(flat, tmp_path / "flat")
    out = tmp_path / "flat.json"
    main(["check", str(tmp_path / "flat"), "--json", str(out)])
    report = json.loads(out.read_text())
    assert report["found"]["landmarks"] == "not found"
    assert any("Regions and handles of edits are placed roughly" in warning for warning in report["warnings"])


def test_a_turned_head_with_bones_is_trained_with_a_warning(
    sample: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """check and train say that it looks aside; without bones, which landmarks would place, both refuse it."""
    motion = rigid.exp([0, 0.6, 0, 0, 0, 0])
    aside = replace(
        turned(sample, [0, 0.6, 0, 0, 0, 0]),
        shapes={name: rigid.apply(motion, sample.shapes[name]) for name in ("jawOpen", "mouthSmile_L")},
        rig=Rig(tuple(c for c in sample.rig.controls if c.name in ("jawOpen", "mouthSmile_L"))),
        lower_teeth=None,
        lower_teeth_shapes={},
    )
    for name, actor, code in (("bones", aside, 0), ("bare", replace(aside, skull=None, jaw=None), 2)):
        folder, model = write_actor(actor, tmp_path / name), tmp_path / f"{name}.aim"
        assert main(["check", str(tmp_path / name)]) == code
        assert "is turned to its left by about 34 degrees" in "".join(capsys.readouterr()), folder
        said = ["train", str(tmp_path / name), "-o", str(model), "--preset", "draft", "--progress", "lines"]
        assert main(said) == code
        lines = "".join(capsys.readouterr()).splitlines()
        told = next(line for line in lines if "is turned to its left by about 34 degrees" in line)
        assert ("warning" in told.lower()) == (code == 0)
        assert model.is_file() == (code == 0)
