"""Fingerprints of a bake, written into its output: --resume knows a finished file by them, merging knows chunks of one shot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from aim_maya import __version__
from aim_maya.core.curves import FrameRange
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel

from .shot import Marks

_LAYOUT = 2  # of the files that are written: another one makes other fingerprints


def marks(model: FaceModel, files: Iterable[Path], options: Mapping[str, Any], frames: FrameRange) -> Marks:
    """Hashes of the model's manifest, the files' bytes and the options that shape the output, without and with the frame range."""
    digest = hashlib.sha256(json.dumps(model.manifest, sort_keys=True).encode())  # which names the hash of every member
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise AimError(f"Cannot read {file}: {error.strerror}.", "The path is misspelt or the drive is not mounted.") from error
    digest.update(json.dumps([_LAYOUT, __version__, sorted(options.items())], default=str).encode())
    source = digest.hexdigest()
    last = frames.numbers[-1]
    return Marks(source, of_range(source, frames.first, last), float(frames.first), float(last), float(frames.step))


def of_range(source: str, first: Fraction, last: Fraction) -> str:
    """The fingerprint of the frames first to last of a source."""
    return hashlib.sha256(f"{source} {first} {last}".encode()).hexdigest()
