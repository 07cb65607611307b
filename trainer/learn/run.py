"""A training as others see it: its heartbeat and the request to stop, how it began and ended, and what it was
made from.

Between two optimiser steps the training looks at `asked` by itself. Preparing, scoring and exporting have no
steps: there the main thread is interrupted, which is safe because every file is written under a temporary
name first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from aim_maya import __version__
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.fingerprint import fingerprint, is_complete, read_note, write_note
from aim_maya.core.progress import SCHEMA, Progress
from aim_maya.core.run_folder import BEAT_S, RunFolder
from aim_maya.core.training_options import TrainConfig

if TYPE_CHECKING:
    import torch

# The heartbeat of a training: it moves while the training lives, and passes a request to stop on, within a
# quarter of a second.

PATIENCE_S = 1.0  # for a stage that ends by itself in that time


class Heartbeat(AbstractContextManager["Heartbeat"]):
    """A thread that touches `heartbeat` and watches for `cancel`. with_parent: it stops the training, too,
    when standard input ends without a line "stay", since then whoever started it is gone."""

    def __init__(
        self,
        run: RunFolder,
        progress: Progress,
        interrupt: Callable[[], None] | None,
        *,
        with_parent: bool = False,
    ) -> None:
        """interrupt: raises Cancelled in the main thread; None when the training is not there."""
        self._run, self._progress, self._interrupt, self._with_parent = run, progress, interrupt, with_parent
        self._stop, self.asked = threading.Event(), threading.Event()
        self._asked_at = 0.0
        self._thread = threading.Thread(target=self._beat, name="aim-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._look()
        self._thread.start()
        if self._with_parent:
            threading.Thread(target=self._watch_parent, name="aim-parent", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2.0)
        self._run.end()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self._run.heartbeat)  # takes no disk space: a full disk is not a death
            self._look()
            if (
                self.asked.is_set()
                and self._interrupt
                and not self._progress.stepping
                and time.monotonic() - self._asked_at > PATIENCE_S
            ):
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


# How a training began and ended, as lines for a window: who trains what, and done, cancelled, or failed with
# cause and remedy.


@contextmanager
def reported(
    progress: Progress, actor: str, out: Path, resumed_at: int, source: Path | None = None
) -> Iterator[None]:
    """Say that a training begins, and how it ends; whatever is raised goes on."""
    progress.event(
        "run",
        schema=SCHEMA,
        version=__version__,
        pid=os.getpid(),
        host=platform.node(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        actor=actor,
        out=str(out.absolute()),
        resumed_at=resumed_at,
        source=str(source.absolute()) if source else "",
    )
    try:
        yield
    except Cancelled:
        progress.event("end", state="cancelled")
        raise
    except AimError as error:
        progress.event("end", state="failed", what=error.what, cause=error.cause, remedy=error.remedy)
        raise
    except Exception as error:
        what, remedy = f"{type(error).__name__}: {error}", "The log has the whole message."
        progress.event("end", state="failed", what=what, cause="", remedy=remedy)
        raise
    progress.event("end", state="done", out=str(out.absolute()))


def pick_device(name: str) -> torch.device:
    """The torch device for 'auto', 'cpu' or 'cuda'. Raises AimError when CUDA is asked for and absent."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise AimError(
            "CUDA was asked for and this torch cannot use it.",
            "A CPU build of torch, or no NVIDIA driver.",
            "Use --device auto.",
        )
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


# What a training was made from, so that one asked for again knows whether it is done, half-way, or another.


class RunInputs:
    """The note in a RUN folder: the fingerprint of actor, settings and program, and once it is done the
    model's.
    """

    def __init__(self, run: RunFolder, inputs: str) -> None:
        self._run, self._inputs = run, inputs

    @classmethod
    def of(cls, run: RunFolder, actor: Actor, config: TrainConfig) -> RunInputs:
        """From everything that decides the model."""
        decisive = dataclasses.replace(actor, warnings=[])
        return cls(run, fingerprint(__version__, config, decisive))

    def is_complete(self, out: Path) -> bool:
        """Whether `out` is the model that came of these inputs, byte for byte."""
        return is_complete(self._run.made_from, self._inputs, out)

    def can_resume(self) -> bool:
        """Whether the folder's checkpoint is whole and of these inputs: a task that comes again begins anew
        where it is not."""
        if not self._run.checkpoint.exists() or not self._are_noted():
            return False
        try:
            self._run.load()
        except AimError:
            return False
        return True

    def begin(self) -> None:
        """Note the inputs; a checkpoint of others is forgotten."""
        if not self._are_noted():
            self._run.checkpoint.unlink(missing_ok=True)
        write_note(self._run.made_from, self._inputs)

    def complete(self, out: Path) -> None:
        """Note the model."""
        write_note(self._run.made_from, self._inputs, out)

    def _are_noted(self) -> bool:
        return read_note(self._run.made_from).get("inputs") == self._inputs
