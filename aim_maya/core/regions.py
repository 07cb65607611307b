"""Soft regions of a face, placed by its landmarks and the learned skinning weight: no vertex lists, so they
fit any topology.

The face is unrolled about the head's upright axis. Each region is a few capsules there; a vertex belongs to
regions by how much nearer it lies to one than to the others, and what lies inside the head (mouth, nostrils,
sockets) belongs to none.
"""

from __future__ import annotations

import numpy as np

from aim_maya.core.arrays import Floats

from .errors import AimError, nearest_name
from .face_sites import FaceSites
from .mesh import Mesh

Capsule = tuple[tuple[float, float], tuple[float, float], float]

REGIONS = ("forehead", "brow", "eyes", "temple", "nose", "cheeks", "lips", "chin", "jaw_line")
SIDES = {"_L": 1.0, "_R": -1.0}
NAMES = (*REGIONS, *(name + side for name in REGIONS for side in SIDES))
_NONE = "none"
# how fast one region gives way to another; how far a region reaches where no other is near
_EDGE_MM, _REACH_MM = (5.0, 12.0)
# this far below the outermost skin lies inside: surely, and not at all
_CELL_MM, _INSIDE_MM = (6.0, (14.0, 7.0))
_SMOOTHING = 3


def soft_regions(mesh: Mesh, weight: Floats, sites: FaceSites) -> dict[str, Floats]:
    """{region: (V,) float32 in [0, 1]} for REGIONS, summing to at most 1. weight (V,): skinning weight; mesh
    in the model unit."""
    points = sites.to_head(mesh.points)
    flat, s = sites.unrolled(points), sites.size
    near = {
        name: np.exp(-_distance(flat, capsules) / (_EDGE_MM * s))
        for name, capsules in _capsules(sites).items()
    }
    total = sum(near.values(), np.full(len(flat), np.exp(-_REACH_MM / _EDGE_MM)))
    outer, jaw = (
        _outer(points, sites),
        smooth_step(weight / max(float(weight.max(initial=0)), 1e-6), 0.05, 0.4),
    )
    maps = np.stack(
        [near[name] / total * outer * (jaw if name in ("chin", "jaw_line") else 1.0) for name in REGIONS], 1
    )
    smooth = smoothed(mesh, maps, _SMOOTHING)
    return {name: np.ascontiguousarray(smooth[:, i], np.float32) for i, name in enumerate(REGIONS)}


def one_side(region: Floats, side: str, mesh: Mesh, sites: FaceSites) -> Floats:
    """The part of a region (V,) on the subject's left ('_L') or right ('_R'), with a soft edge at the facial
    plane."""
    across = sites.to_head(mesh.points)[:, 0] / sites.size
    half: Floats = region * smooth_step(SIDES[side] * across, -5.0, 5.0)
    return half.astype(np.float32)


def check_region(name: str, where: str) -> None:
    """Raise AimError for a name that is no region, naming the nearest."""
    if name not in NAMES:
        raise AimError(
            f"{where} names the region '{name}', which there is not.",
            nearest_name(name, NAMES),
            f"Regions: {', '.join(REGIONS)}; with _L or _R for one side.",
        )


def smoothed(mesh: Mesh, values: Floats, rounds: int) -> Floats:
    """(V, ...) values averaged with their neighbours along the mesh's edges, so many times."""
    a, b = mesh.edges.T
    flat = values.reshape(len(values), -1).astype(np.float64)
    degree = np.bincount(np.r_[a, b], minlength=len(flat)).astype(np.float64)[:, None]
    for _ in range(rounds):
        around = np.stack(
            [
                np.bincount(a, column[b], len(flat)) + np.bincount(b, column[a], len(flat))
                for column in flat.T
            ],
            1,
        )
        flat = np.where(degree > 0, 0.5 * flat + 0.5 * around / np.maximum(degree, 1), flat)
    return flat.reshape(values.shape)


