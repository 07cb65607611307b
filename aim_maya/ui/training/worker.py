"""Work off the window's thread: one piece of work, one followed RUN folder; and what becomes of a training
when its window goes.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtGui import QImage

from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.run_folder import RunReader, Snapshot, ask_to_stop

from .process import Started, explain

# A thread that may outlive the widget it works for.

_STARTED: set[Background] = set()


class Background(QThread):
    """Is asked to stop when its owner goes, however it goes, and kept until it has ended: Qt ends the whole
    process over a thread that is deleted while it runs, and Maya deletes a docked window without closing it.
    """

    def __init__(self, owner: QObject | None = None) -> None:
        super().__init__()  # without a parent, which would delete it
        self._stop = threading.Event()
        if owner is not None:
            owner.destroyed.connect(self._stop.set)

    def begin(self) -> None:
        """Start."""
        _STARTED.difference_update([thread for thread in _STARTED if thread.isFinished()])
        _STARTED.add(self)
        self.start()

    def stop(self) -> None:
        """Ask it to stop, and wait for it."""
        self._stop.set()
        self.wait()


@atexit.register
def _end_all() -> None:
    for thread in _STARTED:
        thread.stop()


# One piece of work off the window's thread, with its lines and its result or error as signals.


class Worker(Background):
    """Runs work(report, cancelled); then `done` (its result) or `failed` (AimError); neither when it was
    cancelled."""

    line = Signal(str)
    done = Signal(object)
    failed = Signal(object)

    def __init__(
        self, work: Callable[[Callable[[str], None], Callable[[], bool]], Any], owner: QObject | None = None
    ) -> None:
        super().__init__(owner)
        self._work = work

    def run(self) -> None:
        """The thread itself."""
        try:
            result = self._work(self.line.emit, self._stop.is_set)
        except AimError as error:
            self.failed.emit(error)
        except Cancelled:
            return
        # a thread that ends without a word would leave the window waiting
        except Exception as error:  # noqa: BLE001
            self.failed.emit(
                AimError(
                    f"{type(error).__name__}: {error}",
                    "A fault of this program.",
                    "Report it with these words.",
                )
            )
        else:
            self.done.emit(result)


# A thread that follows one RUN folder, so that a slow disk never holds up the window.

LOOK_S = 0.2


class Follower(Background):
    """Emits `changed` (Snapshot) and `pictured` (QImage) until stopped, which lets the training go on, or
    until it has ended, then `ended` (Snapshot)."""

    changed = Signal(object)
    pictured = Signal(QImage)
    ended = Signal(object)

    def __init__(
        self,
        folder: Path,
        started: Started | None = None,
        *,
        resume: bool = False,
        owner: QObject | None = None,
    ) -> None:
        """started: the training, when it was started here just now, resumed or not: how it ends is then known
        whatever it says."""
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
            picture = QImage(str(self._reader.run.preview))
            if not picture.isNull():
                self._picture = number
                self.pictured.emit(picture)

    def _finish(self) -> None:
        s = self._reader.snapshot
        if s.state == "vanished":
            error = explain(self._reader.run.path, self._process.returncode if self._process else None)
            s.state, s.what, s.cause, s.remedy = "failed", error.what, error.cause, error.remedy
            s.say_failure()
        self.ended.emit(self._copy())

    def _copy(self) -> Snapshot:
        """The thread goes on writing its own."""
        s = self._reader.snapshot
        return replace(
            s, loss=list(s.loss), error_mm=list(s.error_mm), worst=list(s.worst), lines=list(s.lines)
        )


# What happens to a training when the window that started it goes.


class StopWithWindow:
    """Stops the training of a window that goes, closed or deleted; holds nothing of the window, which is gone
    by then."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def stop(self) -> None:
        """Ask it to stop, if that was wanted."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                ask_to_stop(self.folder)
