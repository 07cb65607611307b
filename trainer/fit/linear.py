"""The linear solver: head and jaw on a coarse space, then weights on the fine one; factorisations shared by
frames that see the same; noise from what it leaves.

A fine space can explain a jaw that is wrong by local weights and loses nothing by it; a coarse one cannot.
And where targets leave each other unexplained, the skin says less of the jaw: a point counts as much as its
own misfit there allows (unexplained).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, eigh
from scipy.spatial import KDTree

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh, triangle_areas, vertex_normals
from aim_maya.runtime import FaceModel

from .equations import Seen, complete, symmetric, unexplained
from .scans import Frames
from .solve import Frame, MotionSolver, WeightSolver
from .space import FaceSpace, Prior, face_space

# The strain that no target explains: what local weights add to the stretch of the skin by varying over the
# face.

_SQUARE_CM = 100.0  # mm^2: the prior's strain is that of so much skin


class Strain:
    """Precisions between the weights of two directions, for one space: sum over edges of area / length^2
    (difference of one basis)(difference of the other) d_r . d_s."""

    def __init__(self, mesh: Mesh, space: FaceSpace) -> None:
        edges, shares = _edges(mesh)
        scale = np.sqrt(shares / _SQUARE_CM) * space.mm_per_unit / space.prior.strain
        self._steps = (space.basis[edges[:, 0]] - space.basis[edges[:, 1]]) * scale[:, None].astype(
            np.float32
        )
        between = 0.5 * (space.directions[:, edges[:, 0]] + space.directions[:, edges[:, 1]])
        self._planar = np.ascontiguousarray(between.transpose(0, 2, 1))

    def gram(self, r: int, s: int) -> Floats:
        """(M, M) on the whole basis."""
        return self._block(r, s, self._steps, self._steps)

    def whole(self, bases: Callable[[Floats], list[Floats]]) -> Floats:
        """(K, K) for unknowns whose bases (P, K_r) are made of rows (P, M) of the space's."""
        steps = [step.astype(np.float32) for step in bases(self._steps)]
        return symmetric(
            [step.shape[1] for step in steps], lambda r, s: self._block(r, s, steps[r], steps[s])
        )

    def _block(self, r: int, s: int, first: Floats, second: Floats) -> Floats:
        product = np.einsum("av,av->v", self._planar[r], self._planar[s])
        where = np.flatnonzero(np.abs(product) > 1e-6 * np.abs(product).max(initial=0.0))
        block: Floats = ((first[where] * product[where, None]).T @ second[where]).astype(np.float64)
        return block


def _edges(mesh: Mesh) -> tuple[NDArray[np.integer], Floats]:
    """The triangles' edges (E, 2), and (E,) such that sum shares (w_a - w_b)^2 is about the integral of |grad
    w|^2."""
    triangles = mesh.triangles
    sides = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    edges, which = np.unique(sides, axis=0, return_inverse=True)
    area = np.bincount(which.ravel(), np.tile(triangle_areas(mesh.points, triangles), 3) / 3)
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    floor = 1e-3 * float(np.median(length)) if len(length) else 1.0
    return edges, 2.0 * area / np.maximum(length, floor) ** 2


# Few unknowns for local weights: of every target, the ways of varying over the face that are expected to move
# the skin furthest.


@dataclass(frozen=True, eq=False)
class PrincipalSpace(FaceSpace):
    """spreads: of every direction (M, K_r), what its unknowns mean on the basis; expected (K, K): the
    precision of them all.

    Unknowns are those of the first direction, then of the second, and so on; a direction's first is its
    weight over the whole face.
    """

    spreads: tuple[Floats, ...] = ()
    expected: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def count(self) -> int:
        """K unknowns."""
        return sum(spread.shape[1] for spread in self.spreads)

    @property
    def precision(self) -> Floats:  # type: ignore[override]
        """(K, K) of u."""
        return self.expected

    def table(self, u: Floats) -> Floats:
        """(..., R, M) on the basis, of (..., K)."""
        parts = np.split(u, np.cumsum([spread.shape[1] for spread in self.spreads])[:-1], axis=-1)
        table = np.empty((*u.shape[:-1], len(parts), self.basis.shape[1]), u.dtype)
        for r, (part, spread) in enumerate(zip(parts, self.spreads, strict=True)):
            table[..., r, :] = part @ spread.T.astype(u.dtype)
        return table

    def gathered(self, table: Floats) -> Floats:
        """(..., K) of (..., R, M): the transpose of table()."""
        return np.concatenate(
            [row @ spread for row, spread in zip(np.moveaxis(table, -2, 0), self.spreads, strict=True)],
            axis=-1,
        )

    def bases(self, basis: Floats) -> list[Floats]:
        """Of every direction (P, K_r), for rows (P, M) of the basis."""
        return [basis @ spread for spread in self.spreads]


