"""The skin follows an edit of the anatomy smoothly: of all smooth motions of the space round a face the one
nearest to what the anatomy asks for.

An edit asks vertex v for r_v = (t_v - 1) d_v n_v + offset_v, with a confidence c_v: full on outer skin over
bone, none where skin faces skin (lips, lids, nostrils, ears, mouth), where nobody can say what bone asks for.
What is done is a motion of space,

    u(x) = sum_j phi(|x - z_j| / R) q_j
    q    = argmin sum_v c_v area_v |u(x_v) - r_v|^2 + s sum_jk q_j K_jk q_k

with the kernel phi(r) = (1 - r)^4 (4 r + 1) (H. Wendland 1995) at nodes z_j on the skin and K its values
between them, whose energy is the field's bending (regularised regression in the kernel's native space:
H. Wendland, Scattered Data Approximation, 2005). It is linear in r. A motion of space keeps apart what is
apart and together what is together: two lips that touch at rest move as one, and so do the lids of a closed
eye, since a trained shape is carried by the same motion:

    e''_i = u(s0 + e'_i) - u(s0) + e'_i

to first order the displacement turned and stretched as the skin below it is. Where a target's jaw moves,
skin that it presses together or pulls apart has u fitted again, by the same rule, to the skin as it is posed.
Lips and lids that run through themselves, at rest or in a trained pose, are moved there by the one affine
motion nearest to u (Seals): triangles that cross stay those that cross, and no others do. numpy alone: two
products with a (V, nodes) matrix an edit, and one or two a target when it is first seen.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh, triangle_areas
from aim_maya.core.posing import moving

from .edit import Edit
from .seals import Seals
from .tables import SkinTables

_POSED_BENDING = 1.4  # there skin is pressed together: bending counts so much more
_SLIDING_MM = 3.0  # skin displaced by this beside a moving jaw has the motion fitted to where it is posed
# a displacement beyond this is carried by the motion where it ends, a shorter one by the motion's gradient
_FAR_MM = 1.0
MOST_NODES = 2000
ADULT_RADIUS_MM = 60.0  # the kernel's of an adult face
_PROBES = 2000  # vertices whose stretch is looked at, beside the nodes
_ROWS = 8192  # points whose kernels are formed at once


@dataclass(frozen=True)
class SkinRequest:
    """What a file keeps of it. confidence, tissue (V,) uint8, 255 is 1; nodes (M,) int32 vertex ids.

    tissue: the share of a thickness edit that is asked for; less on lids, which stay on the eyeball.
    radius_mm: the kernel's; smoothness: s, mm^2; tissue_bending: times s where tissue is edited, more on
    coarse meshes. seals (S, 3) int32: pose (0 at rest, 1 + i where target i
    was trained), group and vertex id of skin that runs through itself there.
    """

    confidence: Ints
    tissue: Ints
    nodes: Ints
    radius_mm: float
    smoothness: float
    seals: Ints = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    tissue_bending: float = 1.0


class SkinField:
    """The motions of one face: made once a model, at its first edit; read-only from then on."""

    def __init__(
        self,
        request: SkinRequest,
        sewn: Mesh,
        thickness: Floats,
        normals: Floats,
        rigid: NDArray[np.bool_],
        mm_per_unit: float,
    ) -> None:
        """sewn: the neutral, doubles on its seams used by no face; thickness (V,), normals (V, 3): the
        anatomy's; rigid (V,): separate pieces that keep their form. Model unit, object space."""
        self.mm, self._radius, self.rigid = mm_per_unit, request.radius_mm, rigid
        self._thickness, self._normals = thickness, normals
        self.confidence = (request.confidence / np.float32(255)).astype(np.float32)
        self._tissue = (request.tissue / np.float32(255)).astype(np.float32)
        self._middle = sewn.points.mean(0)
        self.points = self._in_mm(sewn.points)
        self.nodes = self.points[request.nodes]
        self._ramps = np.concatenate([self._ramp(some) for some in self._chunks(self.points)])
        self.kernels = _kernel(self._ramps)
        area = self._areas(sewn.points, sewn.triangles)
        self._weight = self.confidence * area
        self.probes = np.union1d(
            request.nodes, np.arange(0, len(self.points), 1 + len(self.points) // _PROBES)
        )
        self._request, self._area, self._triangles = request, area, sewn.triangles
        between, more = self._ramp(self.nodes), request.tissue_bending
        self._inverse = self._inverted(self.kernels, self._weight, between)
        self._of_tissue = (
            self._inverse if more == 1 else self._inverted(self.kernels, self._weight, between, more)
        )

    def _inverted(self, kernels: Floats, weight: Floats, between: Floats, bending: float = 1.0) -> Floats:
        """(M, M) from data's misfit to coefficients; between (M, M): 1 - r of nodes; bending times this."""
        system = (kernels.T @ (weight[:, None] * kernels)).astype(np.float64)
        system += bending * self._request.smoothness * _kernel(between).astype(np.float64)
        system[np.diag_indices(len(system))] += 1e-7 * max(float(np.trace(system)) / len(system), 1e-12)
        inverse: Floats = np.linalg.inv(system)
        return inverse

    def _in_mm(self, points: Floats) -> Floats:
        """(..., 3) float32 about the middle of the face."""
        return ((points - self._middle) * self.mm).astype(np.float32)

    def _areas(self, points: Floats, triangles: Ints) -> Floats:
        """(V,) float32 mm^2 of skin at points (V, 3), model unit; of doubles all of it at their owner."""
        areas = triangle_areas(points, triangles) * self.mm**2
        total = np.bincount(triangles.ravel(), np.repeat(areas / 3, 3), len(points))
        return total.astype(np.float32)

    def seals(self, pose: int, points: Floats, moves: NDArray[np.bool_] | None = None) -> Seals | None:
        """What is sealed in a pose: 0 at rest, 1 + i at the trained pose i, whose skin is at points (V, 3),
        model unit; None for nothing. moves (V,): groups of which nothing does are tied as at rest, and
        left."""
        rows = self._sealed_in.get(pose)
        if rows is None:
            return None
        groups = [rows[rows[:, 1] == number, 2] for number in np.unique(rows[:, 1])]
        tied = [g for g in groups if moves is None or moves[g].any()]
        return Seals(groups, self._in_mm(points), self._radius / ADULT_RADIUS_MM, tied) if tied else None

    @cached_property
    def _sealed_in(self) -> dict[int, Ints]:
        """The rows (S, 3) of every pose that has any: files of many targets hold half a million."""
        rows = self._request.seals[np.argsort(self._request.seals[:, 0], kind="stable")]
        poses, first = np.unique(rows[:, 0], return_index=True)
        return dict(zip(poses.tolist(), np.split(rows, first[1:]), strict=False))

    @cached_property
    def sealed(self) -> list[Ints]:
        """Of every pose, rest first, where the coordinates of all lie among (3V,) that is sealed there or at
        rest."""
        none = self._request.seals[:0]
        rest, last = self._sealed_in.get(0, none), max(self._sealed_in, default=0)
        rows = (np.concatenate([rest, self._sealed_in.get(p, none)]) for p in range(last + 1))
        return [(3 * np.unique(some[:, 2])[:, None] + np.arange(3)).ravel() for some in rows]

    @cached_property
    def rest_seals(self) -> Seals | None:
        """What is sealed at rest."""
        return self.seals(0, self._middle + self.points / np.float32(self.mm))

    @staticmethod
    def _chunks(points: Floats) -> list[Floats]:
        return [points[i : i + _ROWS] for i in range(0, max(len(points), 1), _ROWS)]

    def _ramp(self, points: Floats, nodes: Floats | None = None) -> Floats:
        """(P, M) float32 1 - r, 0 beyond the radius, for points (P, 3) mm and nodes (M, 3), or those at
        rest."""
        nodes = self.nodes if nodes is None else nodes
        square = (points * points).sum(1)[:, None] + (nodes * nodes).sum(1)
        square -= 2 * (points @ nodes.T)
        np.maximum(square, 0, out=square)
        np.sqrt(square, out=square)
        square *= np.float32(-1 / self._radius)
        square += 1
        ramp: Floats = np.maximum(square, 0, out=square)
        return ramp

    def moved(self, edit: Edit) -> MovedSkin:
        """The motion nearest to what a checked edit's thickness and bone offsets ask for."""
        offset = self.rigid[:, None] * np.asarray(edit.bone_offset, np.float32)
        bending = self._request.tissue_bending if np.any(np.asarray(edit.thickness) != 1.0) else 1.0
        if bending == 1:
            coefficients = self.solved(self.request(edit))
        else:
            coefficients = self.solved(self.request(replace(edit, bone_offset=0.0)), self._of_tissue)
            if np.ndim(edit.bone_offset):
                coefficients += self.solved(self.request(replace(edit, thickness=1.0)))
        return MovedSkin(self, coefficients, np.broadcast_to(offset, self.points.shape), bending)

    def request(self, edit: Edit) -> Floats:
        """(V, 3) float32 mm: what the anatomy asks of every vertex."""
        factor = (np.asarray(edit.thickness, np.float32) - np.float32(1)) * self._tissue * np.float32(self.mm)
        asked: Floats = np.reshape(factor * self._thickness, (-1, 1)) * self._normals
        return asked + np.float32(self.mm) * edit.bone_offset if np.ndim(edit.bone_offset) else asked

    def solved(self, request: Floats, inverse: Floats | None = None) -> Floats:
        """(M, 3) float32 coefficients q for r (V, 3), both mm; inverse (M, M): in place of the bones'."""
        inverse = self._inverse if inverse is None else inverse
        return (inverse @ (self.kernels.T @ (self._weight[:, None] * request))).astype(np.float32)

    def at(self, points: Floats, coefficients: Floats) -> Floats:
        """(P, 3) mm: u at points (P, 3), model unit."""
        parts = [_kernel(self._ramp(some)) @ coefficients for some in self._chunks(self._in_mm(points))]
        return np.concatenate(parts)

    def refitted(
        self, posed: Floats, wanted: Floats, sliding: Floats, bending: float
    ) -> tuple[Floats, Floats]:
        """(V, 3K) the smooth motions of the space round skin posed (V, 3), nearest to what is wanted (V, 3K)
        of all of it, model unit; and (V,) how much it is to count: fully within half a radius of nodes that
        slide (V,), 0 to 1. bending: the edits', MovedSkin.bending. Skin that is pressed together counts by
        the area that is left of it."""
        points, some = self._in_mm(posed), self.probes
        nodes, slides = points[self._request.nodes], 2 * sliding[self._request.nodes].astype(np.float32)
        share = float(self._area.sum()) / max(float(self._area[some].sum()), 1e-12)
        area = np.minimum(self._area, self._areas(posed, self._triangles))
        kernels, weight = _kernel(self._ramp(points[some], nodes)), share * area[some]
        inverse = self._inverted(kernels, weight, self._ramp(nodes, nodes), bending * _POSED_BENDING)
        q = inverse @ (kernels.T @ (weight[:, None] * wanted[some]))
        fitted, counts = np.empty(wanted.shape, np.float32), np.empty(len(points), np.float32)
        for start in range(0, len(points), _ROWS):
            ramp = self._ramp(points[start : start + _ROWS], nodes)
            fitted[start : start + _ROWS] = _kernel(ramp) @ q.astype(np.float32)
            counts[start : start + _ROWS] = (ramp * slides).max(1)
        return fitted, np.minimum(counts, 1)

    def gradients(self, motions: Iterable[Floats], at: Ints) -> Iterator[Floats]:
        """Of every motion's coefficients (M, 3): (S, 3, 3) du_a / dx_b at vertices (S,), how it turns and
        stretches the skin there, less the identity: the kernel's is -20 (1 - r)^3 (x - z) / R^2."""
        ramp = self._ramps[at]
        slope = ramp * ramp
        slope *= ramp
        for q in motions:
            together = np.concatenate([q, (q[:, :, None] * self.nodes[:, None, :]).reshape(len(q), 9)], 1)
            sums = slope @ together
            turn = sums[:, :3, None] * self.points[at][:, None, :] - sums[:, 3:].reshape(-1, 3, 3)
            turn[self.rigid[at]] = 0
            yield np.float32(-20 / self._radius**2) * turn


def _kernel(ramp: Floats) -> Floats:
    """(1 - r)^4 (4 r + 1) from 1 - r."""
    square = ramp * ramp
    square *= square
    square *= 5 - 4 * ramp
    return square


@dataclass(frozen=True, eq=False)
class TrainedPoses:
    """Where the targets were trained. matrix (T, T): row p, the activations of all targets there; turns (T,
    3, 3), offsets (T, 3): the jaw there as a displacement about centre (3,); weight (V,) skinning."""

    matrix: Floats
    turns: Floats
    offsets: Floats
    weight: Floats
    centre: Floats


class MovedSkin:
    """One edit's motion. offset (V, 3) float32, model unit: what it adds to the skin of the neutral. bent,
    under lock: the tables that `bent_tables` formed last."""

    def __init__(
        self, field: SkinField, coefficients: Floats, rigid_offset: Floats, bending: float = 1.0
    ) -> None:
        """rigid_offset (V, 3), model unit: what moves separate pieces, 0 elsewhere; bending: how many times
        as much it weighed."""
        self.field, self.coefficients, self._rigid_offset = field, coefficients, rigid_offset
        self.bending = bending
        self.lock = threading.Lock()
        self.bent: SkinTables | None = None
        tied = offset = field.kernels @ coefficients / np.float32(field.mm)
        seals = field.rest_seals
        if seals is not None:
            tied = offset.copy()
            seals.tie(tied[None])
        near = np.zeros(0, np.intp) if seals is None else seals.near
        self._tied = near, tied[near] - offset[near]
        self.offset: Floats = np.where(field.rigid[:, None], rigid_offset, tied)

    @property
    def tied(self) -> Floats:
        """(V, 3) what the seals of the neutral add."""
        tied = np.zeros_like(self.offset)
        tied[self._tied[0]] = self._tied[1]
        return tied

    def strain(self) -> tuple[Ints, Floats]:
        """Vertex ids (S,), spread over the mesh, and how much the motion stretches or turns the skin there
        (S,), as a share of its length (Frobenius norm of the gradient): where it is below 1 nothing can
        turn over."""
        gradient = next(self.field.gradients([self.coefficients], self.field.probes))
        return self.field.probes, np.sqrt((gradient * gradient).sum((1, 2)))

    def scaled(self, amount: float) -> MovedSkin:
        """So much of it."""
        share = np.float32(amount)
        return MovedSkin(self.field, self.coefficients * share, self._rigid_offset * share, self.bending)


def _at_ends(moves: Sequence[MovedSkin], rest: Floats, displacement: Floats) -> Floats:
    """(K, V, 3) u of K motions of one face where a displacement (V, 3) from rest (V, 3) ends, all model
    unit."""
    field, e = moves[0].field, displacement
    ends: Floats = np.stack([m.offset for m in moves])
    moves_far = ((e * e).sum(1) > (_FAR_MM / field.mm) ** 2) & ~field.rigid
    near, far = np.flatnonzero(moving(e) & ~moves_far), np.flatnonzero(moves_far)
    for end, gradient in zip(ends, field.gradients([m.coefficients for m in moves], near), strict=True):
        end[near] += np.einsum("vab,vb->va", gradient, e[near])
    if len(far):
        coefficients = np.concatenate([m.coefficients for m in moves], 1)
        ends[:, far] = _each(field.at(rest[far] + e[far], coefficients) / np.float32(field.mm))
        ends[:, far] += np.stack([m.tied[far] for m in moves])
    return ends


def _each(rows: Floats) -> Floats:
    """(V, 3K) -> (K, V, 3)."""
    return rows.reshape(len(rows), -1, 3).transpose(1, 0, 2)


def carried(
    moves: Sequence[MovedSkin], rest: Floats, displacement: Floats, poses: TrainedPoses, i: int
) -> Floats:
    """(K, V, 3) the displacement before skinning, at the trained pose i, of the face under each of K edits of
    one bending:
    displacement (V, 3) is the unedited one's. What the kernels of a pose cost is paid once for all K.

        p = rest + e,   S = LBS(p),   LBS's 3x3 at p: B = I + k (R - I),   e'' = e - u(rest) + B^-1 U

    U is B u(p). Where a moving jaw makes e large, skin slides over bone and p is no place where it ever
    is: there, and round it, U is B u(rest) fitted again at S.
    """
    field, at, offset = (
        moves[0].field,
        _at_ends(moves, rest, displacement),
        np.stack([m.offset for m in moves]),
    )
    turn, shift = poses.turns[i], poses.offsets[i]
    if not turn.any() and not shift.any():
        seals = field.seals(1 + i, rest + displacement, moving(displacement))
        if seals is not None:
            seals.tie(at)
            at = np.where(field.rigid[:, None], offset, at)
        return displacement + at - offset
    weight = poses.weight[:, None].astype(np.float64)
    p = (rest + displacement).astype(np.float64)
    jaw = (p - poses.centre) @ turn.T + shift
    posed, blends = p + weight * jaw, np.eye(3) + weight[:, :, None] * turn
    slid = np.minimum(np.linalg.norm(displacement, axis=1), np.linalg.norm(jaw, axis=1)) * field.mm
    sliding = np.clip(slid / _SLIDING_MM, 0, 1)
    at = at + sliding[:, None] * (offset - at)
    wanted = np.einsum("vab,kvb->kva", blends, at)
    rows = wanted.transpose(1, 0, 2).reshape(len(p), -1)
    fitted, share = field.refitted(posed, rows.astype(np.float32), sliding, moves[0].bending)
    wanted += share[:, None] * (_each(fitted) - wanted)
    changed, seals = share > 0, field.seals(1 + i, posed)
    if seals is not None:
        seals.tie(wanted)
        changed[seals.near] = True
    some = np.flatnonzero(changed & ~field.rigid)
    if len(some):
        at[:, some] = np.linalg.solve(blends[some], wanted[:, some].transpose(1, 2, 0)).transpose(2, 0, 1)
    return displacement + at - offset
