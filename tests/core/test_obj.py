"""OBJ: nothing lost, and every bad line named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import obj
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_obj, read_points, write_obj
from tests.conftest import grid_mesh

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
    points=st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=5, max_size=9),
    sizes=st.lists(st.integers(3, 5), min_size=1, max_size=6),
    data=st.data(),
)
def test_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    points: list[tuple[float, float, float]],
    sizes: list[int],
    data: st.DataObject,
) -> None:
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


SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n"


@pytest.mark.parametrize(
    "data",
    [
        SQUARE.encode(),
        b"\xef\xbb\xbf" + SQUARE.encode(),  # a byte order mark straight before the first vertex
        SQUARE.replace("\n", "\r\n").encode(),
        SQUARE.replace("\n", "\r").encode(),
        SQUARE.replace("v ", "  v\t").replace("f ", "\tf ").encode(),
        SQUARE.replace("v ", "v   ").encode(),
        SQUARE.replace("1 2 3", "1 2 \\\n3").encode(),
        SQUARE.replace("1 2 3 4", "1 2\\\n 3 \\\n 4").encode(),
        SQUARE.replace("v 1 1 0", "v 1 \\\n1 0").encode(),
        (SQUARE + "l 1 2 \\\n3\n").encode(),
        ("usemtl C:\\materials\\\n" + SQUARE).encode(),
        ("g head\\\n" + SQUARE).encode(),
        ("# path\\\n" + SQUARE).encode(),
        ("g K\u00f6rper\x0c\n" + SQUARE).encode("latin-1"),
        b"g a\x85b\n" + SQUARE.encode(),
        (
            "mg 1 0.5\nlod 3\nbevel on\nc_interp off\nshadow_obj a.obj\ntrace_obj b.obj\ncurv 0 1 1 "
            "2\nbzp 1 2\n" + SQUARE
        ).encode(),
        SQUARE.replace("0\n", "0 1.0\n").encode(),  # w
        SQUARE.replace("0\n", "0 0.5 0.25 1\n").encode(),  # colours
        SQUARE.replace("v 1 1 0", "v 1 1 0 0.5 0.25 1").encode(),  # colours of one vertex alone
        SQUARE.replace("v 1 1 0", "v 1 1 0 # a corner").encode(),
        SQUARE.replace("1 2 3 4", "1//1 2//1 3//1 4//1").encode(),
        SQUARE.replace("1 2 3 4", "-4 -3 -2 -1").encode(),
        SQUARE.replace("f ", "fo ").encode(),
        SQUARE.rstrip().encode(),
        (SQUARE + "\n\n# the end").encode(),
    ],
)
def test_files_of_other_programs(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.OBJ").write_bytes(data)
    mesh = read_obj(tmp_path / "a.OBJ")
    assert mesh.points.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.corners.tolist() == [0, 1, 2, 3]
    assert read_points(tmp_path / "a.OBJ").tolist() == mesh.points.tolist()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (SQUARE.replace("1 1 0", "-1.#IND00 1 0").encode(), "line 3: '-1.#IND00' is not a number.*Microsoft"),
        (SQUARE.replace("1 1 0", "1.#QNAN 1 0").encode(), "line 3.*Microsoft"),
        (SQUARE.replace("1 1 0", "1 1 nan").encode(), "line 3: vertex 2 is .*NaN"),
        (SQUARE.replace("1 1 0", "1,5 1,25 0").encode(), "line 3: '1,5' is not a number.*decimal commas"),
        (SQUARE.replace("1 1 0", "1_0 1 0").encode(), "line 3: '1_0' is not a number"),
        (SQUARE.replace("1 1 0", "1 1").encode(), "line 3: 3 numbers expected, 2 found"),
        (
            SQUARE.replace("v 1 1 0\nv 0 1 0", "v 1 1\nv 0 1 0 0").encode(),
            "line 3: 3 numbers expected, 2 found",
        ),
        (SQUARE.encode("utf-16"), "UTF-16"),
        (SQUARE.encode("utf-16-le"), "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        (bytes(range(1, 256)) * 3, "line 1"),
    ],
)
def test_files_that_are_refused_with_their_cause(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "a.obj").write_bytes(data)
    for read in (read_obj, read_points):
        with pytest.raises(AimError, match=says):
            read(tmp_path / "a.obj")


@pytest.mark.parametrize(
    "face",
    [
        "1 2 " + "9" * 30,
        "1 2 " + "9" * 5000,
        "1 2 2147483649",
        "1 2 -" + "9" * 30,
        "1/" + "9" * 30 + " 2 3",
        "1_0 2 3",
        "1/1/1/1 2 3",
    ],
)
def test_face_ids_beyond_any_integer(tmp_path: Path, face: str) -> None:
    (tmp_path / "a.obj").write_text(f"{SQUARE}f {face}\n")
    with pytest.raises(AimError, match="line 6"):
        read_obj(tmp_path / "a.obj")


LINES = [
    "v 1 2 3",
    "v 1 2 3 1",
    "v -1e-3 .5 2.",
    "v 1 2",
    "v 1 x 2",
    "v nan 1 2",
    "v 1-2 3",
    "v 1.2.3 4",
    "v 1e 2 3",
    "v 1 2 1e999",
    "v 1\v2 3",
    "vt 0 1",
    "vt 0",
    "vt 0 1 0",
    "vn 0 0 1",
    "f 1 2 3",
    "f 1/1 2/1 3/1",
    "f 1//1 2//1 3//1",
    "f -1 -2 -3",
    "f 1 2",
    "f 1 2 3 1",
    "f 1 2 9",
    "f 0 1 2",
    "# v 1 2 3",
    "",
    "g head_01",
    "f 1 2_0 3",
    "s off",
    "wat",
    "usemtl a\\",
    "f 1 2 \\",
    "3",
    "v 1 1_1 1",
    "\tv 0 0 1",
    "f",
]


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.sampled_from(LINES), max_size=8))
def test_in_bulk_and_line_by_line_read_the_same(lines: list[str]) -> None:
    text = "\n".join(["v 0 0 0", "v 1 0 0", "v 0 1 0", "vt 0 0", *lines])
    for faces in (True, False):
        bulk = obj._in_bulk(text, faces)
        if bulk is not None:
            slow = obj._LineByLine(Path("a.obj")).read(text, faces)
            assert all(np.array_equal(a, b) for a, b in zip(bulk, slow, strict=True))


def test_names_with_an_underscore_are_read_in_bulk() -> None:
    """As those of nearly every scene are; line by line it takes three times as long."""
    text = "# anna_v02\no head_01\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl skin_mat\nf 1 2 3\n"
    assert obj._in_bulk(text, True) is not None
    assert obj._in_bulk(text.replace("f 1 2 3", "f 1 2 0_3"), True) is None
