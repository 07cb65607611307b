"""The RUN folder of one training: what it was told, where it is, and how to stop it.

config.json  progress.jsonl  pid  cancel (create it to stop)  checkpoint.pt  metrics.json  bones/ (only where they were estimated)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, write_text


class RunFolder:
    """Paths inside a RUN folder, and the reading and writing of its checkpoint."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint, self.cancel, self.progress = self.path / "checkpoint.pt", self.path / "cancel", self.path / "progress.jsonl"
        self.config, self.metrics = self.path / "config.json", self.path / "metrics.json"
        self.bones = self.path / "bones"

    def begin(self) -> None:
        """Create the folder, forget an earlier request to stop, and name the process that owns it."""
        write_text(self.path / "pid", f"{os.getpid()}\n")
        self.cancel.unlink(missing_ok=True)

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint atomically."""
        with atomic_path(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def load(self) -> dict[str, Any]:
        """Read the checkpoint; tensors and plain values only. Raises AimError when there is none or it is damaged."""
        if not self.checkpoint.exists():
            raise AimError(f"There is no checkpoint in {self.path}.", "Nothing was trained there yet.", "Train without --resume.")
        try:
            state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises a dozen kinds for a damaged file, none of them its own
            raise AimError(f"{self.checkpoint} cannot be read ({str(error).splitlines()[0][:120]}).", "It is damaged.", "Train without --resume.") from error
        return state
