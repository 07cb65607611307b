"""A native rig: the model as blend shapes and one linear skinning by two joints, which every host evaluates
by itself.

    s(w) = LBS(s0 + sum a_i(w) e'_i, T(w), k),    T(w) = exp(xi_0 + sum a_i(w) xi_i)

a_i is piecewise linear in one control (a knot) or the product, or the lowest, of several (a combination); k
is the weight of the joint `jaw`, 1 - k that of `skull`. xi = (omega, v) is a twist about the model's centre:
R = exp(omega) and the jaw moves by t = V(omega) v there, where

    V = I + (1 - cos th) / th^2 [omega] + (th - sin th) / th^3 [omega]^2,    th = |omega|

(Murray, Li, Sastry 1994, A.2). The points are FaceModel's own, to float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.controls import Control, Rig, Weights, hats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import skin, tolerance

from .cached import edited_rest, edited_tables
from .face_model import FaceModel

JOINTS = ("skull", "jaw")
_UP = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class RigidPart:
    """A mesh beside the skin, model unit, object space of the neutral: it follows the joint 'jaw' or 'skull'.

    A mesh without faces is a cloud of points.
    """

    name: str
    mesh: Mesh
    follows: Literal["jaw", "skull"]
    material: str


@dataclass(frozen=True)
class Knot:
    """The activation of a target that one control owns: a line through the points `curve` ((weight,
    activation), ...), whose first and last piece go on for ever.

    control: its place among the controls; value: the weight at which the target was sculpted, activation 1.
    """

    control: int
    value: float
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Combination:
    """The activation of a combination: the product ('multiply') or the lowest of max(weight / value, 0) over
    `factors` ((control, value), ...)."""

    factors: tuple[tuple[int, float], ...]
    method: str


@dataclass(frozen=True)
class Target:
    """A blend shape: it moves vertices ids (M,) int32 by deltas (M, 3) float32 before skinning, and the jaw
    by twist (6,) float64 about the model's centre, each times the activation that `drive` gives."""

    name: str
    ids: Ints
    deltas: Floats
    twist: Floats
    drive: Knot | Combination


