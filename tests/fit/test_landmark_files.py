"""Landmark files, conventions and sites: what is read from them, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from tests.conftest import grid_mesh
from trainer.fit.cameras.camera import Camera
from trainer.fit.cameras.landmark_files import read_landmarks
from trainer.fit.cameras.sites import lay_out, read_sites
from trainer.fit.cameras.tracks import Tracks, guess_convention, known_conventions, read_convention


def written(tmp_path: Path, data: Any, name: str = "landmarks.json") -> Path:
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    frames = [[[10, 20, 0.5], [30, 40]], None, [None, {"x": 50, "y": 60, "confidence": 0.25}]]
    one = read_landmarks(
        written(tmp_path, {"fps": 24, "first_frame": 7, "width": 640, "height": 480, "frames": frames})
    )
    two = read_landmarks(
        written(
            tmp_path, "frame,id,x,y,confidence\n7,0,10,20,.5\n7,1,30,40,1\n9,1,50,60,0.25\n9,0,,,\n", "l.csv"
        ),
        fps=24,
    )
    assert one.ids == two.ids == ("0", "1")
    assert (
        (one.first_frame, one.frame_count, one.fps, one.missing)
        == (two.first_frame, two.frame_count, two.fps, two.missing)
        == (7, 3, 24, 3)
    )
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.confidence, two.confidence)
    assert one.sizes == {"camera1": (640, 480)}


def test_several_cameras_and_empty_ends(tmp_path: Path) -> None:
    tracks = read_landmarks(
        written(
            tmp_path,
            {
                "cameras": {
                    "l": {"frames": [None, {"a": [1, 2]}, None]},
                    "r": {"frames": [None, {"b": [3, 4]}, {}]},
                }
            },
        )
    )
    assert tracks.cameras == ("l", "r")
    assert tracks.frame_count == 3
    assert tracks.seen.sum() == 2
    assert tracks.seen[1, 1, tracks.ids.index("b")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"frames": []}, "holds no landmarks"),
        ({"frames": [[["a", 2]]]}, "frame 0, point 0"),
        ({"frames": [[[1, 2, 3, 4]]]}, "has 4 numbers"),
        ({"frames": [[[1, 2, 95.0]]]}, "confidences run"),
        ({"frames": [7]}, "frame 0"),
        ({"frames": [[[1, 2]]], "fps": 0}, "fps"),
        ({"frames": [[[1, 2]]], "coordinates": "metres"}, "coordinates"),
        ({"frames": [[[1, 2]]], "framerate": 3}, "'framerate'"),
        ({"cameras": [1]}, "'cameras'"),
        ({"cameras": {"l": {}}}, "no list of frames"),
        ("{", "not valid JSON"),
        ({"frames": [[[1, 2]]], "fps": 10**30}, "fps is 1000"),
        ({"frames": [[[1, 2]]], "first_frame": 10**30}, "first_frame"),
        ({"frames": [[[1, 2]]], "width": 10**30, "height": 3}, "width"),
        ({"frames": [[[1, 10**30]]]}, "pixels away"),
        ({"frames": [[["1", "2"]]]}, "frame 0, point 0"),
        ({"frames": [["12"]]}, "frame 0, point 0"),
        ({"frames": [[[1, 2]]], "convention": {"a": 1}}, "convention"),
        ({"frames": [[[1, 2]], *[None] * 5_000_000]}, "spread over 5000001 frames"),
        ({"frames": [{str(f): [1, 2]} for f in range(3000)]}, "spread over 3000 frames"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    ],
)
def test_json_that_cannot_be_meant(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(AimError, match=words):
        read_landmarks(written(tmp_path, data))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no columns"),
        ("frame,id,x,y\n", "holds no landmarks"),
        ("frame,point,x,y\n", "'point'"),
        ("frame,id,x,y\n1,a,2\n", "line 2: 3 cells"),
        ("frame,id,x,y\n1.5,a,2,3\n", "line 2"),
        ("frame,id,x,y\n1,a,2,3\n99999999,a,2,3\n", "frame number is wrong"),
        ("frame,id,x,y\n1,a,2,3\n1700000,a,2,3\n", "2 of them have landmarks.*frame number is wrong"),
        ("frame,id,x,y\n" + "9" * 30 + ",a,2,3\n", "line 2: the frame is"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    ],
)
def test_csv_that_cannot_be_meant(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(AimError, match=words):
        read_landmarks(written(tmp_path, text, "l.csv"))


def test_nan_as_python_writes_it_is_missing_and_gaps_are_empty_frames(tmp_path: Path) -> None:
    tracks = read_landmarks(written(tmp_path, '{"frames": [[[1, 2], [NaN, NaN]], [[NaN, 2, 0.5], [3, 4]]]}'))
    assert tracks.seen[:, 0].tolist() == [[True, False], [False, True]]
    gap = read_landmarks(written(tmp_path, "frame,id,x,y\n1,a,2,3\n9000,a,2,3\n", "l.csv"))
    assert (gap.frame_count, int(gap.seen.sum())) == (9000, 2)


def test_what_mediapipe_gives_beside_x_and_y_is_no_confidence(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for count in (468, 478):
        xyz = rng.uniform(0.2, 0.8, (2, count, 3)) - [0, 0, 0.5]
        listed = {"fps": 30, "coordinates": "normalised", "frames": xyz.tolist()}
        named = listed | {
            "frames": [
                [{"x": x, "y": y, "z": z, "visibility": 0.0, "presence": 0.0} for x, y, z in frame]
                for frame in xyz.tolist()
            ]
        }
        for data in (listed, named, listed | {"convention": "mediapipe478"}):
            tracks = read_landmarks(written(tmp_path, data))
            assert tracks.confidence.min() == 1
            np.testing.assert_array_equal(tracks.points[:, 0], xyz[..., :2])
    with pytest.raises(AimError, match="depths"):
        read_landmarks(written(tmp_path, {"frames": [[[1, 2, -3.0]]]}))


def tracks_of(points: np.ndarray, **more: Any) -> Tracks:
    """One camera."""
    ids = more.pop("ids", tuple(str(i) for i in range(points.shape[1])))
    return Tracks(
        ("c",), ids, points[:, None], np.isfinite(points).all(axis=2)[:, None].astype(float), **more
    )


CAMERA = Camera("c", 640, 480, 600, 600, 320, 240)


def test_points_of_another_image_are_refused_with_the_size() -> None:
    spread = np.random.default_rng(0).uniform([200, 100], [440, 380], (3, 20, 2))
    tracks_of(spread).in_pixels([CAMERA])
    with pytest.raises(AimError, match=r"far outside its image.*another size"):
        tracks_of(spread * 4).in_pixels([CAMERA])
    with pytest.raises(AimError, match="1280 x 960"):
        tracks_of(spread, sizes={"c": (1280, 960)}).in_pixels([CAMERA])
    with pytest.raises(AimError, match="normalised"):
        tracks_of(spread / [640, 480]).in_pixels([CAMERA])
    np.testing.assert_allclose(
        tracks_of(spread / [640, 480], normalised=True).in_pixels([CAMERA]).points[:, 0], spread
    )
    with pytest.raises(AimError, match="Name the cameras alike"):
        tracks_of(spread).in_pixels([CAMERA, replace(CAMERA, name="d")])


def test_the_tables_name_the_same_sites_and_a_mean_of_points_is_a_site() -> None:
    assert known_conventions() == ("mediapipe478", "multipie68")
    one, other = (read_convention(name) for name in known_conventions())
    assert set(one.points) == set(other.points) == {str(i) for i in range(68)}
    assert one.contour == other.contour
    used = [i for ids in one.points.values() for i in ids]
    assert len(set(used)) == len(used)
    points = np.arange(478 * 2, dtype=float).reshape(1, 478, 2)
    points[0, 5] = np.nan
    at = tracks_of(points).at_sites(one)
    assert at.points[0, 0, at.ids.index("49")] == pytest.approx(points[0, [39, 40]].mean(axis=0))
    assert at.seen[0, 0].sum() == 67
    with pytest.raises(AimError, match="another convention"):
        tracks_of(points[:, :2], ids=("x", "y")).at_sites(one)


def test_conventions_of_the_user_and_unknown_ones(tmp_path: Path) -> None:
    table = read_convention(
        written(tmp_path, {"points": {"30": 4, "8": ["152", "148"], "0": "1"}, "contour": ["8"]})
    )
    assert table.points == {"30": ("4",), "8": ("152", "148"), "0": ("1",)}
    for data, words in (
        ({}, "no 'points'"),
        ({"points": {"1": []}}, "site '1'"),
        ({"points": {"1": 2}, "contour": ["9"]}, "names '9'"),
        ({"points": {"1": 2}, "contour": 9}, "'contour' is 9"),
    ):
        with pytest.raises(AimError, match=words):
            read_convention(written(tmp_path, data))
    with pytest.raises(AimError, match="Did you mean 'multipie68'"):
        read_convention("multipie")
    assert guess_convention(tuple(str(i) for i in range(478))) == "mediapipe478"
    with pytest.raises(AimError, match="5 landmarks"):
        guess_convention(("a", "b", "c", "d", "e"))


def test_sites_from_files(tmp_path: Path) -> None:
    assert read_sites(written(tmp_path, [4, 5]), 6) == {"0": ((4, 1.0),), "1": ((5, 1.0),)}
    assert read_sites(written(tmp_path, {"vertex_ids": [4], "more": 1}), 6) == {"0": ((4, 1.0),)}
    assert read_sites(written(tmp_path, {"chin": [[1, 0.25], [2, 0.75]]}), 6) == {
        "chin": ((1, 0.25), (2, 0.75))
    }
    for data, words in (
        ([7], "vertex 7"),
        ({"a": "b"}, "site 'a'"),
        ({"a": [[1, 0.5]]}, "add up to 0.5"),
        ({"a": 1.5}, "site 'a'"),
        ({}, "no sites"),
    ):
        with pytest.raises(AimError, match=words):
            read_sites(written(tmp_path, data), 6)


def test_a_strip_runs_across_the_outline_a_millimetre_at_a_time() -> None:
    mesh = grid_mesh(41, 41)
    middle = 20 * 41
    sites = {name: ((middle + x, 1.0),) for name, x in (("a", 10), ("b", 20), ("c", 30))}
    layout = lay_out(mesh, sites | {"stays": ((5, 1.0),)}, ("a", "b", "c"), mm_per_unit=2.0)
    assert layout.slides.tolist() == [True, True, True, False]
    places = layout.between @ (layout.mixing @ mesh.points[layout.vertices])
    np.testing.assert_allclose(
        places[layout.homes], mesh.points[[middle + 10, middle + 20, middle + 30, 5]], atol=1e-9
    )
    run = slice(layout.first[1], layout.first[2])
    np.testing.assert_allclose(places[run, 0], 20, atol=1.0)
    assert np.diff(layout.along[run]).max() <= 1.0 + 1e-9
    assert layout.along[run].max() >= 20
    assert layout.along[run].min() <= -20
    np.testing.assert_allclose(np.abs(places[run, 1] - 20) * 2.0, np.abs(layout.along[run]), atol=1.5)
