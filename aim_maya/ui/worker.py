"""One piece of work off the window's thread, with its lines and its result or error as signals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from aim_maya.core.errors import AimError, Cancelled

from .background import Background


class Worker(Background):
    """Runs work(report, cancelled); then `done` (its result) or `failed` (AimError); neither when it was cancelled."""

    line = Signal(str)
    done = Signal(object)
    failed = Signal(object)

    def __init__(self, work: Callable[[Callable[[str], None], Callable[[], bool]], Any], owner: QObject | None = None) -> None:
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
        except Exception as error:  # noqa: BLE001 - a thread that ends without a word would leave the window waiting
            self.failed.emit(AimError(f"{type(error).__name__}: {error}", "A fault of this program.", "Report it with these words."))
        else:
            self.done.emit(result)
