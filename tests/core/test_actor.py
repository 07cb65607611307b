"""The actor folder and dataset.npz: round trips, and each bad input named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import read_actor, write_actor, write_dataset
from aim_maya.core.errors import AimError
from aim_maya.core.obj import read_obj, write_obj
from tests.helpers.real_heads import real_head


def same(a: Actor, b: Actor) -> None:
    assert a.neutral.topology_hash == b.neutral.topology_hash
    assert np.array_equal(a.neutral.points, b.neutral.points)
    assert a.rig == b.rig
    assert a.mm_per_unit == b.mm_per_unit
    for name, shape in a.shapes.items():
        assert np.array_equal(shape, b.shapes[name]), name
    for mesh in ("skull", "jaw", "lower_teeth"):
        assert getattr(a, mesh).topology_hash == getattr(b, mesh).topology_hash
    assert set(a.lower_teeth_shapes) == set(b.lower_teeth_shapes)


def test_folder_round_trip(sample: Actor, sample_folder: Path) -> None:
    same(sample, read_actor(sample_folder))


def test_dataset_round_trip(sample: Actor, tmp_path: Path) -> None:
    write_dataset(sample, tmp_path / "dataset.npz")
    same(sample, read_actor(tmp_path))
    same(sample, read_actor(tmp_path / "dataset.npz"))


def test_default_controls_are_sorted_by_byte(tiny: Path) -> None:
    actor = read_actor(tiny)
    assert actor.rig.names == ("Brow", "jawOpen", "smile")


def test_real_heads_read_whole() -> None:
    for name, targets in (("ict_rig", 53), ("actor_a", 20)):
        actor = real_head(name)
        assert len(actor.neutral.points) == 11248
        assert len(actor.neutral.counts) == 11144
        assert len(actor.rig.targets) == targets
        assert not actor.warnings


@pytest.fixture(scope="module")
def tiny_source(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's neutral with three targets and no actor.json."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    write_obj(folder / "neutral.obj", sample.neutral)
    for ours, theirs in (("jawOpen", "jawOpen"), ("smile", "mouthSmile_L"), ("Brow", "browInnerUp")):
        write_obj(folder / "shapes" / f"{ours}.obj", sample.neutral.with_points(sample.shapes[theirs]))
    return folder


@pytest.fixture
def tiny(tiny_source: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_source, tmp_path / "tiny")
    return tmp_path / "tiny"


def fails(folder: Path, says: str, **options: object) -> None:
    with pytest.raises(AimError, match=says):
        read_actor(folder, **options)  # type: ignore[arg-type]


def test_no_such_folder(tmp_path: Path) -> None:
    fails(tmp_path / "none", "no actor at")


def test_no_neutral(tiny: Path) -> None:
    (tiny / "neutral.obj").unlink()
    fails(tiny, "no neutral.obj")


def test_no_shapes(tiny: Path) -> None:
    shutil.rmtree(tiny / "shapes")
    fails(tiny, "no shapes")


def test_bad_line_in_a_shape(tiny: Path) -> None:
    text = (tiny / "shapes/smile.obj").read_text().splitlines()
    text[41] = "v 1.0 oops 2.0"
    (tiny / "shapes/smile.obj").write_text("\n".join(text))
    fails(tiny, "smile.obj, line 42")


def test_nan_in_a_shape(tiny: Path) -> None:
    text = (tiny / "shapes/smile.obj").read_text().splitlines()
    text[6] = "v 1.0 nan 2.0"
    (tiny / "shapes/smile.obj").write_text("\n".join(text))
    fails(tiny, "smile.obj, line 7: vertex 6 is")


def test_vertex_count(tiny: Path) -> None:
    text = (tiny / "shapes/smile.obj").read_text().splitlines()
    (tiny / "shapes/smile.obj").write_text("\n".join(text[1:]))
    fails(tiny, "'smile' has 7821 vertices, the neutral 7822")


def test_shape_of_another_size(tiny: Path) -> None:
    mesh = read_obj(tiny / "shapes/smile.obj")
    write_obj(tiny / "shapes/smile.obj", mesh.with_points(mesh.points * 10))
    fails(tiny, r"'smile' is 10 times the size of the neutral. It was exported in another unit")


def test_identical_shape_warns_and_stays(tiny: Path) -> None:
    shutil.copy(tiny / "neutral.obj", tiny / "shapes/nothing.obj")
    actor = read_actor(tiny)
    assert "nothing" in actor.rig.targets
    assert any("'nothing' is identical" in w for w in actor.warnings)


def test_names_that_differ_by_case(tiny: Path) -> None:
    shutil.copy(tiny / "shapes/smile.obj", tiny / "shapes/Smile.obj")
    if len(list((tiny / "shapes").glob("*mile.obj"))) < 2:
        pytest.skip("this disk does not tell the two names apart")
    fails(tiny, "'Smile' and 'smile'")


def test_metres_read_as_millimetres(tiny: Path) -> None:
    for file in [tiny / "neutral.obj", *(tiny / "shapes").glob("*.obj")]:
        mesh = read_obj(file)
        write_obj(file, mesh.with_points(mesh.points / 1000))
    fails(tiny, "looks like metres")
    assert read_actor(tiny, mm_per_unit=1000.0).mm_per_unit == 1000
    assert read_actor(tiny, any_size=True).mm_per_unit == 1


def test_degenerate_triangles_warn(tiny: Path) -> None:
    with (tiny / "neutral.obj").open("a") as file:
        file.write("f 1 1 2\n")
    assert any("degenerate" in w for w in read_actor(tiny).warnings)


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be an object, not a list"),
        ('{"mm_per_units": 10}', "Did you mean 'mm_per_unit'"),
        ('{"mm_per_unit": "ten"}', "'mm_per_unit' is 'ten'"),
        ('{"mm_per_unit": 1' + "0" * 400 + "}", "number of over 300 digits"),
        ('{"name": {}}', "'name' is '{}'; it should be a text"),
        ('{"up": 5}', "'up' is '5'; it should be one of x, y, z"),
        ('{"poses": 5}', "'poses' is '5'; it should be a list"),
        ('{"controls": {"a": 1}}', "'controls' is .*; it should be a list"),
        ('{"mm_per_unit": -1}', "'mm_per_unit' is '-1'"),
        ('{"controls": [{"name": "a", "knots": [[1, "none"]]}]}', "'none' of .* has no shape"),
    ],
)
def test_bad_actor_json(tiny: Path, about: str, says: str) -> None:
    (tiny / "actor.json").write_text(about)
    fails(tiny, says)


def test_shapes_without_a_control_are_listed(tiny: Path) -> None:
    (tiny / "actor.json").write_text(json.dumps({"controls": [{"name": "open", "knots": [[1, "jawOpen"]]}]}))
    actor = read_actor(tiny)
    assert actor.rig.targets == ("jawOpen",)
    assert any("Brow, smile" in w for w in actor.warnings)


def test_jaw_poses_must_be_rigid(tiny: Path) -> None:
    (tiny / "jaw_poses.json").write_text(json.dumps({"jawOpen": np.diag([2.0, 2, 2, 1]).tolist()}))
    fails(tiny, "'jawOpen' is not a rigid")
    (tiny / "jaw_poses.json").write_text(json.dumps({"jawOpen": [1, 2, 3]}))
    fails(tiny, "'jawOpen' is .*; it should be 4 x 4")


def test_a_damaged_dataset(tmp_path: Path) -> None:
    (tmp_path / "dataset.npz").write_bytes(b"PK\x03\x04 not really")
    fails(tmp_path / "dataset.npz", "cannot be read")
    fails(tmp_path, "cannot be read")


def test_nothing_half_written(sample: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import aim_maya.core.obj as obj

    def full_disk(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(obj.Path, "write_text", full_disk)
    with pytest.raises(AimError, match="No space left"):
        write_actor(sample, tmp_path / "out")
    assert [f for f in (tmp_path / "out").rglob("*") if f.is_file()] == []
