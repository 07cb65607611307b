"""The ICT head that comes with the package: exactly the published files, in a fraction of their size, with its
licences.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import read_actor, strays
from aim_maya.core.errors import AimError
from aim_maya.core.files import visible_files
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_points
from trainer.__main__ import main
from trainer.sample import ict_head, packed, read_packed
from trainer.sample.packed import STEPS, UV_STEPS, write_packed


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


def test_the_head_is_exactly_the_published_one(ict_rig: Path) -> None:
    same(ict_head(), read_actor(ict_rig))


def test_sample_writes_it_with_its_licences(tmp_path: Path) -> None:
    folder, head = tmp_path / "ict", ict_head()
    assert main(["sample", str(folder), "--json", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["targets"] == list(head.shapes)
    assert [file.stem for file in visible_files(folder / "shapes", ".obj")] == list(head.shapes)
    assert np.array_equal(read_points(folder / "shapes/jawOpen.obj"), head.shapes["jawOpen"])
    assert np.array_equal(read_points(folder / "lower_teeth/jawOpen.obj"), head.lower_teeth_shapes["jawOpen"])
    assert strays(folder) == []
    licences = (folder / "LICENSES.txt").read_text()
    assert "USC Institute for Creative Technologies" in licences
    assert "Ken Martin, Will Schroeder, Bill Lorensen" in licences


def test_the_file_is_small() -> None:
    heads = Path(packed.__file__).parent / "heads"
    assert sum(file.stat().st_size for file in heads.iterdir()) < 3_000_000


def test_what_would_be_rounded_is_refused(small: Actor, tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    with pytest.raises(AimError, match="off a multiple"):
        write_packed(small, path)
    assert not path.exists()
    write_packed(rounded(small), path)
    same(read_packed(path), rounded(small))
