"""The RUN folder of one training: who owns it, what it was told, where it is, and how to stop it; its writer
and its reader. docs/reference/run_folder.md is its contract.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from .errors import AimError, MachineError
from .files import atomic_path, write_text
from .progress import SCHEMA

# Which process owns a folder, and whether it still runs; nothing here starts or ends one.

_QUERY, _STILL_ACTIVE = 0x1000, 259  # PROCESS_QUERY_LIMITED_INFORMATION, STILL_ACTIVE (winnt.h)


def write_owner(path: Path) -> None:
    """Name this process and its machine in a file. Raises AimError when it cannot be written."""
    write_text(path, f"{os.getpid()}\n{platform.node()}\n")


def read_owner(path: Path) -> tuple[int, bool]:
    """Process id and whether it is of this machine. Raises OSError or ValueError when the file names none."""
    pid, host = [*path.read_text(encoding="utf-8").split("\n"), "", ""][:2]
    return int(pid), host == platform.node()


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that has ended and waits to be collected by its parent does not."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError):
        return False
    try:
        return (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[0]
            != "Z"
        )
    except (OSError, IndexError):
        return True  # no /proc on macOS


def _is_alive_on_windows(pid: int) -> bool:
    """os.kill would end it there."""
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        return bool(kernel.GetLastError() == 5)  # access denied: it is there, and another user's
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return bool(known) and code.value == _STILL_ACTIVE


# The RUN folder of one training: what it was told, where it is, and how to stop it.

BEAT_S = 0.25  # between two beats of the heart
# A heartbeat that has not moved for so long has stopped. A network drive may show a change only after 3 s
# (NFS' acregmin), so three looks in a row have to miss it; on the training's own machine its process is asked
# instead.
STALE_S = 10.0


class RunFolder:
    """The files of a RUN folder, for its writer and its readers; who owns it; its checkpoint."""

    def __init__(self, path: str | Path) -> None:
        """cancel: created to stop. bones: a folder, only where they were estimated. made_from: the inputs,
        of a training that may come twice. log: of whoever started the training as a process."""
        self.path = Path(path)
        self.checkpoint, self.cancel, self.progress = (
            self.path / "checkpoint.pt",
            self.path / "cancel",
            self.path / "progress.jsonl",
        )
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.json"
        self.bones, self.made_from = self.path / "bones", self.path / "made_from.json"
        self.log = self.path / "trainer.log"
        self.pid, self.heartbeat, self.preview = (
            self.path / "pid",
            self.path / "heartbeat",
            self.path / "preview.png",
        )

    def begin(self) -> None:
        """Create the folder, forget an earlier request to stop, and name the process that owns it.

        Raises AimError when another training is at work in it.
        """
        owner = self.owner()
        if owner is not None:
            raise AimError(
                f"{self.path} is in use by the training of process {owner}.",
                "It was started twice, or two outputs share one run folder.",
                "Follow or cancel that one, or choose another output.",
            )
        write_owner(self.pid)
        self.cancel.unlink(missing_ok=True)
        self.heartbeat.touch()

    def owner(self) -> int | None:
        """The process that trains here now, other than this one; None when nobody does."""
        try:
            pid, here = read_owner(self.pid)
            fresh = time.time() - self.heartbeat.stat().st_mtime < STALE_S
        except (OSError, ValueError):
            return None
        gone = here and (pid == os.getpid() or not is_alive(pid))
        return pid if fresh and not gone else None

    def end(self) -> None:
        """The folder belongs to nobody any more; whatever it holds stays."""
        self.heartbeat.unlink(missing_ok=True)

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint atomically. Raises AimError when it cannot be written; the one before it is then
        still there."""
        import torch

        try:
            with atomic_path(self.checkpoint) as temporary:
                torch.save(state, temporary)
        except RuntimeError as error:  # torch's own, for a stream that takes no more
            raise MachineError(
                f"The checkpoint {self.checkpoint} cannot be written ({told_by(error)}).",
                "The disk may be full.",
                "Free some space.",
            ) from error

    def load(self) -> dict[str, Any]:
        """Read the checkpoint; tensors and plain values only. Raises AimError when there is none, or it is no
        checkpoint of ours."""
        import torch

        if not self.checkpoint.exists():
            raise AimError(
                f"There is no checkpoint in {self.path}.",
                "Nothing was trained there yet.",
                "Train without --resume.",
            )
        if not self.checkpoint.is_file():  # a named pipe would be waited for
            raise AimError(
                f"{self.checkpoint} is not a file.", "Something else has its name.", "Train without --resume."
            )
        with self.checkpoint.open("rb") as stream:
            head = stream.read(2)
        if head != b"PK":  # torch writes a zip, and would read others in older ways
            raise self.damaged("it is another kind of file" if head else "it is empty")
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        # torch raises a dozen kinds for a damaged file, none of them its own, in words for programmers
        except Exception as error:
            raise self.damaged("it is not whole") from error
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise self.damaged(
                f"it holds {type(state).__name__}, not the state of a training", "It is another program's."
            )
        return state

    def damaged(self, why: str, cause: str = "It was cut off, altered, or is another program's.") -> AimError:
        """The error for a checkpoint that cannot be gone on from."""
        remedy = "Train without --resume: from the start."
        return AimError(f"{self.checkpoint} cannot be read as a checkpoint ({why}).", cause, remedy)


