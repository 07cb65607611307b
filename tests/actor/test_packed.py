"""The ICT head that comes with the package: exactly the published files, in a fraction of their size, with
its licences.
"""

from __future__ import annotations

import io
import json
import lzma
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.files import visible_files
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_points
from aim_maya.core.strays import strays
from aim_maya.runtime import FaceModel
from tests.helpers.real_heads import real_head
from trainer.__main__ import main
from trainer.sample import ict_head, packed, read_packed
from trainer.sample.packed import STEPS, UV_STEPS, pack_model, write_packed


def rounded(actor: Actor) -> Actor:
    """The actor with as many decimals as a packed head keeps."""

    def short(mesh: Mesh | None) -> Mesh | None:
        if mesh is None:
            return None
        uvs = None if mesh.uvs is None else np.rint(mesh.uvs * UV_STEPS) / UV_STEPS
        return replace(mesh, points=np.rint(mesh.points * STEPS) / STEPS, uvs=uvs)

    neutral = short(actor.neutral)
    assert neutral is not None
    shapes, teeth = (
        {name: np.rint(points * STEPS) / STEPS for name, points in posed.items()}
        for posed in (actor.shapes, actor.lower_teeth_shapes)
    )
    bones = {name: short(getattr(actor, name)) for name in ("skull", "jaw", "lower_teeth")}
    return replace(actor, neutral=neutral, shapes=shapes, lower_teeth_shapes=teeth, **bones)


def same(a: Actor, b: Actor) -> None:
    """Bit by bit."""
    assert list(a.shapes) == list(b.shapes)
    for target, points in a.shapes.items():
        assert np.array_equal(points, b.shapes[target])
    for name in ("neutral", "skull", "jaw", "lower_teeth"):
        one, other = getattr(a, name), getattr(b, name)
        for field in ("points", "counts", "corners", "uvs", "uv_corners"):
            assert np.array_equal(getattr(one, field), getattr(other, field)), f"{name} {field}"
    assert list(a.lower_teeth_shapes) == list(b.lower_teeth_shapes)
    for target, points in a.lower_teeth_shapes.items():
        assert np.array_equal(points, b.lower_teeth_shapes[target])


def test_the_head_is_exactly_the_published_one() -> None:
    same(ict_head(), real_head("ict_rig"))


def test_sample_writes_it_with_its_licences(tmp_path: Path) -> None:
    folder, head = tmp_path / "ict", ict_head()
    assert main(["sample", str(folder), "--trained", "--json", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["targets"] == list(head.shapes)
    assert [file.stem for file in visible_files(folder / "shapes", ".obj")] == list(head.shapes)
    assert np.array_equal(read_points(folder / "shapes/jawOpen.obj"), head.shapes["jawOpen"])
    assert np.array_equal(read_points(folder / "lower_teeth/jawOpen.obj"), head.lower_teeth_shapes["jawOpen"])
    assert strays(folder) == []
    licences = (folder / "LICENSES.txt").read_text()
    assert "USC Institute for Creative Technologies" in licences
    assert "Ken Martin, Will Schroeder, Bill Lorensen" in licences
    the_finished_model_is_exact(FaceModel.load(tmp_path / "ict.aim", "cpu"), head)
    pack_model(tmp_path / "ict.aim", tmp_path / "again.xz")
    shipped = Path(packed.__file__).parent / "heads/ict_rig.aim.xz"
    assert members_of(tmp_path / "again.xz").items() >= members_of(shipped).items()


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(lzma.decompress(path.read_bytes()))) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def the_finished_model_is_exact(model: FaceModel, head: Actor) -> None:
    """Its shapes are the head's, its networks were trained well, its jaw turns."""
    worst, networks = 0.0, []
    for target, points in head.shapes.items():
        worst = max(worst, float(np.abs(model.points({target: 1.0}) - points).max()))
        learned = model.points({target: 1.0}, detail=False)
        networks.append(np.linalg.norm(learned - points, axis=1).mean())
    assert worst < 0.001
    assert np.mean(networks) < 0.04
    half = model.points({"jawOpen": 0.5}) - (head.neutral.points + head.shapes["jawOpen"]) / 2
    assert 1.5 < np.linalg.norm(half, axis=1).max() < 4


def test_only_one_head_has_a_finished_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(tmp_path / "s"), "--head", "procedural", "--trained"]) == 2
    assert "no finished model of the procedural head" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_the_files_are_small() -> None:
    heads = Path(packed.__file__).parent / "heads"
    assert (heads / "ict_rig.npz").stat().st_size < 3_000_000
    assert (heads / "ict_rig.aim.xz").stat().st_size < 1_500_000


def test_what_would_be_rounded_is_refused(small: Actor, tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    with pytest.raises(AimError, match="off a multiple"):
        write_packed(small, path)
    assert not path.exists()
    write_packed(rounded(small), path)
    same(read_packed(path), rounded(small))
