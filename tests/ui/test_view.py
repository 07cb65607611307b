"""The viewer: what it draws, off the screen, and what its window does with it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 or a library of its is not installed")
pytest.importorskip("pytestqt")
pytest.importorskip("vtkmodules")

from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
)

from aim_maya.core.actor import Actor
from aim_maya.core.controls import Control
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.core.performance import write_performance
from aim_maya.runtime import Edit, FaceModel, Performance
from aim_maya.ui import app as ui_app
from aim_maya.ui.viewer import app
from aim_maya.ui.viewer.drawing import FaceScene, SmoothNormals, can_draw
from aim_maya.ui.viewer.face import ViewedFace
from aim_maya.ui.viewer.sliders import TargetSliders
from aim_maya.ui.viewer.window import ViewWindow
from tests.conftest import grid_mesh
from tests.in_maya.takes import global_performance
from trainer.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not can_draw(),
    reason="nothing can be drawn here: no display, no EGL, no OSMesa (apt-get install libegl1 "
    "libgl1-mesa-dri)",
)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))  # of other processes


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture
def face(model: FaceModel) -> ViewedFace:
    return ViewedFace(model, FaceScene(size=(300, 260)))


@pytest.fixture
def window(qtbot: Any, face: ViewedFace) -> ViewWindow:
    made = ViewWindow(face)
    qtbot.addWidget(made)
    made.show()
    return made


def picture(face: ViewedFace) -> np.ndarray:
    return face.scene.picture()[..., :3].astype(int).copy()


def changed(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pixels that differ visibly."""
    return float((np.abs(a - b).max(-1) > 12).mean())


def test_normals_are_those_of_the_mesh() -> None:
    quads = grid_mesh(5, 6)
    rng = np.random.default_rng(0)
    triangles = quads.triangles
    meshes = [
        quads,
        Mesh(quads.points, np.full(len(triangles), 3, np.int32), triangles.ravel().astype(np.int32)),
    ]
    ring = np.stack([np.cos(np.arange(6)), np.sin(np.arange(6)), np.zeros(6)], 1)
    meshes.append(Mesh(ring, np.array([6], np.int32), np.arange(6, dtype=np.int32)))
    for mesh in meshes:
        flat = mesh.counts.max() != 4
        points = (mesh.points + (rng.normal(size=mesh.points.shape) * 0.1 if flat else 0)).astype(np.float32)
        normals = np.zeros_like(points)
        SmoothNormals(mesh).into(points, normals)
        assert np.abs(normals - vertex_normals(mesh, points.astype(float))).max() < 1e-5


def test_sliders_edits_and_looks_are_seen(face: ViewedFace) -> None:
    still = picture(face)
    assert len(np.unique(still.reshape(-1, 3), axis=0)) > 200
    weights = np.zeros(len(face.model.targets))
    weights[face.model.targets.index("jawOpen")] = 1.0
    face.pose(weights)
    opened = picture(face)
    assert changed(still, opened) > 0.01
    face.edit(Edit(jaw_gain=0.0, expression_gain=0.0))
    assert changed(still, picture(face)) < 0.01
    face.edit(Edit(thickness=1.5))
    assert changed(opened, picture(face)) > 0.01
    face.edit(Edit())
    assert changed(opened, picture(face)) == 0.0
    for name, value in (
        ("bones", True),
        ("wires", True),
        ("skin", False),
        ("colours", "weight"),
        ("colours", "thickness"),
        ("colours", "error"),
    ):
        setattr(face.look, name, value)
        face.dress()
        assert changed(opened, picture(face)) > 0.01, (name, value)
        setattr(face.look, name, {"skin": True, "colours": "none"}.get(name, False))
        face.dress()
        assert changed(opened, picture(face)) == 0.0, (name, value)


