"""What one face hands another: displacements by the local deformation gradient, as amounts of few fields, and
the jaw about each actor's hinge.

What a block adds to the fields so far is the leading part of its singular value decomposition, as many fields
as leave no frame more than the tolerance; the fields are orthonormal.

Per vertex J = argmin sum_j |(q_j - q_i) - J (p_j - p_i)|^2 / |p_j - p_i|^2 over the edges, with a row that
takes normal to normal (after R. Sumner and J. Popovic, Deformation Transfer for Triangle Meshes, 2004, there
per triangle). What of it is used is a choice: on the actors at hand its turn alone, with one scale for the
face, does best (docs/research/retargeting.md).

    xi_A = sum a_i xi_A,i + rest   ->   xi_B = sum a_i xi_B,i + Ad rest

xi_A,i are the twists of the source's targets, a_i least squares with a little ridge, or given. Ad takes the
rest from hinge to hinge, turned as one mandible lies to the other and scaled by their sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.runtime import FaceModel
from trainer.geometry.smooth import extend

from .registration import Correspondence, Similarity, similarity

# Many displacements of one mesh as amounts of few fields, block by block: memory does not grow with the take.

_BLOCK = 64


class FieldGatherer:
    """Collects displacements (V, 3). most: fields to keep at the most; fine: root mean square that may be
    left in a frame, model unit."""

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
        """fields (R, V, 3) float32 and amounts (F, R) float32; `left` (F,) then holds what is left of each
        frame, root mean square, model unit."""
        self._absorb()
        count = len(self._fields)
        amounts = np.array([np.pad(row, (0, count - len(row))) for row in self._amounts], np.float32).reshape(
            len(self._amounts), count
        )
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
        tails = np.sqrt(
            np.maximum(
                (vectors**2 * squares).sum(axis=1)[:, None] - np.cumsum(vectors**2 * squares, axis=1), 0.0
            )
        )
        enough = np.flatnonzero((tails <= self._fine).all(axis=0))
        real = int((squares > 1e-9 * squares[0]).sum())
        count = min(int(enough[0]) + 1 if len(enough) else len(squares), real, self._most - len(self._fields))
        fields: Floats = (vectors[:, :count] / np.sqrt(squares[:count])).T.astype(np.float32) @ new
        return fields


# How a displacement at a place of one face is carried to the same place of another: by the local deformation
# gradient of the neutrals.

Carry = Literal["turn", "stretch", "thickness"]
_SMOOTHNESS, _MOST_STRETCH = 30.0, 2.0


def carrying(mesh: Mesh, source: Floats, scale: float, kind: Carry, thickness: Floats) -> Floats:
    """(V, 3, 3) float32 from displacements at source points (V, 3), in the source's unit, to the target's
    mesh.

    scale: size of the target over the source, in their units. turn: scale times the rotation of J. stretch:
    J. thickness: J with the normal stretched by thickness (V,), the target's soft tissue over the source's,
    held between a half and twice the scale.
    """
    along = np.full(len(source), scale)
    if kind == "thickness":
        along = scale * np.clip(thickness / scale, 1 / _MOST_STRETCH, _MOST_STRETCH)
    gradient = _smooth(mesh, deformation_gradient(mesh, source, along))
    if kind == "turn":
        u, _, vt = np.linalg.svd(gradient)
        mirrored = np.linalg.det(u @ vt) < 0
        u[mirrored, :, 2] *= -1
        gradient = scale * (u @ vt)
    return gradient.astype(np.float32)


def deformation_gradient(mesh: Mesh, source: Floats, along: Floats) -> Floats:
    """(V, 3, 3) J from source points (V, 3) to mesh.points; normals are stretched by along (V,). A vertex
    without edges gets along times I."""
    edges, n = mesh.edges, len(source)
    before, after = (
        source[edges[:, 1]] - source[edges[:, 0]],
        mesh.points[edges[:, 1]] - mesh.points[edges[:, 0]],
    )
    weight = 1.0 / np.maximum((before**2).sum(axis=1), 1e-30)
    inside = _gathered(edges, weight[:, None, None] * before[:, :, None] * before[:, None, :], n)
    across = _gathered(edges, weight[:, None, None] * after[:, :, None] * before[:, None, :], n)
    sure = np.trace(inside, axis1=1, axis2=2)[:, None, None] / 2
    normal, moved = vertex_normals(mesh, source), vertex_normals(mesh)
    loose = sure[:, 0, 0] == 0
    inside[loose], across[loose] = np.eye(3), along[loose, None, None] * np.eye(3)
    inside += sure * normal[:, :, None] * normal[:, None, :]
    across += sure * along[:, None, None] * moved[:, :, None] * normal[:, None, :]
    steady = 1e-6 * np.trace(inside, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    gradient: Floats = (across + along[:, None, None] * steady) @ np.linalg.inv(inside + steady)
    return gradient


def _gathered(edges: NDArray[np.integer], values: Floats, vertices: int) -> Floats:
    """(V, 3, 3): values (E, 3, 3) summed at both ends of every edge."""
    both = np.r_[edges[:, 0], edges[:, 1]]
    columns = np.concatenate([values, values]).reshape(len(both), 9)
    gathered = np.array([np.bincount(both, column, vertices) for column in columns.T], np.float64)
    return np.ascontiguousarray(gathered.T).reshape(-1, 3, 3)


def _smooth(mesh: Mesh, gradient: Floats) -> Floats:
    smooth: Floats = extend(mesh, gradient.reshape(-1, 9), np.ones(len(gradient)), _SMOOTHNESS).reshape(
        -1, 3, 3
    )
    return smooth


# A jaw's motion from one actor to another: by what each actor's targets do with it, and the rest about each
# actor's hinge.

_RIDGE, _TURNS, _LEAST_MM = 1e-3, np.radians(3.0), 0.5


@dataclass(frozen=True, eq=False)
class JawCarrier:
    """twists (P, 6) of the source's targets that have a counterpart, and what the target makes of each, (P,
    6); hinges (3,); lies: mandible to mandible.

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
        return cls(
            used,
            a.motion.twists[used],
            made[used],
            hinges,
            similarity(before, after),
            reach,
            bool(b.motion.twists.any()),
            source.mm_per_unit,
        )

    def carry(self, twist: Floats, activations: Floats | None = None) -> Floats:
        """(6,) of the target for (6,) of the source; activations (T_A,) where they are known. Raises AimError
        when the target has no jaw to move."""
        at = _about(twist, self.hinges[0])
        travel = float(np.linalg.norm(at[:3]) * self.reach + np.linalg.norm(at[3:])) * self.mm_per_unit
        if not self.has_jaw and travel > _LEAST_MM:
            raise AimError(
                f"The source's jaw moves by {travel:.1f} mm, and the target has no jaw: none of its "
                "targets moves one.",
                "It was trained without lower teeth or jaw poses, or jawless.",
                "Train the target with lower_teeth.obj, jaw_poses.json or --jaw estimate.",
            )
        a = self._shares(twist) if activations is None else activations[self.used]
        rest = _about(twist - a @ self.source, self.hinges[0])
        turned = np.concatenate(
            [self.lies.rotation @ rest[:3], self.lies.scale * (self.lies.rotation @ rest[3:])]
        )
        carried: Floats = a @ self.target + (_about(turned, -self.hinges[1]) if self.has_jaw else 0.0)
        return carried

    def _shares(self, twist: Floats) -> Floats:
        if not len(self.source):
            return np.zeros(0)
        size = np.r_[np.full(3, self.reach), np.ones(3)]
        rows = np.array([_about(t, self.hinges[0]) for t in self.source]) * size
        gram = rows @ rows.T
        shares: Floats = np.linalg.solve(
            gram + _RIDGE * np.trace(gram) * np.eye(len(gram)), rows @ (_about(twist, self.hinges[0]) * size)
        )
        return shares


def hinge(twists: Floats, mandible: Floats) -> Floats:
    """(3,) the point of the opening's axis that is nearest the mandible's centre (3,): the target that turns
    the jaw furthest opens it.

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
