"""The surface of a head: rays and closest points; its facial plane, and where each vertex has its mirror
image; inside and outside of the skin; points spread far from each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import igl
import numpy as np
from igl.embree import EmbreeIntersector
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import Mesh, vertex_normals

from .smooth import smooth_directions

LONGEST_MM = 30.0  # tissue over facial bone is 2 to 20 mm; beyond this the ray has missed
_FORMS_MM = 3.0  # forms of this size and less do not turn the rays: wings of the nose, lips, rims of ears
_TURN, _ASTRAY = np.radians(11.0), np.radians(45.0)  # along an edge; away from the skin's own normal

# Rays that meet a surface, and the closest points on it.


class Surface:
    """The triangles (F, 3) between points (V, 3): where rays meet them first, and what on them is closest."""

    def __init__(self, points: Floats, triangles: Ints) -> None:
        self.points, self.triangles = (
            np.ascontiguousarray(points, np.float64),
            np.ascontiguousarray(triangles),
        )

    @classmethod
    def of(cls, mesh: Mesh) -> Surface:
        """The whole mesh."""
        return cls(mesh.points, mesh.triangles)

    @cached_property
    def _rays(self) -> EmbreeIntersector:
        embree = EmbreeIntersector()
        embree.init(self.points.astype(np.float32), self.triangles.astype(np.int32))
        return embree

    def cast(self, origins: Floats, directions: Floats) -> tuple[Ints, Floats]:
        """What rays (R, 3), (R, 3) meet first: the triangle (R,), -1 for none, and the way there (R,),
        infinite for none. Ways count in lengths of a direction."""
        triangle, way = np.full(len(origins), -1, np.int64), np.full(len(origins), np.inf)
        rays = zip(origins.astype(np.float32), directions.astype(np.float32), strict=True)
        for i, (origin, direction) in enumerate(rays):
            found = self._rays.intersectRay_first(origin, direction)
            if found[0] >= 0:
                triangle[i], way[i] = found[0], found[1]
        return triangle, way

    def closest(self, points: Floats) -> Closest:
        """What is closest to points (P, 3)."""
        squares, triangle, at = igl.point_mesh_squared_distance(
            np.ascontiguousarray(points, np.float64), self.points, self.triangles
        )
        triangle = np.asarray(triangle).ravel()
        return Closest(self.points, triangle, self.triangles[triangle], at, np.sqrt(squares).ravel())


@dataclass(frozen=True, eq=False)
class Closest:
    """For P points: the triangle (P,) that is closest, its corners (P, 3), vertices of vertex_points (V,
    3); the closest points (P, 3), and how far they are (P,)."""

    vertex_points: Floats
    triangle: Ints
    corners: Ints
    points: Floats
    distance: Floats

    @property
    def shares(self) -> Floats:
        """(P, 3) of the corners, which add up to one: points = sum of shares x corners."""
        corners = (np.ascontiguousarray(p) for p in self.vertex_points[self.corners].transpose(1, 0, 2))
        shares: Floats = igl.barycentric_coordinates(np.ascontiguousarray(self.points), *corners)
        return shares


def exposed(skin: Mesh, normals: Floats, reach: float) -> NDArray[np.bool_]:
    """(V,) outer skin: True where nothing of the skin lies within `reach` in front of the vertex, along
    normals (V, 3); False in a mouth bag, a nostril, the folds of an ear, between closed lids."""
    start = 1e-3 * float(np.ptp(skin.points, axis=0).max())
    way = Surface.of(skin).cast(skin.points + start * normals, normals)[1]
    return np.asarray(way > reach)


def ways_out(skin: Mesh, mm_per_unit: float) -> tuple[NDArray[np.bool_], Floats]:
    """(V,) outer skin, and the anatomy normals (V, 3): the skin's own without its small forms there, its own
    elsewhere.

    Rays along the skin's very normals cross each other below a fold and meet bones far apart; what is learned
    from them is as rough.
    """
    own = vertex_normals(skin)
    outer = exposed(skin, own, LONGEST_MM / mm_per_unit)
    return outer, smooth_directions(skin, own, outer, _FORMS_MM / mm_per_unit, _TURN, _ASTRAY)


# The facial plane of a head, and where each vertex has its mirror image.

_NEIGHBOURS = 4
_TILTS = (0.0, *(s * tilt for tilt in (0.09, 0.18, 0.27, 0.4, 0.55, 0.75, 1.0) for s in (-1.0, 1.0)))
_FEWER = 6  # one of so many points says which starts are worth a look at all


@dataclass(frozen=True)
class Plane:
    """normal (3,) unit, offset: the plane normal . p = offset, model unit."""

    normal: Floats
    offset: float

    def mirror(self, points: Floats) -> Floats:
        """Mirror images of points (..., 3)."""
        return points - 2 * (points @ self.normal - self.offset)[..., None] * self.normal

    def mirror_vectors(self, vectors: Floats) -> Floats:
        """Mirror images of directions (..., 3)."""
        return vectors - 2 * (vectors @ self.normal)[..., None] * self.normal


def facial_plane(points: Floats) -> Plane:
    """The plane that best mirrors points (V, 3) onto themselves: a head that is symmetric as modelled keeps
    the plane it was modelled about; for any other the best of three axes, refined on the trimmed closest
    distance."""
    tree = cKDTree(points)
    some = points[:: max(1, len(points) // 1500)]

    def misfit(plane: Plane, step: int = 1) -> float:
        distance = np.asarray(tree.query(plane.mirror(some[::step]))[0])
        return float(np.sort(distance)[: max(1, int(0.8 * len(distance)))].mean())

    middle = points.mean(0)  # which lies on the plane however the head is turned
    box = 0.5 * (points.max(0) + points.min(0))
    extent = float(np.ptp(points, axis=0).max())
    for axis in range(3):
        exact = Plane(np.eye(3)[axis], float(box[axis]))
        if misfit(exact, _FEWER) <= 1e-6 * extent and misfit(exact) <= 1e-6 * extent:
            return exact

    def plane_at(x: Floats, axis: int) -> Plane:
        normal = np.eye(3)[axis] + np.insert(x[:2], axis, 0.0)
        normal /= np.linalg.norm(normal)
        return Plane(normal, float(middle @ normal + extent * x[2]))

    # a head that is not upright has its image far from where refinement looks
    tilts = [np.array([a, b, 0.0]) for a in _TILTS for b in _TILTS]
    starts = [(axis, tilt) for axis in range(3) for tilt in tilts]
    rough = np.argsort([misfit(plane_at(tilt, axis), _FEWER) for axis, tilt in starts], kind="stable")
    axis, tilt = min((starts[i] for i in rough[:12]), key=lambda at: misfit(plane_at(at[1], at[0])))
    found = min(
        (_refined(lambda x: misfit(plane_at(x, axis)), start, extent) for start in (np.zeros(3), tilt)),
        key=lambda x: misfit(plane_at(x, axis)),
    )
    return plane_at(found, axis)


def _refined(misfit: Callable[[Floats], float], start: Floats, extent: float) -> Floats:
    simplex = start + np.vstack([np.zeros(3), 0.05 * np.eye(3)])
    found: Floats = minimize(
        misfit,
        start,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 1e-5, "fatol": 1e-7 * extent},
    ).x
    return found


@dataclass(frozen=True)
class Mirror:
    """For every vertex the few vertices round its mirror image, ids (V, 4) and weights (V, 4) that sum
    to 1.
    """

    plane: Plane
    ids: NDArray[np.integer]
    weights: Floats

    def carry_vectors(self, field: Floats) -> Floats:
        """The mirrored vector field: (V, 3) read at every vertex's image and reflected."""
        return self.plane.mirror_vectors((field[self.ids] * self.weights[..., None]).sum(1))


