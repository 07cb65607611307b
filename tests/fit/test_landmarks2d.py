"""Fits to 2D landmarks of the sample head, whose motion is known: from one and two cameras, with gaps,
outliers, points in space, and wrong input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.performance import Flag
from aim_maya.core.progress import Progress
from tests.helpers.landmark_scene import HEAD, OPTIONS, Scene
from trainer.fit.cameras.camera import TURNED, Camera
from trainer.fit.cameras.fit import fit_landmarks
from trainer.fit.cameras.tracks import Tracks
from trainer.fit.options import LandmarkOptions

pytest_plugins = ["tests.helpers.landmark_fixtures"]


def test_two_cameras_tell_face_jaw_and_head(scene: Scene, two: tuple[Camera, ...]) -> None:
    fitted = scene.fit(scene.tracks(two), two)
    assert scene.error(fitted).max() < 0.35
    np.testing.assert_allclose(fitted.head[:, :3, :3], np.broadcast_to(HEAD[:3, :3], (6, 3, 3)), atol=0.01)
    chin = np.array([[0.0, -75, 90]])
    for jaw, truth in zip(fitted.jaw, scene.jaws, strict=True):
        assert np.linalg.norm(rigid.apply(jaw, chin) - rigid.apply(truth, chin)) < 1.5
    assert fitted.residual_mm.max() < 0.3
    assert not fitted.flags.any()
    assert fitted.about["warnings"] == []
    assert fitted.is_global


def test_one_camera_and_a_distorting_lens(scene: Scene, two: tuple[Camera, ...]) -> None:
    one = (replace(two[0], k1=-0.12, k2=0.02),)
    fitted = scene.fit(scene.tracks(one), one)
    assert scene.error(fitted).mean() < 1.5
    straight = scene.fit(scene.tracks(one), (two[0],))
    assert scene.error(straight).mean() > 1.5 * scene.error(fitted).mean()


def test_an_unknown_focal_length_is_found(scene: Scene, two: tuple[Camera, ...]) -> None:
    told = tuple(replace(camera, fx=2304.0, fy=2304.0, focal_known=False) for camera in two)
    fitted = scene.fit(scene.tracks(two), told)
    for figures in fitted.about["landmarks"]["cameras"].values():
        assert figures["focal_px"] == pytest.approx(2000, rel=0.02)
    assert scene.error(fitted).mean() < 1.0


def test_missing_points_empty_frames_and_outliers(scene: Scene, two: tuple[Camera, ...]) -> None:
    tracks = scene.tracks(two)
    points = tracks.points.copy()
    points[0] = np.nan
    points[3] = np.nan
    points[2, 1] = np.nan
    points[4, 0, :5] = np.nan
    points[5, 0, 7] += 150
    fitted = scene.fit(replace(tracks, points=points), two)
    assert fitted.flags.tolist() == [Flag.EMPTY, 0, Flag.PARTLY, Flag.EMPTY, Flag.PARTLY, 0]
    assert np.isnan(fitted.residual_mm).tolist() == [True, False, False, True, False, False]
    np.testing.assert_allclose(
        fitted.coefficients[3], 0.5 * (fitted.coefficients[2] + fitted.coefficients[4]), atol=1e-6
    )
    np.testing.assert_array_equal(fitted.coefficients[0], fitted.coefficients[1])
    assert fitted.about["landmarks"]["missing"] == 5 * 60 + 5
    assert "305 of 720" in fitted.about["warnings"][0]
    assert scene.error(fitted)[[1, 4, 5]].max() < 0.5
    plain = scene.fit(replace(tracks, points=points), two, replace(OPTIONS, robust=0.0))
    assert scene.error(plain)[5] > 2 * scene.error(fitted)[5]


def test_no_point_at_all(scene: Scene, two: tuple[Camera, ...]) -> None:
    tracks = scene.tracks(two)
    with pytest.raises(AimError, match="Not one frame"):
        scene.fit(replace(tracks, points=np.full_like(tracks.points, np.nan)), two)


def test_points_in_space_mend_what_one_camera_cannot_tell(scene: Scene, two: tuple[Camera, ...]) -> None:
    one = two[:1]
    known = np.full(scene.frames.shape, np.nan)
    some = scene.vertices[::10]
    known[:, some] = scene.frames[:, some]
    alone, mixed = (
        scene.fit(scene.tracks(one, 0.5), one),
        scene.fit(scene.tracks(one, 0.5), one, points=known, points_mm=0.2),
    )
    assert scene.error(mixed).mean() < 0.7 * scene.error(alone).mean()
    with pytest.raises(AimError, match="shape"):
        scene.fit(scene.tracks(one), one, points=known[:3])


def test_steadiness_calms_noise(scene: Scene, two: tuple[Camera, ...]) -> None:
    still = replace(scene, frames=np.repeat(scene.frames[2:3], 12, axis=0))
    noisy = still.tracks(two, 4.0)
    options = replace(OPTIONS, noise_px=4.0)
    alone, steady = (
        still.points(still.fit(noisy, two, replace(options, steady=s)))[:, still.vertices] for s in (0.0, 0.3)
    )
    jitter = [np.linalg.norm(np.diff(points, axis=0), axis=2).mean() for points in (alone, steady)]
    assert jitter[1] < 0.8 * jitter[0]
    assert (
        still.error(still.fit(noisy, two, replace(options, steady=0.3))).mean()
        < still.error(still.fit(noisy, two, options)).mean()
    )


def test_a_head_that_is_said_to_be_still(scene: Scene, two: tuple[Camera, ...]) -> None:
    fitted = scene.fit(scene.tracks(two, 1.0), two, OPTIONS, still_head=True)
    assert np.abs(np.diff(fitted.head, axis=0)).max() < 0.01
    np.testing.assert_allclose(fitted.head[0], HEAD, atol=1.5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda camera: replace(camera, extrinsics=moved(camera, 0.001)), "as metres"),
        (lambda camera: replace(camera, extrinsics=TURNED @ camera.extrinsics), "OpenGL"),
        (lambda camera: replace(camera, extrinsics=np.linalg.inv(camera.extrinsics)), "camera to world"),
        (
            lambda camera: replace(
                camera, cx=2 * camera.cx, cy=2 * camera.cy, fx=2 * camera.fx, fy=2 * camera.fy
            ),
            "images taken as 2 times as large",
        ),
    ],
)
def test_cameras_that_contradict_each_other_and_why(
    scene: Scene, two: tuple[Camera, ...], wrong: Callable[[Camera], Camera], words: str
) -> None:
    with pytest.raises(AimError, match=words) as error:
        scene.fit(
            replace(scene.tracks(two), points=scene.tracks(two).points[2:4], confidence=np.ones((2, 2, 60))),
            tuple(wrong(camera) for camera in two),
        )
    assert error.value.remedy


def moved(camera: Camera, scale: float) -> np.ndarray:
    extrinsics = camera.extrinsics.copy()
    extrinsics[:, :3, 3] *= scale
    return extrinsics


def test_one_camera_in_metres_upside_down_or_behind_is_said_and_the_result_is_there(
    scene: Scene, two: tuple[Camera, ...]
) -> None:
    tracks = scene.tracks(two[:1])
    metres = scene.fit(tracks, (replace(two[0], extrinsics=moved(two[0], 0.001)),))
    assert any("in metres" in sentence for sentence in metres.about["warnings"])
    turned = scene.fit(tracks, (replace(two[0], extrinsics=TURNED @ two[0].extrinsics),))
    assert any("upside down" in sentence for sentence in turned.about["warnings"])
    mirrored = tracks.points.copy()
    mirrored[..., 0] = 1920 - mirrored[..., 0]
    behind = scene.fit(replace(tracks, points=mirrored), two[:1])
    assert any("from behind" in sentence or "apart" in sentence for sentence in behind.about["warnings"])
    assert (behind.flags & Flag.LARGE_RESIDUAL).all()


def test_landmarks_of_another_face_are_flagged(scene: Scene, two: tuple[Camera, ...]) -> None:
    other = replace(scene, frames=scene.frames * [1.12, 0.9, 1.0])
    fitted = scene.fit(other.tracks(two), two)
    assert (fitted.flags & Flag.LARGE_RESIDUAL).all()
    assert any("another actor" in sentence for sentence in fitted.about["warnings"])


def test_landmarks_of_another_face_in_one_camera_lean_away_from_the_neutral(
    scene: Scene, two: tuple[Camera, ...]
) -> None:
    """One camera and soft noise explain another face away frame by frame, but every frame in the same
    direction."""
    options = replace(OPTIONS, noise_px=2.0, skin_mm=1.0)
    words = [
        scene.fit(frames.tracks(two[:1], 1.0), two[:1], options).about["warnings"]
        for frames in (scene, replace(scene, frames=scene.frames * [1.1, 0.93, 1.0]))
    ]
    assert words[0] == []
    assert any("another actor" in sentence for sentence in words[1])


def test_sites_by_the_form_of_the_face(
    scene: Scene, sample: Actor, two: tuple[Camera, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.actor.landmarks import MULTI_PIE, find_landmarks

    found = find_landmarks(sample)
    monkeypatch.setattr(
        "trainer.actor.landmarks.find_landmarks", lambda _: found
    )  # the same head: once is enough
    tree = cKDTree(sample.neutral.points)
    ids = {name: ids[0] for name, ids in MULTI_PIE.items() if len(ids) == 1}
    vertices = np.array([tree.query(found.frame.to_object(found.points[name]))[1] for name in ids])
    points = np.array([[camera.project(frame[vertices]).pixels for camera in two] for frame in scene.frames])
    tracks = Tracks(
        tuple(c.name for c in two),
        tuple(str(i) for i in ids.values()),
        points,
        np.ones(points.shape[:3]),
        convention="multipie68",
    )
    fitted = fit_landmarks(scene.model, scene.space, tracks, two, OPTIONS)
    assert "No sites were given" in fitted.about["warnings"][0]
    assert scene.error(fitted).max() < 3.0


def test_a_fit_can_be_stopped(scene: Scene, two: tuple[Camera, ...]) -> None:
    with Progress("none", cancelled=lambda: True) as progress, pytest.raises(Cancelled):
        scene.fit(scene.tracks(two), two, progress=progress)


@pytest.mark.parametrize(
    "wrong", [{"noise_px": 0.0}, {"skin_mm": -1.0}, {"robust": float("nan")}, {"steady": -0.1}]
)
def test_options_that_mean_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(AimError, match="--"):
        LandmarkOptions(**wrong)  # type: ignore[arg-type]


def test_sites_that_the_convention_does_not_know(
    scene: Scene, two: tuple[Camera, ...], tmp_path: Path
) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"nose": 1, "chin": 2}))
    with pytest.raises(AimError, match="Only 0 of the 68 sites"):
        fit_landmarks(scene.model, scene.space, scene.tracks(two), two, replace(OPTIONS, sites=path))