def test_errors_are_of_the_most_active_target(model: FaceModel, sample: Actor) -> None:
    face = ViewedFace(model, FaceScene(size=(64, 64)), sample)
    face.look.colours = "error"
    face.dress()
    assert face.caption.startswith("neutral: networks against the actor's shape")
    weights = np.zeros(len(model.targets))
    weights[model.targets.index("jawOpen")] = 0.3
    face.pose(weights)
    truth = (
        np.linalg.norm(
            model.points(model.data.rig.trained_pose("jawOpen"), detail=False) - sample.shapes["jawOpen"],
            axis=1,
        )
        * model.mm_per_unit
    )
    assert face.caption.startswith(
        f"jawOpen: networks against the actor's shape, mean {truth.mean():.3f}, max {truth.max():.2f} mm"
    )
    other = Actor("other", grid_mesh(), {}, sample.rig, 1.0)
    with pytest.raises(AimError, match="is not the actor"):
        ViewedFace(model, FaceScene(size=(64, 64)), other)
    twin = replace(
        sample,
        neutral=sample.neutral.with_points(sample.neutral.points + np.array([0, 0, 2 / sample.mm_per_unit])),
    )
    with pytest.raises(AimError, match=r"2\.0 mm away"):
        ViewedFace(model, FaceScene(size=(64, 64)), twin)


def test_camera(face: ViewedFace) -> None:
    front = picture(face)
    face.scene.orbit(30, 0)
    assert changed(front, picture(face)) > 0.05
    for _ in range(30):
        face.scene.orbit(0, 20)  # never over the top
    assert changed(front, picture(face)) > 0.05
    face.scene.zoom(3.0)
    face.scene.pan(0.2, 0.1)
    face.scene.reset_camera()
    assert changed(front, picture(face)) == 0.0


def test_window_moves_face(qtbot: Any, window: ViewWindow) -> None:
    at = window.face.model.targets.index("jawOpen")
    row = window.sliders.rows[at]
    row.slider.setValue(700)
    assert row.value.value() == pytest.approx(0.7)
    assert window.face.weights[at] == pytest.approx(0.7)
    window.sliders.random.click()
    assert np.count_nonzero(window.face.weights) >= 1
    window.sliders.reset.click()
    assert not window.face.weights.any()
    window.gains["thickness"].setValue(150)
    assert window.face.model.edit.thickness == 1.5
    window.reset_edit()
    assert window.face.model.edit.is_default
    window.colours.setCurrentIndex(1)
    assert "thickness" in window.caption.text()
    window.sliders.search.setText("jawop")
    assert [r.label.text() for r in window.sliders.rows if r.slider.isVisibleTo(window)] == ["jawOpen"]
    qtbot.waitUntil(lambda: "Frame" in window.status.text(), timeout=5000)
    assert window.face.scene.device in window.status.text()


def _shown(window: ViewWindow) -> list[str]:
    return [name for line in window.sliders.lines if line.isVisibleTo(window) for name in line.names]


def test_targets_stand_in_groups_in_pairs_and_favourites_are_kept(
    qtbot: Any, window: ViewWindow, face: ViewedFace
) -> None:
    sliders = window.sliders
    assert next(iter(sliders.sections)) == "Brows"
    assert {"Eyes", "Mouth", "Jaw"} <= set(sliders.sections)
    pair = next(line for line in sliders.lines if line.names == ["eyeBlink_L", "eyeBlink_R"])
    left, right = (next(row for row in sliders.rows if row.name == name) for name in pair.names)
    qtbot.mouseClick(sliders.link, Qt.MouseButton.LeftButton)
    left.slider.setFocus()
    qtbot.keyClick(left.slider, Qt.Key.Key_PageUp)
    assert left.value.value() == right.value.value() > 0
    qtbot.mouseClick(sliders.link, Qt.MouseButton.LeftButton)
    qtbot.keyClick(left.slider, Qt.Key.Key_Home)
    assert left.value.value() == 0 < right.value.value()
    qtbot.mouseClick(pair.star, Qt.MouseButton.LeftButton)
    again = ViewWindow(face)  # the next start
    qtbot.addWidget(again)
    again.show()
    qtbot.mouseClick(again.sliders.only, Qt.MouseButton.LeftButton)
    assert _shown(again) == pair.names == again.sliders.favourites()
    qtbot.mouseClick(sliders.sections["Jaw"].head, Qt.MouseButton.LeftButton)
    assert "jawOpen" not in _shown(window)
    qtbot.keyClicks(sliders.search, "JAWOP")  # found in a folded group too
    assert _shown(window) == ["jawOpen"]


