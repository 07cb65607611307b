"""A slider for every control of a model, and weight curves played on them in real time."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from aim_maya.core.controls import Control, Rig
from aim_maya.core.curves import control_reach, match_controls, read_curves
from aim_maya.core.typed import Floats

# Weight curves played in real time: frames are dropped, never the beat.


class Player(QObject):
    """`frame` (weights (C,), number) while playing, over and over."""

    frame = Signal(object, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._weights: Floats = np.zeros((0, 0))
        self._times: Floats = np.zeros(0)
        self._began, self._last = 0.0, -1
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether it plays now."""
        return self._timer.isActive()

    def load(self, path: Path, rig: Rig) -> list[str]:
        """Read a CSV; returns what is to be said of it. Raises AimError for a file that is none, or drives
        nothing."""
        curves = read_curves(path)
        self._weights, notes = match_controls(curves, rig.names, reach=control_reach(rig))
        self._times = curves.times - curves.times[0]
        return [*curves.notes, *notes]

    def play(self, on: bool) -> None:
        """Begin at the first frame, or stop."""
        self._began, self._last = time.perf_counter(), -1
        if on and len(self._times):
            self._timer.start(0)
        else:
            self._timer.stop()

    def _tick(self) -> None:
        length = float(self._times[-1]) + (
            float(np.median(np.diff(self._times))) if len(self._times) > 1 else 1.0
        )
        number = (
            int(np.searchsorted(self._times, (time.perf_counter() - self._began) % length, side="right")) - 1
        )
        if number != self._last:
            self._last = number
            self.frame.emit(self._weights[number], number)
        self._timer.setInterval(4)


# A slider for every control of a model, with search, reset and random.

_FINE = 1000  # slider steps in one unit of weight


class TargetSliders(QWidget):
    """`changed` once for every change, however many sliders it moved."""

    changed = Signal()

    def __init__(self, controls: tuple[Control, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controls, self._quiet = controls, False
        self.search, self.random, self.reset = QLineEdit(), QPushButton("Ra&ndom"), QPushButton("&Reset")
        self.search.setPlaceholderText("Search (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search controls")
        self.search.textChanged.connect(self._filter)
        find = QAction(self, shortcut=QKeySequence(QKeySequence.StandardKey.Find))
        find.triggered.connect(self.search.setFocus)
        self.addAction(find)
        self.random.setToolTip("A few controls at random")
        self.random.clicked.connect(self.set_random)
        self.reset.clicked.connect(lambda: self.set_weights(np.zeros(len(self._controls))))
        self.rows = [_Row(control, self._moved) for control in controls]
        self._lay_out()

    def _lay_out(self) -> None:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setVerticalSpacing(2)
        for number, row in enumerate(self.rows):
            for place, widget in enumerate((row.label, row.slider, row.value)):
                grid.addWidget(widget, number, place)
        grid.setRowStretch(len(self.rows), 1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(inside.sizeHint().width() + area.verticalScrollBar().sizeHint().width())
        top = QHBoxLayout()
        for widget in (self.search, self.random, self.reset):
            top.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(area, 1)

    def weights(self) -> Floats:
        """(C,) as the sliders stand."""
        return np.array([row.value.value() for row in self.rows])

    def set_weights(self, weights: Floats) -> None:
        """Move all sliders; `changed` comes once."""
        self._quiet = True
        for row, weight in zip(self.rows, weights, strict=True):
            row.value.setValue(float(weight))
        self._quiet = False
        self.changed.emit()

    def set_random(self) -> None:
        """A few of them, well inside the range of their sliders; the numbers beside them may go beyond."""
        generator = np.random.default_rng()
        weights = np.zeros(len(self.rows))
        for i in generator.choice(len(self.rows), min(5, len(self.rows)), replace=False):
            slider = self.rows[i].slider
            low, high = slider.minimum() / _FINE, slider.maximum() / _FINE
            end = (
                high if high > 0 and (low == 0 or generator.random() < 0.5) else low
            )  # a control may have a side below zero, or only that
            weights[i] = generator.uniform(0.2, 1.0) * end
        self.set_weights(weights)

    def _moved(self) -> None:
        if not self._quiet:
            self.changed.emit()

    def _filter(self, text: str) -> None:
        for row in self.rows:
            for widget in (row.label, row.slider, row.value):
                widget.setVisible(text.strip().lower() in row.label.text().lower())


class _Row:
    """Label, slider and number of one control; the number is the truth and may go beyond the slider."""

    def __init__(self, control: Control, moved: object) -> None:
        values = [value for value, _ in control.knots] or [1.0]
        low, high = min(0.0, *values), max(0.0, *values)
        self.label, self.slider, self.value = (
            QLabel(control.name),
            QSlider(Qt.Orientation.Horizontal),
            QDoubleSpinBox(),
        )
        self.label.setBuddy(self.value)
        self.slider.setRange(round(low * _FINE), round(high * _FINE))
        self.slider.setMinimumWidth(90)
        self.slider.setAccessibleName(control.name)
        self.value.setRange(low - 1, high + 1)
        self.value.setSingleStep(0.05)
        self.value.setDecimals(3)
        self.value.setAccessibleName(control.name)
        self.slider.valueChanged.connect(self._from_slider)
        self.value.valueChanged.connect(self._from_number)
        self.value.valueChanged.connect(moved)

    def _from_slider(self, value: int) -> None:
        if (
            round(self.value.value() * _FINE) != value
            and self.slider.minimum() <= value <= self.slider.maximum()
        ):
            self.value.setValue(value / _FINE)

    def _from_number(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(value * _FINE))
        self.slider.blockSignals(False)
