"""The windows' application: one QApplication outside Maya, a picture of a window when asked, errors as people
should meet them, and what is remembered between sessions.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from aim_maya.core.errors import AimError

# An error as people should meet it: what, why, what to do, and where the log is.


def error_text(error: AimError, log: Path | None = None) -> str:
    """The paragraphs of the dialog."""
    parts = [
        error.what,
        f"Likely cause: {error.cause}" if error.cause else "",
        f"What to do: {error.remedy}" if error.remedy else "",
        f"Log: {log}" if log else "",
    ]
    return "\n\n".join(part for part in parts if part)


def breakable(path: Path | str) -> str:
    """A path that a label may break after each of its folders: they break lines at spaces only."""
    return str(path).replace("/", "/\u200b").replace("\\", "\\\u200b")


def show_error(parent: QWidget, error: AimError, log: Path | None = None) -> QMessageBox:
    """Open a dialog and return at once; the text can be copied."""
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "AIM for Maya",
        error_text(error, log),
        QMessageBox.StandardButton.Ok,
        parent,
    )
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box


# What a window remembers between sessions, in the user's own settings.


def settings() -> QSettings:
    """The one file of both windows, the same inside Maya and outside."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "AIM for Maya", "windows")


def load(window: str) -> dict[str, Any]:
    """What `keep` was given last; {} when there is nothing or it cannot be read."""
    try:
        found = json.loads(str(settings().value(window, "{}")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def keep(window: str, values: dict[str, Any]) -> None:
    """Remember plain values."""
    settings().setValue(window, json.dumps(values))


# The windows outside Maya: one QApplication, the window, and a picture of it when asked.

_DARK = {
    QPalette.ColorRole.Window: "#444444",
    QPalette.ColorRole.WindowText: "#dddddd",
    QPalette.ColorRole.Base: "#2b2b2b",
    QPalette.ColorRole.AlternateBase: "#333333",
    QPalette.ColorRole.Text: "#dddddd",
    QPalette.ColorRole.Button: "#5d5d5d",
    QPalette.ColorRole.ButtonText: "#eeeeee",
    QPalette.ColorRole.ToolTipBase: "#2b2b2b",
    QPalette.ColorRole.ToolTipText: "#dddddd",
    QPalette.ColorRole.Highlight: "#5285a6",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.PlaceholderText: "#909090",
    QPalette.ColorRole.Mid: "#707070",
}


def application(*, dark: bool = True) -> QApplication:
    """The running application, or a new one; dark as Maya is, or as the system has it. Raises AimError where
    there is no display."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    if running is not None:  # a second one, or a widget without one, ends the process
        raise AimError(
            "No window can be opened in this process.",
            "It was started without an interface, as mayapy and maya -batch are.",
            "Open the window from the AIM shelf, or run aimface ui in a shell.",
        )
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise AimError(
            "There is no display to open a window on.",
            "This is a shell on a machine without one.",
            "Use a desktop, or QT_QPA_PLATFORM=offscreen for pictures.",
        )
    made = QApplication(["aimface"])
    made.setStyle("Fusion")
    if dark:
        palette = QPalette()
        for role, colour in _DARK.items():
            palette.setColor(role, QColor(colour))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#8a8a8a"))
        made.setPalette(palette)
    return made


def show(window: QWidget, app: QApplication, *, picture: Path | None = None, after_s: float = 0.5) -> int:
    """Show a window until it is closed; with a picture, save one after some seconds and close."""
    window.show()
    if picture is not None:
        QTimer.singleShot(round(1000 * after_s), lambda: _save(window, picture))
    return app.exec()


def _save(window: QWidget, picture: Path) -> None:
    window.grab().save(str(picture))
    window.close()


def check_writable(picture: Path | None) -> None:
    """Raises AimError when a picture could not be saved, before anything is drawn."""
    if picture is None:
        return
    if picture.suffix.lower() != ".png":
        raise AimError(
            f"The picture is '{picture}'.", "It has another ending.", "Name a file that ends in .png."
        )
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=picture.parent):
            pass
    except OSError as error:
        raise AimError(
            f"Cannot write {picture}: {error.strerror}.", "The folder is read-only.", "Choose another place."
        ) from error
