"""A linear blendshape that approximates a model, for hosts that cannot run it: least squares over sampled poses.

    minimise over S   sum_n | A_n S - (P_n - rest) |^2  +  ridge sum_k | S_k - S0_k |^2

A_n are the activations of the native node at pose n: hats of each control's knots, in-betweens added where the jaw turns so that the
arc is followed in pieces, and the rig's combinations. S0 are the trained shapes, so a target that no sample moves stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .controls import Control, Rig
from .errors import AimError

Floats = NDArray[np.floating]
_RIDGE = 0.1


@dataclass(frozen=True)
class BakedBack:
    """rig: controls with the in-betweens added; shapes {target: (V, 3)} rest plus each target's delta, model unit (a
    combination's delta goes on top of its parents'); residual in mm."""

    rig: Rig
    shapes: dict[str, Floats]
    residual: dict[str, float]


def with_in_betweens(rig: Rig, jaw_turns: dict[str, float], pieces: int = 2) -> Rig:
    """The rig with the knots of every control that turns the jaw (radians at its outermost knot) cut into `pieces`."""
    controls = []
    for control in rig.controls:
        knots = list(control.knots)
        value, target = max(control.knots, key=lambda k: abs(k[0]), default=(1.0, control.name))
        if len(knots) == 1 and jaw_turns.get(control.name, 0.0) > 0.02:
            knots += [(value * i / pieces, f"{target}_{100 * i // pieces:03d}") for i in range(1, pieces)]
        controls.append(Control(control.name, control.index, tuple(sorted(knots))))
    return Rig(tuple(controls), rig.poses)


def bake_back(
    points: Callable[[Floats], Floats], rig: Rig, finer: Rig, rest: Floats, poses: Floats, held_out: Floats, mm_per_unit: float,
    progress: Callable[[float], None] = lambda _: None,
) -> BakedBack:  # fmt: skip
    """Shapes for `finer` (rig, or rig with in-betweens) that follow points(weights) -> (V, 3) over poses (N, C).

    The residual is taken on held_out (M, C), beside that of the plain sum of rig's own shapes. Memory grows with targets and
    vertices, not with poses. Raises AimError for no poses.
    """
    if not len(poses) or not len(held_out):
        raise AimError("There are no poses to approximate.", remedy="Give a keyed range, or a number of sampled poses above zero.")
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
    """(count, C) weights as performances have them: a few controls active, each between zero and its outermost knot."""
    rng = np.random.default_rng(seed)
    outer = np.array([max((v for v, _ in c.knots), key=abs, default=1.0) for c in rig.controls])
    active = rng.random((count, len(outer))) < min(1.0, 5 / max(len(outer), 1))
    active[np.arange(count), np.arange(count) % len(outer)] = True
    poses: Floats = active * rng.uniform(0, 1, (count, len(outer))) * outer
    return poses


def _trained(points: Callable[[Floats], Floats], rig: Rig, rest: Floats) -> Floats:
    """Deltas (T, 3V) float64 that add up to the model at every trained pose: a combination's is what its parents leave over."""
    poses = [rig.trained_pose(t) for t in rig.targets]
    offsets = np.stack([points(pose) - rest for pose in poses]).astype(np.float64).reshape(len(poses), -1)
    a = np.array([rig.activations(pose) for pose in poses])
    return offsets if np.array_equal(a, np.eye(len(a))) else np.linalg.solve(a, offsets)


def _residual(
    points: Callable[[Floats], Floats], sums: dict[str, tuple[Rig, Floats]], rest: Floats, poses: Floats, mm: float
) -> dict[str, float]:  # fmt: skip
    """rms, p99 and max in mm of each sum of deltas on poses that were not fitted."""
    errors: dict[str, list[Floats]] = {name: [] for name in sums}
    for weights in poses:
        offset = points(weights) - rest
        for name, (rig, table) in sums.items():
            difference = offset - (rig.activations(weights) @ table).reshape(-1, 3)
            errors[name].append(np.linalg.norm(difference, axis=1) * mm)
    figures: dict[str, float] = {}
    for name, rows in errors.items():
        figures |= {f"{name}rms": float(np.sqrt(np.mean(np.square(rows)))), f"{name}p99": float(np.quantile(rows, 0.99)), f"{name}max": float(np.max(rows))}
    return figures
