"""The right side of the training window: how far it is, the curves, the worst targets, the face with its errors, the log."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from .chart import Chart
from .run_state import Snapshot

_WORDS = {
    "none": "No training yet", "running": "Training", "cancelling": "Stopping ...", "done": "Done", "cancelled": "Stopped", "failed": "Failed", "vanished": "Ended",
}  # fmt: skip
_LONGEST_LOG = 2000


class LivePanel(QWidget):
    """Shows Snapshots and pictures; asks for nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading, self.bar, self.chart, self.face, self.scale = QLabel(), QProgressBar(), Chart(), Picture(), QLabel()
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
        self.scale.setText(f"dark 0, bright {s.limit_mm:.2f} mm and more; mean over the targets" if s.limit_mm else "")
        for line in s.lines[self._logged :]:
            self.log.appendPlainText(line)
        self._logged = len(s.lines)

    def _show_progress(self, s: Snapshot) -> None:
        busy = s.active and not s.steps
        self.bar.setRange(0, 0 if busy else max(s.steps, 1))
        self.bar.setValue(max(s.steps, 1) if s.state == "done" else s.step)
        self.bar.setFormat(f"%v of {s.steps} steps" + (f", {_duration(s.eta_s)} left" if s.eta_s is not None and s.active else "") if s.steps else "")


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
        scaled = self._image.scaled(self._label.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        scaled.setDevicePixelRatio(ratio)
        self._label.setPixmap(QPixmap.fromImage(scaled))


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
