"""Back from a model to what hosts without it know: weights of controls from activations of targets, and a
linear blendshape that approximates the model.

Along one control every activation is piecewise linear (hats at its knots, products and minima of
combinations), so the best value on each piece is that of a straight line; controls that meet in combinations
are gone through in turn until nothing changes.

    minimise over S   sum_n | A_n S - (P_n - rest) |^2  +  ridge sum_k | S_k - S0_k |^2

A_n are the activations of the native node at pose n: hats of each control's knots, in-betweens added where
the jaw turns so that the arc is followed in pieces, and the rig's combinations. S0 are the trained shapes, so
a target that no sample moves stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aim_maya.core.arrays import Floats

from .controls import Control, Rig
from .errors import AimError

# From activations of targets back to weights of controls: exact for one knot a control, else the nearest that
# the sliders can reach.

_SWEEPS, _SETTLED = 30, 1e-7


def control_weights(rig: Rig, activations: Floats) -> tuple[Floats, Floats]:
    """(F, C) float64 weights whose activations are nearest to those given (F, T), and (F,) the largest
    difference that is left."""
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
        self._plain = [
            (i, column[rig.controls[i].knots[0][1]], rig.controls[i].knots[0][0])
            for i in alone
            if len(rig.controls[i].knots) == 1
        ]
        self._alone, self._combined = [i for i in alone if len(rig.controls[i].knots) > 1], sorted(combined)
        self._grids = [
            sorted(
                {
                    0.0,
                    *(v for v, _ in c.knots),
                    *(p.weights[c.name] for p in rig.poses if c.name in p.weights),
                }
            )
            for c in rig.controls
        ]
        self._partners = [
            [
                ({at[n]: v for n, v in p.weights.items() if n != c.name}, p.weights[c.name])
                for p in rig.poses
                if c.name in p.weights and p.method == "lowest"
            ]
            for c in rig.controls
        ]

    def solve(self, wanted: Floats, start: Floats) -> Floats:
        """(C,) weights for one frame, from those of the frame before and from zero: the better of the two
        counts."""
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
        """Values of control i at which a piece ends: knots, zero, and where it becomes the lowest of a
        combination."""
        met = [
            value * min(max(weights[j] / v, 0.0) for j, v in others.items())
            for others, value in self._partners[i]
            if others
        ]
        return sorted({*self._grids[i], *met})


# A linear blendshape that approximates a model, for hosts that cannot run it: least squares over sampled
# poses.

_RIDGE = 0.1


@dataclass(frozen=True)
class BakedBack:
    """rig: controls with the in-betweens added; shapes {target: (V, 3)} rest plus each target's delta, model
    unit (a combination's delta goes on top of its parents'); residual in mm.
    """

    rig: Rig
    shapes: dict[str, Floats]
    residual: dict[str, float]


def with_in_betweens(rig: Rig, jaw_turns: dict[str, float], pieces: int = 2) -> Rig:
    """The rig with the knots of every control that turns the jaw (radians at its outermost knot) cut into
    `pieces`."""
    controls = []
    for control in rig.controls:
        knots = list(control.knots)
        value, target = max(control.knots, key=lambda k: abs(k[0]), default=(1.0, control.name))
        if len(knots) == 1 and jaw_turns.get(control.name, 0.0) > 0.02:
            knots += [(value * i / pieces, f"{target}_{100 * i // pieces:03d}") for i in range(1, pieces)]
        controls.append(Control(control.name, control.index, tuple(sorted(knots))))
    return Rig(tuple(controls), rig.poses)


def bake_back(
    points: Callable[[Floats], Floats],
    rig: Rig,
    finer: Rig,
    rest: Floats,
    poses: Floats,
    held_out: Floats,
    mm_per_unit: float,
    progress: Callable[[float], None] = lambda _: None,
) -> BakedBack:
    """Shapes for `finer` (rig, or rig with in-betweens) that follow points(weights) -> (V, 3) over poses (N,
    C).

    The residual is taken on held_out (M, C), beside that of the plain sum of rig's own shapes. Memory grows
    with targets and vertices, not with poses. Raises AimError for no poses.
    """
    if not len(poses) or not len(held_out):
        raise AimError(
            "There are no poses to approximate.",
            remedy="Give a keyed range, or a number of sampled poses above zero.",
        )
    table = _trained(points, finer, rest)
    normal, right = np.zeros((len(table), len(table))), np.zeros_like(table)
    for done, weights in enumerate(poses):
        activations = finer.activations(weights)
        normal += np.outer(activations, activations)
        right += activations[:, None] * ((points(weights) - rest).ravel() - activations @ table)
        progress(0.8 * (done + 1) / len(poses))
    normal[np.diag_indices(len(normal))] += _RIDGE * max(float(np.trace(normal)) / len(normal), 1e-9)
    table += np.linalg.solve(normal, right)
    sums = {"": (finer, table), "linear_": (rig, _trained(points, rig, rest))}
    residual = _residual(points, sums, rest, held_out, mm_per_unit)
    progress(1.0)
    shapes = table.reshape(len(table), -1, 3) + rest
    return BakedBack(finer, dict(zip(finer.targets, shapes, strict=True)), residual)


def sampled_poses(rig: Rig, count: int, seed: int = 0) -> Floats:
    """(count, C) weights as performances have them: a few controls active, each between zero and its
    outermost knot."""
    rng = np.random.default_rng(seed)
    outer = np.array([max((v for v, _ in c.knots), key=abs, default=1.0) for c in rig.controls])
    active = rng.random((count, len(outer))) < min(1.0, 5 / max(len(outer), 1))
    active[np.arange(count), np.arange(count) % len(outer)] = True
    poses: Floats = active * rng.uniform(0, 1, (count, len(outer))) * outer
    return poses


def _trained(points: Callable[[Floats], Floats], rig: Rig, rest: Floats) -> Floats:
    """Deltas (T, 3V) float64 that add up to the model at every trained pose: a combination's is what its
    parents leave over."""
    poses = [rig.trained_pose(t) for t in rig.targets]
    offsets = np.stack([points(pose) - rest for pose in poses]).astype(np.float64).reshape(len(poses), -1)
    a = np.array([rig.activations(pose) for pose in poses])
    return offsets if np.array_equal(a, np.eye(len(a))) else np.linalg.solve(a, offsets)


def _residual(
    points: Callable[[Floats], Floats],
    sums: dict[str, tuple[Rig, Floats]],
    rest: Floats,
    poses: Floats,
    mm: float,
) -> dict[str, float]:
    """rms, p99 and max in mm of each sum of deltas on poses that were not fitted."""
    errors: dict[str, list[Floats]] = {name: [] for name in sums}
    for weights in poses:
        offset = points(weights) - rest
        for name, (rig, table) in sums.items():
            difference = offset - (rig.activations(weights) @ table).reshape(-1, 3)
            errors[name].append(np.linalg.norm(difference, axis=1) * mm)
    figures: dict[str, float] = {}
    for name, rows in errors.items():
        figures |= {
            f"{name}rms": float(np.sqrt(np.mean(np.square(rows)))),
            f"{name}p99": float(np.quantile(rows, 0.99)),
            f"{name}max": float(np.max(rows)),
        }
    return figures