def principal_space(space: FaceSpace, mesh: Mesh, count: int) -> PrincipalSpace:
    """The `count` unknowns (or all there are) of a local space that its prior lets move the skin furthest;
    weights over the whole face are always among them."""
    strain = Strain(mesh, space)
    found, values = [], []
    for r, deviation in enumerate(space.deviation):
        moved = np.square(space.directions[r].astype(np.float64)).sum(axis=1)
        basis = space.basis[:, 1:].astype(np.float64)
        gain, ways = eigh(
            (basis * moved[:, None]).T @ basis, np.diag(deviation[1:] ** -2) + strain.gram(r, r)[1:, 1:]
        )
        found.append(ways[:, ::-1])
        values.append(gain[::-1])
    ranked = np.argsort(-np.concatenate(values), kind="stable")[: max(count - len(found), 0)]
    kept = np.bincount(ranked // len(values[0]), minlength=len(found))
    spreads = []
    for ways, most, deviation in zip(found, kept, space.deviation, strict=True):
        spread = np.zeros((len(deviation), 1 + most))
        spread[0, 0] = deviation[0]
        spread[1:, 1:] = ways[:, :most]
        spreads.append(spread)
    whole = PrincipalSpace(
        **{f.name: getattr(space, f.name) for f in fields(FaceSpace)}, spreads=tuple(spreads)
    )
    own = [spread / deviation[:, None] for spread, deviation in zip(spreads, space.deviation, strict=True)]
    return replace(whole, expected=strain.whole(whole.bases) + block_diag(*(s.T @ s for s in own)))


# The linear solver: where head and jaw are is decided on a coarse space, the weights then on the fine one.

FINE_MODES, UNKNOWNS = 150, 1400
_COARSE_MODES, _COARSE_POINTS, _DOUBT, _LEAST_NOISE_MM = 6, 4000, 10.0, 0.5
_TOGETHER_MM, _ASKED = 15.0, 200  # skin this near slides as one


@dataclass(frozen=True, eq=False)
class Spaces:
    """coarse decides the motion, fine the weights; the same one for global fits."""

    coarse: FaceSpace
    fine: FaceSpace

    @classmethod
    def of(
        cls,
        model: FaceModel,
        *,
        local: bool,
        modes: int = 0,
        unknowns: int = 0,
        tied: bool = False,
        detail: bool = True,
    ) -> Spaces:
        """The spaces of a model; see fine_space and face_space."""
        if not local:
            whole = face_space(model, local=False, tied=tied, detail=detail)
            return cls(whole, whole)
        fine = fine_space(model, modes=modes, unknowns=unknowns, tied=tied, detail=detail)
        few = min(_COARSE_MODES, fine.basis.shape[1])
        return cls(face_space(model, local=True, modes=few, tied=tied, detail=detail), fine)


@lru_cache(maxsize=2)  # seconds to make, and takes of one actor follow each other
def fine_space(
    model: FaceModel, *, modes: int = 0, unknowns: int = 0, tied: bool = False, detail: bool = True
) -> PrincipalSpace:
    """The space that weights are solved on. modes of the basis, 0 for 150; unknowns, 0 for 1,400."""
    space = face_space(
        model, local=True, modes=modes or FINE_MODES, prior=Prior.fine(), tied=tied, detail=detail
    )
    return principal_space(space, model.mesh, unknowns or UNKNOWNS)


class LinearSolver:
    """Frames that see the same vertices (P,), with confidences (P,). noise, slide (along the surface), limit
    (outliers): mm. limits: the least and the largest weight of a global fit, None for any."""

    def __init__(
        self,
        spaces: Spaces,
        vertices: Ints,
        confidence: Floats,
        *,
        noise: float,
        slide: float = 0.0,
        limit: float = np.inf,
        head: bool = True,
        normals: Floats | None = None,
        limits: tuple[float, float] | None = None,
    ) -> None:
        unit = spaces.fine.mm_per_unit
        self.spaces, self.vertices = spaces, vertices
        few = _thinned(len(vertices), _COARSE_POINTS)
        coarse_noise = max(noise, _LEAST_NOISE_MM) / unit
        doubt = unexplained(spaces.coarse, vertices[few], coarse_noise)
        sure = confidence[few] * coarse_noise**2 / (coarse_noise**2 + _DOUBT * doubt**2)
        self._few = few

        def seen(space: FaceSpace, ids: Ints, confidence: Floats, noise: float) -> Seen:
            return Seen(
                space,
                ids,
                confidence,
                noise,
                slide / unit * _alike(spaces.fine, ids) if slide else 0.0,
                None if normals is None else normals[ids],
            )

        self._motion = MotionSolver(
            spaces.coarse,
            seen(spaces.coarse, vertices[few], sure, coarse_noise),
            head=head,
            limit=limit / unit,
        )
        self._weights = WeightSolver(
            spaces.fine,
            seen(spaces.fine, vertices, confidence, noise / unit),
            limit=limit / unit,
            limits=limits,
        )
        self._last: tuple[Frame, Frame] | None = None

    def solve(self, points: Floats) -> Frame:
        """points (P, 3) of the vertices, model unit, NaN where this frame lacks one. Starts where the frame
        before ended."""
        coarse = self._motion.solve(points[self._few], self._last[0] if self._last else None)
        fine = self._weights.solve(points, coarse.motion, self._last[1].unknowns if self._last else None)
        self._last = coarse, fine
        return fine

    def after(self, before: LinearSolver | None) -> LinearSolver:
        """This solver, starting where another one ended."""
        if before is not None and before is not self:
            self._last = before._last
        return self

    @property
    def precision(self) -> Floats:
        """(K, K) of a frame's unknowns."""
        return self._weights.seen.precision

    @property
    def used(self) -> float:
        """Degrees of freedom that the unknowns take from a frame's points."""
        return self._weights.seen.explained

    def squares(self, points: Floats) -> float:
        """What a fit of these points leaves over, squared and summed by confidence, model unit squared."""
        return self._weights.squares(points, self.solve(points))


def rest_normals(model: FaceModel) -> Floats:
    """(V, 3) of the neutral."""
    return vertex_normals(model.mesh)


def _alike(space: FaceSpace, vertices: Ints) -> float:
    """By how much a slide counts as larger, because neighbours slide alike: n points that say the same say no
    more than one. Root of the mean n."""
    points = space.rest[vertices]
    tree = KDTree(points)
    some = points[:: max(len(points) // _ASKED, 1)]
    return float(
        np.sqrt(np.mean(tree.query_ball_point(some, _TOGETHER_MM / space.mm_per_unit, return_length=True)))
    )


def _thinned(count: int, most: int) -> Ints:
    """At most `most` of `count` indices, spread at random but always the same."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


# Which frames share a factorisation: those that see nearly the same vertices.

_KEPT, _ODD = 4, 0.02


class Solvers:
    """A solver for what a frame sees; a few are kept. make: vertices seen (V,) -> a solver of them."""

    def __init__(self, make: Callable[[NDArray[np.bool_]], LinearSolver]) -> None:
        self._make = make
        self._kept: OrderedDict[bytes, tuple[NDArray[np.bool_], LinearSolver]] = OrderedDict()

    def for_mask(self, seen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], LinearSolver]:
        """The mask (V,) of a solver and the solver: all of `seen`, and at most a fiftieth more, which the
        frame then lacks."""
        for key in reversed(self._kept):
            mask, solver = self._kept[key]
            if not (seen & ~mask).any() and (mask & ~seen).sum() <= _ODD * max(int(seen.sum()), 1):
                self._kept.move_to_end(key)
                return mask, solver
        whole = self._grown(seen)
        while len(self._kept) >= _KEPT:
            self._kept.popitem(last=False)
        self._kept[whole.tobytes()] = (whole, self._make(whole))
        return self._kept[whole.tobytes()]

    def _grown(self, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Everything, where nearly everything is seen: single holes differ from frame to frame."""
        return np.ones_like(seen) if (~seen).sum() <= _ODD * len(seen) else seen


# How noisy points are, from the points themselves: what a fit leaves over, corrected for what it has used up.

_START_MM, _ROUNDS, _MISFIT_MM, _SPARSE = 0.5, 3, (0.1, 0.3), 1000


def estimated_noise(spaces: Spaces, scans: Frames, confidence: Floats, *, head: bool, pilots: int) -> float:
    """Standard deviation of a coordinate in mm, from the first `pilots` frames in which enough is seen.

    Never less than what such a model misses anyway: 0.1 mm, and 0.3 where few points are seen, each of which
    then has to speak for its neighbourhood. Residuals are summed over the degrees of freedom that are left
    (points less what the unknowns have used).
    """
    frames: list[tuple[NDArray[np.bool_], Floats]] = []
    for points in scans:
        seen = complete(points) & (confidence > 0)
        if seen.sum() >= 30 and (not frames or (seen == frames[0][0]).all()):
            frames.append((seen, points))
        if len(frames) == pilots:
            break
    if not frames:
        return _START_MM
    mask = frames[0][0]
    vertices = scans.vertices[mask]
    floor, noise = _MISFIT_MM[int(mask.sum()) < _SPARSE], _START_MM
    for _ in range(_ROUNDS):
        solver = LinearSolver(spaces, vertices, confidence[mask], noise=noise, head=head)
        found = noise_left(solver, [points[mask] for _, points in frames]) * spaces.fine.mm_per_unit
        settled = abs(found - noise) < 0.1 * noise
        noise = max(found, floor)
        if settled or noise == floor:
            break
    return float(noise)


def noise_left(solver: LinearSolver, frames: list[Floats]) -> float:
    """Model unit."""
    squares = [solver.squares(points) for points in frames]
    free = max(3 * len(solver.vertices) - solver.used, len(solver.vertices))
    return float(np.sqrt(np.mean(squares) / free))