def test_long_names_and_other_conventions_find_their_groups(qtbot: Any) -> None:
    names = (
        *("CTRL_expressions:browRaiseInL", "CTRL_expressions:browRaiseInR", "Jaw_Open", "l_lowerLid"),
        "aVeryLongNameOfATargetThatNoPanelHasRoomForAtAll_smile",
    )
    controls = tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(names))
    sliders = TargetSliders(controls)
    qtbot.addWidget(sliders)
    sliders.show()
    assert list(sliders.sections) == ["Brows", "Eyes", "Mouth", "Jaw"]
    assert [len(line.names) for line in sliders.lines] == [2, 1, 1, 1]
    assert sliders.sizeHint().width() < 560
    assert sliders.lines[-1].label.toolTip() == names[-1]


def test_an_edit_goes_in_and_out_of_the_window(qtbot: Any, window: ViewWindow, tmp_path: Path) -> None:
    panel, original = window.edits, window.face.original
    assert not panel.more.isVisibleTo(window)
    panel.fold.click()
    assert panel.more.isVisibleTo(window)
    panel.bones["jaw_longer_mm"].setValue(50)
    panel.tissue["cheeks"].setValue(140)
    recipe = panel.recipe()
    assert recipe.bones == {"jaw_longer_mm": 5.0}
    assert recipe.thickness == {"all": 1.0, "cheeks": 1.4}
    assert np.array_equal(window.face.model.points({}), original.edited(recipe).points({}))
    panel.save_file(tmp_path / "edit.json")
    window.reset_edit()
    assert window.face.model.edit.is_default
    panel.load_file(tmp_path / "edit.json")
    assert panel.recipe().to_json() == recipe.to_json()
    panel.presets.setCurrentIndex(panel.presets.findData("wide_jaw"))
    panel.presets.activated.emit(panel.presets.currentIndex())
    assert panel.recipe().bones == {"jaw_wider_mm": 5.0}
    panel.presets.showPopup()
    assert not panel.presets.itemIcon(panel.presets.findData("aged")).isNull()  # this face under each
    panel.presets.hidePopup()
    panel.amount.setValue(-50)  # a preset goes both ways
    assert panel.recipe().bones == {"jaw_wider_mm": -2.5}
    assert panel.presets.currentData() == "wide_jaw"
    (tmp_path / "edit.json").write_text(
        '{"thickness": {"lips_L": 1.5}, "expression_gain": {"brow": 2}, "jaw_gain": 0.5}'
    )
    panel.load_file(tmp_path / "edit.json")
    panel.tissue["nose"].setValue(120)
    kept = panel.recipe()  # what no slider shows is not lost
    assert kept.thickness == {"all": 1.0, "lips_L": 1.5, "nose": 1.2}
    assert kept.expression_gain == {"all": 1.0, "brow": 2.0}
    (tmp_path / "edit.json").write_text('{"thicknes": 1}')
    panel.load_file(tmp_path / "edit.json")
    assert "Did you mean" in panel.message.text()  # type: ignore[union-attr]
    panel.gains["thickness"].setValue(0)
    assert "the most that it holds" in window.caption.text()


def test_mouse_and_keys(qtbot: Any, window: ViewWindow) -> None:
    before = np.array(window.face.scene.renderer.GetActiveCamera().GetPosition())
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(window.view, QPoint(160, 110))
    qtbot.mouseRelease(window.view, Qt.MouseButton.LeftButton)
    qtbot.keyClick(window.view, Qt.Key.Key_Left)
    assert not np.allclose(before, window.face.scene.renderer.GetActiveCamera().GetPosition())
    qtbot.keyClick(window.view, Qt.Key.Key_Home)
    assert np.allclose(before, window.face.scene.renderer.GetActiveCamera().GetPosition())
    qtbot.keyClick(window.view, Qt.Key.Key_Plus)
    assert (
        np.linalg.norm(window.face.scene.renderer.GetActiveCamera().GetPosition())
        < np.linalg.norm(before) * 1.01
    )


