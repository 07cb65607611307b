"""A field for a path or a node's name that is never clipped: what is longer than one line goes on in the next."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy, QWidget


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
