"""The right side of the training window: how far it is, the curves of loss and error, the worst targets, the
face with its errors.
"""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
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
from aim_maya.ui import app
from aim_maya.ui.app import ACCENT

# Loss and error over the steps, on a logarithmic scale, in the window's own colours.

Curve = list[tuple[int, float]]
ERROR, LOSS = QColor(ACCENT), QColor("#d9a05b")


class Chart(QWidget):
    """Two curves against the same steps, each on its own logarithmic scale; the last value of each is written
    out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loss: Curve = []
        self._error: Curve = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Error, and what is still to learn, over the steps")

    def sizeHint(self) -> QSize:
        """In letters, so that it follows the screen's scale."""
        letter = self.fontMetrics()
        return QSize(40 * letter.averageCharWidth(), 9 * letter.height())

    def show_curves(self, loss: Curve, error: Curve, steps: int) -> None:
        """Draw these; steps is the end of the axis."""
        self._loss, self._error, self._steps = loss, error, steps
        spoken = [
            f"{name} {curve[-1][1]:.4g}"
            for name, curve in (("still to learn", loss), ("error in mm", error))
            if curve
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
            (self._loss, LOSS, "Still to learn {:.3g}", Qt.AlignmentFlag.AlignRight),
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
        painter.drawText(
            below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "each on a scale of its own"
        )


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
_STAGES = {  # the trainer's word: what happens, what comes then, how many seconds it usually takes
    "starting": ("Starting the trainer", "It reads the face, and looks for its landmarks and bones.", 8),
    "prepare": ("Looking at the face", "A first rough fit. Its errors are then shown on the face.", 10),
    "linear solution": ("First rough fit", "The networks learn the face; that takes most of the time.", 15),
    "train": ("Learning the face", "The errors of all targets are measured, and the model is written.", 0),
    "settle": ("Placing the vertices", "The errors of all targets are measured.", 6),
    "bones inside": ("Bringing bones inside", "The errors of all targets are measured.", 3),
    "score": ("Measuring the errors", "The model is written, and checked against the training.", 5),
    "export": ("Writing the model", "It can be attached, viewed, and reported on.", 15),
}
_AFTER = {
    "none": "Choose an actor on the left, then press Train.",
    "cancelling": "It saves where it is. Resume goes on from there.",
    "done": "Open report says how good it is.",
    "cancelled": "Resume goes on from here; Train begins again.",
    "failed": "The log below says why, and what to do.",
    "vanished": "The trainer's process is gone. Resume goes on from its last checkpoint.",
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
        self.worst, self.log, self.next = QLabel(), QPlainTextEdit(), QLabel()
        self.next.setObjectName("soft")
        self.next.setWordWrap(True)
        self.heading.setObjectName("title")
        self._snapshot, self._stage, self._stage_began = Snapshot(), "", 0.0
        self._took: dict[str, float] = app.load("stages")  # of the training before, in seconds
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(lambda: self._show_progress(self._snapshot))
        self.time = QLabel()
        self.time.setObjectName("soft")
        self.time.setVisible(False)
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
        faces, targets = QGroupBox("Error on the face"), QGroupBox("Largest errors so far (mean, mm)")
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
        column.setContentsMargins(12, 0, 0, 0)
        column.addWidget(self.heading)
        column.addWidget(self.next)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.time)
        column.addLayout(row)
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
        self._time_stages(s)
        word = _STAGES.get(s.stage, (s.stage.capitalize(), "", 0))[0]
        who = f"  ({s.actor})" if s.actor else ""
        self.heading.setText(f"<b>{word if s.state == 'running' and word else _WORDS[s.state]}</b>{who}")
        then = _STAGES.get(s.stage, ("", "", 0))[1] if s.state == "running" else ""
        self.next.setText(f"Then: {then[0].lower()}{then[1:]}" if then else _AFTER.get(s.state, ""))
        self._show_progress(s)
        self.chart.show_curves(s.loss, s.error_mm, s.steps)
        self.worst.setText("\n".join(f"{value:8.3f}   {name}" for name, value in s.worst) or "\n" * 7)
        self.scale.setText(
            f"dark 0, bright {s.limit_mm:.2f} mm and more; mean over the targets" if s.limit_mm else ""
        )
        for line in s.lines[self._logged :]:
            stage = line.removesuffix(" ...")
            self.log.appendPlainText(f"{_STAGES[stage][0]} ..." if stage in _STAGES else line)
        self._logged = len(s.lines)

    def _time_stages(self, s: Snapshot) -> None:
        """How long each stage takes is remembered, for the time left of the next training's."""
        now, stage = time.monotonic(), s.stage if s.active else ""
        self._snapshot = s
        if stage != self._stage:
            if self._stage and s.state in ("running", "done"):
                self._took = {**self._took, self._stage: round(now - self._stage_began, 1)}
                app.keep("stages", self._took)
            self._stage, self._stage_began = stage, now
            self._clock.start() if stage else self._clock.stop()

    def _show_progress(self, s: Snapshot) -> None:
        busy = s.active and not s.steps
        self.bar.setRange(0, 0 if busy else max(s.steps, 1))
        self.bar.setValue(max(s.steps, 1) if s.state == "done" else s.step)
        left = self._left(s) if s.active else ""
        self.bar.setFormat(
            ", ".join(text for text in (f"%v of {s.steps} steps" if s.steps else "", left) if text)
        )
        self.time.setText(left)
        self.time.setVisible(busy)  # a bar without an end shows no text

    def _left(self, s: Snapshot) -> str:
        if s.eta_s is not None:
            return f"{_duration(s.eta_s)} left"
        if s.steps:
            return "time left comes with the first checks"
        usual = self._took.get(s.stage, _STAGES.get(s.stage, ("", "", 0))[2])
        passed = time.monotonic() - self._stage_began
        if not isinstance(usual, int | float) or not usual or passed > usual:
            return f"{_duration(passed)} so far: longer than usual" if usual else ""
        return f"about {_duration(usual - passed)} left"


class Picture(QWidget):
    """An image, scaled to the room there is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._label = QLabel("Comes with the first rough fit")
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
            self._label.setText("Comes with the first rough fit")
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
