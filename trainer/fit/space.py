"""What a fit solves for, and what it expects before it has seen anything: local weights on a smooth basis, a
smooth rest that no target explains, the jaw.

The same for every target and every actor, in mm and weights. How the numbers were chosen is in
docs/research/fitting.md: by leaving targets out.

    p(v) = rest(v) + sum_r sum_m u[r, m] basis[v, m] directions[r, v]      u ~ N(0, precision^-1)
    x(v) = head LBS(p(v), exp(xi), k(v))                                   xi ~ N(jaw_mean u,
    jaw_precision^-1)

The first T directions are the targets' displacements before skinning, the last three the unit axes (local
fits only).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.sparse.csgraph import dijkstra

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel
from trainer.geometry.smooth import edge_graph, vertex_areas
from trainer.geometry.surface import farthest_points

# What a fit expects before it has seen anything: how far weights go, how smoothly they vary over the face,
# how close the jaw keeps to them.


@dataclass(frozen=True)
class Prior:
    """Standard deviations, all about zero."""

    weight: float = 1.0
    """Of a target's weight over the whole face."""
    local: float = 6.0
    """Of its variation over the face, in mm of the skin it moves most: a target that moves the skin far has a
    weight that varies little."""
    local_most: float = 2.0
    """At most this, as a weight, for targets that hardly move the skin."""
    power: float = 1.0
    """How steeply the variance of its modes falls: eigenvalue^-power."""
    strain: float = 0.07
    """Of the stretch of a square centimetre of skin by local weights that no target explains (fine spaces
    only)."""
    offset: float = 0.6
    """Of the smooth displacement that no target explains, mm an axis."""
    jaw_share: float = 0.05
    """Of the jaw along the motions that the targets know, as a weight beside the one that the skin's weights
    ask for."""
    jaw_turn: float = 0.002
    """Of the jaw in any other direction, radians."""
    jaw_shift: float = 0.1
    """The same, mm."""

    @classmethod
    def fine(cls) -> Prior:
        """Where the strain tells which variation is smooth: all modes alike."""
        return cls(power=0.0)

    def spectrum(self, eigenvalues: Floats) -> Floats:
        """(M - 1,) shares of the modes after the first in a local weight's variance; they sum to one."""
        least = eigenvalues[eigenvalues > 1e-6 * eigenvalues.max(initial=0.0)].min()
        shape = np.maximum(eigenvalues[1:] / least, 1.0) ** -self.power
        spectrum: Floats = shape / float(shape.sum())
        return spectrum


# What a fit solves for: local weights on a smooth basis, a smooth rest that no target explains, and the jaw
# they ask for.