def told_by(error: BaseException) -> str:
    """The first line of an error's words; its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:")[:120] if lines else type(error).__name__


# A training as its RUN folder tells it: the JSON lines read as they come, and whether the process behind them
# still lives.

State = Literal["none", "running", "cancelling", "done", "cancelled", "failed", "vanished"]


@dataclass
class Snapshot:
    """Everything a window shows. Curves are (step, value); worst is (target, mm), worst first; lines are for
    the log."""

    state: State = "none"
    actor: str = ""
    out: str = ""
    source: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    eta_s: float | None = None
    loss: list[tuple[int, float]] = field(default_factory=list)
    error_mm: list[tuple[int, float]] = field(default_factory=list)
    worst: list[tuple[str, float]] = field(default_factory=list)
    limit_mm: float = 0.0
    preview: int = 0
    what: str = ""
    cause: str = ""
    remedy: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """A process is at work on it."""
        return self.state in ("running", "cancelling")

    def say_failure(self) -> None:
        """What, why and what to do, for the log of a window that only looks on."""
        self.lines += [
            f"Failed: {self.what}",
            *([f"Likely cause: {self.cause}"] if self.cause else []),
            *([f"What to do: {self.remedy}"] if self.remedy else []),
        ]


class RunReader:
    """Reads what was added since the last look. Any thread may use one, but only one."""

    def __init__(self, folder: str | Path, alive: Callable[[], bool] | None = None) -> None:
        """alive: for a training that was started here and whose process is therefore known."""
        self.run = RunFolder(folder)
        self.snapshot = Snapshot()
        self._alive = alive
        self._at, self._rest = 0, b""
        self._beat, self._beat_seen = -1.0, time.monotonic()

    def expect(self, *, resume: bool) -> None:
        """A training was started in this folder just now: what is there is the past, of which only a resumed
        one keeps the curves."""
        self._read()
        old = self.snapshot if resume else Snapshot()
        self.snapshot = replace(
            old,
            state="running",
            stage="starting",
            steps=0,
            step=0,
            what="",
            cause="",
            remedy="",
            lines=["Starting the trainer ..."],
        )

    def look(self) -> bool:
        """Take in new lines and the heartbeat; True when anything changed."""
        before = self.snapshot.state
        changed = self._read()
        if self.snapshot.active and not (self._alive or self._lives)():
            self._read()  # its last lines may have come after the look before
            if self.snapshot.active:
                self.snapshot.state = "vanished"
        return changed or self.snapshot.state != before

    def _read(self) -> bool:
        try:
            with self.run.progress.open("rb") as stream:
                if stream.seek(0, 2) < self._at:  # another file under the old name
                    self._at, self._rest = 0, b""
                stream.seek(self._at)
                new = stream.read()
        except OSError:
            return False
        self._at += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")  # the last line may be half-written
        for line in whole:
            try:
                event = json.loads(line)
                if isinstance(event, dict):
                    self._take(event)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue  # a disk was full in the middle of it, or another program wrote it
        return bool(whole)

    def _take(self, event: dict[str, Any]) -> None:
        """An event that is unknown, of a later version, is passed over."""
        take = getattr(self, f"_on_{event.get('event')}", None)
        if take is not None:
            take(event)

    def _on_run(self, event: dict[str, Any]) -> None:
        at, old = int(event.get("resumed_at", 0)), self.snapshot
        kept = [[pair for pair in curve if at and pair[0] <= at] for curve in (old.loss, old.error_mm)]
        actor, out, source = (str(event.get(name, "")) for name in ("actor", "out", "source"))
        self.snapshot = Snapshot(
            "running",
            actor,
            out,
            source,
            loss=kept[0],
            error_mm=kept[1],
            lines=old.lines,
            preview=old.preview,
        )
        newer = int(event.get("schema", SCHEMA)) > SCHEMA
        self._say(
            f"Training '{self.snapshot.actor}'"
            + (f", going on at step {at}" if at else "")
            + (" (a newer trainer: some of it may not be shown)" if newer else "")
        )

    def _on_stage(self, event: dict[str, Any]) -> None:
        s = self.snapshot
        s.stage, s.steps, s.step, s.eta_s = str(event["name"]), int(event.get("steps", 0)), 0, None
        self._say(f"{s.stage} ...")

    def _on_step(self, event: dict[str, Any]) -> None:
        s = self.snapshot
        if int(event["step"]) < s.step:  # a network was begun again
            s.loss, s.error_mm = [], []
        s.step, s.steps, s.eta_s = int(event["step"]), int(event["steps"]), float(event["eta_s"])
        for name, curve in (("loss", s.loss), ("error_mm", s.error_mm)):
            if name in event:
                curve.append((s.step, float(event[name])))

    def _on_targets(self, event: dict[str, Any]) -> None:
        self.snapshot.worst = [(str(name), float(value)) for name, value in event["worst"]]

    def _on_preview(self, event: dict[str, Any]) -> None:
        self.snapshot.preview += 1
        self.snapshot.limit_mm = float(event["limit_mm"])

    def _on_note(self, event: dict[str, Any]) -> None:
        self._say(str(event["text"]))

    def _on_warning(self, event: dict[str, Any]) -> None:
        self._say(f"Warning: {event['text']}")

    def _on_cancelling(self, event: dict[str, Any]) -> None:
        self.snapshot.state = "cancelling"
        self._say(f"Stopping: {event.get('why', 'asked to stop')} ...")

    def _on_end(self, event: dict[str, Any]) -> None:
        s = self.snapshot
        s.state = event["state"] if event["state"] in ("done", "cancelled", "failed") else "failed"
        s.what, s.cause, s.remedy = (str(event.get(key, "")) for key in ("what", "cause", "remedy"))
        s.eta_s = None
        if s.state == "failed":
            s.say_failure()
        else:
            self._say(f"Done: {s.out}" if s.state == "done" else "Stopped; Resume goes on from here.")

    def _say(self, line: str) -> None:
        self.snapshot.lines.append(line)

    def _lives(self) -> bool:
        """By its process where that is known, else by a heartbeat that goes on moving (no clock is compared
        with another machine's)."""
        try:
            beat = self.run.heartbeat.stat().st_mtime
            pid, here = read_owner(self.run.pid)
        except (OSError, ValueError):
            return False
        if beat != self._beat:
            self._beat, self._beat_seen = beat, time.monotonic()
        if here:
            return is_alive(pid)
        return time.monotonic() - self._beat_seen < STALE_S


def can_resume(folder: str | Path) -> bool:
    """Whether a RUN folder has a checkpoint to go on from."""
    return RunFolder(folder).checkpoint.is_file()


def ask_to_stop(folder: str | Path) -> None:
    """The training of this RUN folder stops at its next step, with a checkpoint."""
    RunFolder(folder).cancel.touch()
