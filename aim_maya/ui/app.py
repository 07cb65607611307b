"""The windows' application: one QApplication outside Maya, a picture of a window when asked, errors as people
should meet them, and what is remembered between sessions.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QIODevice, QLibraryInfo, QLoggingCategory, QSettings, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from aim_maya.core.errors import AimError, first_line
from aim_maya.core.files import atomic_path

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
    QPalette.ColorRole.Window: "#1b1f23",
    QPalette.ColorRole.WindowText: "#e6e9ec",
    QPalette.ColorRole.Base: "#272c31",
    QPalette.ColorRole.AlternateBase: "#22272b",
    QPalette.ColorRole.Text: "#e6e9ec",
    QPalette.ColorRole.Button: "#272c31",
    QPalette.ColorRole.ButtonText: "#e6e9ec",
    QPalette.ColorRole.ToolTipBase: "#272c31",
    QPalette.ColorRole.ToolTipText: "#e6e9ec",
    QPalette.ColorRole.Highlight: "#3fb6c0",
    QPalette.ColorRole.HighlightedText: "#0d1517",
    QPalette.ColorRole.PlaceholderText: "#98a2ab",
    QPalette.ColorRole.Mid: "#56606a",
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
    _check_xcb()
    made = QApplication(["aimface"])
    if made.platformName() == "offscreen":  # it says on every window what it does not support
        QLoggingCategory.setFilterRules("default.warning=false")
    made.setStyle("Fusion")
    made.setProperty("aim_light", not dark)
    if dark:
        palette = QPalette()
        for role, colour in _DARK.items():
            palette.setColor(role, QColor(colour))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#8a8a8a"))
        made.setPalette(palette)
    return made


def _check_xcb() -> None:
    """Qt ends the process where a library of X11 lacks, which it asks for since 6.5: raises AimError
    instead."""
    asked = os.environ.get("QT_QPA_PLATFORM", "xcb")
    shown = os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY")
    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms" / "libqxcb.so"
    if not (sys.platform.startswith("linux") and shown and asked.startswith("xcb") and plugin.is_file()):
        return
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        raise AimError(
            f"No window can be opened: {first_line(error)}.",
            "A library is not installed that Qt needs on X11.",
            "Debian and Ubuntu: apt-get install "
            "libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1. "
            "Fedora and Rocky: dnf install xcb-util-cursor libxkbcommon-x11.",
        ) from error


# How both windows look: quiet surfaces, one accent, the same as in the page of a face.

ACCENT, INK, SOFT, LINE, PAPER, FIELD = "#3fb6c0", "#e6e9ec", "#98a2ab", "#343b42", "#1b1f23", "#272c31"
_STYLE = """
QWidget { background: PAPER; color: INK; font-family: Inter, "Segoe UI", "SF Pro Text", Roboto, "Noto Sans",
  "DejaVu Sans", sans-serif; font-size: 12px; }
