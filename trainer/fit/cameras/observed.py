"""What one camera saw of one frame, or what is known of it in space: errors against the face, whitened by
their noise, with jacobians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints

from .camera import Camera
from .seen_space import PlacedFace, Places, SeenSpace
from .sites import Layout

if TYPE_CHECKING:
    from .seen_space import State


# how far beyond the place that was chosen an outline point may still slide, one standard deviation
_SLIDE_MM = 5.0
# cosine between skin and view that is as unlikely on an outline as one standard deviation in the picture
_EDGE_ON = 0.2


class Observed(Protocol):
    """Some of what was seen of a frame."""

    @property
    def dimensions(self) -> int:
        """How many numbers were measured."""

    def settled(self, surface: PlacedFace, mm_per_unit: float) -> Observed:
        """With the outline's points, and the noise, as they are on this surface."""

    def whitened(self, seen: SeenSpace, state: State, *, head_only: bool = False) -> tuple[Floats, Floats]:
        """Errors (m, d) in standard deviations and their jacobian (m, d, R + 6 + 6) over (q, head), or (m, d,
        6); an error is infinite behind a camera."""

    def distances_mm(self, seen: SeenSpace, state: State, mm_per_unit: float) -> Floats:
        """(m,) from the face, at its depth, mm."""


Sightings = Sequence[Sequence[Observed]]
"""What was seen of each frame; nothing of an empty one."""


@dataclass(frozen=True)
class Noise:
    """px: of a landmark of confidence 1; skin_mm: what the model cannot follow; slide: whether outline points
    leave their vertex."""

    px: float = 1.0
    skin_mm: float = 0.5
    slide: bool = True