def _capsules(sites: FaceSites) -> dict[str, list[Capsule]]:
    """The regions as capsules (end, end, radius) on the unrolled face, mm; NONE is what surrounds the
    face.
    """
    s = sites.size

    def u(name: str) -> float:
        return float(sites.unrolled(sites.site(name))[0])

    def y(name: str) -> float:
        return float(sites.site(name)[1])

    eye, outer, corner = y("exocanthion"), u("exocanthion"), u("cheilion")
    pupil, angle, jaw = 0.5 * (u("endocanthion") + outer), u("gonion"), y("gonion")
    return {
        "forehead": [((0, y("supraglabella") + 14 * s), (outer, y("supraglabella") + 12 * s), 15 * s)],
        "brow": [
            ((0, y("glabella")), (pupil, eye + 21 * s), 5 * s),
            ((pupil, eye + 21 * s), (outer + 4 * s, eye + 15 * s), 5 * s),
        ],
        "eyes": [((u("endocanthion"), eye), (outer, eye), 9 * s)],
        "temple": [((outer + 18 * s, eye + 24 * s), (0.5 * (outer + u("tragion")), eye + 10 * s), 12 * s)],
        "nose": [
            ((0, y("nasion")), (0, y("pronasale")), 7 * s),
            ((0, y("pronasale")), (11 * s, y("pronasale") - 3 * s), 7 * s),
        ],
        "cheeks": [
            ((pupil, eye - 27 * s), (u("zygion") - 8 * s, y("zygion") - 8 * s), 10 * s),
            ((pupil + 8 * s, eye - 34 * s), (corner + 24 * s, y("stomion") + 4 * s), 13 * s),
            ((u("zygion") - 8 * s, y("zygion") - 16 * s), (angle - 18 * s, y("stomion") + 6 * s), 12 * s),
        ],
        "lips": [((0, y("stomion")), (corner - 2 * s, y("stomion")), 10 * s)],
        "chin": [
            ((0, y("pogonion")), (8 * s, y("pogonion")), 9 * s),
            ((0, y("menton")), (8 * s, y("menton")), 9 * s),
        ],
        "jaw_line": [
            ((corner + 6 * s, y("menton") + 8 * s), (angle, jaw - 10 * s), 9 * s),
            ((angle, jaw - 10 * s), (angle, jaw + 18 * s), 9 * s),
        ],
        _NONE: [
            ((0, y("menton") - 36 * s), (angle, jaw - 48 * s), 14 * s),
            ((angle, jaw - 48 * s), (u("tragion") + 40 * s, jaw - 30 * s), 18 * s),
            (
                (u("tragion") + 8 * s, y("tragion") + 26 * s),
                (u("tragion") + 14 * s, y("tragion") - 28 * s),
                12 * s,
            ),
            (
                (u("tragion") + 60 * s, y("tragion") + 100 * s),
                (u("tragion") + 60 * s, y("tragion") - 60 * s),
                40 * s,
            ),
            ((0, y("supraglabella") + 58 * s), (u("tragion") + 40 * s, y("supraglabella") + 50 * s), 16 * s),
        ],
    }


def _distance(flat: Floats, capsules: list[Capsule]) -> Floats:
    """(V,) mm from points (V, 2) to the nearest capsule, negative inside."""
    nearest = np.full(len(flat), np.inf)
    for a, b, radius in capsules:
        nearest = np.minimum(nearest, to_segment(flat, a, b) - radius)
    return nearest


def to_segment(flat: Floats, a: tuple[float, float], b: tuple[float, float]) -> Floats:
    """(V,) distance of points (V, 2) from the segment a b."""
    start, along = np.array(a), np.subtract(b, a)
    share = np.clip((flat - start) @ along / max(float(along @ along), 1e-12), 0, 1)
    distance: Floats = np.linalg.norm(flat - start - share[:, None] * along, axis=1)
    return distance


def _outer(points: Floats, sites: FaceSites) -> Floats:
    """(V,) 1 on the skin seen from outside, 0 well inside the head: by the outermost radius in cells of the
    unrolled head."""
    s, radius = sites.size, sites.radius(points)
    flat = sites.unrolled(points) * np.stack([np.where(points[:, 0] < 0, -1.0, 1.0), np.ones(len(points))], 1)
    cell = np.floor(flat / (_CELL_MM * s)).astype(np.int64)
    _, owner = np.unique(cell, axis=0, return_inverse=True)
    outermost = np.full(int(owner.max(initial=0)) + 1, -np.inf)
    np.maximum.at(outermost, owner.ravel(), radius)
    return smooth_step(radius - outermost[owner.ravel()], -_INSIDE_MM[0] * s, -_INSIDE_MM[1] * s)


def smooth_step(x: Floats, low: float, high: float) -> Floats:
    """Smooth step from 0 at low to 1 at high."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
