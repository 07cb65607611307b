"""Controls, knots and combination poses: from the weights an animator sets to the activation of every target.

A control owns knots (value, target): piecewise linear hats through them and through the neutral at 0, as
Maya's in-betweens do; beyond the outermost knot the last segment's target scales on, as a native target does
beyond 1. A pose is a target that means something only in combination: it is active by the product (or, where
the rig says so, the lowest) of its controls' weights over their values at the pose; both are methods of
Maya's combinationShape node.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats

from .errors import AimError, nearest_name
from .json_fields import Fields, is_number

Weights = Sequence[float] | Mapping[str, float] | NDArray[np.floating]
METHODS = ("multiply", "lowest")


@dataclass(frozen=True)
class Control:
    """One weight: name, its logical index on the blendShape node, and knots ((value, target), ...) sorted by
    value."""

    name: str
    index: int
    knots: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Pose:
    """A combination target: weights {control: value} at which it was sculpted, and how the controls
    combine.
    """

    target: str
    weights: Mapping[str, float]
    method: str = "multiply"


class _Layout(NamedTuple):
    """Where activations come from: controls with one knot (their ids, their targets' places, its value),
    those with several, and poses as runs of factors (their controls, the values there, where each run
    begins)."""

    single: NDArray[np.intp]
    single_at: NDArray[np.intp]
    single_values: Floats
    several: list[tuple[int, int, list[float]]]
    factors: NDArray[np.intp]
    factor_values: Floats
    starts: NDArray[np.intp]
    lowest: NDArray[np.bool_]


@dataclass(frozen=True)
class Rig:
    """All controls in order, all poses, and the order of the targets (T) that every table of the model
    follows."""

    controls: tuple[Control, ...]
    poses: tuple[Pose, ...] = field(default=())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Control names, in order."""
        return tuple(c.name for c in self.controls)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Target names: every control's knots in order, then the poses."""
        return tuple(t for c in self.controls for _, t in c.knots) + tuple(p.target for p in self.poses)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def _plain(self) -> tuple[NDArray[np.int64], Floats] | None:
        """When every control has exactly one knot and there is no pose: the identity order, and 1 / value of
        each knot."""
        if self.poses or any(len(c.knots) != 1 for c in self.controls):
            return None
        return np.arange(len(self.controls)), np.array([1.0 / c.knots[0][0] for c in self.controls])

    def vector(self, weights: Weights) -> Floats:
        """(C,) float64 weights in order. Raises AimError for an unknown name, a wrong length, a NaN, or what
        is no number."""
        vector: Floats
        if isinstance(weights, Mapping):
            unknown = [name for name in weights if name not in self._position]
            if unknown:
                raise AimError(
                    f"There is no control '{unknown[0]}'.",
                    nearest_name(str(unknown[0]), self.names),
                    "See model.targets for the names.",
                )
            vector, values = np.zeros(len(self.controls)), _numbers(list(weights.values()))
            if values.size != len(weights):
                raise AimError(
                    "A weight is one number; an array was given for a control.", remedy="Pass {name: number}."
                )
            vector[[self._position[name] for name in weights]] = values.reshape(-1)
        else:
            vector = _numbers(weights)
            if vector.shape != (len(self.controls),):
                raise AimError(
                    f"{len(self.controls)} weights are needed, {vector.shape} were given.",
                    remedy="Pass one per control, or a dict.",
                )
        total = float(vector.sum())
        if not math.isfinite(total):
            bad = [self.names[i] for i in np.flatnonzero(~np.isfinite(vector))]
            if bad:
                raise AimError(
                    f"The weight of '{bad[0]}' is {vector[self._position[bad[0]]]}.",
                    "A driver upstream produces NaN or infinity.",
                )
        return vector

    def activations(self, weights: Weights) -> Floats:
        """(T,) float64 activation of every target for the controls' weights."""
        vector = self.vector(weights)
        if self._plain is not None:
            return vector * self._plain[1]
        layout = self._layout
        values: Floats = np.zeros(len(self.targets))
        values[layout.single_at] = vector[layout.single] / layout.single_values
        for c, at, knots in layout.several:
            if vector[c]:
                values[at : at + len(knots)] = hats(knots, float(vector[c]))
        if self.poses:
            ratios = np.maximum(vector[layout.factors] / layout.factor_values, 0.0)
            combined: Floats = np.multiply.reduceat(ratios, layout.starts)
            if layout.lowest.any():
                combined = np.where(layout.lowest, np.minimum.reduceat(ratios, layout.starts), combined)
            values[len(values) - len(self.poses) :] = combined
        return values

    @cached_property
    def _layout(self) -> _Layout:
        single, single_at, single_values, several, at = [], [], [], [], 0
        for c, control in enumerate(self.controls):
            knots = [value for value, _ in control.knots]
            if len(knots) == 1:
                single.append(c)
                single_at.append(at)
                single_values += knots
            elif knots:
                several.append((c, at, knots))
            at += len(knots)
        factors = [(self._position[c], value) for pose in self.poses for c, value in pose.weights.items()]
        sizes = [len(pose.weights) for pose in self.poses]
        return _Layout(
            np.array(single, np.intp),
            np.array(single_at, np.intp),
            np.array(single_values),
            several,
            np.array([c for c, _ in factors], np.intp),
            np.array([value for _, value in factors], np.float64),
            np.cumsum([0, *sizes])[:-1].astype(np.intp),
            np.array([pose.method == "lowest" for pose in self.poses], bool),
        )

    def trained_pose(self, target: str) -> Floats:
        """(C,) the control weights at which `target` was captured: its knot alone, or its combination."""
        vector = np.zeros(len(self.controls))
        for control in self.controls:
            for value, name in control.knots:
                if name == target:
                    vector[self._position[control.name]] = value
                    return vector
        for pose in self.poses:
            if pose.target == target:
                for name, value in pose.weights.items():
                    vector[self._position[name]] = value
                return vector
        raise AimError(f"There is no target '{target}'.", nearest_name(target, self.targets))

    def to_json(self) -> dict[str, Any]:
        """The `controls` and `poses` entries of actor.json and of the manifest."""
        return {
            "controls": [
                {"name": c.name, "index": c.index, "knots": [[v, t] for v, t in c.knots]}
                for c in self.controls
            ],
            "poses": [
                {"target": p.target, "weights": dict(p.weights)}
                | ({} if p.method == "multiply" else {"method": p.method})
                for p in self.poses
            ],
        }


def _numbers(weights: object) -> Floats:
    """Weights as float64. Raises AimError for text, even that of a number, and for whatever else is none."""
    try:
        array = np.asarray(weights)
        if array.dtype.kind in "USMmcV":
            raise ValueError
        return np.asarray(array, np.float64)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # RuntimeError: a torch tensor that takes gradients
        given = repr(weights)
        raise AimError(
            f"Weights are numbers, not {given if len(given) < 60 else given[:57] + '...'}.",
            "A name, text or list stands where a number belongs.",
            "Pass one number per control, or {name: number}.",
        ) from error


def hats(values: Sequence[float], w: float) -> list[float]:
    """Activation of each knot at `values` (sorted, without 0) for weight w; the neutral sits at 0 and takes
    the rest."""
    if len(values) <= 1:
        return [w / v for v in values]
    result = [0.0] * len(values)
    grid = sorted([0.0, *values])
    if w <= grid[0] or w >= grid[-1]:
        outer = grid[0] if w <= grid[0] else grid[-1]
        if (
            outer == 0.0
        ):  # nothing was sculpted on this side: the nearest knot scales through zero, as a native target does
            outer = grid[1] if w <= 0 else grid[-2]
        result[values.index(outer)] = w / outer
        return result
    i = int(np.searchsorted(grid, w, side="right")) - 1
    share = (w - grid[i]) / (grid[i + 1] - grid[i])
    for knot, part in ((grid[i], 1 - share), (grid[i + 1], share)):
        if knot != 0.0:
            result[values.index(knot)] = part
    return result


def combine(ratios: Sequence[float], method: str) -> float:
    """Activation of a combination target from its controls' ratios (weight over the value at the pose)."""
    return min(ratios) if method == "lowest" else math.prod(ratios)


def rig_from_json(data: Any, where: str) -> Rig:
    """Read `controls` and `poses`. Raises AimError naming the entry of `where` that is not understood."""
    fields = Fields(data, where)
    controls = tuple(_control(control, i) for i, control in enumerate(fields.objects("controls")))
    poses = tuple(_pose(pose) for pose in fields.objects("poses", ()))
    rig = Rig(controls, poses)
    _check(rig, where)
    return rig


def _control(control: Fields, place: int) -> Control:
    knots = control.items("knots")
    if not all(
        isinstance(knot, list | tuple) and len(knot) == 2 and is_number(knot[0]) and isinstance(knot[1], str)
        for knot in knots
    ):
        raise control.fail("knots", "a list of [value, target]")
    return Control(
        control.text("name"),
        control.whole("index", place),
        tuple(sorted((float(v), str(t)) for v, t in knots)),
    )


def _pose(pose: Fields) -> Pose:
    weights = pose.fields("weights")
    return Pose(
        pose.text("target"), {name: weights.number(name) for name in weights}, pose.text("method", "multiply")
    )


def _check(rig: Rig, where: str) -> None:
    for kind, names in (("control", rig.names), ("target", rig.targets)):
        seen: dict[str, str] = {}
        for name in names:
            if name.lower() in seen:
                raise AimError(
                    f"{where}: two {kind}s are named '{seen[name.lower()]}' and '{name}'.",
                    "Names must differ by more than case.",
                    "Rename one.",
                )
            seen[name.lower()] = name
    for control in rig.controls:
        values = [v for v, _ in control.knots]
        if any(not math.isfinite(v) or v == 0.0 for v in values) or len(set(values)) != len(values):
            raise AimError(
                f"{where}: control '{control.name}' has knots at {values}.",
                "Knots need distinct finite values other than 0.",
            )
    for pose in rig.poses:
        unknown = [c for c in pose.weights if c not in rig.names]
        if unknown:
            raise AimError(
                f"{where}: pose '{pose.target}' names the unknown control '{unknown[0]}'.",
                nearest_name(unknown[0], rig.names),
                "Correct the name.",
            )
        if not pose.weights or any(v == 0.0 or not math.isfinite(v) for v in pose.weights.values()):
            raise AimError(
                f"{where}: pose '{pose.target}' needs at least one control, each at a finite value "
                "other than 0."
            )
        if pose.method not in METHODS:
            raise AimError(
                f"{where}: pose '{pose.target}' has method '{pose.method}'.",
                nearest_name(pose.method, METHODS),
                f"Use one of {METHODS}.",
            )
