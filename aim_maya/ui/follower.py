"""A thread that follows one RUN folder, so that a slow disk never holds up the window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from .background import Background
from .endings import explain
from .process import Started
from .run_state import RunReader, Snapshot

LOOK_S = 0.2


class Follower(Background):
    """Emits `changed` (Snapshot) and `pictured` (QImage) until stopped, which lets the training go on, or until it has ended, then `ended` (Snapshot)."""

    changed = Signal(object)
    pictured = Signal(QImage)
    ended = Signal(object)

    def __init__(self, folder: Path, started: Started | None = None, *, resume: bool = False, owner: QObject | None = None) -> None:
        """started: the training, when it was started here just now, resumed or not: how it ends is then known whatever it says."""
        super().__init__(owner)
        self._process = started.process if started else None
        self._reader = RunReader(folder, self._runs if started else None)
        if started:
            self._reader.expect(resume=resume)
        self._picture = 0

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def run(self) -> None:
        """The thread itself."""
        while not self._stop.is_set():
            if self._reader.look():
                self._show()
            if not self._reader.snapshot.active:
                self._finish()
                return
            self._stop.wait(LOOK_S)

    def _show(self) -> None:
        self.changed.emit(self._copy())
        number = self._reader.snapshot.preview
        if number != self._picture:
            picture = QImage(str(self._reader.folder / "preview.png"))
            if not picture.isNull():
                self._picture = number
                self.pictured.emit(picture)

    def _finish(self) -> None:
        s = self._reader.snapshot
        if s.state == "vanished":
            error = explain(self._reader.folder, self._process.returncode if self._process else None)
            s.state, s.what, s.cause, s.remedy = "failed", error.what, error.cause, error.remedy
            s.say_failure()
        self.ended.emit(self._copy())

    def _copy(self) -> Snapshot:
        """The thread goes on writing its own."""
        s = self._reader.snapshot
        return replace(s, loss=list(s.loss), error_mm=list(s.error_mm), worst=list(s.worst), lines=list(s.lines))
