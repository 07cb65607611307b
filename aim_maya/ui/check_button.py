"""The training window's form of `aimface check`: the same report, in a box."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from aim_maya.core.actor_check import Examination
from aim_maya.core.errors import AimError

from .host import checked_actor
from .messages import error_text
from .worker import Worker


class CheckButton(QPushButton):
    """Examines what `asked` names (the actor's path, and millimetres a unit or None) off the window's thread, and shows what it found.

    box: the last report, None before the first.
    """

    def __init__(self, asked: Callable[[], tuple[str, float | None]], parent: QWidget | None = None) -> None:
        super().__init__("Chec&k", parent)
        self.setToolTip("What the actor holds, what is not used and why, and whether it can be trained")
        self._asked = asked
        self._worker: Worker | None = None
        self.box: QMessageBox | None = None
        self.clicked.connect(self.check)

    def check(self) -> None:
        """Begin; the box comes when it is done."""
        try:
            actor, mm_per_unit = self._asked()
        except AimError as error:  # a unit that is none
            self._failed(error)
            return
        self.setEnabled(False)
        self._worker = Worker(lambda _report, _stop: checked_actor(actor, mm_per_unit), self)
        self._worker.done.connect(self._show)
        self._worker.failed.connect(self._failed)
        self._worker.finished.connect(self._done)
        self._worker.begin()

    def _show(self, found: Examination) -> None:
        said = "" if found.reason is None else f"Cannot be trained: {error_text(found.reason)}"
        good = found.reason is None and not found.warnings
        self._say("\n\n".join(part for part in (found.text().strip(), said) if part), good)

    def _failed(self, error: AimError) -> None:
        self._say(error_text(error), False)

    def _done(self) -> None:
        self.setEnabled(True)

    def _say(self, text: str, good: bool) -> None:
        icon = QMessageBox.Icon.Information if good else QMessageBox.Icon.Warning
        self.box = QMessageBox(icon, "Check", text, QMessageBox.StandardButton.Ok, self)
        self.box.setTextFormat(Qt.TextFormat.PlainText)
        self.box.setModal(False)
        self.box.show()
