"""The heart of a training: beats while it lives, hears the request to stop within a quarter of a second, and passes it on.

Between two optimiser steps the training looks at `asked` by itself. Preparing, scoring and exporting have no steps: there the main
thread is interrupted, which is safe because every file is written under a temporary name first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from .progress import Progress
from .run_folder import RunFolder

BEAT_S = 0.25
PATIENCE_S = 1.0  # for a stage that ends by itself in that time


class Pulse(AbstractContextManager["Pulse"]):
    """A thread that beats, watches for `cancel`, and, with the parent's life at stake, for the end of standard input before a line "stay"."""

    def __init__(self, run: RunFolder, progress: Progress, interrupt: Callable[[], None] | None, *, with_parent: bool = False) -> None:
        """interrupt: raises Cancelled in the main thread; None when the training is not there."""
        self._run, self._progress, self._interrupt, self._with_parent = run, progress, interrupt, with_parent
        self._stop, self.asked = threading.Event(), threading.Event()
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._beat, name="aim-pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._look()
        self._thread.start()
        if self._with_parent:
            threading.Thread(target=self._watch_parent, name="aim-parent", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(2.0)
        self._run.end()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self._run.heartbeat)  # takes no disk space: a full disk is not a death
            self._look()
            if self.asked.is_set() and self._interrupt and not self._progress.stepping and time.monotonic() - self._asked_at > PATIENCE_S:
                self._interrupt()
                self._interrupt = None

    def _look(self) -> None:
        if not self.asked.is_set() and self._run.cancel.exists():
            self._acknowledge("asked to stop")

    def _acknowledge(self, why: str) -> None:
        self._asked_at = time.monotonic()
        self.asked.set()
        self._progress.event("cancelling", f"Stopping: {why} ...", why=why)

    def _watch_parent(self) -> None:
        """Standard input ends when whoever started this training is gone, however it went."""
        with contextlib.suppress(OSError, ValueError):
            for line in sys.stdin.buffer:
                if line.strip() == b"stay":
                    return
        if not self._stop.is_set() and not self.asked.is_set():
            self._acknowledge("what started this training is gone")