def mirror_map(mesh: Mesh, plane: Plane) -> Mirror:
    """Image of every vertex by place and normal together, so that two lips that touch are never taken for one
    another."""
    normals = vertex_normals(mesh)
    reach = 0.05 * float(np.ptp(mesh.points, axis=0).max())
    tree = cKDTree(np.hstack([mesh.points, reach * normals]))
    images = np.hstack([plane.mirror(mesh.points), reach * plane.mirror_vectors(normals)])
    distance, ids = tree.query(images, k=_NEIGHBOURS)
    weights = 1 / np.maximum(distance, 1e-9 * reach) ** 2
    return Mirror(plane, ids, weights / weights.sum(1, keepdims=True))


# Is a point inside the skin? And how far inwards may a bone point go before it comes out on another side: of
# an ear, a lip, a nostril?

# winding number at the surface itself; a head is open at neck, lids and lips, so that it falls towards this
# at the openings
_HALF = 0.5
_SURELY = 0.65  # what the room is measured by, so that it ends before the doubtful places round an opening
_START = 1e-3  # of the head's extent: a ray starts this far below the skin that it leaves
_STEPS = 0.8 ** np.arange(24)[::-1]


def outside(points: Floats, skin: Mesh, least: float = _HALF) -> NDArray[np.bool_]:
    """(P,) True where points (P, 3) lie outside the skin, by the generalised winding number (A. Jacobson et
    al. 2013): holes are no matter.

    least: the winding number from which on a point counts as inside.
    """
    winding = igl.fast_winding_number(
        skin.points, skin.triangles.astype(np.int64), np.ascontiguousarray(points, np.float64)
    )
    out: NDArray[np.bool_] = np.asarray(winding).ravel() < least
    return out


