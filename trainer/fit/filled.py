"""Frames in which nothing was seen, from their neighbours: on the way between them, or as the nearest at both ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .frame_fit import State
from .take_fit import halfway


def filled(states: Sequence[State | None]) -> list[State]:
    """Every frame a state; at least one must be there. The head goes on the screw between two poses, the face along a line."""
    known = [i for i, state in enumerate(states) if state is not None]
    whole = []
    for i in range(len(states)):
        after = min(int(np.searchsorted(known, i)), len(known) - 1)
        before = after if known[after] <= i else max(after - 1, 0)
        whole.append(_between(states, known[before], known[after], i))
    return whole


def _between(states: Sequence[State | None], before: int, after: int, at: int) -> State:
    first, second = states[before], states[after]
    assert first is not None
    assert second is not None
    if before == after:
        return first
    share = (at - before) / (after - before)
    return State((1 - share) * first.q + share * second.q, halfway(first.head, second.head, share))
