"""The RUN folder of one training: what it was told, where it is, and how to stop it. docs/run_folder.md is its contract.

config.json  progress.jsonl  pid  heartbeat  cancel (create it to stop)  checkpoint.pt  preview.png  metrics.json
bones/ (only where they were estimated)
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.processes import is_alive, read_owner, write_owner

STALE_S = 5.0  # a heartbeat that is older than this has stopped; it beats four times a second


class RunFolder:
    """Paths inside a RUN folder, and the reading and writing of its checkpoint."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint, self.cancel, self.progress = self.path / "checkpoint.pt", self.path / "cancel", self.path / "progress.jsonl"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.json"
        self.bones = self.path / "bones"
        self.pid, self.heartbeat, self.preview = self.path / "pid", self.path / "heartbeat", self.path / "preview.png"

    def begin(self) -> None:
        """Create the folder, forget an earlier request to stop, and name the process that owns it.

        Raises AimError when another training is at work in it.
        """
        owner = self.owner()
        if owner is not None:
            raise AimError(
                f"{self.path} is in use by the training of process {owner}.", "It was started twice, or two outputs share one run folder.",
                "Follow or cancel that one, or choose another output.",
            )  # fmt: skip
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
        """Write a checkpoint atomically. Raises AimError when it cannot be written; the one before it is then still there."""
        try:
            with atomic_path(self.checkpoint) as temporary:
                torch.save(state, temporary)
        except RuntimeError as error:  # torch's own, for a stream that takes no more
            raise AimError(f"The checkpoint {self.checkpoint} cannot be written ({told_by(error)}).", "The disk may be full.", "Free some space.") from error

    def load(self) -> dict[str, Any]:
        """Read the checkpoint; tensors and plain values only. Raises AimError when there is none, or it is no checkpoint of ours."""
        if not self.checkpoint.exists():
            raise AimError(f"There is no checkpoint in {self.path}.", "Nothing was trained there yet.", "Train without --resume.")
        if not self.checkpoint.is_file():  # a named pipe would be waited for
            raise AimError(f"{self.checkpoint} is not a file.", "Something else has its name.", "Train without --resume.")
        with self.checkpoint.open("rb") as stream:
            head = stream.read(2)
        if head != b"PK":  # torch writes a zip, and would read others in older ways
            raise self.damaged("it is another kind of file" if head else "it is empty")
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises a dozen kinds for a damaged file, none of them its own, in words for programmers
            raise self.damaged("it is not whole") from error
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise self.damaged(f"it holds {type(state).__name__}, not the state of a training", "It is another program's.")
        return state

    def damaged(self, why: str, cause: str = "It was cut off, altered, or is another program's.") -> AimError:
        """The error for a checkpoint that cannot be gone on from."""
        remedy = "Train without --resume: from the start."
        return AimError(f"{self.checkpoint} cannot be read as a checkpoint ({why}).", cause, remedy)


def told_by(error: BaseException) -> str:
    """The first line of an error's words; its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:")[:120] if lines else type(error).__name__