def inward_room(
    skin: Mesh, points: Floats, normals: Floats, longest: float, share: Floats | float = 0.5
) -> Floats:
    """(P,) how far from points (P, 3) on the skin a bone point may go along -normals (P, 3) and be inside, at
    most `longest`, model unit.

    Of a thin fold (an ear) only a share (P,), half unless told, since the bone points of its other side need
    room as well.
    """
    depths = longest * _STEPS[:, None]
    below = points - depths[..., None] * normals
    # all at once: every question builds its tree anew
    out = outside(below.reshape(-1, 3), skin, _SURELY).reshape(below.shape[:2])
    # from the skin inwards: a depth counts only while all before it were inside
    free = (depths * np.logical_and.accumulate(~out)).max(0)
    through = np.minimum(free, _way_out(skin, points, normals))
    return np.where(through < longest, share * through, longest)


def _way_out(skin: Mesh, points: Floats, normals: Floats) -> Floats:
    """(P,) distance to the next skin along -normals, infinite where a ray leaves by an opening."""
    start = _START * float(np.ptp(skin.points, axis=0).max())
    return Surface.of(skin).cast(points - start * normals, -normals)[1] + start


# Points spread far from each other.


def farthest_points(
    distance: Callable[[int], Floats], start: int, count: int, nearest: Floats | None = None
) -> Ints:
    """At most `count` indices: `start`, then each time the one farthest from all before (T. Gonzalez 1985).

    distance(i): (N,) from point i to all, in any unit, negative where no point may be chosen. nearest (N,):
    how far they are from what is there already. Fewer than `count` where no more may be chosen.
    """
    chosen = [start][:count]
    left = np.array(np.inf if nearest is None else nearest)
    for _ in range(count):
        left = np.minimum(left, distance(chosen[-1]))
        left[chosen[-1]] = -1.0
        following = int(left.argmax())
        if len(chosen) == count or left[following] < 0:
            break
        chosen.append(following)
    return np.array(chosen, np.int64)


def spread(points: Floats, count: int) -> Ints:
    """Ids of `count` of the points (N, 3), evenly spread, from the one nearest to their middle on."""
    if not len(points):
        return np.zeros(0, np.int64)
    middle = int(np.linalg.norm(points - points.mean(0), axis=1).argmin())
    return farthest_points(lambda i: ((points - points[i]) ** 2).sum(1), middle, count)