@dataclass(frozen=True, eq=False)
class InPicture:
    """pixels (m, 2) of sites (m,) of a layout in one camera at one frame, confidence (m,).

    at (m,) places of the layout, whitening (m, 2, 2) inverse square root of the noise: as settled() finds
    them.
    """

    layout: Layout
    camera: Camera
    frame: int
    sites: Ints
    pixels: Floats
    confidence: Floats
    noise: Noise
    at: Ints
    whitening: Floats

    @classmethod
    def of(
        cls,
        layout: Layout,
        camera: Camera,
        frame: int,
        sites: Ints,
        pixels: Floats,
        confidence: Floats,
        noise: Noise,
    ) -> InPicture:
        """With every site at home."""
        plain = np.broadcast_to(np.eye(2), (len(sites), 2, 2))
        return cls(layout, camera, frame, sites, pixels, confidence, noise, layout.homes[sites], plain)

    @property
    def dimensions(self) -> int:
        """As Observed says."""
        return 2 * len(self.sites)

    def settled(self, surface: PlacedFace, mm_per_unit: float) -> InPicture:
        """Slide the outline's points to where the skin is edge-on and near what was seen; noise by the depth
        of the face."""
        depth = max(float(self.camera.project(surface.middle[None], self.frame).depth[0]), 1e-3)
        skin_px = self.noise.skin_mm * self.camera.fx / depth / mm_per_unit
        variance = self.noise.px**2 / self.confidence + skin_px**2
        whitening = np.eye(2) / np.sqrt(variance)[:, None, None]
        sliding = np.flatnonzero(self.layout.slides[self.sites]) if self.noise.slide else np.zeros(0, int)
        if not len(sliding):
            return replace(self, whitening=whitening)
        at = self.at.copy()
        at[sliding], along = self._slid(surface, sliding, variance[sliding])
        slack = along[:, :, None] * along[:, None, :] * (_SLIDE_MM / mm_per_unit) ** 2
        values, vectors = np.linalg.eigh(variance[sliding, None, None] * np.eye(2) + slack)
        whitening[sliding] = (vectors / np.sqrt(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
        return replace(self, at=at, whitening=whitening)

    def _slid(self, surface: PlacedFace, sliding: Ints, variance: Floats) -> tuple[Ints, Floats]:
        """Places (n,) of the sliding ones, and how a pixel moves (n, 2) for one model unit along the strip
        there."""
        first, last = self.layout.first[self.sites[sliding]], self.layout.first[self.sites[sliding] + 1]
        counts = last - first
        run = np.repeat(np.arange(len(sliding)), counts)
        begins = np.r_[0, np.cumsum(counts)]
        all_at = np.arange(len(run)) - begins[run] + first[run]
        points = surface.points[all_at]
        view = self.camera.project(points, self.frame)
        towards = points - self.camera.position(self.frame)
        facing = np.einsum("pi,pi->p", towards, surface.normals[all_at]) / np.linalg.norm(towards, axis=1)
        cost = ((view.pixels - self.pixels[sliding][run]) ** 2).sum(axis=1) / variance[run] + (
            facing / _EDGE_ON
        ) ** 2
        cost[view.depth <= 0] = np.inf
        best = np.array([begin + int(np.argmin(cost[begin:end])) for begin, end in pairwise(begins)])
        before, after = np.maximum(best - 1, begins[:-1]), np.minimum(best + 1, begins[1:] - 1)
        way = np.linalg.norm(points[after] - points[before], axis=1)
        return all_at[best], (view.pixels[after] - view.pixels[before]) / np.maximum(way, 1e-9)[:, None]

    def whitened(self, seen: SeenSpace, state: State, *, head_only: bool = False) -> tuple[Floats, Floats]:
        """As Observed says."""
        points, jacobian = in_world(seen, seen.places.chosen(self.at), state, head_only=head_only)
        view = self.camera.project(points, self.frame)
        behind = view.depth <= 0
        error = np.einsum("pij,pj->pi", self.whitening, view.pixels - self.pixels)
        return np.where(behind[:, None], np.inf, error), self.whitening @ view.jacobian @ jacobian

    def distances_mm(self, seen: SeenSpace, state: State, mm_per_unit: float) -> Floats:
        """As Observed says."""
        places = rigid.apply(state.head, seen.points(seen.places.chosen(self.at), state.q))
        view = self.camera.project(places, self.frame)
        off = np.linalg.norm(view.pixels - self.pixels, axis=1)
        far: Floats = off * np.abs(view.depth) / self.camera.fx * mm_per_unit
        return far


@dataclass(frozen=True, eq=False)
class InSpace:
    """points (m, 3), world, model unit, at places (m,) of the layout, each within sd (model unit)."""

    at: Ints
    points: Floats
    sd: float

    @property
    def dimensions(self) -> int:
        """As Observed says."""
        return 3 * len(self.at)

    def rigid(self, seen: SeenSpace) -> Floats:
        """(4, 4) head that brings the resting face nearest to them."""
        return rigid.kabsch(seen.places.rest[self.at], self.points)

    def settled(self, surface: PlacedFace, mm_per_unit: float) -> InSpace:  # noqa: ARG002
        """Nothing slides here."""
        return self

    def whitened(self, seen: SeenSpace, state: State, *, head_only: bool = False) -> tuple[Floats, Floats]:
        """As Observed says."""
        points, jacobian = in_world(seen, seen.places.chosen(self.at), state, head_only=head_only)
        return (points - self.points) / self.sd, jacobian / self.sd

    def distances_mm(self, seen: SeenSpace, state: State, mm_per_unit: float) -> Floats:
        """As Observed says."""
        error = self.whitened(seen, state)[0]
        far: Floats = np.linalg.norm(error, axis=1) * self.sd * mm_per_unit
        return far


def in_world(
    seen: SeenSpace, places: Places, state: State, *, head_only: bool = False
) -> tuple[Floats, Floats]:
    """Points (n, 3) in the world, and their jacobian (n, 3, R + 6 + 6) over (q, a turn of the head about its
    pivot, a shift), or (n, 3, 6)."""
    inside, by_face = (seen.points(places, state.q), None) if head_only else seen.place(places, state.q)
    points = rigid.apply(state.head, inside)
    arm = points - rigid.apply(state.head, seen.centre)
    by_head = np.concatenate([-rigid.hats(arm), np.broadcast_to(np.eye(3), (len(points), 3, 3))], axis=2)
    return points, by_head if by_face is None else np.concatenate(
        [state.head[:3, :3] @ by_face, by_head], axis=2
    )
