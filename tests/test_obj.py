"""OBJ: nothing lost, and every bad line named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_obj, read_points, write_obj

from .conftest import grid_mesh

EVERYTHING = """# a comment
mtllib some.mtl
o thing
v 0 0 0
v 1 0 0 1.0
v 1 1 0
v 0 1 0
v 9 9 9
v 2 0.5 1e-3
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 1
g front
usemtl skin
s 1
f 1/1/1 2/2/1 3/3/1 4/4/1
f -5/2 -1/1 -4/3
f 1//1 2//1 6//1
f 1 2 6 3 4
"""


def test_everything_a_file_can_hold(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(EVERYTHING)
    mesh = read_obj(tmp_path / "a.obj")
    assert mesh.points.shape == (6, 3)
    assert mesh.points[4].tolist() == [9, 9, 9]  # used by no face, and kept
    assert mesh.counts.tolist() == [4, 3, 3, 5]
    assert mesh.corners.tolist() == [0, 1, 2, 3, 1, 5, 2, 0, 1, 5, 0, 1, 5, 2, 3]
    assert mesh.uv_corners is not None
    assert mesh.uv_corners.tolist() == [0, 1, 2, 3, 1, 0, 2] + [-1] * 8
    assert len(mesh.triangles) == 2 + 1 + 1 + 3
    assert np.array_equal(read_points(tmp_path / "a.obj"), mesh.points)


coordinates = st.floats(-1e6, 1e6, allow_subnormal=False)


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=5, max_size=9), sizes=st.lists(st.integers(3, 5), min_size=1, max_size=6), data=st.data()
)
def test_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float, float]], sizes: list[int], data: st.DataObject) -> None:
    corners = [data.draw(st.integers(0, len(points) - 1)) for _ in range(sum(sizes))]
    mesh = Mesh(np.array(points), np.array(sizes, np.int32), np.array(corners, np.int32))
    file = tmp_path_factory.mktemp("obj") / "m.obj"
    write_obj(file, mesh)
    back = read_obj(file)
    assert np.array_equal(back.points, mesh.points)
    assert back.topology_hash == mesh.topology_hash


def test_uvs_survive(tmp_path: Path) -> None:
    grid = grid_mesh()
    mesh = Mesh(grid.points, grid.counts, grid.corners, grid.points[:, :2] / 7, np.roll(grid.corners, 1))
    write_obj(tmp_path / "u.obj", mesh)
    back = read_obj(tmp_path / "u.obj")
    assert back.uvs is not None
    assert back.uv_corners is not None
    assert np.array_equal(back.uvs, mesh.uvs)
    assert np.array_equal(back.uv_corners, mesh.uv_corners)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v 0 0 0\nv 1 0 x\n", "line 2"),
        ("v 0 0 0\nv 1 0\n", "line 2"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2\n", "line 4"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "line 4: a face names vertex 9"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 0\n", "line 4"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/7 2 3\n", "texture vertex 7"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 three\n", "line 4"),
        ("v 0 0 0\nwat 1 2\n", "line 2"),
        ("v 0 0 0\nv nan 0 0\n", "vertex 1"),
        ("v 0 0 0\nv inf 0 0\n", "vertex 1"),
        ("", "no vertices"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.obj").write_text(text)
    with pytest.raises(AimError, match=says) as error:
        read_obj(tmp_path / "bad.obj")
    assert "bad.obj" in error.value.what
