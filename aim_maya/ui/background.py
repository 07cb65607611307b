"""A thread that may outlive the widget it works for."""

from __future__ import annotations

import atexit
import threading

from PySide6.QtCore import QObject, QThread

_STARTED: set[Background] = set()


class Background(QThread):
    """Is asked to stop when its owner goes, however it goes, and kept until it has ended: Qt ends the whole process over a thread that is deleted while
    it runs, and Maya deletes a docked window without closing it."""

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
