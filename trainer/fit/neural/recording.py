"""What was seen of a take, at random: frames of points on disk, so that memory does not grow with the length."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from trainer.fit.scans import Scans
from trainer.fit.seen import complete

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Recording:
    """points (F, P, 3) float32, model unit, object space, all NaN where a coordinate is missing, at vertices (P,) of the model; confidence (P,).

    counts (F,): points that are seen and trusted. anywhere (P,): in some frame. fingerprint: of all points, to tell another take by.
    """

    points: Floats
    vertices: Ints
    confidence: Floats
    counts: Ints
    anywhere: NDArray[np.bool_]
    fingerprint: str

    @property
    def seen(self) -> Ints:
        """The frames in which something was seen, in order."""
        return np.flatnonzero(self.counts)

    def at(self, frames: Ints, columns: Ints) -> Floats:
        """(B, N, 3) points of some frames, at vertices[columns]."""
        return np.stack([self.points[frame][columns] for frame in frames])


def record(scans: Scans, confidence: Floats, folder: Path | None = None) -> Recording:
    """Look through the scans once, and keep them in a file without a name in `folder`. confidence (P,).

    Raises AimError for frames of another mesh, or nothing seen at all.
    """
    digest, counts, size = hashlib.sha256(), list[int](), len(scans.vertices)
    anywhere = np.zeros(size, bool)
    with tempfile.TemporaryFile(dir=folder) as file:
        for number, frame in enumerate(scans):
            points = _checked(frame, size, number)
            seen = complete(points) & (confidence > 0)
            points[~seen] = np.nan
            counts.append(int(seen.sum()))
            anywhere |= seen
            digest.update(points.tobytes())
            file.write(points.tobytes())
        if not any(counts):
            raise AimError(f"No point was seen in any of {len(counts)} frames.", "All of them are NaN, or have no confidence.", "Look at the scans, and at --confidence.")
        file.flush()
        stored = np.memmap(file, np.float32, "r", shape=(len(counts), size, 3))
    return Recording(stored, scans.vertices, confidence, np.array(counts), anywhere, digest.hexdigest())


def _checked(frame: Floats, size: int, number: int) -> Floats:
    """One frame as float32 of its own. Raises AimError."""
    points = np.array(frame, np.float32, order="C")
    if points.shape != (size, 3):
        raise AimError(f"Frame {number} has points {points.shape}, not ({size}, 3).", "Frames of another mesh are among them.")
    return points