@dataclass(frozen=True)
class NativeRig:
    """mesh: faces and UVs, its points the rest; rest (V, 3), weight k (V,) float32, centre (3,) float64,
    model unit, object space; rest_twist (6,): the jaw at zero weights, of an edit that poses it.

    up: 'x', 'y' or 'z'. parts: teeth, tongue and bones, each on its joint.
    """

    name: str
    mm_per_unit: float
    up: str
    mesh: Mesh
    rest: Floats
    weight: Floats
    centre: Floats
    rig: Rig
    targets: tuple[Target, ...]
    rest_twist: Floats
    parts: tuple[RigidPart, ...] = ()

    @classmethod
    def of(
        cls, model: FaceModel, parts: Iterable[RigidPart] = (), detail: bool = True, *, any_arc: bool = False
    ) -> NativeRig:
        """The rig of a model under its edit. any_arc: on the arc whatever the edit says of it.

        Raises AimError for an edit that bends the jaw's arc, or poses the jaw by what is no rigid motion.
        """
        data, edit, pose = model.data, model.edit, model.jaw_pose
        arc = edit.jaw_arc * data.baked.arc
        if pose is None and arc != 1.0 and not any_arc:
            raise AimError(
                f"This edit has jaw_arc {arc:g}, and a native rig has no linear look.",
                "Its jaw joint turns on the arc.",
                "Take jaw_arc 1 for the native rig, or keep the node.",
            )
        if pose is not None and not rigid.is_rigid(pose):
            raise AimError("The edit's jaw pose is no rigid motion.", "There is a scale or shear in it.")
        rest = edited_rest(data, edit, detail, model.moved).astype(np.float32)
        tables = edited_tables(data, edit, detail, model.moved)
        tables.need(np.arange(tables.count))
        gain = np.reshape(np.asarray(edit.expression_gain, np.float32), (-1, 1))
        weight = data.weight
        if data.owners is not None:  # doubles on seams are where their owners are, to the last bit
            rest, weight = rest[data.owners], weight[data.owners]
        twists = edit.jaw_gain * _about(data.centre, data.motion.twists)
        rest_twist = np.zeros(6) if pose is None else _about(data.centre, rigid.log(pose)[None])[0]
        if pose is not None:
            twists = np.zeros_like(twists)
        still = tolerance(rest, model.mm_per_unit) / 100  # noise of stored shapes, far below what counts
        made = []
        for i, (name, twist, drive) in enumerate(
            zip(data.rig.targets, twists, drives(data.rig), strict=True)
        ):
            deltas = tables.row(i) * gain
            deltas = deltas if data.owners is None else deltas[data.owners]
            ids = np.flatnonzero(np.abs(deltas).max(1) > still).astype(np.int32)
            made.append(Target(name, ids, np.ascontiguousarray(deltas[ids]), twist, drive))
        return cls(
            name=str(data.manifest.get("name", data.path.stem)),
            mm_per_unit=model.mm_per_unit,
            up=str(data.manifest["up"]),
            mesh=model.mesh.with_points(rest),
            rest=rest,
            weight=weight,
            centre=np.asarray(data.centre, np.float64),
            rig=data.rig,
            targets=tuple(made),
            rest_twist=rest_twist,
            parts=tuple(parts),
        )

    @cached_property
    def twists(self) -> Floats:
        """(T, 6) float64 of all targets."""
        return np.array([t.twist for t in self.targets]).reshape(-1, 6)

    def knots_of(self, control: int) -> tuple[Ints, dict[float, Floats]]:
        """ids (M,) of the vertices that a control moves, and {weight: deltas (M, 3)} at its knots, for hosts
        whose in-betweens go straight from one to the next and on beyond the outermost.

        Where two knots lie on one side of zero the outermost target scales on from zero instead: a knot at
        twice its weight, of twice its deltas, holds that.
        """
        own = {
            t.drive.value: t for t in self.targets if isinstance(t.drive, Knot) and t.drive.control == control
        }
        ids = np.unique(np.concatenate([np.zeros(0, np.int32), *(t.ids for t in own.values())]))
        found: dict[float, Floats] = {}
        for value, target in own.items():
            found[value] = deltas = np.zeros((len(ids), 3), np.float32)
            deltas[np.searchsorted(ids, target.ids)] = target.deltas
        grid = sorted([0.0, *found])
        for outer, inner in ((grid[0], grid[1]), (grid[-1], grid[-2])) if found else ():
            if outer != 0.0 and inner != 0.0:
                found[2 * outer] = 2 * found[outer]
        return ids.astype(np.int32), found

    def activations(self, weights: Weights) -> Floats:
        """(T,) float64 of every target for the controls' weights. Raises AimError as FaceModel.points."""
        return self.rig.activations(weights)

    def jaw(self, activations: Floats) -> Floats:
        """(4, 4) float64 motion of the jaw in object space, p' = M p."""
        about = rigid.exp(self.rest_twist + activations @ self.twists)
        matrix = about.copy()
        matrix[:3, 3] += self.centre - about[:3, :3] @ self.centre
        return matrix

    def points(self, weights: Weights) -> Floats:
        """(V, 3) float32 of the skin: plain arithmetic, for tests to compare with. Raises AimError as
        FaceModel.points."""
        return self.posed(self.activations(weights))

    def posed(self, activations: Floats) -> Floats:
        """(V, 3) float32 of the skin for activations (T,) of the targets."""
        shaped = self.rest.astype(np.float64)
        for target, amount in zip(self.targets, activations, strict=True):
            shaped[target.ids] += amount * target.deltas
        return skin(shaped, self.jaw(activations), self.weight, self.centre).astype(np.float32)

    @property
    def size(self) -> float:
        """The longest side of the face's box, model unit."""
        return float(np.ptp(self.rest, axis=0).max())

    def change_to(self, mm_per_unit: float, up: str) -> Floats:
        """(4, 4) what takes points into another unit and, by a quarter turn, `up` onto another axis."""
        change = np.eye(4)
        turn = np.eye(3) if up == self.up else _turn(self.up, up)
        change[:3, :3] = self.mm_per_unit / mm_per_unit * turn
        return change

    def in_space(self, mm_per_unit: float, up: str) -> NativeRig:
        """The same rig in another unit, its `up` axis turned onto another one; a turn, never a reflection."""
        moved = self.change_to(mm_per_unit, up)[:3, :3]
        turn = moved * (mm_per_unit / self.mm_per_unit)

        def twisted(twist: Floats) -> Floats:
            return np.concatenate([turn @ twist[:3], moved @ twist[3:]])

        rest = (self.rest.astype(np.float64) @ moved.T).astype(np.float32)
        return replace(
            self,
            mm_per_unit=mm_per_unit,
            up=up,
            mesh=self.mesh.with_points(rest),
            rest=rest,
            centre=moved @ self.centre,
            targets=tuple(
                replace(t, deltas=(t.deltas @ moved.T).astype(np.float32), twist=twisted(t.twist))
                for t in self.targets
            ),
            rest_twist=twisted(self.rest_twist),
            parts=tuple(replace(p, mesh=p.mesh.with_points(p.mesh.points @ moved.T)) for p in self.parts),
        )