@dataclass(frozen=True, eq=False)
class FaceSpace:
    """rest (V, 3), directions (R, V, 3), basis (V, M), weight k (V,), centre (3,), twists (T, 6): model unit,
    neutral's object space.

    eigenvalues (M,) of the basis. tied: the jaw follows the weights exactly. Unknowns u are (R, M) in C
    order.
    """

    rest: Floats
    directions: Floats
    basis: Floats
    eigenvalues: Floats
    weight: Floats
    centre: Floats
    twists: Floats
    mm_per_unit: float
    prior: Prior
    tied: bool = False

    @property
    def count(self) -> int:
        """K = R M unknowns."""
        return len(self.directions) * self.basis.shape[1]

    @property
    def targets(self) -> int:
        """T."""
        return len(self.twists)

    def table(self, u: Floats) -> Floats:
        """(..., R, M) on the basis, of (..., K)."""
        return u.reshape(*u.shape[:-1], len(self.directions), -1)

    def gathered(self, table: Floats) -> Floats:
        """(..., K) of (..., R, M): the transpose of table()."""
        return table.reshape(*table.shape[:-2], -1)

    def bases(self, basis: Floats) -> list[Floats]:
        """Of every direction (P, K_r), for rows (P, M) of the basis."""
        return [basis] * len(self.directions)

    def rows(self, vertices: Ints) -> Floats:
        """(P, 3, K): how the unskinned points of `vertices` move with u."""
        directions = self.directions[:, vertices].astype(np.float64)
        return np.concatenate(
            [
                d[:, :, None] * b[:, None]
                for d, b in zip(directions, self.bases(self.basis[vertices]), strict=True)
            ],
            axis=2,
        )

    def displaced(self, u: Floats, vertices: Ints | slice = slice(None)) -> Floats:
        """(P, 3) the displacement that u (K,) stands for, before skinning."""
        shares = self.basis[vertices] @ self.table(u).T.astype(np.float32)
        moved: Floats = np.einsum("vr,rva->va", shares, self.directions[:, vertices], optimize=True)
        return moved

    def coefficients(self, u: Floats) -> tuple[Floats, Floats | None]:
        """coefficients (T, M) and offsets (M, 3), or None where the space has none: what a performance keeps
        of a frame."""
        table = self.table(u)
        return table[: self.targets], table[self.targets :].T if len(table) > self.targets else None

    @cached_property
    def precision(self) -> Floats:
        """(K, K) of u."""
        return np.diag(1 / self.deviation.ravel() ** 2)

    @cached_property
    def deviation(self) -> Floats:
        """(R, M) standard deviations on the basis."""
        p = self.prior
        deviation = np.empty((len(self.directions), self.basis.shape[1]))
        deviation[:, 0] = p.weight
        if self.basis.shape[1] > 1:
            spread = np.sqrt(p.spectrum(self.eigenvalues))
            offset = p.offset / self.mm_per_unit
            deviation[: self.targets, 1:] = (
                np.minimum(p.local / (self.reach * self.mm_per_unit), p.local_most)[:, None] * spread
            )
            deviation[self.targets :, 1:] = offset * spread
            deviation[self.targets :, 0] = 0.1 * offset
        return deviation

    @cached_property
    def reach(self) -> Floats:
        """(T,) how far each target's displacement moves the skin, model unit: the 95th percentile over what
        any of them moves."""
        lengths = np.linalg.norm(self.directions[: self.targets], axis=2)
        moved = lengths.max(axis=0, initial=0.0) > 0.02 * lengths.max(initial=0.0)
        reach = np.percentile(lengths[:, moved], 95, axis=1) if moved.any() else np.ones(self.targets)
        return np.maximum(reach, 1e-3 / self.mm_per_unit)

    @cached_property
    def jaw_mean(self) -> Floats:
        """(6, K): the twist that u asks for, from what of each weight holds over the whole face."""
        mean = np.zeros((6, len(self.directions), self.basis.shape[1]))
        mean[:, : self.targets, 0] = self.twists.T
        return np.array([self.gathered(row) for row in mean])

    @cached_property
    def jaw_precision(self) -> Floats:
        """(6, 6) of the twist about its mean: free along the targets' own motions, narrow elsewhere."""
        p = self.prior
        if self.tied:
            return np.diag(1 / np.r_[np.full(3, 1e-5), np.full(3, 1e-3 / self.mm_per_unit)] ** 2)
        shift = p.jaw_shift / self.mm_per_unit
        about = np.eye(
            6
            # turns are about the model's centre: a small turn must not carry the jaw along by its distance
            # from the origin
        )
        x, y, z = self.centre
        about[3:, :3] = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        narrow = about @ np.diag(np.r_[np.full(3, p.jaw_turn**2), np.full(3, shift**2)]) @ about.T
        precision: Floats = np.linalg.inv(p.jaw_share**2 * self.twists.T @ self.twists + narrow)
        return precision


def face_space(
    model: FaceModel,
    *,
    local: bool,
    modes: int = 0,
    prior: Prior | None = None,
    tied: bool = False,
    detail: bool = True,
) -> FaceSpace:
    """The space of a model with every target on every mode. modes: how fine local weights vary."""
    data, prior = model.data, prior or Prior()
    tables = data.tables(detail)
    t, moves = tables.displacements, data.motion.twists
    if local:
        basis, values = smooth_modes(data.mesh, liveliness(model, t), max(modes, 2))
        axes = np.broadcast_to(np.eye(3, dtype=np.float32)[:, None], (3, len(data.neutral), 3))
        directions = np.concatenate([t, axes])
    else:
        basis, values, directions = np.ones((len(data.neutral), 1)), np.zeros(1), t
    return FaceSpace(
        tables.rest.astype(np.float64),
        directions,
        basis.astype(np.float32),
        values,
        data.weight.astype(np.float64),
        data.centre,
        moves,
        model.mm_per_unit,
        prior,
        tied,
    )


