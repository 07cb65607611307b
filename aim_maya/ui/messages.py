"""An error as people should meet it: what, why, what to do, and where the log is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from aim_maya.core.errors import AimError


def error_text(error: AimError, log: Path | None = None) -> str:
    """The paragraphs of the dialog."""
    parts = [error.what, f"Likely cause: {error.cause}" if error.cause else "", f"What to do: {error.remedy}" if error.remedy else "", f"Log: {log}" if log else ""]
    return "\n\n".join(part for part in parts if part)


def breakable(path: Path | str) -> str:
    """A path that a label may break after each of its folders: they break lines at spaces only."""
    return str(path).replace("/", "/\u200b").replace("\\", "\\\u200b")


def show_error(parent: QWidget, error: AimError, log: Path | None = None) -> QMessageBox:
    """Open a dialog and return at once; the text can be copied."""
    box = QMessageBox(QMessageBox.Icon.Warning, "AIM for Maya", error_text(error, log), QMessageBox.StandardButton.Ok, parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
