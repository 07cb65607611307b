"""The training window on the offscreen platform, with the real trainer on the sample actor."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "PySide6.QtWidgets",
    reason="PySide6 or a library of its is not installed: apt-get install libegl1 libgl1 libxkbcommon0 "
    "libdbus-1-3 libfontconfig1",
)
pytest.importorskip("pytestqt")

import shiboken6
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.run_folder import Snapshot
from aim_maya.runtime import FaceModel
from aim_maya.ui import app
from aim_maya.ui.host import FilesHost, Source
from aim_maya.ui.training import options, python
from aim_maya.ui.training.fields import PathLine
from aim_maya.ui.training.form import TrainForm, output_of
from aim_maya.ui.training.live import LivePanel
from aim_maya.ui.training.python_dialog import PythonDialog
from aim_maya.ui.training.window import TrainWindow
from tests.helpers.short_training import SHORT

ROOT = Path(__file__).resolve().parents[2]
# Figures are logged once a second, and the first and the last of each always, so that the curve of the skin's
# error has two points however fast the machine is.
QUICK = SHORT | {"steps": "60"}
MINUTES = 120_000


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "maya"))
    monkeypatch.setenv(python.VARIABLE, sys.executable)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))  # of other processes


@pytest.fixture
def window(qtbot: Any, small_folder: Path, tmp_path: Path) -> Iterator[TrainWindow]:
    made = new_window(qtbot, small_folder, tmp_path / "sample.aim")
    yield made
    if made.started is not None and made.started.process.poll() is None:
        made.started.process.kill()
    made.close()


def new_window(qtbot: Any, actor: Path, out: Path, **values: str) -> TrainWindow:
    made = TrainWindow(FilesHost())
    qtbot.addWidget(made)
    made.form.actor.setText(str(actor))
    made.form.out.setText(str(out))
    for name, value in (QUICK | values).items():
        field = made.form.fields[name]
        if isinstance(field, QComboBox):
            field.setCurrentText(value)
        elif isinstance(field, QLineEdit):
            field.setText(value)
    made.show()
    return made


def state(window: TrainWindow, *wanted: str) -> Any:
    return lambda: window.snapshot.state in wanted


def press(qtbot: Any, window: TrainWindow, name: str) -> None:
    qtbot.waitUntil(
        window.buttons[name].isEnabled, timeout=MINUTES
    )  # a finished training's buttons come when its process has ended, too
    qtbot.mouseClick(window.buttons[name], Qt.MouseButton.LeftButton)


def test_every_stage_says_what_happens_what_comes_and_how_long(qtbot: Any) -> None:
    panel = LivePanel()
    qtbot.addWidget(panel)
    panel.show()
    for stage in ("starting", "prepare", "linear solution", "settle", "score", "export"):
        panel.show_state(Snapshot("running", actor="anna", stage=stage, lines=[f"{stage} ..."]))
        assert stage not in panel.heading.text()
        assert panel.next.text().startswith("Then: ")
        assert "left" in panel.time.text()
        assert panel.time.isVisible()
    assert "prepare" not in panel.log.toPlainText()
    panel.show_state(Snapshot("running", stage="train", step=30, steps=90, eta_s=61))
    assert "61 s left" in panel.bar.format()
    app.keep("stages", {"export": 600.0})  # as long as it took the last time
    other = LivePanel()
    qtbot.addWidget(other)
    other.show_state(Snapshot("running", stage="export"))
    assert other.time.text() == "about 10 min 00 s left"
    for last in ("none", "done", "cancelled", "failed", "vanished"):
        panel.show_state(Snapshot(last))  # type: ignore[arg-type]
        assert panel.next.text(), last
    assert not any(option.label in ("Without", "Rate", "Batch") for option in options.options())


def test_train_to_the_end(
    qtbot: Any, window: TrainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "aim_maya.ui.training.window.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile())
    )
    press(qtbot, window, "train")
    assert not window.buttons["train"].isEnabled()
    qtbot.waitUntil(state(window, "done", "failed"), timeout=MINUTES)
    assert window.snapshot.state == "done", window.snapshot.what
    assert (tmp_path / "sample.aim").is_file()
    assert window.live.bar.value() == window.live.bar.maximum()
    assert len(window.snapshot.error_mm) >= 2
    assert len(window.snapshot.worst) == 8
    assert not window.live.face._image.isNull()
    assert "Done" in window.live.log.toPlainText()
    assert window.grab().toImage().width() > 400
    press(qtbot, window, "report")
    qtbot.waitUntil(lambda: bool(opened), timeout=MINUTES)
    assert Path(opened[0]) == tmp_path / "sample.html"


def test_cancel_and_resume(qtbot: Any, window: TrainWindow, small_folder: Path, tmp_path: Path) -> None:
    window.form.fields["steps"].setText("40000")  # type: ignore[union-attr]
    press(qtbot, window, "train")
    qtbot.waitUntil(lambda: window.snapshot.step > 60, timeout=MINUTES)
    other = new_window(qtbot, small_folder, tmp_path / "sample.aim")  # picks the training up by itself
    qtbot.waitUntil(lambda: other.snapshot.step > 60, timeout=5000)
    press(qtbot, other, "cancel")
    qtbot.waitUntil(state(window, "cancelled"), timeout=6000)
    qtbot.waitUntil(state(other, "cancelled"), timeout=2000)
    reached = window.snapshot.step
    assert window.message is None
    press(qtbot, window, "resume")
    qtbot.waitUntil(lambda: window.snapshot.step > reached, timeout=MINUTES)
    press(qtbot, window, "cancel")
    qtbot.waitUntil(state(window, "cancelled"), timeout=6000)
    assert not (tmp_path / "sample.aim").exists()


def test_a_killed_trainer(qtbot: Any, window: TrainWindow) -> None:
    window.form.fields["steps"].setText("40000")  # type: ignore[union-attr]
    press(qtbot, window, "train")
    qtbot.waitUntil(lambda: window.snapshot.step > 30, timeout=MINUTES)
    assert window.started is not None
    os.kill(window.started.process.pid, signal.SIGKILL)
    qtbot.waitUntil(state(window, "failed"), timeout=5000)
    assert window.message is not None
    text = window.message.text()
    for word in ("SIGKILL", "train ...", "Likely cause: It was killed", "What to do: Resume", "trainer.log"):
        assert word in text
    assert window.buttons["resume"].isEnabled()


def test_closing_lets_it_go_on_or_stops_it(qtbot: Any, window: TrainWindow, tmp_path: Path) -> None:
    window.form.fields["steps"].setText("40000")  # type: ignore[union-attr]
    press(qtbot, window, "train")
    qtbot.waitUntil(lambda: window.snapshot.step > 30, timeout=MINUTES)
    process = window.started.process  # type: ignore[union-attr]
    window.close()
    assert process.poll() is None
    again = TrainWindow(FilesHost())  # remembers the output, and so finds its training
    qtbot.addWidget(again)
    assert again.snapshot.active
    again.form.stops.setChecked(True)
    again.close()
    assert process.wait(10) == 130


def fake_run(folder: Path, out: Path, *lines: dict[str, Any], source: str = "", lives: bool = True) -> Path:
    """A RUN folder as another process writes it; that process is this one."""
    folder.mkdir(parents=True)
    (folder / "progress.jsonl").write_text(
        "".join(
            json.dumps({"t": 0.0, **line}) + "\n"
            for line in ({"event": "run", "actor": "anna", "out": str(out), "source": source}, *lines)
        )
    )
    (folder / "checkpoint.pt").touch()
    if lives:
        (folder / "pid").write_text(f"{os.getpid()}\n{platform.node()}\n")
        (folder / "heartbeat").touch()
    return folder


@pytest.mark.parametrize("stops", [True, False])
def test_a_window_that_is_deleted_without_being_closed(qtbot: Any, tmp_path: Path, stops: bool) -> None:
    """As Maya does it with a docked one."""
    run, dock = fake_run(tmp_path / "anna.run", tmp_path / "anna.aim"), QWidget()
    QVBoxLayout(dock).addWidget(made := TrainWindow(FilesHost(), dock))
    dock.show()
    made.follow(run)
    made.form.stops.setChecked(stops)
    qtbot.waitUntil(lambda: made.live.heading.text().endswith("(anna)"), timeout=5000)
    follower = made.follower
    dock.close()
    shiboken6.delete(dock)
    assert follower is not None
    assert follower.wait(5000)
    assert (run / "cancel").exists() == stops
    assert app.load("training")["out"] == str(tmp_path / "anna.aim")


def test_following_makes_the_form_that_training_s(window: TrainWindow, tmp_path: Path) -> None:
    out, said = (
        tmp_path / "elsewhere" / "anna.aim",
        {"event": "end", "state": "failed", "what": "It broke.", "cause": "Age.", "remedy": "Mend it."},
    )
    run = fake_run(tmp_path / "runs" / "7", out, said, source=str(tmp_path / "anna"), lives=False)
    assert not window.buttons["resume"].isEnabled()
    window.follow(run)
    assert window.form.output() == out
    assert window.form.source().actor == str(tmp_path / "anna")
    assert window.run_folder(out) == run


def test_a_failure_that_is_only_watched_says_why_and_what_to_do(
    qtbot: Any, window: TrainWindow, tmp_path: Path
) -> None:
    said = {"event": "end", "state": "failed", "what": "It broke.", "cause": "Age.", "remedy": "Mend it."}
    window.follow(fake_run(tmp_path / "a.run", tmp_path / "a.aim", said, lives=False))
    qtbot.waitUntil(state(window, "failed"), timeout=5000)
    assert "Failed: It broke.\nLikely cause: Age.\nWhat to do: Mend it." in window.live.log.toPlainText()
    assert window.buttons["resume"].isEnabled()


def test_an_output_that_is_being_trained_is_not_trained_again(
    qtbot: Any, window: TrainWindow, tmp_path: Path
) -> None:
    run = fake_run(tmp_path / "sample.run", tmp_path / "sample.aim")
    press(qtbot, window, "train")
    assert window.started is None
    assert window.snapshot.active
    assert "being trained already" in window.live.log.toPlainText()
    press(qtbot, window, "cancel")
    assert (run / "cancel").exists()


def answer(qtbot: Any, window: TrainWindow, name: str) -> None:
    """Press a button of the question that a Train brought up."""
    assert window.question is not None
    qtbot.waitUntil(window.question.isVisible, timeout=5000)
    qtbot.mouseClick(getattr(window.question, name), Qt.MouseButton.LeftButton)


def unit_actor(folder: Path, actor: Actor, mm: float) -> Path:
    """The actor's files in another unit, which they do not name."""
    scaled = {name: mesh_in(actor, name, mm) for name in ("neutral", "skull", "jaw", "lower_teeth")}
    shapes = {name: points / mm for name, points in actor.shapes.items()}
    teeth = {name: points / mm for name, points in actor.lower_teeth_shapes.items()}
    write_actor(replace(actor, **scaled, shapes=shapes, lower_teeth_shapes=teeth), folder)
    (folder / "actor.json").write_text(json.dumps({"name": folder.name}))
    return folder


