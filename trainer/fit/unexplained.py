"""How far a fit can be off where, told by the targets themselves: each is left out in turn and fitted with the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .seen import Seen
from .space import FaceSpace

Floats = NDArray[np.floating]


def unexplained(space: FaceSpace, vertices: NDArray[np.integer], noise: float) -> Floats:
    """(P,) root mean square over the targets of what the others leave of them at `vertices`, model unit; their jaws are taken as known."""
    seen = Seen(space, vertices, np.ones(len(vertices)), noise)
    system = seen.data + space.precision
    squares = np.zeros(len(vertices))
    for target in range(space.targets):
        shape = space.directions[target, vertices].astype(np.float64)
        others = np.ones((len(space.directions), space.basis.shape[1]), bool)
        others[target] = False
        chosen = np.flatnonzero(others.ravel())
        u = np.zeros(space.count)
        u[chosen] = np.linalg.solve(system[np.ix_(chosen, chosen)], seen.gathered(shape)[chosen])
        squares += ((shape - seen.predicted(u)) ** 2).sum(axis=1)
    root: Floats = np.sqrt(squares / max(space.targets, 1))
    return root
