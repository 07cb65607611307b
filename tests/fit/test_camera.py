"""Cameras: what they see, its derivatives, and files of them, good and bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from trainer.fit.cameras.camera import TURNED, Camera, looking_at, read_cameras

SOME = {"name": "left", "width": 1920, "height": 1080, "fx": 2000, "fy": 1990, "cx": 950, "cy": 545}


def written(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(data))
    return path


def test_a_camera_turned_by_thirty_degrees_and_shifted() -> None:
    matrix = rigid.exp([0, np.radians(30), 0, 0, 0, 0])
    matrix[:3, 3] = [100, -20, 900]
    camera = Camera("c", 1920, 1080, 2000, 1000, 960, 540, extrinsics=matrix[None])
    x, y, z = (30.0, 40.0, 50.0)
    c, s = np.cos(np.radians(30)), 0.5
    turned = np.array([c * x + s * z + 100, y - 20, -s * x + c * z + 900])
    view = camera.project(np.array([[x, y, z]]))
    assert view.pixels[0] == pytest.approx(
        [960 + 2000 * turned[0] / turned[2], 540 + 1000 * turned[1] / turned[2]]
    )
    assert view.depth[0] == pytest.approx(turned[2])
    assert rigid.apply(matrix, camera.position()) == pytest.approx(np.zeros(3), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=6, max_size=6),
    st.tuples(st.floats(-80, 80), st.floats(-80, 80), st.floats(-80, 80)),
    st.floats(-0.2, 0.2),
    st.floats(-0.05, 0.05),
)
def test_the_jacobian_is_what_differences_say(
    twist: list[float], point: tuple[float, float, float], k1: float, k2: float
) -> None:
    matrix = rigid.exp([*twist[:3], 0, 0, 0])
    matrix[:3, 3] = np.array([0, 0, 700]) + 50 * np.array(twist[3:])
    camera = Camera("c", 1920, 1080, 2000, 1900, 960, 540, k1, k2, matrix[None])
    at = np.array([point])
    jacobian = camera.project(at).jacobian[0]
    for axis in range(3):
        step = 1e-3 * np.eye(3)[axis]
        difference = (camera.project(at + step).pixels - camera.project(at - step).pixels)[0] / 2e-3
        assert jacobian[:, axis] == pytest.approx(difference, rel=1e-5, abs=1e-5)


def test_a_camera_that_looks_at_a_face_sees_it_upright_in_the_middle() -> None:
    camera = looking_at("c", (300, 0, 800), (0, 0, 60), focal=2000)
    view = camera.project(np.array([[0, 0, 60.0], [0, 40, 60]]))
    assert view.pixels[0] == pytest.approx([960, 540])
    assert view.pixels[1, 1] < 540
    assert (view.depth > 0).all()


def test_the_same_camera_in_both_axes_directions_and_units(tmp_path: Path) -> None:
    """OpenCV's world to camera in mm, and Maya's camera matrix in cm, for a model in inches."""
    camera = looking_at("c", (300, 50, 800), (10, 0, 60), focal=2000)
    world_to_camera = camera.extrinsics[0]
    ours = written(
        tmp_path, SOME | {"R": world_to_camera[:3, :3].tolist(), "t": world_to_camera[:3, 3].tolist()}
    )
    first = read_cameras(ours, 25.4)[0]
    standing = np.linalg.inv(TURNED @ world_to_camera)
    standing[:3, 3] /= 10
    other = written(
        tmp_path, {"cameras": [SOME | {"camera_to_world": standing.tolist()}], "axes": "maya", "unit": "cm"}
    )
    second = read_cameras(other, 25.4)[0]
    assert first.extrinsics == pytest.approx(second.extrinsics, abs=1e-9)
    assert first.position() * 25.4 == pytest.approx([300, 50, 800])
    assert (first.fx, first.fy, first.cx, first.cy, first.focal_known) == (2000, 1990, 950, 545, True)


def test_a_file_without_extrinsics_or_focal_length(tmp_path: Path) -> None:
    camera = read_cameras(written(tmp_path, {"width": 640, "height": 480, "focal": "unknown"}), 1.0)[0]
    assert not camera.focal_known
    assert (camera.cx, camera.cy) == (320, 240)
    assert camera.project(np.array([[0, 10.0, -500]])).pixels[0, 1] < 240  # y up, looking along -z


def test_a_camera_that_moves(tmp_path: Path) -> None:
    poses = [looking_at("c", (x, 0, 800), (0, 0, 0), focal=1).extrinsics[0].tolist() for x in (0, 100, 200)]
    camera = read_cameras(written(tmp_path, SOME | {"world_to_camera": poses}), 1.0)[0]
    assert camera.position(2) == pytest.approx([200, 0, 800])
    with pytest.raises(AimError, match="3 frames"):
        camera.at(3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fx": -5}, "'fx' is -5"),
        ({"width": None}, "'width' is None"),
        ({"width": True}, "'width' is True"),
        ({"focl": 2000}, "Did you mean 'focal'"),
        ({"R": np.eye(3).tolist()}, "Give R and t"),
        ({"R": (2 * np.eye(3)).tolist(), "t": [0, 0, 1]}, "scaled, or mirrored"),
        ({"R": np.diag([1, 1, -1]).tolist(), "t": [0, 0, 1]}, "mirrored"),
        ({"R": [[1, 0], [0, 1, 0]], "t": [0, 0, 1]}, "rows differ"),
        ({"R": np.eye(3).tolist(), "t": [0, 0, float("nan")]}, "must be finite"),
        ({"width": 10**30}, "'width' is 1000"),
        ({"cx": 10**290}, "'cx' is 1000"),
        ({"K": [["2000", 0, 0], [0, 2000, 0], [0, 0, 1]]}, "no such number"),
        ({"K": [[10**200, 0, 0], [0, 10**200, 0], [0, 0, 1]]}, "no such number"),
        ({"distortion": [10**30]}, "no such number"),
        ({"unit": ["mm"]}, "unit"),
        ({"axes": {"opencv": 1}}, "axes"),
        ({"world_to_camera": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 6, 7, 1]]}, "transposed"),
        ({"world_to_camera": []}, "shape"),
        ({"K": [[2000, 0, 0], [0, 2000, 0], [960, 540, 1]]}, "transposed"),
        ({"K": [[-2000, 0, 960], [0, 2000, 540], [0, 0, 1]]}, "not positive"),
        ({"distortion": [-2.5, 0]}, "folds"),
        ({"distortion": [0.1, 0, 0.01]}, "k1 and k2"),
        ({"unit": "metre"}, "unit 'metre'"),
        ({"axes": "open"}, "Did you mean"),
    ],
)
def test_camera_files_that_cannot_be_meant(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(AimError, match=words) as error:
        read_cameras(written(tmp_path, {"cameras": [SOME | change]}), 1.0)
    assert error.value.remedy or error.value.cause


def test_files_that_hold_no_camera(tmp_path: Path) -> None:
    for data, words in (
        ([], "no camera"),
        ({"cameras": []}, "not a list"),
        ({"cameras": [SOME, SOME]}, "share a name"),
        ({"cameras": [SOME], "x": 1}, "'x'"),
    ):
        with pytest.raises(AimError, match=words):
            read_cameras(written(tmp_path, data), 1.0)
    with pytest.raises(AimError, match="Cannot read"):
        read_cameras(tmp_path / "none.json", 1.0)
