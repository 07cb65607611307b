"""Which frames share a factorisation: those that see nearly the same vertices."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .fast import FastSolver

_KEPT, _ODD = 4, 0.02


class Solvers:
    """A solver for what a frame sees; a few are kept. make: vertices seen (V,) -> a solver of them."""

    def __init__(self, make: Callable[[NDArray[np.bool_]], FastSolver]) -> None:
        self._make = make
        self._kept: OrderedDict[bytes, tuple[NDArray[np.bool_], FastSolver]] = OrderedDict()

    def for_mask(self, seen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], FastSolver]:
        """The mask (V,) of a solver and the solver: all of `seen`, and at most a fiftieth more, which the frame then lacks."""
        for key in reversed(self._kept):
            mask, solver = self._kept[key]
            if not (seen & ~mask).any() and (mask & ~seen).sum() <= _ODD * max(int(seen.sum()), 1):
                self._kept.move_to_end(key)
                return mask, solver
        whole = self._grown(seen)
        while len(self._kept) >= _KEPT:
            self._kept.popitem(last=False)
        self._kept[whole.tobytes()] = (whole, self._make(whole))
        return self._kept[whole.tobytes()]

    def _grown(self, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Everything, where nearly everything is seen: single holes differ from frame to frame."""
        return np.ones_like(seen) if (~seen).sum() <= _ODD * len(seen) else seen
