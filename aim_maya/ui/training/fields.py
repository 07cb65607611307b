"""The fields of the training window: a widget for each option, for paths that are never clipped, for
units.
"""

from __future__ import annotations

import math
import re
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QWidget,
)

from aim_maya.core.errors import AimError

from .options import Option

# A widget for each option of the training, with the option's own help as tooltip.

Field = QComboBox | QCheckBox | QLineEdit


def make_field(option: Option) -> Field:
    """The widget, at the option's default."""
    widget: Field
    if option.kind == "choice":
        widget = QComboBox()
        widget.addItems(option.choices)
    elif option.kind == "switch":
        widget = QCheckBox()
    else:
        widget = QLineEdit()
    widget.setToolTip(option.help)
    widget.setAccessibleName(option.label)
    widget.setAccessibleDescription(option.help)
    set_value(widget, option.default)
    return widget


def set_value(widget: Field, value: Any) -> None:
    """Show a value; one that a choice does not know is left out."""
    if isinstance(widget, QComboBox):
        widget.setCurrentIndex(max(widget.findText(str(value)), 0))
    elif isinstance(widget, QCheckBox):
        widget.setChecked(bool(value))
    else:
        widget.setText(
            " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
            if isinstance(value, list | tuple)
            else f"{value}"
        )


def value_of(widget: Field) -> Any:
    """What it holds: text of a choice or a line, True or False."""
    if isinstance(widget, QComboBox):
        return widget.currentText()
    return widget.isChecked() if isinstance(widget, QCheckBox) else widget.text()


def add_row(form: QFormLayout, text: str, widget: QWidget, tip: str = "") -> None:
    """A labelled row; an ampersand in the text is the row's key."""
    label = QLabel(text)
    label.setBuddy(widget)
    label.setToolTip(tip or widget.toolTip())
    if tip:
        widget.setToolTip(tip)
    form.addRow(label, widget)


# A field for a path or a node's name that is never clipped: what is longer than one line goes on in the next.


class PathLine(QPlainTextEdit):
    """Used as a QLineEdit is; the return key and line breaks that are pasted put nothing in.

    edited: the text, whoever changed it. editingFinished: the field was left, or return pressed.
    """

    edited = Signal(str)
    editingFinished = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(3)
        self._lines = 0
        self.textChanged.connect(self._changed)
        self._fit()

    def text(self) -> str:
        """The path on one line."""
        return self.toPlainText().replace("\n", "")

    def setText(self, text: str) -> None:
        """Show another path."""
        if text != self.toPlainText():
            self.setPlainText(text.replace("\n", ""))

    def minimumSizeHint(self) -> QSize:
        """Some letters wide: it grows in height instead."""
        return QSize(16 * self.fontMetrics().averageCharWidth(), self.height())

    def sizeHint(self) -> QSize:
        """As QLineEdit's, in width."""
        return QSize(32 * self.fontMetrics().averageCharWidth(), self.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return says that one is done."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.editingFinished.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: object) -> None:
        """What is pasted or dropped, without line breaks; a file from a file manager comes as its path."""
        urls = [url for url in source.urls() if url.isLocalFile()]  # type: ignore[attr-defined]
        if urls:
            self.setText(urls[0].toLocalFile())
        else:
            self.insertPlainText("".join(source.text().splitlines()))  # type: ignore[attr-defined]

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Whoever leaves it is done."""
        super().focusOutEvent(event)
        self.editingFinished.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width takes another number of lines."""
        super().resizeEvent(event)
        self._fit()

    def _changed(self) -> None:
        self._fit()
        self.edited.emit(self.text())

    def _fit(self) -> None:
        """As high as its lines."""
        lines = max(round(self.document().size().height()), 1)  # a plain document counts in lines
        around = 2 * (self.frameWidth() + round(self.document().documentMargin()))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + around)
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()


# The unit of an actor: millimetres in one unit of its files, chosen or typed; empty takes what the files say.

_CHOICES = ("1  (millimetres)", "10  (centimetres)", "25.4  (inches)", "100  (decimetres)", "1000  (metres)")
_NUMBER = re.compile(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(mm)?\s*(\(.*\))?\s*")


class UnitField(QComboBox):
    """mm per unit as a number with its name."""

    def __init__(self, without: str, parent: QWidget | None = None) -> None:
        """without: what is taken when nothing is chosen, in words."""
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.addItems(["", *_CHOICES])
        line = QLineEdit()
        line.setPlaceholderText(without)
        self.setLineEdit(line)
        self.setAccessibleName("Unit")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(len(without))

    def mm_per_unit(self) -> float | None:
        """The number, None where it is left to the files. Raises AimError for what is no length."""
        text = self.currentText().strip()
        if not text:
            return None
        found = _NUMBER.fullmatch(text.replace(",", "."))
        try:
            value = float(found[1]) if found else math.nan
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise AimError(
                f"The unit is '{text}'.",
                "It is to be the millimetres in one unit of the actor's files, a number above zero.",
                "Choose one of the list, or leave it empty.",
            )
        return value
