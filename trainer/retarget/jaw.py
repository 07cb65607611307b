"""A jaw's motion from one actor to another: by what each actor's targets do with it, and the rest about each actor's hinge.

    xi_A = sum a_i xi_A,i + rest   ->   xi_B = sum a_i xi_B,i + Ad rest

xi_A,i are the twists of the source's targets, a_i least squares with a little ridge, or given. Ad takes the rest from hinge to hinge, turned
as one mandible lies to the other and scaled by their sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel

from .correspondence import Correspondence
from .similarity import Similarity, similarity

Floats = NDArray[np.floating]
_RIDGE, _TURNS, _LEAST_MM = 1e-3, np.radians(3.0), 0.5


@dataclass(frozen=True, eq=False)
class JawCarrier:
    """twists (P, 6) of the source's targets that have a counterpart, and what the target makes of each, (P, 6); hinges (3,); lies: mandible to mandible.

    used (T_A,): which targets those are. reach: of the source's mandible from its hinge, model unit.
    """

    used: NDArray[np.bool_]
    source: Floats
    target: Floats
    hinges: tuple[Floats, Floats]
    lies: Similarity
    reach: float
    has_jaw: bool
    mm_per_unit: float

    @classmethod
    def of(cls, source: FaceModel, target: FaceModel, targets: Floats, match: Correspondence) -> JawCarrier:
        """targets (T_B, T_A): as ControlMap has them."""
        a, b = source.data, target.data
        follows = match.carry(a.weight) * b.weight
        over = follows > 0.25 if (follows > 0.25).sum() >= 3 else np.ones(len(follows), bool)
        before, after = match.carry(a.bone.astype(np.float64))[over], b.bone[over].astype(np.float64)
        made = targets.T @ b.motion.twists
        used = (targets != 0).any(axis=0) & a.motion.twists.any(axis=1) & made.any(axis=1)
        hinges = hinge(a.motion.twists, before.mean(axis=0)), hinge(b.motion.twists, after.mean(axis=0))
        reach = float(np.linalg.norm(before - hinges[0], axis=1).mean())
        return cls(used, a.motion.twists[used], made[used], hinges, similarity(before, after), reach, bool(b.motion.twists.any()), source.mm_per_unit)

    def carry(self, twist: Floats, activations: Floats | None = None) -> Floats:
        """(6,) of the target for (6,) of the source; activations (T_A,) where they are known. Raises AimError when the target has no jaw to move."""
        at = _about(twist, self.hinges[0])
        travel = float(np.linalg.norm(at[:3]) * self.reach + np.linalg.norm(at[3:])) * self.mm_per_unit
        if not self.has_jaw and travel > _LEAST_MM:
            raise AimError(
                f"The source's jaw moves by {travel:.1f} mm, and the target has no jaw: none of its targets moves one.", "It was trained without lower teeth or jaw poses, or jawless.",
                "Train the target with lower_teeth.obj, jaw_poses.json or --jaw estimate.",
            )  # fmt: skip
        a = self._shares(twist) if activations is None else activations[self.used]
        rest = _about(twist - a @ self.source, self.hinges[0])
        turned = np.concatenate([self.lies.rotation @ rest[:3], self.lies.scale * (self.lies.rotation @ rest[3:])])
        carried: Floats = a @ self.target + (_about(turned, -self.hinges[1]) if self.has_jaw else 0.0)
        return carried

    def _shares(self, twist: Floats) -> Floats:
        if not len(self.source):
            return np.zeros(0)
        size = np.r_[np.full(3, self.reach), np.ones(3)]
        rows = np.array([_about(t, self.hinges[0]) for t in self.source]) * size
        gram = rows @ rows.T
        shares: Floats = np.linalg.solve(gram + _RIDGE * np.trace(gram) * np.eye(len(gram)), rows @ (_about(twist, self.hinges[0]) * size))
        return shares


def hinge(twists: Floats, mandible: Floats) -> Floats:
    """(3,) the point of the opening's axis that is nearest the mandible's centre (3,): the target that turns the jaw furthest opens it.

    The mandible's centre itself where no target turns by three degrees.
    """
    turns = np.linalg.norm(twists[:, :3], axis=1)
    if not len(turns) or turns.max() < _TURNS:
        return mandible
    w, v = twists[turns.argmax(), :3], twists[turns.argmax(), 3:]
    on_axis = np.cross(w, v) / (w @ w)
    nearest: Floats = on_axis + ((mandible - on_axis) @ w) / (w @ w) * w
    return nearest


def _about(twist: Floats, point: Floats) -> Floats:
    """The twist (6,) with the velocity of `point` in the place of the origin's."""
    return np.concatenate([twist[:3], twist[3:] + np.cross(twist[:3], point)])