def test_everything_is_reached_by_the_keyboard(qtbot: Any, window: ViewWindow) -> None:
    texts = [b.text() for b in window.findChildren(QAbstractButton)] + [
        label.text() for label in window.findChildren(QLabel) if label.buddy()
    ]
    keys = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(keys) == len(set(keys)) >= 14, sorted(keys)
    for widget in [
        *window.findChildren(QAbstractSlider),
        *window.findChildren(QAbstractButton),
        *window.findChildren(QComboBox),
    ]:
        if not isinstance(widget, QScrollBar) and not isinstance(
            widget.parent(), QLineEdit
        ):  # a line's button to clear it
            assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus, widget
    window.activateWindow()
    window.view.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.focusWidget() is window.sliders.search


def test_the_edits_say_their_numbers_and_leave_room_for_the_targets(window: ViewWindow) -> None:
    window.edits.fold.click()
    window.gains["thickness"].setValue(140)
    window.edits.bones["jaw_longer_mm"].setValue(-35)
    shown = {label.text() for label in window.edits.findChildren(QLabel)}
    assert {"x 1.40", "-3.5 mm", "0 mm", "x 1.00"} <= shown
    QApplication.processEvents()
    assert window.sliders.height() > 0.3 * window.height()


def test_a_picture_shows_the_first_frame_of_curves(draft: Path, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text("frame,jawOpen\n1,0.5\n2,1\n")
    for name, extra in (
        ("curves", ["--curves", str(tmp_path / "take.csv")]),
        ("weights", ["-w", "jawOpen=0.5"]),
    ):
        assert main(["view", str(draft), "--screenshot", str(tmp_path / f"{name}.png"), *extra]) == 0
    assert (tmp_path / "curves.png").read_bytes() == (tmp_path / "weights.png").read_bytes()


def test_curves_play(qtbot: Any, window: ViewWindow, tmp_path: Path) -> None:
    take = tmp_path / "take.csv"
    take.write_text("time,jawOpen,nobody\n" + "".join(f"{i / 30:.4f},{i / 10},0\n" for i in range(11)))
    window.play_file(take)
    at = window.face.model.targets.index("jawOpen")
    qtbot.waitUntil(lambda: window.face.weights[at] > 0.3, timeout=5000)
    assert "nobody" in window.play.toolTip()
    window.play.click()
    assert not window.player.playing
    take.write_text("nothing")
    window.play_file(take)
    assert "holds no frames" in window.message.text()  # type: ignore[union-attr]


def _on_widget(window: ViewWindow, vertex: int) -> QPoint:
    x, y, _ = window.face.scene.on_screen(window.face.skin.points[vertex][None].astype(float))[0]
    ratio = window.view.devicePixelRatioF()
    return QPoint(round(x / ratio), round(y / ratio))


def _chin(window: ViewWindow) -> int:
    sites = window.face.original.data.sites
    away = np.linalg.norm(window.face.skin.points - sites.to_object(sites.site("pogonion")), axis=1)
    return int(away.argmin())


def _drag(qtbot: Any, window: ViewWindow, begin: QPoint, way: QPoint) -> None:
    qtbot.mousePress(window.view, Qt.MouseButton.LeftButton, pos=begin)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(window.view, begin + way * share)
    qtbot.mouseRelease(window.view, Qt.MouseButton.LeftButton, pos=begin + way)


def test_a_drag_on_the_face_moves_what_is_under_the_mouse(qtbot: Any, window: ViewWindow) -> None:
    window.face.camera("front")
    QApplication.processEvents()
    chin, jaw_open = _chin(window), window.face.model.targets.index("jawOpen")
    begin = _on_widget(window, chin)
    camera = np.array(window.face.scene.renderer.GetActiveCamera().GetPosition())
    _drag(qtbot, window, begin, QPoint(0, 24))
    assert np.flatnonzero(window.sliders.weights()).tolist() == [jaw_open]
    assert abs((_on_widget(window, chin) - begin - QPoint(0, 24)).manhattanLength()) <= 6
    assert np.allclose(camera, window.face.scene.renderer.GetActiveCamera().GetPosition())
    _drag(qtbot, window, _on_widget(window, chin), QPoint(0, -60))  # and back, never beyond its end
    assert not window.sliders.weights().any()
    qtbot.keyClick(window.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.sliders.weights()[jaw_open] > 0
    qtbot.keyClick(window.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not window.sliders.weights().any()
    corner = window.view.rect().topLeft() + QPoint(3, 3)
    assert window.face.grip(corner.x(), corner.y()) is None
    window.drags.click()
    _drag(qtbot, window, begin, QPoint(0, 24))  # now it turns the camera
    assert not window.sliders.weights().any()
    assert not np.allclose(camera, window.face.scene.renderer.GetActiveCamera().GetPosition())


def test_before_is_shown_while_it_is_held(qtbot: Any, window: ViewWindow) -> None:
    still = picture(window.face)
    window.sliders.rows[window.face.model.targets.index("jawOpen")].value.setValue(1.0)
    opened = picture(window.face)
    window.view.setFocus()
    qtbot.keyPress(window.view, Qt.Key.Key_B)
    assert changed(still, picture(window.face)) == 0.0
    qtbot.keyRelease(window.view, Qt.Key.Key_B)
    assert changed(opened, picture(window.face)) == 0.0
    window.gains["jaw_gain"].setValue(0)
    qtbot.mousePress(window.compare, Qt.MouseButton.LeftButton)  # without the edit, of the same expression
    assert changed(opened, picture(window.face)) == 0.0
    qtbot.mouseRelease(window.compare, Qt.MouseButton.LeftButton)
    assert changed(opened, picture(window.face)) > 0.01


def test_the_backs_of_faces_are_dark(face: ViewedFace) -> None:
    """Seen from inside the head there is nothing but them, painted or not."""
    camera, points = face.scene.renderer.GetActiveCamera(), face.skin.points
    for kind in ("none", "weight"):
        face.look.colours = kind  # type: ignore[assignment]
        face.dress()
        camera.SetPosition(*points.mean(0))
        camera.SetFocalPoint(*(points.mean(0) + np.array([0, 0, 1])))
        camera.SetViewAngle(60)
        middle = picture(face)[90:170, 100:200]
        assert np.median(middle.max(-1)) < 60, kind


def test_a_guess_is_no_bone_until_it_is_asked_for(face: ViewedFace) -> None:
    face.look.bones, face.look.skin = True, False
    face.dress()
    sure = picture(face)
    assert face.bones.data.GetNumberOfCells() + face.guess.data.GetNumberOfCells() == len(
        face.original.mesh.counts
    )
    face.look.guess = True
    face.dress()
    assert changed(sure, picture(face)) > 0.001


def test_a_performance_plays_and_is_scrubbed(
    qtbot: Any, window: ViewWindow, model: FaceModel, tmp_path: Path
) -> None:
    take = global_performance(model, frames=6)
    write_performance(tmp_path / "take.aimperf", take)
    window.play_file(tmp_path / "take.aimperf")
    window.timeline.play.click()
    assert not window.player.playing
    window.timeline.slider.setFocus()
    qtbot.keyClick(window.timeline.slider, Qt.Key.Key_End)
    played = Performance(take)
    wanted = model.performance_points(played, 5.0, head=False)
    assert np.abs(window.face.skin.points - wanted).max() < 1e-4
    assert window.timeline.place.text().startswith("6 / 6")
    window.timeline.loop.click()
    window.player.play(True)
    qtbot.waitUntil(lambda: not window.player.playing, timeout=5000)  # once, and stays at its end
    assert window.player.number == 5
    window.sliders.rows[0].slider.setValue(400)  # the sliders have the word again
    assert np.array_equal(window.face.skin.points, model.points(window.sliders.weights()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 is Linux's")
def test_a_library_of_the_desktop_that_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: str) -> None:
        raise OSError("libxcb-cursor.so.0: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ui_app.ctypes, "CDLL", broken)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    ui_app._check_xcb()  # offscreen, as the tests are
    monkeypatch.delenv("QT_QPA_PLATFORM")
    with pytest.raises(AimError, match=r"libxcb-cursor\.so\.0.*apt-get install libxcb-cursor0"):
        ui_app._check_xcb()


def test_what_it_begins_with_is_in_sight(window: ViewWindow) -> None:
    window.sliders.set_weights(np.zeros(len(window.sliders.rows)))
    last = next(line for line in window.sliders.lines[::-1] if line.group != window.sliders.lines[0].group)
    weights = np.zeros(len(window.sliders.rows))
    weights[window.sliders.rows.index(last.rows[0])] = 0.5
    window.resize(900, 420)
    window.show()
    QApplication.processEvents()
    assert last.visibleRegion().isEmpty()
    window.set_up(weights)
    QApplication.processEvents()
    assert not last.visibleRegion().isEmpty()


def test_pictures_of_any_size_from_any_side(draft: Path, tmp_path: Path) -> None:
    pixels = {}
    for name, extra in (
        ("front", ["--camera", "front", "--size", "500"]),
        ("side", ["--camera", "profile", "--size", "500"]),
        ("wide", ["--camera", "three_quarter", "--size", "640x300", "--colours", "error"]),
    ):
        path = tmp_path / f"{name}.png"
        assert main(["view", str(draft), "--screenshot", str(path), *extra]) == 0
        image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGBA8888)
        pixels[name] = (
            np.array(image.constBits()).reshape(image.height(), image.width(), 4)[..., :3].astype(int)
        )
    assert pixels["front"].shape[:2] == pixels["side"].shape[:2] == (500, 500)
    assert pixels["wide"].shape[:2] == (300, 640)
    assert changed(pixels["front"], pixels["side"]) > 0.05
    light = pixels["wide"][220:295, 10:130].min(-1) > 150  # the letters of the legend
    assert light.sum() > 20


def test_a_movie_is_made_or_the_encoder_is_asked_for(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    (tmp_path / "take.csv").write_text("time,jawOpen\n0,0\n0.1,1\n0.2,0\n")
    path = tmp_path / "take.mp4"
    said = ["view", str(draft), "--movie", str(path), "--size", "641x301", "--colours", "error"]
    assert main([*said, "--curves", str(tmp_path / "take.csv")]) == 0
    assert f"wrote {path}" in capsys.readouterr().out
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert (frames, round(seconds, 1)) == (7, 0.2)
    reader = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    pixels = np.frombuffer(next(reader), np.uint8).reshape(height, width, 3)
    reader.close()
    assert (width, height) == (640, 300)
    assert (pixels[220:295, 10:130].min(-1) > 110).sum() > 20  # the letters of the legend
    path.unlink()
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert main(said) == 2
    assert "imageio-ffmpeg is not installed" in capsys.readouterr().err
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_movie_that_the_disk_has_no_room_for_is_not_left_half(draft: Path, tmp_path: Path) -> None:
    """The encoder is another program, and writes its index last: what failed then it says to nobody."""
    pytest.importorskip("imageio_ffmpeg")
    pytest.importorskip("resource")
    (tmp_path / "take.csv").write_text("time,jawOpen\n0,0\n0.5,1\n1,0\n")
    path = tmp_path / "take.mp4"
    path.write_bytes(b"the movie of before")
    code = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))\n"
        "from trainer.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    )
    said = [
        "view",
        str(draft),
        "--movie",
        str(path),
        "--size",
        "640x480",
        "--curves",
        str(tmp_path / "take.csv"),
    ]
    done = subprocess.run([sys.executable, "-c", code, *said], capture_output=True, text=True, timeout=180)
    assert done.returncode == 1, done.stderr
    assert "take.mp4 was not written" in done.stderr
    assert "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == b"the movie of before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["take.csv", "take.mp4"]


def test_the_command_makes_pictures_without_torch(draft: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nclass Block:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'igl', 'scipy', 'onnx'):\n            raise "
        "ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Block())\nfrom trainer.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    )
    for name, extra in (("face", ["--preset", "long_jaw"]), ("window", ["--window", "--bones"])):
        out = tmp_path / f"{name}.png"
        command = [
            sys.executable,
            "-c",
            code,
            "view",
            str(draft),
            "--screenshot",
            str(out),
            "-w",
            "jawOpen=0.5",
            *extra,
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("extra", [[], ["--window"]])
def test_a_picture_that_does_not_fit_on_the_disk(tmp_path: Path, extra: list[str]) -> None:
    """Half a PNG was left, with "wrote" and exit code 0. Files may grow to 20 kB here."""
    resource = pytest.importorskip("resource")
    shipped = Path(app.__file__).parents[2] / "sample" / "sample.aim"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "trainer",
            "view",
            str(shipped),
            "--screenshot",
            str(tmp_path / "p.png"),
            *extra,
        ],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "The disk may be full" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["-w", "jawOpn=1"], "Did you mean 'jawOpen'"),
        (["-w", "jawOpen=x"], "NAME=VALUE"),
        (["--screenshot", "x.jpg"], "ends in .png"),
        (["--curves", "nowhere.csv", "--screenshot", "x.png"], "nowhere.csv"),
        (["--preset", "longjaw"], "Did you mean 'long_jaw'"),
        (["--screenshot", "/proc/x/y.png"], "Cannot write"),
        (["--movie", "x.avi"], "ends in .mp4"),
        (["--screenshot", "x.png", "--size", "0x9"], "for example 2000"),
    ],
)
def test_bad_input(draft: Path, extra: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(draft), *extra]) == 2
    assert said in capsys.readouterr().err


