"""Point Cache 2 (.pc2): a header and float32 points frame after frame; how frames reach Blender without being held in memory."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray


class PointCache2:
    """Writes (V, 3) points one frame at a time. Use as a context manager."""

    def __init__(self, path: Path, vertices: int, frames: int, first: float) -> None:
        """Begin a file of that many vertices and frames."""
        self._stream: BinaryIO = path.open("wb")
        self._stream.write(struct.pack("<12siiffi", b"POINTCACHE2\0", 1, vertices, first, 1.0, frames))

    def __enter__(self) -> PointCache2:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, points: NDArray[np.floating]) -> None:
        """The next frame."""
        self._stream.write(np.ascontiguousarray(points, "<f4").tobytes())