def liveliness(model: FaceModel, displacements: Floats) -> Floats:
    """(V,) 0 to 1: how much expressions and the jaw move the skin, on average over the targets."""
    moves = np.sqrt((displacements.astype(np.float64) ** 2).sum(axis=2)).mean(axis=0)
    if model.data.motion.twists.any():
        moves = moves + 0.2 * model.data.weight / model.mm_per_unit
    largest = float(moves.max(initial=0.0))
    return moves / largest if largest else np.ones(len(moves))


# A smooth spatial basis on a mesh. Wide bumps at centres found by farthest-point sampling along the surface,
# closer together where expressions move the skin, blend to one everywhere. Their span is turned (Rayleigh and
# Ritz) into modes of the mesh's Laplacian, from flat to fine, so that a prior can tell one from the other.
# Laplacian eigenfunctions themselves do worse on faces with as many unknowns: docs/research/fitting.md.

_REACH, _NEIGHBOURS = 2.7, 4  # a bump reaches this many times as far as its nearest neighbours lie on average


def smooth_modes(mesh: Mesh, liveliness: Floats, count: int) -> tuple[Floats, Floats]:
    """(V, M) modes with phi^T D phi = total of D and (M,) their eigenvalues, ascending: L phi = lambda D phi
    within the span of the bumps.

    liveliness (V,) >= 0, at most one: how much expressions move the skin; D is the area times it. The first
    mode is one everywhere. M is `count`, or what the mesh has room for.
    """
    bumps = _bumps(mesh, liveliness, count)
    density = vertex_areas(mesh) * (liveliness + 0.02)
    density /= density.sum()
    graph = edge_graph(mesh)
    graph.data = 1.0 / graph.data
    stiffness = sp.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph
    mass = bumps.T @ (density[:, None] * bumps)
    mass += 1e-9 * np.trace(mass) / len(mass) * np.eye(len(mass))
    values, vectors = eigh(bumps.T @ (stiffness @ bumps), mass)
    modes = bumps @ vectors
    modes *= np.sign(modes[np.abs(modes).argmax(axis=0), np.arange(modes.shape[1])])
    return np.ascontiguousarray(modes), np.maximum(values, 0.0)


def _bumps(mesh: Mesh, liveliness: Floats, count: int) -> Floats:
    """(V, M) rows that sum to one."""
    graph = edge_graph(mesh)
    lively = np.sqrt(liveliness + 0.02)
    moving = liveliness > 0.02 if (liveliness > 0.02).sum() >= count else np.ones(len(liveliness), bool)
    distances: list[Floats] = []

    def distance(centre: int) -> Floats:
        distances.append(dijkstra(graph, indices=centre))
        return np.where(moving, distances[-1] * lively, -1.0)

    centres = farthest_points(distance, int(np.argmax(liveliness)), count)
    away = np.array(distances)
    between = np.sort(away[:, centres], axis=1)[:, 1 : 1 + _NEIGHBOURS]
    finite = np.where(np.isfinite(between), between, np.nan)
    reach = (
        _REACH * np.nanmean(finite, axis=1)
        if between.shape[1] and np.isfinite(finite).any(axis=1).all()
        else np.full(len(centres), away[np.isfinite(away)].max())
    )
    bumps = np.square(np.clip(1.0 - np.square(away / reach[:, None]), 0.0, None)).T
    alone = bumps.sum(axis=1) < 1e-9
    bumps[alone] = 0.0
    bumps[alone, away[:, alone].argmin(axis=0)] = 1.0
    blended: Floats = bumps / bumps.sum(axis=1, keepdims=True)
    return blended
