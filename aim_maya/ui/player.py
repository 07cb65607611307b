"""Weight curves played in real time: frames are dropped, never the beat."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from aim_maya.core.controls import Rig
from aim_maya.core.curves import control_reach, match_controls, read_curves

Floats = NDArray[np.floating]


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
        """Read a CSV; returns what is to be said of it. Raises AimError for a file that is none, or drives nothing."""
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
        length = float(self._times[-1]) + (float(np.median(np.diff(self._times))) if len(self._times) > 1 else 1.0)
        number = int(np.searchsorted(self._times, (time.perf_counter() - self._began) % length, side="right")) - 1
        if number != self._last:
            self._last = number
            self.frame.emit(self._weights[number], number)
        self._timer.setInterval(4)