def shape_names(rig: Rig) -> list[str]:
    """Names of the targets where each is a shape of its own: that of the control which moves it alone, so
    that curves and capture find it; knots beside others and combinations keep the target's.

    Raises AimError where two are alike.
    """
    names = [c.name if len(c.knots) == 1 else t for c in rig.controls for _, t in c.knots]
    names += [p.target for p in rig.poses]
    check_names(names)
    return names


def check_names(names: Iterable[str]) -> None:
    """Raises AimError for two shapes of one name, whatever the case."""
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            raise AimError(
                f"Two shapes of the native rig would be called '{seen[name.lower()]}' and '{name}'.",
                "A control has the name of a target that belongs to another one.",
                "Rename one of them in actor.json and train again.",
            )
        seen[name.lower()] = name


def drives(rig: Rig) -> list[Knot | Combination]:
    """What activates every target of a rig, in the targets' order: `Rig.activations` as plain numbers."""
    at = {name: i for i, name in enumerate(rig.names)}
    found: list[Knot | Combination] = []
    for i, control in enumerate(rig.controls):
        found += [Knot(i, value, _curve(control, n)) for n, (value, _) in enumerate(control.knots)]
    for pose in rig.poses:
        factors = tuple((at[name], float(value)) for name, value in pose.weights.items())
        found.append(Combination(factors, pose.method))
    return found


def reach(control: Control) -> tuple[float, float]:
    """The lowest and the highest weight that a slider of this control needs: its knots, and zero."""
    values = [v for v, _ in control.knots] or [1.0]
    return min(0.0, *values), max(0.0, *values)


def _curve(control: Control, knot: int) -> tuple[tuple[float, float], ...]:
    """Knot points of one hat, beyond the outermost knot scaled on from zero, with nothing left that lies on
    its neighbours' line."""
    values = [v for v, _ in control.knots]
    grid = sorted([0.0, *values])
    grid = [grid[0] - 1.0, *grid, grid[-1] + 1.0]
    points = [(w, hats(values, w)[knot]) for w in grid]
    kept = points[:1]
    for n in range(1, len(points) - 1):
        (x0, y0), (x, y), (x1, y1) = kept[-1], points[n], points[n + 1]
        if abs((y - y0) * (x1 - x) - (y1 - y) * (x - x0)) > 1e-12 * max(1.0, abs(x1 - x0)):
            kept.append((x, y))
    return (*kept, points[-1])


def _about(centre: Floats, twists: Floats) -> Floats:
    """(T, 6) twists of object space, taken about centre (3,): v + omega x centre."""
    given = np.asarray(twists, np.float64)
    return np.hstack([given[:, :3], given[:, 3:] + np.cross(given[:, :3], np.asarray(centre, np.float64))])


def _turn(old: str, new: str) -> Floats:
    """(3, 3) quarter turn about the axis that is neither, which takes axis `old` onto axis `new`."""
    third = ({"x", "y", "z"} - {old, new}).pop()
    turn = np.zeros((3, 3))
    turn[_UP[third], _UP[third]] = turn[_UP[new], _UP[old]] = 1.0
    turn[_UP[old], _UP[new]] = -1.0
    return turn