def test_bench_prints_a_ratio(window: ViewWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ROUNDS", 2)
    monkeypatch.setattr(app, "FRAMES", 3)
    figures = app.bench(window)
    assert figures["rate_over_bare"] > 0.2
    assert "rate over bare" in app.bench_table(figures)


@pytest.mark.parametrize("knots", [(1.0,), (0.5, 1.0), (-1.0, 1.0), (-1.0,), (2.0,), (10.0,)])
def test_random_stays_inside_the_sliders(qtbot: Any, knots: tuple[float, ...]) -> None:
    controls = tuple(Control(f"c{i}", i, tuple((v, f"c{i}_{v}") for v in knots)) for i in range(8))
    sliders = TargetSliders(controls)
    qtbot.addWidget(sliders)
    drawn = []
    for _ in range(40):
        sliders.set_random()
        drawn.append(sliders.weights())
    low, high = min(0.0, *knots), max(0.0, *knots)
    assert low <= np.min(drawn) <= np.max(drawn) <= high
    assert np.max(np.abs(drawn)) > 0.5 * max(-low, high)
    assert (np.min(drawn) < 0) == (low < 0)


def test_long_names_have_the_room_they_need(qtbot: Any) -> None:
    """MakeHuman's 'mouth-depression' and 'mouth-compression' looked the same, with dots in their middle."""
    names = ["mouth-compression", "mouth-depression", "eyebrows-left-inner-up", "eyebrows-right-inner-up"]
    sliders = TargetSliders([Control(name, i, ((1.0, name),)) for i, name in enumerate(names)])
    qtbot.addWidget(sliders)
    assert all(line.label.width() >= line.label.wanted for line in sliders.lines)
    endless = TargetSliders([Control("w" * 200, 0, ((1.0, "w"),))])
    qtbot.addWidget(endless)
    assert endless.lines[0].label.width() < 200
