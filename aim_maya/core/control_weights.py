"""From activations of targets back to weights of controls: exact for one knot a control, else the nearest that the sliders can reach.

Along one control every activation is piecewise linear (hats at its knots, products and minima of combinations), so the best value on
each piece is that of a straight line; controls that meet in combinations are gone through in turn until nothing changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .controls import Rig

Floats = NDArray[np.floating]
_SWEEPS, _SETTLED = 30, 1e-7


def control_weights(rig: Rig, activations: Floats) -> tuple[Floats, Floats]:
    """(F, C) float64 weights whose activations are nearest to those given (F, T), and (F,) the largest difference that is left."""
    wanted = np.asarray(activations, np.float64)
    weights: Floats
    if not rig.poses and all(len(c.knots) == 1 for c in rig.controls):
        weights = wanted * np.array([c.knots[0][0] for c in rig.controls])
    else:
        solver = _Solver(rig)
        weights = np.empty((len(wanted), len(rig.controls)))
        start: Floats = np.zeros(len(rig.controls))
        for f, row in enumerate(wanted):
            weights[f] = start = solver.solve(row, start)
    reached = np.array([rig.activations(row) for row in weights]).reshape(wanted.shape)
    return weights, np.abs(reached - wanted).max(axis=1, initial=0.0)


class _Solver:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        at = {name: i for i, name in enumerate(rig.names)}
        combined = {at[name] for pose in rig.poses for name in pose.weights}
        column = {name: i for i, name in enumerate(rig.targets)}
        alone = [i for i in range(len(rig.names)) if i not in combined]
        self._plain = [(i, column[rig.controls[i].knots[0][1]], rig.controls[i].knots[0][0]) for i in alone if len(rig.controls[i].knots) == 1]
        self._alone, self._combined = [i for i in alone if len(rig.controls[i].knots) > 1], sorted(combined)
        self._grids = [sorted({0.0, *(v for v, _ in c.knots), *(p.weights[c.name] for p in rig.poses if c.name in p.weights)}) for c in rig.controls]
        self._partners = [
            [({at[n]: v for n, v in p.weights.items() if n != c.name}, p.weights[c.name]) for p in rig.poses if c.name in p.weights and p.method == "lowest"]
            for c in rig.controls
        ]

    def solve(self, wanted: Floats, start: Floats) -> Floats:
        """(C,) weights for one frame, from those of the frame before and from zero: the better of the two counts."""
        best, found = np.inf, start
        for begin in (start, np.zeros_like(start)) if self._combined else (start,):
            weights = begin.copy()
            for i, target, value in self._plain:
                weights[i] = value * wanted[target]
            for i in self._alone:
                weights[i] = self._along(weights, i, wanted)
            for _ in range(_SWEEPS if self._combined else 0):
                before = weights.copy()
                for i in self._combined:
                    weights[i] = self._along(weights, i, wanted)
                if np.abs(weights - before).max() < _SETTLED:
                    break
            left = float(np.square(self._rig.activations(weights) - wanted).sum())
            if left < best - 1e-12:
                best, found = left, weights
        return found

    def _along(self, weights: Floats, i: int, wanted: Floats) -> float:
        """The value of control i, the others held, at which the activations are nearest to what is wanted."""
        grid = self._grid(weights, i)
        trial, values = weights.copy(), np.array([grid[0] - 1.0, *grid, grid[-1] + 1.0])
        rows = []
        for value in values:
            trial[i] = value
            rows.append(self._rig.activations(trial))
        points = np.array(rows)
        step, to = np.diff(points, axis=0), wanted - points[:-1]
        length = np.square(step).sum(axis=1)
        nearer_zero = (np.abs(values[1:]) < np.abs(values[:-1])).astype(np.float64)  # where nothing changes
        share = np.divide((step * to).sum(axis=1), length, out=nearer_zero, where=length > 0)
        low, high = np.zeros(len(step)), np.ones(len(step))
        low[0], high[-1] = -np.inf, np.inf  # the outermost pieces go on
        share = np.clip(share, low, high)
        left = np.square(to - share[:, None] * step).sum(axis=1)
        reached = values[:-1] + share * np.diff(values)
        return float(reached[np.argmin(left + 1e-12 * np.abs(reached))])

    def _grid(self, weights: Floats, i: int) -> list[float]:
        """Values of control i at which a piece ends: knots, zero, and where it becomes the lowest of a combination."""
        met = [value * min(max(weights[j] / v, 0.0) for j, v in others.items()) for others, value in self._partners[i] if others]
        return sorted({*self._grids[i], *met})