QLabel, QCheckBox, QGroupBox { background: transparent; }
QLabel:disabled, QCheckBox:disabled { color: #5d666e; }
QLabel#soft { color: SOFT; }
QLabel#title { font-size: 15px; font-weight: 600; }
QGroupBox { border: 0; border-top: 1px solid LINE; margin-top: 20px; padding-top: 8px; font-weight: 600; }
QGroupBox::title { subcontrol-origin: margin; left: 0; top: 2px; color: SOFT; }
QLineEdit, QPlainTextEdit, QComboBox { background: FIELD; border: 1px solid transparent;
  border-radius: 6px; padding: 4px 8px; selection-background-color: ACCENT; selection-color: #0d1517; }
QDoubleSpinBox, QDoubleSpinBox QLineEdit { background: transparent; border: 0; padding: 0; color: SOFT; }
QDoubleSpinBox QLineEdit:hover, QDoubleSpinBox QLineEdit:focus { color: ACCENT; }
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus { border: 1px solid ACCENT; }
QLineEdit:disabled, QComboBox:disabled { color: #5d666e; }
QComboBox::drop-down { border: 0; width: 22px; }
QComboBox::down-arrow { width: 0; height: 0; border-left: 4px solid FIELD; border-right: 4px solid FIELD;
  border-top: 5px solid SOFT; }
QComboBox QAbstractItemView { background: FIELD; border: 1px solid LINE; selection-background-color: ACCENT;
  selection-color: #0d1517; }
QPushButton, QToolButton { background: FIELD; border: 1px solid transparent; border-radius: 6px;
  padding: 5px 10px; }
QPushButton:hover, QToolButton:hover { color: ACCENT; }
QPushButton:focus, QToolButton:focus { border: 1px solid ACCENT; }
QPushButton:checked, QPushButton:pressed, QPushButton#main { background: ACCENT; color: #0d1517; }
QPushButton:disabled, QPushButton#main:disabled, QToolButton:disabled { color: #5d666e; background: FIELD; }
QToolButton { background: transparent; padding: 4px; }
QToolButton#group { font-weight: 600; text-align: left; padding: 6px 2px; }
QToolButton#star { color: #5d666e; padding: 0; border: 0; font-size: 14px; }
QToolButton#star:checked, QToolButton#star:hover { color: ACCENT; }
QCheckBox { spacing: 6px; }
QCheckBox::indicator { width: 13px; height: 13px; border: 1px solid #56606a; border-radius: 4px;
  background: FIELD; }
QCheckBox::indicator:checked { background: ACCENT; border-color: ACCENT; }
QCheckBox::indicator:disabled { border-color: LINE; background: PAPER; }
QCheckBox:focus { color: ACCENT; }
QSlider { background: transparent; min-height: 18px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: #3c434a; }
QSlider::sub-page:horizontal { background: ACCENT; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: #3c434a; }
QSlider[two_sided="true"]::sub-page:horizontal { background: #3c434a; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: INK; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { background: ACCENT; }
QSlider::handle:horizontal:disabled { background: #56606a; }
QProgressBar { background: FIELD; border: 0; border-radius: 6px; height: 22px; text-align: center; }
QProgressBar::chunk { background: #246f77; border-radius: 6px; }
QScrollArea { border: 0; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: #454d55; border-radius: 4px; min-height: 30px; margin: 1px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: PAPER; width: 8px; }
QToolTip { background: INK; color: PAPER; border: 0; padding: 4px 6px; }
"""


def dress(window: QWidget) -> None:
    """Give a window this look, inside Maya too; nothing where the system's own colours were asked for."""
    running = QApplication.instance()
    if running is not None and running.property("aim_light"):
        return
    sheet = _STYLE
    colours = {"ACCENT": ACCENT, "INK": INK, "SOFT": SOFT, "LINE": LINE, "PAPER": PAPER, "FIELD": FIELD}
    for name, colour in colours.items():
        sheet = sheet.replace(name, colour)
    window.setStyleSheet(sheet)


def show(window: QWidget, app: QApplication, *, picture: Path | None = None, after_s: float = 0.5) -> int:
    """Show a window until it is closed; with a picture, save one after some seconds and close. Raises AimError
    where that cannot be written."""
    failed: list[AimError] = []

    def save(picture: Path) -> None:
        try:
            save_png(window.grab().toImage(), picture)
        except AimError as error:  # nothing catches it here, inside Qt
            failed.append(error)
        window.close()

    window.show()
    if picture is not None:
        QTimer.singleShot(round(1000 * after_s), lambda: save(picture))
    code = app.exec()
    if failed:
        raise failed[0]
    return code


def save_png(image: QImage, path: Path) -> None:
    """A picture as PNG, whole or not at all: Qt's own file tells of no full disk. Raises AimError."""
    stream = QBuffer()
    stream.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(stream, b"PNG")
    with atomic_path(path) as temporary:
        temporary.write_bytes(bytes(stream.data().data()))


def check_writable(picture: Path | None, ending: str = ".png") -> None:
    """Raises AimError when a picture or a movie could not be saved, before anything is drawn."""
    if picture is None:
        return
    if picture.suffix.lower() != ending:
        what = "picture" if ending == ".png" else "movie"
        raise AimError(
            f"The {what} is '{picture}'.", "It has another ending.", f"Name a file that ends in {ending}."
        )
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=picture.parent):
            pass
    except OSError as error:
        raise AimError(
            f"Cannot write {picture}: {error.strerror}.", "The folder is read-only.", "Choose another place."
        ) from error
