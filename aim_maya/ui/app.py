"""The windows outside Maya: one QApplication, the window, and a picture of it when asked."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from aim_maya.core.errors import AimError

_DARK = {
    QPalette.ColorRole.Window: "#444444", QPalette.ColorRole.WindowText: "#dddddd", QPalette.ColorRole.Base: "#2b2b2b", QPalette.ColorRole.AlternateBase: "#333333",
    QPalette.ColorRole.Text: "#dddddd", QPalette.ColorRole.Button: "#5d5d5d", QPalette.ColorRole.ButtonText: "#eeeeee", QPalette.ColorRole.ToolTipBase: "#2b2b2b",
    QPalette.ColorRole.ToolTipText: "#dddddd", QPalette.ColorRole.Highlight: "#5285a6", QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.PlaceholderText: "#909090", QPalette.ColorRole.Mid: "#707070",
}  # fmt: skip


def application(*, dark: bool = True) -> QApplication:
    """The running application, or a new one; dark as Maya is, or as the system has it. Raises AimError where there is no display."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise AimError(
            "There is no display to open a window on.", "This is a shell on a machine without one.", "Use a desktop, or QT_QPA_PLATFORM=offscreen for pictures."
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


def train_window(actor: Path | None, picture: Path | None, after_s: float, *, dark: bool = True) -> int:
    """The training window outside Maya, on an actor folder or a RUN folder."""
    from .host import FilesHost
    from .train_form import output_of
    from .train_window import TrainWindow

    app = application(dark=dark)
    window = TrainWindow(FilesHost())
    if actor is not None and (actor / "progress.jsonl").is_file():
        window.follow(actor)
    elif actor is not None:
        window.form.actor.setText(str(actor))
        window.form.out.setText(str(output_of(actor.absolute())))
        window.pick_up()
    return show(window, app, picture=picture, after_s=after_s)


def check_writable(picture: Path | None) -> None:
    """Raises AimError when a picture could not be saved, before anything is drawn."""
    if picture is None:
        return
    if picture.suffix.lower() != ".png":
        raise AimError(f"The picture is '{picture}'.", "It has another ending.", "Name a file that ends in .png.")
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=picture.parent):
            pass
    except OSError as error:
        raise AimError(f"Cannot write {picture}: {error.strerror}.", "The folder is read-only.", "Choose another place.") from error
