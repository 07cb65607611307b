"""The training window: a form on the left, the training live on the right.

The same inside Maya and outside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QHideEvent, QImage
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.run_folder import RunFolder, RunReader, Snapshot, ask_to_stop, can_resume
from aim_maya.ui import app
from aim_maya.ui.app import application, dress, show, show_error
from aim_maya.ui.host import Host

from .form import TrainForm
from .live import LivePanel
from .options import arguments
from .process import Started, free_output, in_the_way, start, write_report
from .python import find
from .python_dialog import PythonDialog
from .worker import Follower, StopWithWindow, Worker


def train_window(actor: Path | None, picture: Path | None, after_s: float, *, dark: bool = True) -> int:
    """The training window outside Maya, on an actor folder or a RUN folder."""
    from aim_maya.ui.host import FilesHost

    from .form import output_of

    app = application(dark=dark)
    window = TrainWindow(FilesHost())
    if actor is not None and RunFolder(actor).progress.is_file():
        window.follow(actor)
    elif actor is not None:
        window.form.actor.setText(str(actor))
        window.form.out.setText(str(output_of(actor.absolute())))
        window.pick_up()
    return show(window, app, picture=picture, after_s=after_s)


_NAME = "training"
_BUTTONS = (
    ("train", "&Train", "Begin a training of this actor, from the start"),
    ("cancel", "&Cancel", "Stop it at its next step, with a checkpoint to go on from"),
    ("resume", "&Resume", "Go on from the checkpoint of this output, with the options it was begun with"),
    ("report", "Open re&port", "Write the report of the model and show it in the browser"),
    ("attach", "Attac&h", "Put the trained model in the blendShape's place"),
    ("follow", "&Follow ...", "Show a training that runs already, by its RUN folder"),
    ("python", "P&ython ...", "Choose or make the Python that trains"),
)


class TrainWindow(QWidget):
    """Every slot does one thing: it starts or stops a process, or calls one method of the host."""

    def __init__(self, host: Host, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("AIM: train")
        self.host, self.form, self.live = host, TrainForm(host), LivePanel()
        self.follower: Follower | None = None
        self.worker: Worker | None = None
        self.started: Started | None = None
        self.snapshot = Snapshot()
        self.message: QMessageBox | None = None
        self.question: ReplaceQuestion | None = None
        self.dialog: PythonDialog | None = None
        self.folder: Path | None = None
        self.stop_with_window = StopWithWindow()
        self._reading = False
        self._folders: dict[Path, Path] = {}
        self._kept = app.load(_NAME)
        self.buttons = {name: QPushButton(text) for name, text, _ in _BUTTONS}
        self._lay_out()
        self._connect()
        dress(self)
        self.buttons["train"].setObjectName("main")
        self.form.from_settings(self._kept)
        self.pick_up()

    def _lay_out(self) -> None:
        split = QSplitter()
        split.addWidget(self.form)
        split.addWidget(self.live)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 2)
        split.setChildrenCollapsible(False)
        row = QHBoxLayout()
        for name, _, tip in _BUTTONS:
            self.buttons[name].setToolTip(tip)
            row.addWidget(self.buttons[name])
            if name == "attach":
                row.addStretch(1)
        self.buttons["attach"].setVisible(self.host.in_application)
        column = QVBoxLayout(self)
        column.addWidget(split, 1)
        column.addLayout(row)
        letter = self.fontMetrics()
        split.setSizes([60 * letter.averageCharWidth(), 105 * letter.averageCharWidth()])
        self.resize(165 * letter.averageCharWidth(), 42 * letter.height())

    def _connect(self) -> None:
        slots: dict[str, Callable[[], Any]] = {
            "train": self.train,
            "cancel": self.cancel,
            "resume": partial(self.train, resume=True),
            "report": self.open_report,
            "attach": self.attach,
            "follow": self._choose_run,
            "python": self.choose_python,
        }
        for name, slot in slots.items():
            self.buttons[name].clicked.connect(partial(self._guarded, slot))
        self.form.out.edited.connect(lambda _text: self._enable())
        for line in (self.form.out, self.form.actor, self.form.mesh):  # the output follows the actor
            line.editingFinished.connect(self.pick_up)
        self.form.failed.connect(self.show_error)
        self.form.stops.toggled.connect(self._bequeath)
        self.destroyed.connect(self.stop_with_window.stop)

    def _guarded(self, slot: Callable[[], Any], _checked: bool = False) -> None:
        try:
            slot()
        except AimError as error:
            self.show_error(error)
        except Cancelled:
            self.live.say("Stopped.")

    def show_error(self, error: AimError) -> None:
        """What, why, what to do, and where the log is."""
        own = RunFolder(self.folder).log if self.folder else None
        log = own if own and own.is_file() else self.host.log_file()
        self.message = show_error(self, error, log)

    # --- training

    def train(self, *, resume: bool = False, replace: bool = False) -> None:
        """Start the trainer, or ask for its Python first; from the start only once the user said so where
        something would be replaced.

        Raises AimError for what is missing in the form.
        """
        out = self.form.output()
        if out is None:
            raise AimError("There is no output.", "The field is empty.", "Name the .aim file to write.")
        if out.suffix != ".aim":
            raise AimError(
                f"The output is '{out}'.", "It has another ending.", "Name a file that ends in .aim."
            )
        self.pick_up()
        if self.snapshot.active:
            self.live.say("This output is being trained already: this is that training.")
            return
        extra, unit = arguments(self.form.values()), self.form.source().mm_per_unit
        if unit is not None and not self.host.in_application:  # an application's own reading has it already
            extra += ["--mm-per-unit", f"{unit:.12g}"]
        python = find(str(self._kept.get("python", "")))
        if python is None:
            self.choose_python()
            return
        folder = self.run_folder(out)
        there = [] if resume or replace else in_the_way(out, folder)
        if there:
            self._ask(there, out)
            return
        actor = self._actor_for(out)
        command = [
            "train",
            str(actor),
            "-o",
            str(out),
            "--run",
            str(folder),
            "--progress",
            "lines",
            *(["--resume"] if resume else []),
            *extra,
        ]
        self.keep()
        self.live.clear()
        self.started = start(python, command, folder, with_parent=self.form.stops.isChecked())
        self._follow(folder, self.started, resume=resume)

    def _ask(self, there: list[str], out: Path) -> None:
        """Whether to replace what is there; the training begins with the answer."""
        other = free_output(out)
        asked = self.question = ReplaceQuestion(there, other, self)

        def answered(button: object) -> None:
            if button is asked.beside:
                self.form.out.setText(str(other))
            if button in (asked.replace, asked.beside) and self.form.output() in (out, other):
                self._guarded(partial(self.train, replace=button is asked.replace))

        asked.buttonClicked.connect(answered)
        asked.open()

    def _capturing(self, share: float, text: str) -> bool:
        """Reading the scene blocks it; the bar moves between targets."""
        self.live.bar.setRange(0, 100)
        self.live.bar.setValue(round(100 * share))
        self.live.bar.setFormat(f"Reading {text}")
        QApplication.processEvents()
        return self._reading

    def _actor_for(self, out: Path) -> Path:
        """Events are handled meanwhile: of the buttons only Cancel does something."""
        self._reading = True
        self._enable()
        try:
            return self.host.actor_for(self.form.source(), out, self._capturing)
        finally:
            self._reading = False
            self.live.show_state(self.snapshot)
            self._enable()

    def cancel(self) -> None:
        """Ask the training to stop, or stop reading the scene."""
        if self._reading:
            self._reading = False
        elif self.folder is not None:
            ask_to_stop(self.folder)
            self.live.heading.setText("<b>Stopping ...</b>")
            self.live.next.setText("It saves where it is. Resume goes on from there.")
            self.buttons["cancel"].setEnabled(False)

    def pick_up(self) -> None:
        """Follow the training of this output when one runs."""
        out = self.form.output()
        if out is not None and not self.snapshot.active:
            self.follow(self.run_folder(out), only_active=True)
        self._enable()

    def follow(self, folder: Path, *, only_active: bool = False) -> None:
        """Show the training of a RUN folder, whoever started it.

        Raises AimError for a folder that is none.
        """
        reader = RunReader(folder)
        reader.look()
        if only_active and not reader.snapshot.active:
            return
        if reader.snapshot.state == "none":
            raise AimError(
                f"{folder} is not a RUN folder.",
                "It has no progress.jsonl.",
                "Choose the folder that ends in .run beside the output.",
            )
        if reader.snapshot.out:  # the buttons are about this training now
            self._folders[Path(reader.snapshot.out)] = folder
        if reader.snapshot.source:
            self.form.actor.setText(reader.snapshot.source)  # before the output, which follows it
        if reader.snapshot.out:
            self.form.out.setText(reader.snapshot.out)
        self.live.clear()
        self._follow(folder, None)

    def _follow(self, folder: Path, started: Started | None, *, resume: bool = False) -> None:
        self._let_go()
        self.folder = folder
        self.follower = Follower(folder, started, resume=resume, owner=self)
        self.follower.changed.connect(self._show)
        self.follower.pictured.connect(self._picture)
        self.follower.ended.connect(self._ended)
        self.snapshot = Snapshot("running", stage="starting")
        self.live.show_state(self.snapshot)
        self._enable()
        self._bequeath()
        self.follower.begin()

    @Slot(object)
    def _show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.live.show_state(snapshot)
        if snapshot.state == "cancelling":
            self.buttons["cancel"].setEnabled(False)

    @Slot(QImage)
    def _picture(self, image: QImage) -> None:
        self.live.face.show_image(image)

    @Slot(object)
    def _ended(self, snapshot: Snapshot) -> None:
        self._show(snapshot)
        self._bequeath()
        self._enable()
        if snapshot.state == "failed" and self.started is not None:
            self.show_error(AimError(snapshot.what, snapshot.cause, snapshot.remedy))
        self.started = None

    # --- the rest of the buttons

    def open_report(self) -> None:
        """Have the trainer write the report, then show it."""
        out, python = self.form.output(), find(str(self._kept.get("python", "")))
        if out is None or python is None:
            raise AimError(
                "There is no model to report on, or no Python to write it with.",
                remedy="Name the output, and choose the trainer's Python.",
            )
        source = self.form.source()
        # with another unit than its files say it would be another size
        actor = source.actor if source.mm_per_unit is None else ""
        self.live.say("Writing the report ...")
        self.buttons["report"].setEnabled(False)
        self.worker = Worker(partial(write_report, python, out, actor), self)
        self.worker.done.connect(lambda page: QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))))
        self.worker.done.connect(lambda page: self.live.say(f"Report: {page}"))
        self.worker.failed.connect(self.show_error)
        self.worker.finished.connect(self._enable)
        self.worker.begin()

    def attach(self) -> None:
        """Put the model on the mesh."""
        out = self.form.output()
        if out is not None:
            self.live.say(self.host.attach(out, self.form.source()))

    def choose_python(self) -> None:
        """Ask for the trainer's Python."""
        self.dialog = PythonDialog(self)
        self.dialog.chosen.connect(self._remember_python)
        self.dialog.open()

    def _remember_python(self, path: str) -> None:
        self._kept["python"] = path
        self.keep()
        self.live.say(f"The trainer's Python: {path}. Training can begin.")

    def _choose_run(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "RUN folder")
        if chosen:
            self.follow(Path(chosen))

    def _enable(self) -> None:
        out, active = self.form.output(), self.snapshot.active or self._reading
        made = out is not None and out.is_file()
        able = {
            "train": not active,
            "cancel": active,
            "resume": not active and out is not None and can_resume(self.run_folder(out)),
            "report": made and not active,
            "attach": made and not active,
            "follow": not active,
        }
        for name, on in able.items():
            self.buttons[name].setEnabled(on)

    def run_folder(self, out: Path) -> Path:
        """The RUN folder of an output: where it was followed, else beside it."""
        return self._folders.get(out, out.with_suffix(".run"))

    def keep(self) -> None:
        """Remember the form."""
        self._kept |= self.form.to_settings()
        app.keep(_NAME, self._kept)

    def _let_go(self) -> None:
        if self.follower is not None:
            self.follower.stop()
            self.follower = None

    def _bequeath(self, _checked: bool = False) -> None:
        """What happens to the training when this window goes."""
        stops = self.form.stops.isChecked()
        self.stop_with_window.folder = self.folder if stops and self.snapshot.active else None
        if self.started is not None and not stops:
            self.started.let_go()

    def hideEvent(self, event: QHideEvent) -> None:
        """Keep the form: a docked window is deleted without being closed."""
        self.keep()
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """The training goes on, or stops, as the user chose."""
        self.stop_with_window.stop()
        self._let_go()
        for worker in (self.worker, self.dialog._worker if self.dialog else None):
            if worker is not None:
                worker.stop()
        super().closeEvent(event)


class ReplaceQuestion(QMessageBox):
    """`replace` is what was clicked when the training may take the place of what is there, `beside` when both
    are to be kept."""

    def __init__(self, found: list[str], other: Path, parent: QWidget | None = None) -> None:
        text = "\n\n".join([*found, "Training from the start replaces it. What is there now is then lost."])
        super().__init__(
            QMessageBox.Icon.Question, "AIM for Maya", text, QMessageBox.StandardButton.NoButton, parent
        )
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.replace = self.addButton("&Replace it", QMessageBox.ButtonRole.DestructiveRole)
        self.beside = self.addButton(f"&Keep it, train {other.name}", QMessageBox.ButtonRole.AcceptRole)
        self.stay = self.addButton(QMessageBox.StandardButton.Cancel)
        self.setDefaultButton(self.stay)
        self.setEscapeButton(self.stay)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
