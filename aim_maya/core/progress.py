"""Progress for people and programs: a bar on a terminal, plain lines in a log, JSON lines for a window, Open
Job Description for a farm."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

from aim_maya.core.errors import Cancelled

Style = Literal["auto", "bar", "lines", "json", "openjd", "none"]
# The JSON lines, docs/reference/run_folder.md: every event that is written or read, and its entries besides
# `t` and `event`. `step` has figures besides.
SCHEMA = 1
EVENTS = {
    "run": ("schema", "version", "pid", "host", "time", "actor", "out", "source", "resumed_at"),
    "stage": ("name", "steps"),
    "step": ("step", "steps", "eta_s"),
    "targets": ("worst",),
    "preview": ("file", "limit_mm"),
    "note": ("text",),
    "warning": ("text",),
    "cancelling": ("why",),
    "end": ("state", "out", "what", "cause", "remedy"),
}


class Progress(AbstractContextManager["Progress"]):
    """Reports stages, steps with figures and ETA, and warnings; raises Cancelled from step() once a stop was
    asked for."""

    def __init__(
        self, style: Style = "auto", log: Path | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self.style = ("bar" if sys.stderr.isatty() else "lines") if style == "auto" else style
        self.cancelled = cancelled
        self._log: TextIO | None = None
        self._log_path = log
        self._bar: Any = None
        self._task: Any = None
        self._started = time.perf_counter()
        self._stage_started = self._last = self._started
        self._first_step, self._last_place = 0, 0.0
        self._told = set[str]()  # figures of this stage
        self._lock = threading.Lock()  # the heartbeat has something to say, too
        self.stepping = False

    def __enter__(self) -> Progress:
        if self._log_path is not None:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._log_path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()
        if self._log is not None:
            with contextlib.suppress(OSError):  # what a full disk did not take is written again on closing
                self._log.close()

    def stage(self, name: str, steps: int = 0, first: int = 0) -> None:
        """A new stage begins; with steps > 0 it reports through step()."""
        self._end_bar()
        self._stage_started, self._last, self._first_step = time.perf_counter(), 0.0, first
        self._told = set()
        self.stepping = steps > 0
        self._emit({"event": "stage", "name": name, "steps": steps}, f"{name} ...")
        if steps and self.style == "bar":
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
            )
            self._bar = Bar(*columns, transient=False)
            self._bar.start()
            self._task = self._bar.add_task(name, total=steps, completed=first, figures="")

    def step(self, done: int, steps: int, **figures: float) -> None:
        """One step is done; figures such as loss and error_mm are shown as they are. Raises Cancelled."""
        now = time.perf_counter()
        rate = (now - self._stage_started) / max(done - self._first_step, 1)
        if self._bar is not None:
            text = "  ".join(f"{k} {v:.4g}" for k, v in figures.items())
            self._bar.update(self._task, completed=done, **({"figures": text} if figures else {}))
        if figures and (now - self._last > 1.0 or done == steps or figures.keys() - self._told):
            self._last = now
            self._told |= figures.keys()
            eta = rate * (steps - done)
            text = "  ".join(f"{k} {v:.4g}" for k, v in figures.items())
            self._emit(
                {"event": "step", "step": done, "steps": steps, "eta_s": round(eta, 1)} | figures,
                f"{done}/{steps}  {text}  ETA {eta:.0f} s",
            )
        elif self._log is not None and now - self._last_place > 1.0:
            self._last_place = now
            self._record(
                {"event": "step", "step": done, "steps": steps, "eta_s": round(rate * (steps - done), 1)}
            )
        if self.cancelled():
            raise Cancelled(f"stopped at step {done} of {steps}")

    def note(self, text: str, *, warning: bool = False) -> None:
        """One line for the reader."""
        self._emit(
            {"event": "warning" if warning else "note", "text": text},
            ("Warning: " if warning else "") + text,
            always=True,
        )

    def event(self, name: str, line: str = "", **fields: Any) -> None:
        """Anything else of EVENTS that a window shows; a line is for people."""
        assert not fields.keys() - set(EVENTS[name]), name
        if line:
            self._emit({"event": name} | fields, line, always=True)
        else:
            self._record({"event": name} | fields)

    def _record(self, event: dict[str, Any]) -> dict[str, Any]:
        """One JSON line in the log; a disk that takes no more stops the log, not the training."""
        stamped = {"t": round(time.perf_counter() - self._started, 2)} | event
        if self._log is not None:
            with self._lock, contextlib.suppress(OSError):
                self._log.write(json.dumps(stamped) + "\n")
                self._log.flush()
        return stamped

    def _emit(self, event: dict[str, Any], line: str, always: bool = False) -> None:
        stamped = self._record(event)
        if self.style == "json":
            sys.stdout.write(json.dumps(stamped) + "\n")
            sys.stdout.flush()
        elif self.style == "openjd":
            sys.stdout.write("".join(f"{text}\n" for text in (line, *_for_farm(event))))
            sys.stdout.flush()
        elif self._bar is not None:
            if always:
                self._bar.console.print(line)
        elif self.style != "none":
            with contextlib.suppress(OSError):
                sys.stderr.write(line + "\n")
                sys.stderr.flush()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _for_farm(event: dict[str, Any]) -> list[str]:
    """The lines in which Open Job Description tasks tell their scheduler the percentage done, and what they
    are at."""
    if event["event"] == "step":
        return [f"openjd_progress: {100 * event['step'] / max(event['steps'], 1):.1f}"]
    return [f"openjd_status: {event['name']}"] if event["event"] == "stage" else []
