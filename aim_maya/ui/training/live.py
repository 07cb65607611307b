"""The right side of the training window: how far it is, the curves of loss and error, the worst targets, the
face with its errors.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.run_folder import Snapshot

# Loss and error over the steps, on a logarithmic scale, in the window's own colours.

Curve = list[tuple[int, float]]
ERROR, LOSS = QColor("#5aa0dc"), QColor("#e08a4a")


class Chart(QWidget):
    """Two curves against the same steps, each on its own logarithmic scale; the last value of each is written
    out."""

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
        spoken = [
            f"{name} {curve[-1][1]:.4g}" for name, curve in (("loss", loss), ("error in mm", error)) if curve
        ]
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
        points = [
            QPointF(
                inner.left() + inner.width() * step / end,
                inner.bottom() - inner.height() * (value - low) / room,
            )
            for step, value in good
        ]
        painter.setPen(QPen(colour, 2))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(colour)
        painter.drawEllipse(points[-1], 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _letter(self, painter: QPainter, frame: QRectF) -> None:
        above = QRectF(frame.left(), 0, frame.width(), frame.top())
        below = QRectF(frame.left(), frame.bottom(), frame.width(), self.height() - frame.bottom())
        for curve, colour, text, side in (
            (self._error, ERROR, "Mean error {:.3f} mm", Qt.AlignmentFlag.AlignLeft),
            (self._loss, LOSS, "Loss {:.3g}", Qt.AlignmentFlag.AlignRight),
        ):
            painter.setPen(colour)
            painter.drawText(
                above,
                side | Qt.AlignmentFlag.AlignVCenter,
                text.format(curve[-1][1]) if curve else text.split(" {", maxsplit=1)[0],
            )
        painter.setPen(self.palette().windowText().color())
        end = max([self._steps, *(curve[-1][0] for curve in (self._loss, self._error) if curve)])
        painter.drawText(
            below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"step {end:,}" if end else ""
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "log scale")


# The right side of the training window: how far it is, the curves, the worst targets, the face with its
# errors, the log.

_WORDS = {
    "none": "No training yet",
    "running": "Training",
    "cancelling": "Stopping ...",
    "done": "Done",
    "cancelled": "Stopped",
    "failed": "Failed",
    "vanished": "Ended",
}
_LONGEST_LOG = 2000


class LivePanel(QWidget):
    """Shows Snapshots and pictures; asks for nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading, self.bar, self.chart, self.face, self.scale = (
            QLabel(),
            QProgressBar(),
            Chart(),
            Picture(),
            QLabel(),
        )
        self.worst, self.log = QLabel(), QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(_LONGEST_LOG)
        self.log.setAccessibleName("Log")
        self.log.setMinimumHeight(4 * self.fontMetrics().height())
        self.log.setTabChangesFocus(True)
        self.chart.setMinimumHeight(6 * self.fontMetrics().height())
        self.worst.setTextFormat(Qt.TextFormat.PlainText)
        self.worst.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.bar.setAccessibleName("Progress")
        self._logged = 0
        self._lay_out()
        self.show_state(Snapshot())

    def _lay_out(self) -> None:
        faces, targets = QGroupBox("Error on the face"), QGroupBox("Worst targets so far (mean, mm)")
        inside = QVBoxLayout(faces)
        inside.addWidget(self.face, 1)
        inside.addWidget(self.scale)
        self.scale.setWordWrap(True)
        QVBoxLayout(targets).addWidget(self.worst)
        left = QVBoxLayout()
        left.addWidget(self.chart, 3)
        left.addWidget(targets, 2)
        both = QHBoxLayout()
        both.addLayout(left, 3)
        both.addWidget(faces, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.heading)
        column.addWidget(self.bar)
        column.addLayout(both, 3)
        column.addWidget(self.log, 1)

    def clear(self) -> None:
        """Forget the training shown so far."""
        self.log.clear()
        self._logged = 0
        self.face.show_image(QImage())
        self.show_state(Snapshot())

    def say(self, line: str) -> None:
        """A line of the window's own."""
        self.log.appendPlainText(line)

    def show_state(self, s: Snapshot) -> None:
        """Draw a snapshot; new lines are added to the log."""
        stage = f": {s.stage}" if s.active and s.stage else ""
        who = f"  ({s.actor})" if s.actor else ""
        self.heading.setText(f"<b>{_WORDS[s.state]}{stage}</b>{who}")
        self._show_progress(s)
        self.chart.show_curves(s.loss, s.error_mm, s.steps)
        self.worst.setText("\n".join(f"{value:8.3f}   {name}" for name, value in s.worst) or "\n" * 7)
        self.scale.setText(
            f"dark 0, bright {s.limit_mm:.2f} mm and more; mean over the targets" if s.limit_mm else ""
        )
        for line in s.lines[self._logged :]:
            self.log.appendPlainText(line)
        self._logged = len(s.lines)

    def _show_progress(self, s: Snapshot) -> None:
        busy = s.active and not s.steps
        self.bar.setRange(0, 0 if busy else max(s.steps, 1))
        self.bar.setValue(max(s.steps, 1) if s.state == "done" else s.step)
        self.bar.setFormat(
            f"%v of {s.steps} steps"
            + (f", {_duration(s.eta_s)} left" if s.eta_s is not None and s.active else "")
            if s.steps
            else ""
        )


class Picture(QWidget):
    """An image, scaled to the room there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._label = QLabel("Comes once the linear solution is found")
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        QVBoxLayout(self).addWidget(self._label)
        self.setAccessibleName("Face coloured by error")

    def sizeHint(self) -> QSize:
        """A portrait of some letters' width."""
        letter = self.fontMetrics().averageCharWidth()
        return QSize(32 * letter, 38 * letter)

    def show_image(self, image: QImage) -> None:
        """Show another one; a null image clears it."""
        self._image = image
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Scale again."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._image.isNull():
            self._label.setPixmap(QPixmap())
            self._label.setText("Comes once the linear solution is found")
            return
        ratio = self.devicePixelRatioF()
        scaled = self._image.scaled(
            self._label.size() * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        scaled.setDevicePixelRatio(ratio)
        self._label.setPixmap(QPixmap.fromImage(scaled))


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole} s"
        if whole < 90
        else f"{whole // 60} min {whole % 60:02d} s"
        if whole < 3600
        else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )
