"""Weight curves and fitted performances played in real time, and the line that shows where: frames are
dropped, never the beat.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from aim_maya.core.arrays import Floats
from aim_maya.core.curves import control_reach, match_controls, read_curves
from aim_maya.runtime import Performance
from aim_maya.runtime.model_data import ModelData


class Player(QObject):
    """`frame` (weights (C,) of curves, or None of a performance; number) while playing and when it is moved;
    `turned` when it begins or stops."""

    frame = Signal(object, int)
    turned = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._weights: Floats = np.zeros((0, 0))
        self.performance: Performance | None = None
        self.times: Floats = np.zeros(0)
        self.number, self.loops = 0, True
        self._began = 0.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether it plays now."""
        return self._timer.isActive()

    def load(self, path: Path, data: ModelData) -> list[str]:
        """Read curves or a .aimperf; returns what is to be said of it. Raises AimError for a file that is
        none, drives nothing, or was fitted with another model."""
        if path.suffix.lower() == ".aimperf":
            read = Performance.load(path)
            read.check(data)
            self.performance, self.times = read, np.arange(read.frame_count) / read.fps
            notes = [read.warning(data)] if read.warning(data) else []
        else:
            curves = read_curves(path)
            weights, said = match_controls(curves, data.rig.names, reach=control_reach(data.rig))
            self.performance, self._weights, self.times = None, weights, curves.times - curves.times[0]
            notes = [*curves.notes, *said]
        self.number = 0
        return notes

    def weights_at(self, number: int) -> Floats:
        """(C,) of one frame of curves."""
        return self._weights[number]

    def movie_frames(self, fps: float) -> tuple[float, Floats]:
        """Frames a second, and which frames to show: a performance's own, of curves the nearest at so many a
        second. None of them without a take."""
        if not len(self.times):
            return fps, np.zeros(0)
        if self.performance is not None:
            return self.performance.fps, np.arange(len(self.times), dtype=np.float64)
        wanted = np.arange(round(float(self.times[-1]) * fps) + 1) / fps
        return fps, np.clip(np.searchsorted(self.times, wanted + 1e-6, side="right") - 1, 0, None)

    def play(self, on: bool) -> None:
        """Go on from the frame that is shown (from the first one at the end), or stop."""
        on = on and len(self.times) > 0
        if on and self.number >= len(self.times) - 1:
            self.number = 0
        self._began = time.perf_counter() - (float(self.times[self.number]) if on else 0.0)
        if on:
            self._timer.start(0)
        else:
            self._timer.stop()
        self.turned.emit(on)

    def seek(self, number: int) -> None:
        """Show one frame; playing goes on from there."""
        if len(self.times):
            self.number = min(max(number, 0), len(self.times) - 1)
            self._began = time.perf_counter() - float(self.times[self.number])
            self._show()

    def _show(self) -> None:
        weights = None if self.performance is not None else self._weights[self.number]
        self.frame.emit(weights, self.number)

    def _tick(self) -> None:
        step = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1.0
        length, at = float(self.times[-1]) + step, time.perf_counter() - self._began
        if at >= length and not self.loops:
            self.number = len(self.times) - 1
            self._show()
            self.play(False)
            return
        number = int(np.searchsorted(self.times, at % length, side="right")) - 1
        if number != self.number or not self.number:
            self.number = number
            self._show()
        self._timer.setInterval(4)


class Timeline(QWidget):
    """What a player plays: play, scrub, loop, and the frame in numbers."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self.player = player
        self.play, self.loop, self.open = QPushButton("&Play"), QCheckBox("Loop"), QPushButton("C&urves ...")
        self.slider, self.place = QSlider(Qt.Orientation.Horizontal), QLabel("No take")
        self.place.setObjectName("soft")
        self.place.setMinimumWidth(self.fontMetrics().horizontalAdvance("0000 / 0000   00:00.00"))
        self.loop.setChecked(True)
        self.open.setToolTip("Open weight curves (CSV, JSON) or a fitted performance (.aimperf)")
        self.play.setFixedWidth(self.fontMetrics().horizontalAdvance("Pause") + 34)
        self.slider.setAccessibleName("Frame")
        for still in (self.play, self.slider, self.loop):
            still.setEnabled(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.open, self.play, self.slider, self.place, self.loop):
            row.addWidget(widget, int(widget is self.slider))
        self.play.clicked.connect(lambda: player.play(not player.playing))
        self.slider.valueChanged.connect(player.seek)
        self.loop.toggled.connect(self._loop)
        player.frame.connect(lambda _weights, number: self._at(number))
        player.turned.connect(lambda on: self.play.setText("&Pause" if on else "&Play"))

    def loaded(self, name: str, notes: Sequence[str]) -> None:
        """The player has another take."""
        for widget in (self.play, self.slider, self.loop):
            widget.setEnabled(True)
        self.slider.setRange(0, len(self.player.times) - 1)
        self.slider.setToolTip(name)
        self.play.setToolTip("\n".join([name, *notes]))
        self._at(0)

    def _loop(self, on: bool) -> None:
        self.player.loops = on

    def _at(self, number: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(number)
        self.slider.blockSignals(False)
        times = self.player.times
        minutes, seconds = divmod(float(times[number]), 60)
        self.place.setText(f"{number + 1} / {len(times)}   {int(minutes):02d}:{seconds:05.2f}")
