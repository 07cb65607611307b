"""Loss and error over the steps, on a logarithmic scale, in the window's own colours."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

Curve = list[tuple[int, float]]
ERROR, LOSS = QColor("#5aa0dc"), QColor("#e08a4a")


class Chart(QWidget):
    """Two curves against the same steps, each on its own logarithmic scale; the last value of each is written out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loss: Curve = []
        self._error: Curve = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Loss and error over the steps")

    def sizeHint(self) -> QSize:
        """In letters, so that it follows the screen's scale."""
        letter = self.fontMetrics()
        return QSize(40 * letter.averageCharWidth(), 9 * letter.height())

    def show_curves(self, loss: Curve, error: Curve, steps: int) -> None:
        """Draw these; steps is the end of the axis."""
        self._loss, self._error, self._steps = loss, error, steps
        spoken = [f"{name} {curve[-1][1]:.4g}" for name, curve in (("loss", loss), ("error in mm", error)) if curve]
        self.setAccessibleDescription(", ".join(spoken))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Frame, curves, and their last values."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        frame = QRectF(self.rect()).adjusted(1, line * 1.4, -1, -line * 1.2)
        painter.fillRect(frame, self.palette().base())
        painter.setPen(QPen(self.palette().mid().color()))
        painter.drawRect(frame)
        for curve, colour in ((self._loss, LOSS), (self._error, ERROR)):
            self._draw(painter, frame, curve, colour)
        self._letter(painter, frame)

    def _draw(self, painter: QPainter, frame: QRectF, curve: Curve, colour: QColor) -> None:
        good = [(step, math.log10(value)) for step, value in curve if value > 0 and math.isfinite(value)]
        if not good:
            return
        low, high = min(v for _, v in good), max(v for _, v in good)
        room = max(high - low, 1e-6)
        end = max(self._steps, good[-1][0], 1)
        inner = frame.adjusted(0, frame.height() * 0.08, 0, -frame.height() * 0.08)
        points = [QPointF(inner.left() + inner.width() * step / end, inner.bottom() - inner.height() * (value - low) / room) for step, value in good]
        painter.setPen(QPen(colour, 2))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(colour)
        painter.drawEllipse(points[-1], 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _letter(self, painter: QPainter, frame: QRectF) -> None:
        above = QRectF(frame.left(), 0, frame.width(), frame.top())
        below = QRectF(frame.left(), frame.bottom(), frame.width(), self.height() - frame.bottom())
        for curve, colour, text, side in (
            (self._error, ERROR, "Mean error {:.3f} mm", Qt.AlignmentFlag.AlignLeft), (self._loss, LOSS, "Loss {:.3g}", Qt.AlignmentFlag.AlignRight),
        ):  # fmt: skip
            painter.setPen(colour)
            painter.drawText(above, side | Qt.AlignmentFlag.AlignVCenter, text.format(curve[-1][1]) if curve else text.split(" {", maxsplit=1)[0])
        painter.setPen(self.palette().windowText().color())
        end = max([self._steps, *(curve[-1][0] for curve in (self._loss, self._error) if curve)])
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"step {end:,}" if end else "")
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "log scale")
