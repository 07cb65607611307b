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

from aim_maya.core.errors import AimError, first_line
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
            what = f"The checkpoint {self.checkpoint} cannot be written ({first_line(error, 120)})."
            raise AimError(what, "The disk may be full.", "Free some space.") from error

    def load(self) -> dict[str, Any]:
        """Read the checkpoint; tensors and plain values only. Raises AimError when there is none or it is damaged."""
        if not self.checkpoint.exists():
            raise AimError(f"There is no checkpoint in {self.path}.", "Nothing was trained there yet.", "Train without --resume.")
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises a dozen kinds for a damaged file, none of them its own
            raise AimError(f"{self.checkpoint} cannot be read ({first_line(error, 120)}).", "It is damaged.", "Train without --resume.") from error
        return state
