"""Choosing or making the trainer's Python, with what happens shown line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.errors import AimError
from aim_maya.ui.app import breakable, error_text

from . import python as training_python
from .fields import PathLine
from .worker import Worker

_WHY = (
    "Training runs in a Python of its own, with PyTorch, outside this application. Make one here "
    "(about 1 GB; several with CUDA), "
    "or choose a Python that has the trainer's packages."
)


class PythonDialog(QDialog):
    """`chosen` (path) once there is a Python that can train."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None, folder: Path | None = None) -> None:
        """folder: where a new environment goes; by default beside the module, or the user's folder when that
        is read-only."""
        super().__init__(parent)
        self.setWindowTitle("The trainer's Python")
        self._folder, self._worker = folder or training_python.new_place(), None
        self.wheels, self.log, self.bar = PathLine(), QPlainTextEdit(), QProgressBar()
        self.make, self.choose, self.stop = (
            QPushButton("&Make it"),
            QPushButton("&Choose a Python ..."),
            QPushButton("&Stop"),
        )
        self.wheels.setPlaceholderText("empty: from the package index")
        self.wheels.setToolTip(
            "A folder of wheels, for a machine without network: docs/reference/install.md says how to fill it"
        )
        self.log.setReadOnly(True)
        self.log.setTabChangesFocus(True)
        self._lay_out()
        self.make.clicked.connect(self.make_environment)
        self.choose.clicked.connect(self._choose)
        self.stop.clicked.connect(self._stop)
        self._busy(False)

    _worker: Worker | None

    def _lay_out(self) -> None:
        text, where, label = (
            QLabel(_WHY),
            QLabel(f"It is made in {breakable(self._folder)}"),
            QLabel("&Wheels"),
        )
        for line in (text, where):
            line.setWordWrap(True)
        label.setBuddy(self.wheels)
        browse = QPushButton("&Browse ...")
        browse.clicked.connect(self._browse)
        row, buttons = QHBoxLayout(), QHBoxLayout()
        row.addWidget(label)
        row.addStretch(1)
        row.addWidget(browse)
        for button in (self.make, self.choose, self.stop):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(text)
        column.addWidget(where)
        column.addLayout(row)
        column.addWidget(self.wheels)
        column.addWidget(self.bar)
        column.addWidget(self.log, 1)
        column.addLayout(buttons)
        letter = self.fontMetrics()
        self.resize(80 * letter.averageCharWidth(), 24 * letter.height())

    def make_environment(self) -> None:
        """Make the environment in a thread."""
        wheels = Path(self.wheels.text().strip()).expanduser() if self.wheels.text().strip() else None
        self._start(
            lambda report, cancelled: training_python.make(self._folder, report, cancelled, wheels=wheels)
        )

    def examine(self, python: Path) -> None:
        """Take this Python if it has what training needs."""

        def work(report: Any, _cancelled: Any) -> Path:
            report(f"Examining {python} ...")
            missing = training_python.lacking(python)
            if missing:
                raise AimError(
                    f"{python} lacks {', '.join(missing)}.",
                    "It is another Python than the trainer's.",
                    "Choose another, or make the environment.",
                )
            return python

        self._start(work)

    def _start(self, work: Any) -> None:
        self._busy(True)
        self._worker = Worker(work, self)
        self._worker.line.connect(self.log.appendPlainText)
        self._worker.done.connect(self._done)
        self._worker.failed.connect(lambda error: self.log.appendPlainText(f"\n{error_text(error)}"))
        self._worker.finished.connect(lambda: self._busy(False))
        self._worker.begin()

    def _done(self, python: Path) -> None:
        self.chosen.emit(str(python))
        self.accept()

    def _busy(self, busy: bool) -> None:
        self.bar.setRange(0, 0 if busy else 1)
        self.make.setEnabled(not busy)
        self.choose.setEnabled(not busy)
        self.stop.setEnabled(busy)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()

    def _choose(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, "A Python with the trainer's packages")
        if found:
            self.examine(Path(found))

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder of wheels", self.wheels.text())
        if found:
            self.wheels.setText(found)

    def closeEvent(self, event: QCloseEvent) -> None:
        """What is being made is put back."""
        self._stop()
        super().closeEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Escape closes only when nothing is at work."""
        if event.key() != Qt.Key.Key_Escape or self.make.isEnabled():
            super().keyPressEvent(event)
