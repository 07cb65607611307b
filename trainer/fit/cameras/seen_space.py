"""The part of a face's motion that a set of sites can see, in as few numbers as that takes, each N(0, 1)
beforehand.

With u ~ N(0, Q^-1) and G the rows of the sites (and of the jaw that the weights ask for), G u ~ N(0, S), S =
G Q^-1 G^T = V L V^T, and

    u = Q^-1 G^T V L^(-1/2) s + what G cannot see,    s ~ N(0, 1)

The most likely u given anything about G u has nothing of the second part: that is how 68 points tell of the
whole face. Solving for s costs the same whether u has 20 numbers or 2,000. Equations: C. Rasmussen, C.
Williams, Gaussian Processes for Machine Learning (2006), 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.posing import displacement_form, skin

from .sites import Layout

# directions that move no site by more than this, at one standard deviation, are not solved for
_UNSEEN_MM = 0.02
_ARM_MM = 80.0  # from the jaw's hinge to the chin: what a turn is worth against a shift


class LinearSpace(Protocol):
    """x(v) = H LBS(rest(v) + B(v) u, exp(xi), k(v)); u (K,) ~ N(0, precision^-1), xi (6,) ~ N(jaw_mean u,
    jaw_precision^-1). Model unit."""

    @property
    def count(self) -> int:
        """K."""

    @property
    def precision(self) -> Floats:
        """(K, K)."""

    @property
    def jaw_mean(self) -> Floats:
        """(6, K)."""

    @property
    def jaw_precision(self) -> Floats:
        """(6, 6)."""

    @property
    def rest(self) -> Floats:
        """(V, 3) float64."""

    @property
    def weight(self) -> Floats:
        """(V,) 0 skull, 1 jaw."""

    @property
    def centre(self) -> Floats:
        """(3,) about which the jaw turns are formed."""

    @property
    def basis(self) -> Floats:
        """(V, M)."""

    def rows(self, vertices: Ints) -> Floats:
        """(P, 3, K) float64."""

    def coefficients(self, u: Floats) -> tuple[Floats, Floats | None]:
        """(T, M), and offsets (M, 3) or None."""


@dataclass(frozen=True, eq=False)
class Places:
    """n places of a layout: rest (n, 3), weight (n,), rows (n, 3, R), normals (n, 3)."""

    rest: Floats
    weight: Floats
    rows: Floats
    normals: Floats

    def chosen(self, at: Ints) -> Places:
        """Those at (m,)."""
        return Places(self.rest[at], self.weight[at], self.rows[at], self.normals[at])


@dataclass(frozen=True, eq=False)
class PlacedFace:
    """All places of a layout in the world: points and normals (N, 3), and the middle of the face (3,)."""

    points: Floats
    normals: Floats
    middle: Floats


@dataclass(frozen=True, eq=False)
class SeenSpace:
    """q = (s, e) (R + 6,), each N(0, 1): u = lift s, xi = jaw q; lift (K, R), jaw (6, R + 6). places: the
    layout's, rows on s; centre (3,) of skinning."""

    lift: Floats
    jaw: Floats
    places: Places
    centre: Floats

    @property
    def size(self) -> int:
        """R."""
        return self.lift.shape[1]

    def twist(self, q: Floats) -> Floats:
        """(6,) of the jaw."""
        return self.jaw @ q

    def points(self, places: Places, q: Floats) -> Floats:
        """(n, 3) of the places before the head's motion."""
        return skin(
            places.rest + places.rows @ q[: self.size], rigid.exp(self.twist(q)), places.weight, self.centre
        )

    def surface(self, q: Floats, head: Floats) -> PlacedFace:
        """Where everything is under a head (4, 4)."""
        return PlacedFace(
            rigid.apply(head, self.points(self.places, q)),
            self.normals(self.places, q) @ head[:3, :3].T,
            rigid.apply(head, self.centre),
        )

    def place(self, places: Places, q: Floats) -> tuple[Floats, Floats]:
        """Points (n, 3) of the places before the head's motion, and their jacobian (n, 3, R + 6)."""
        points = places.rest + places.rows @ q[: self.size]
        twist = self.twist(q)
        turn, offset = displacement_form(rigid.exp(twist), self.centre)
        moved = (points - self.centre) @ turn.T + offset
        carried = points + moved
        by_jaw = np.concatenate(
            [-rigid.hats(carried), np.broadcast_to(np.eye(3), (len(points), 3, 3))], axis=2
        ) @ (rigid.left_jacobian(twist) @ self.jaw)
        jacobian = places.weight[:, None, None] * by_jaw
        jacobian[:, :, : self.size] += (np.eye(3) + places.weight[:, None, None] * turn) @ places.rows
        return points + places.weight[:, None] * moved, jacobian

    def normals(self, places: Places, q: Floats) -> Floats:
        """(n, 3) of the places, turned with the jaw by their weight; what the skin's own bending does to them
        is left out."""
        turn = rigid.exp(self.twist(q))[:3, :3] - np.eye(3)
        return places.normals + places.weight[:, None] * (places.normals @ turn.T)


def seen_space(space: LinearSpace, layout: Layout, mm_per_unit: float) -> SeenSpace:
    """Reduce a space to what the layout and the jaw can see of it."""
    g = space.rows(layout.vertices)
    count = layout.mixing.shape[0]
    g = (layout.mixing @ g.reshape(len(layout.vertices), -1)).reshape(count * 3, space.count)
    scale = np.r_[np.full(3, _ARM_MM / mm_per_unit), np.ones(3)]
    g = np.concatenate([g, scale[:, None] * space.jaw_mean])
    spread = np.linalg.solve(space.precision, g.T)
    values, vectors = np.linalg.eigh(g @ spread)
    kept = values > (_UNSEEN_MM / mm_per_unit) ** 2
    values, vectors = values[kept], vectors[:, kept]
    seen = vectors * np.sqrt(values)
    jaw = np.concatenate(
        [seen[-6:] / scale[:, None], np.linalg.cholesky(np.linalg.inv(space.jaw_precision))], axis=1
    )
    lift = spread @ (vectors / np.sqrt(values))
    surface = layout.between @ layout.mixing
    rows = (layout.between @ seen[:-6].reshape(count, -1)).reshape(-1, 3, len(values))
    places = Places(
        surface @ space.rest[layout.vertices], surface @ space.weight[layout.vertices], rows, layout.normals
    )
    return SeenSpace(lift, jaw, places, np.asarray(space.centre, np.float64))


@dataclass(frozen=True, eq=False)
class State:
    """q (R + 6,) and head (4, 4)."""

    q: Floats
    head: Floats

    def stepped(self, step: Floats, pivot: Floats) -> State:
        """With q moved by step[:-6] and the head turned about `pivot` (3,), world, by step[-6:-3] and shifted
        by step[-3:]."""
        return State(self.q + step[:-6], turned_about(step[-6:], pivot) @ self.head)


def turned_about(twist: Floats, pivot: Floats) -> Floats:
    """(4, 4): a rotation vector about `pivot`, then a shift."""
    motion = rigid.exp(np.r_[twist[:3], 0.0, 0.0, 0.0])
    motion[:3, 3] = pivot - motion[:3, :3] @ pivot + twist[3:]
    return motion