def mesh_in(actor: Actor, name: str, mm: float) -> Any:
    mesh = getattr(actor, name)
    return None if mesh is None else mesh.with_points(mesh.points / mm)


def test_another_actor_after_cancel_leaves_the_first_one_s_training(
    qtbot: Any, small: Actor, small_folder: Path, tmp_path: Path
) -> None:
    """As it was lost: Cancel, another actor, Train. The output was kept, and with it the RUN folder."""
    anna, bert = tmp_path / "anna", unit_actor(tmp_path / "bert", small, 10.0)
    shutil.copytree(small_folder, anna)
    window = new_window(qtbot, anna, tmp_path / "anna.aim", steps="40000")
    press(qtbot, window, "train")
    qtbot.waitUntil(lambda: window.snapshot.step > 60, timeout=MINUTES)
    press(qtbot, window, "cancel")
    qtbot.waitUntil(state(window, "cancelled"), timeout=6000)
    kept = (tmp_path / "anna.run" / "checkpoint.pt").read_bytes()
    window.form.actor.setText(str(bert))
    assert window.form.output() == tmp_path / "bert.aim"
    window.form.out.setText(str(tmp_path / "anna.aim"))  # on purpose: asked, and not done
    press(qtbot, window, "train")
    assert window.question is not None
    assert "anna.run holds a training of 'sample' that Resume would go on with" in window.question.text()
    answer(qtbot, window, "stay")
    assert window.snapshot.state == "cancelled"
    press(qtbot, window, "train")
    window.form.fields["steps"].setText("60")  # type: ignore[union-attr]
    window.form.unit.setCurrentText("10  (centimetres)")
    answer(qtbot, window, "beside")
    qtbot.waitUntil(state(window, "done", "failed"), timeout=MINUTES)
    assert window.snapshot.state == "done", window.snapshot.what
    assert (tmp_path / "anna.run" / "checkpoint.pt").read_bytes() == kept
    assert window.form.output() == tmp_path / "anna_2.aim"
    assert FaceModel.load(tmp_path / "anna_2.aim", "cpu").mm_per_unit == 10.0


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of trainings that the window begins, none of which is run."""
    commands: list[list[str]] = []

    def start(_python: Path, command: list[str], folder: Path, **_: Any) -> Any:
        commands.append(command)
        raise AimError("Not in this test.")

    monkeypatch.setattr("aim_maya.ui.training.window.start", start)
    return commands


@pytest.mark.parametrize("what", ["model", "checkpoint", "finished"])
def test_nothing_is_replaced_without_a_question(
    qtbot: Any, window: TrainWindow, tmp_path: Path, begun: list[list[str]], what: str
) -> None:
    out = tmp_path / "sample.aim"
    if what == "model":
        out.write_bytes(b"model")
    elif what == "checkpoint":
        fake_run(tmp_path / "sample.run", out, {"event": "end", "state": "cancelled"}, lives=False)
    else:
        fake_run(tmp_path / "sample.run", out, {"event": "end", "state": "done"}, lives=False)
    press(qtbot, window, "train")
    said = {
        "model": "is a finished model",
        "checkpoint": "that Resume would go on with",
        "finished": "holds the finished training",
    }
    assert said[what] in window.question.text()  # type: ignore[union-attr]
    answer(qtbot, window, "stay")
    assert begun == []
    press(qtbot, window, "train")
    answer(qtbot, window, "replace")
    assert begun[0][begun[0].index("-o") + 1] == str(out)
    press(qtbot, window, "train")
    answer(qtbot, window, "beside")
    assert begun[1][begun[1].index("-o") + 1] == str(tmp_path / "sample_2.aim")
    assert begun[1][begun[1].index("--run") + 1] == str(tmp_path / "sample_2.run")


def test_resume_does_not_ask(qtbot: Any, window: TrainWindow, tmp_path: Path, begun: list[list[str]]) -> None:
    fake_run(
        tmp_path / "sample.run", tmp_path / "sample.aim", {"event": "end", "state": "cancelled"}, lives=False
    )
    window.form.out.editingFinished.emit()
    press(qtbot, window, "resume")
    assert "--resume" in begun[0]
    assert window.question is None


@pytest.mark.parametrize(
    ("out", "then"),
    [
        ("", "{0}/bert.aim"),
        ("{0}/anna.aim", "{0}/bert.aim"),
        ("{0}/models/anna.aim", "{0}/models/bert.aim"),
        ("{0}/final.aim", "{0}/final.aim"),
    ],
)
def test_the_output_follows_the_actor(qtbot: Any, tmp_path: Path, out: str, then: str) -> None:
    for name in ("anna", "bert"):
        (tmp_path / name).mkdir()
    form = TrainForm(FilesHost())
    qtbot.addWidget(form)
    form.actor.setText(str(tmp_path / "anna"))
    assert form.output() == tmp_path / "anna.aim"
    form.out.setText(out.format(tmp_path))
    again = TrainForm(FilesHost())  # as it is remembered
    qtbot.addWidget(again)
    again.from_settings(form.to_settings())
    for one in (form, again):
        one.actor.setText(str(tmp_path / "ber"))  # on the way there
        one.actor.setText(str(tmp_path / "bert"))
        assert one.output() == Path(then.format(tmp_path))


def test_the_output_follows_the_mesh_of_a_scene(qtbot: Any, tmp_path: Path) -> None:
    form = TrainForm(Scene())
    qtbot.addWidget(form)
    form.mesh.setText("|rig|anna:head")
    form.out.setText(str(tmp_path / "head.aim"))
    form.mesh.setText("|rig|bert:face")
    assert form.output() == tmp_path / "face.aim"


@pytest.mark.parametrize(
    ("text", "mm"), [("", None), ("10  (centimetres)", 10.0), ("25,4", 25.4), ("1e3 mm", 1000.0)]
)
def test_the_unit(
    qtbot: Any, window: TrainWindow, begun: list[list[str]], text: str, mm: float | None
) -> None:
    window.form.unit.setCurrentText(text)
    press(qtbot, window, "train")
    given = dict(zip(begun[0], begun[0][1:], strict=False)).get("--mm-per-unit")
    assert (float(given) if given else None) == mm


@pytest.mark.parametrize("text", ["0", "-10", "cm", "inf", "1e999", "1.2.3", "10 20"])
def test_a_unit_that_is_none(qtbot: Any, window: TrainWindow, begun: list[list[str]], text: str) -> None:
    window.form.unit.setCurrentText(text)
    press(qtbot, window, "train")
    assert f"The unit is '{text}'" in window.message.text()  # type: ignore[union-attr]
    assert begun == []


@pytest.mark.parametrize("width", [0, 900, 1800])
def test_paths_are_shown_in_full(qtbot: Any, window: TrainWindow, tmp_path: Path, width: int) -> None:
    path = tmp_path / "/".join(["a_long_folder_of_a_project_2026"] * 6) / "characters anna v012.aim"
    window.form.actor.setText(str(path.parent))
    window.form.out.setText(str(path))
    window.resize(width, 600)
    for line in (window.form.actor, window.form.out):
        qtbot.waitUntil(lambda line=line: shown_in_full(line), timeout=2000)
    qtbot.keyClicks(window.form.out, "x")
    qtbot.keyClick(window.form.out, Qt.Key.Key_Return)
    assert "\n" not in window.form.out.text()


def shown_in_full(line: PathLine) -> bool:
    """Every line of its text lies inside the field, and the field inside what holds it."""
    lines = line.document().size().height()
    letters = max(line.blockBoundingGeometry(line.document().firstBlock()).width(), 0.0)
    fits = (
        lines * line.fontMetrics().lineSpacing() <= line.viewport().height()
        and letters <= line.viewport().width() + 1
    )
    return bool(fits and line.geometry().right() <= line.parentWidget().width())


class Scene(FilesHost):
    """An application whose scene takes long to read; `during` is called meanwhile."""

    in_application = True
    during: Callable[[], Any]

    def selected(self) -> Source:
        return Source(mesh="head", blend_shapes=("body", "face"), skull="skull")

    def blend_shapes(self, mesh: str) -> list[str]:
        if mesh != "other":
            raise AimError(f"There is no mesh '{mesh}'.")
        return ["smile"]

    def actor_for(self, source: Source, out: Path, progress: Callable[[float, str], bool]) -> Path:
        self.during()
        if not progress(0.5, "smile"):
            raise Cancelled
        return Path(source.mesh)


def test_reading_the_scene_can_be_stopped_and_not_begun_twice(qtbot: Any, tmp_path: Path) -> None:
    host = Scene()
    window = TrainWindow(host)
    qtbot.addWidget(window)
    window.form.out.setText(str(tmp_path / "a.aim"))
    window.show()

    def during() -> None:
        assert not window.buttons["train"].isEnabled()
        press(qtbot, window, "cancel")

    host.during = during
    press(qtbot, window, "train")
    assert window.started is None
    assert window.buttons["train"].isEnabled()
    assert "Stopped." in window.live.log.toPlainText()
    assert window.message is None


def test_the_blend_shapes_are_those_of_the_mesh_in_the_field(qtbot: Any) -> None:
    form = TrainForm(Scene())
    qtbot.addWidget(form)
    form.take_selected()
    form.blend_shape.setCurrentText("face")
    assert form.source() == Source(mesh="head", blend_shape="face", skull="skull")
    for mesh, shape, said in (("other", "smile", ""), ("othre", "", "There is no mesh 'othre'.")):
        form.mesh.setText(mesh)
        form.mesh.editingFinished.emit()
        assert (form.source().blend_shape, form.found.text()) == (shape, said)


def test_the_output_beside_an_actor(tmp_path: Path) -> None:
    (tmp_path / "anna.usd").touch()
    assert output_of(tmp_path / "anna.v1") == tmp_path / "anna.v1.aim"
    assert output_of(tmp_path / "anna.usd") == tmp_path / "anna.aim"


@pytest.mark.parametrize(
    ("actor", "said"),
    [("nowhere", "There is no actor at"), (".", "has no neutral.obj"), ("", "There is no actor to train on")],
)
def test_a_bad_actor(qtbot: Any, window: TrainWindow, tmp_path: Path, actor: str, said: str) -> None:
    window.form.actor.setText(str(tmp_path / actor) if actor else "")
    press(qtbot, window, "train")
    qtbot.waitUntil(lambda: window.message is not None, timeout=MINUTES)
    assert said in window.message.text()  # type: ignore[union-attr]
    assert not window.snapshot.active
    assert window.buttons["train"].isEnabled()


def test_a_wrong_option_and_no_output(qtbot: Any, window: TrainWindow) -> None:
    window.form.fields["rate"].setText("fast")  # type: ignore[union-attr]
    press(qtbot, window, "train")
    assert "'fast' is not a number" in window.message.text()  # type: ignore[union-attr]
    window.form.out.clear()
    press(qtbot, window, "train")
    assert "no output" in window.message.text()  # type: ignore[union-attr]


def test_no_python_to_train_with(
    qtbot: Any, window: TrainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aim_maya.ui.training.window.find", lambda _setting: None)
    press(qtbot, window, "train")
    dialog = window.dialog
    assert isinstance(dialog, PythonDialog)
    dialog.wheels.setText(str(tmp_path))
    qtbot.mouseClick(dialog.make, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "holds no wheels" in dialog.log.toPlainText(), timeout=5000)
    qtbot.waitUntil(dialog.make.isEnabled, timeout=5000)
    dialog.examine(ROOT / "README.md")
    qtbot.waitUntil(lambda: "does not work as a Python" in dialog.log.toPlainText(), timeout=10000)
    qtbot.waitUntil(dialog.make.isEnabled, timeout=5000)
    dialog.examine(Path(sys.executable))
    qtbot.waitUntil(lambda: window._kept.get("python") == sys.executable, timeout=10000)
    assert app.load("training")["python"] == sys.executable


def test_making_shows_progress_and_can_be_stopped(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(folder: Path, report: Any, cancelled: Any, **_: Any) -> Path:
        report("Collecting torch")
        while not cancelled():
            pass
        raise AimError("stopped")

    monkeypatch.setattr(python, "make", slow)
    dialog = PythonDialog(folder=tmp_path / "e")
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.mouseClick(dialog.make, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Collecting torch" in dialog.log.toPlainText(), timeout=5000)
    assert dialog.bar.maximum() == 0
    assert not dialog.make.isEnabled()
    qtbot.mouseClick(dialog.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.make.isEnabled, timeout=5000)


def test_the_form_has_every_option_with_its_help(window: TrainWindow) -> None:
    for option in options.options():
        assert window.form.fields[option.name].toolTip() == option.help
    assert window.form.values().keys() == {o.name for o in options.options()}


def test_everything_is_reached_by_the_keyboard(window: TrainWindow) -> None:
    for button in window.buttons.values():
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert "&" in button.text()
    keys = [
        b.text()[b.text().index("&") + 1].lower()
        for b in [*window.buttons.values(), window.form.stops, window.form.advanced]
        if "&" in b.text()
    ]
    keys += [
        label.text()[label.text().index("&") + 1].lower()
        for label in window.findChildren(QLabel)
        if label.buddy() and "&" in label.text()
    ]
    assert len(keys) == len(set(keys)), sorted(keys)
    for widget in [
        *window.findChildren(QLineEdit),
        *window.findChildren(PathLine),
        *window.findChildren(QAbstractButton),
    ]:
        assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus, widget


def test_it_remembers(qtbot: Any, window: TrainWindow, tmp_path: Path) -> None:
    window.form.advanced.setChecked(True)
    window.form.stops.setChecked(True)
    window.close()
    again = TrainWindow(FilesHost())
    qtbot.addWidget(again)
    assert again.form.output() == tmp_path / "sample.aim"
    assert again.form.stops.isChecked()
    assert again.form.advanced.isChecked()
    assert again.form.values()["steps"] == "60"
    app.settings().setValue("training", "{damaged")
    assert TrainWindow(FilesHost()).form.values()["steps"] == "0"


def test_the_command_makes_a_picture_without_torch(small_folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    code = (
        "import sys\nclass Block:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'igl', 'matplotlib'):\n            raise "
        "ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Block())\nfrom trainer.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "ui", str(small_folder), "--screenshot", str(picture)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
