"""Many displacements of one mesh as amounts of few fields, block by block: memory does not grow with the take.

What a block adds to the fields so far is the leading part of its singular value decomposition, as many fields as leave no frame more than
the tolerance; the fields are orthonormal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_BLOCK = 64


class FieldGatherer:
    """Collects displacements (V, 3). most: fields to keep at the most; fine: root mean square that may be left in a frame, model unit."""

    def __init__(self, vertices: int, most: int, fine: float) -> None:
        self._fields = np.zeros((0, 3 * vertices), np.float32)
        self._most, self._fine = most, fine * np.sqrt(vertices)
        self._waiting: list[Floats] = []
        self._amounts: list[Floats] = []
        self.left: list[float] = []

    def add(self, displacement: Floats) -> None:
        """One frame more, (V, 3)."""
        self._waiting.append(displacement.astype(np.float32).ravel())
        if len(self._waiting) == _BLOCK:
            self._absorb()

    def gathered(self) -> tuple[Floats, Floats]:
        """fields (R, V, 3) float32 and amounts (F, R) float32; `left` (F,) then holds what is left of each frame, root mean square, model unit."""
        self._absorb()
        count = len(self._fields)
        amounts = np.array([np.pad(row, (0, count - len(row))) for row in self._amounts], np.float32).reshape(len(self._amounts), count)
        return self._fields.reshape(count, self._fields.shape[1] // 3, 3), amounts

    def _absorb(self) -> None:
        if not self._waiting:
            return
        block = np.array(self._waiting)
        self._waiting.clear()
        new = block - (block @ self._fields.T) @ self._fields
        left = np.sqrt((new.astype(np.float64) ** 2).sum(axis=1))
        if self._most > len(self._fields) and (left > self._fine).any():
            self._fields = np.concatenate([self._fields, self._added(new)])
        amounts = block @ self._fields.T
        rest = block - amounts @ self._fields
        self._amounts += list(amounts)
        self.left += list(np.sqrt((rest**2).sum(axis=1)) / np.sqrt(block.shape[1] / 3))

    def _added(self, new: Floats) -> Floats:
        """(N, 3V) orthonormal fields, as few as do for the rows of new (B, 3V)."""
        squares, vectors = np.linalg.eigh(new.astype(np.float64) @ new.T.astype(np.float64))
        squares, vectors = np.maximum(squares[::-1], 0.0), vectors[:, ::-1]
        tails = np.sqrt(np.maximum((vectors**2 * squares).sum(axis=1)[:, None] - np.cumsum(vectors**2 * squares, axis=1), 0.0))
        enough = np.flatnonzero((tails <= self._fine).all(axis=0))
        real = int((squares > 1e-9 * squares[0]).sum())
        count = min(int(enough[0]) + 1 if len(enough) else len(squares), real, self._most - len(self._fields))
        fields: Floats = (vectors[:, :count] / np.sqrt(squares[:count])).T.astype(np.float32) @ new
        return fields
