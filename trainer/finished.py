"""What a training was made from, so that one asked for again knows whether it is done, half-way, or another."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya import __version__
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json, write_json

from .config import TrainConfig
from .run_folder import RunFolder

_NAME = "made_from.json"


def inputs_hash(actor: Actor, config: TrainConfig) -> str:
    """SHA-256 over everything that decides the model: the actor's arrays and names, the settings, this program's version."""
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
        """Whether the folder's checkpoint is whole and of the same inputs: a task that comes again begins anew where it is not."""
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
