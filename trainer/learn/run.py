"""A training as others see it: its heartbeat and the request to stop, how it began and ended, and what it was
made from.

Between two optimiser steps the training looks at `asked` by itself. Preparing, scoring and exporting have no
steps: there the main thread is interrupted, which is safe because every file is written under a temporary
name first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
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
from typing import Any

import numpy as np
import torch

from aim_maya import __version__
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.files import read_json, write_json
from aim_maya.core.progress import SCHEMA, Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig

# The heart of a training: beats while it lives, hears the request to stop within a quarter of a second, and
# passes it on.

BEAT_S = 0.25
PATIENCE_S = 1.0  # for a stage that ends by itself in that time


class Pulse(AbstractContextManager["Pulse"]):
    """A thread that beats, watches for `cancel`, and, with the parent's life at stake, for the end of
    standard input before a line "stay"."""

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
        self._thread = threading.Thread(target=self._beat, name="aim-pulse", daemon=True)

    def __enter__(self) -> Pulse:
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
def told(
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
        progress.event(
            "end",
            state="failed",
            what=f"{type(error).__name__}: {error}",
            cause="",
            remedy="The log has the whole message.",
        )
        raise
    progress.event("end", state="done", out=str(out.absolute()))


def pick_device(name: str) -> torch.device:
    """The torch device for 'auto', 'cpu' or 'cuda'. Raises AimError when CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise AimError(
            "CUDA was asked for and this torch cannot use it.",
            "A CPU build of torch, or no NVIDIA driver.",
            "Use --device auto.",
        )
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


# What a training was made from, so that one asked for again knows whether it is done, half-way, or another.

_NAME = "made_from.json"


def inputs_hash(actor: Actor, config: TrainConfig) -> str:
    """SHA-256 over everything that decides the model: the actor's arrays and names, the settings, this
    program's version."""
    digest = hashlib.sha256(json.dumps([__version__, config.to_json()], sort_keys=True).encode())
    _add(digest, dataclasses.asdict(actor) | {"warnings": None})
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for key in sorted(value):
            digest.update(f"<{key}>".encode())
            _add(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}]".encode())
        for item in value:
            _add(digest, item)
    else:
        digest.update(repr(value).encode())


class MadeFrom:
    """The note in a RUN folder: the hash of its inputs, and once it is finished that of the model."""

    def __init__(self, run: RunFolder, inputs: str) -> None:
        self._run, self._file, self._inputs = run, run.path / _NAME, inputs

    def finished(self, out: Path) -> bool:
        """Whether `out` is the model that came of the same inputs, byte for byte."""
        return out.is_file() and self._same().get("model") == _file_hash(out)

    def resumable(self) -> bool:
        """Whether the folder's checkpoint is whole and of the same inputs: a task that comes again begins
        anew where it is not."""
        if not self._run.checkpoint.exists() or not self._same():
            return False
        try:
            self._run.load()
        except AimError:
            return False
        return True

    def begin(self) -> None:
        """Note the inputs; a checkpoint of others is forgotten."""
        if not self._same():
            self._run.checkpoint.unlink(missing_ok=True)
        write_json(self._file, {"inputs": self._inputs})

    def end(self, out: Path) -> None:
        """Note the finished model."""
        write_json(self._file, {"inputs": self._inputs, "model": _file_hash(out)})

    def _same(self) -> dict[str, Any]:
        try:
            noted = read_json(self._file)
        except AimError:  # none yet, or cut off: begin again
            return {}
        return noted if isinstance(noted, dict) and noted.get("inputs") == self._inputs else {}


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
