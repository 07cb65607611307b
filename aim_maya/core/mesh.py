"""Polygon meshes: points, n-gon faces in order, optional UVs, and what everything else needs of them; numbers
at vertices as colours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints


@dataclass(frozen=True)
class Mesh:
    """points (V, 3) float64, model unit, object space; counts (F,) int32 corners a face; corners (C,) int32
    vertex ids.

    uvs (U, 2) float64 and uv_corners (C,) int32 (-1 where a corner has none) travel along untouched when a
    file has them.
    """

    points: Floats
    counts: Ints
    corners: Ints
    uvs: Floats | None = None
    uv_corners: Ints | None = None

    def with_points(self, points: Floats) -> Mesh:
        """The same faces on other points (V, 3)."""
        return replace(self, points=np.asarray(points, np.float64))

    @cached_property
    def starts(self) -> Ints:
        """(F,) offset of every face's first corner."""
        return (np.cumsum(self.counts) - self.counts).astype(np.int64)

    @cached_property
    def corner_face(self) -> Ints:
        """(C,) face that owns each corner."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def triangles(self) -> Ints:
        """(T, 3) int64 fan triangulation, in face order."""
        pieces = [
            (self.corners[self.starts[self.counts > i + 1]], i)
            for i in range(1, int(self.counts.max(initial=3)) - 1)
        ]
        fans, order = [], []
        for first, i in pieces:
            chosen = np.flatnonzero(self.counts > i + 1)
            at = self.starts[chosen]
            fans.append(np.stack([first, self.corners[at + i], self.corners[at + i + 1]], 1))
            order.append(chosen * 1024 + i)
        if not fans:
            return np.zeros((0, 3), np.int64)
        return np.concatenate(fans)[np.argsort(np.concatenate(order), kind="stable")].astype(np.int64)

    @cached_property
    def triangle_face(self) -> Ints:
        """(T,) face that owns each triangle."""
        return np.repeat(np.arange(len(self.counts)), np.maximum(self.counts - 2, 0))

    @cached_property
    def following(self) -> Ints:
        """(C,) index of the next corner round the same face."""
        following = np.arange(len(self.corners)) + 1
        if len(self.counts):
            following[self.starts + self.counts - 1] = self.starts
        return following

    @cached_property
    def _edges(self) -> tuple[Ints, Ints]:
        pairs = np.sort(np.stack([self.corners, self.corners[self.following]], 1), axis=1).astype(np.int64)
        edges, uses = np.unique(pairs, axis=0, return_counts=True)
        return edges, uses

    @property
    def edges(self) -> Ints:
        """(E, 2) int64 unique undirected polygon edges, smaller id first."""
        return self._edges[0]

    @property
    def edge_uses(self) -> Ints:
        """(E,) how many faces use each edge: 1 on a boundary."""
        return self._edges[1]

    @property
    def topology_hash(self) -> str:
        """SHA-256 over little-endian int32 vertex count, face counts, face vertex ids; no UVs, no points."""
        digest = hashlib.sha256()
        for part in ([len(self.points)], self.counts, self.corners):
            digest.update(np.asarray(part, "<i4").tobytes())
        return digest.hexdigest()


def vertex_normals(mesh: Mesh, points: Floats | None = None) -> Floats:
    """(V, 3) unit outward normals, area-weighted over each face's fan; a vertex without a face gets +z."""
    at = mesh.points if points is None else points
    t = mesh.triangles
    area = np.cross(at[t[:, 1]] - at[t[:, 0]], at[t[:, 2]] - at[t[:, 0]])
    normals = np.zeros((len(at), 3))
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(t[:, corner], area[:, axis], len(at))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-30), [0.0, 0.0, 1.0])


def triangle_areas(points: Floats, triangles: Ints) -> Floats:
    """(T,) area of each triangle, unit squared."""
    p = points[triangles]
    areas: Floats = 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
    return areas


def face_means(mesh: Mesh, values: Floats) -> Floats:
    """(F, ...) mean over each face's corners of per-vertex values (V, ...)."""
    return np.add.reduceat(values[mesh.corners], mesh.starts, axis=0) / mesh.counts.reshape(
        -1, *[1] * (values.ndim - 1)
    )


def boundary_vertices(mesh: Mesh) -> NDArray[np.bool_]:
    """(V,) True on an open border of the mesh, and for vertices that no face uses."""
    open_border = np.zeros(len(mesh.points), bool)
    open_border[mesh.edges[mesh.edge_uses == 1]] = True
    open_border[np.setdiff1d(np.arange(len(mesh.points)), mesh.corners)] = True
    return open_border


def joined(first: Mesh, second: Mesh) -> Mesh:
    """Both meshes as one, the first's vertices and faces before the second's; without UVs."""
    return Mesh(
        np.concatenate([first.points, second.points]),
        np.concatenate([first.counts, second.counts]),
        np.concatenate([first.corners, second.corners + len(first.points)]).astype(np.int32),
    )


@dataclass(frozen=True)
class Subdivision:
    """One linear subdivision: every face becomes one quad a corner. Apply it to any per-vertex array (V,
    ...)."""

    mesh: Mesh
    refined: Mesh

    def carry(self, values: Floats) -> Floats:
        """(V, ...) -> (V + E + F, ...): old vertices, edge middles, face centres."""
        e = self.mesh.edges
        return np.concatenate(
            [values, 0.5 * (values[e[:, 0]] + values[e[:, 1]]), face_means(self.mesh, values)]
        )


def subdivide(mesh: Mesh) -> Subdivision:
    """Split every face at its centre and edge middles, without smoothing: every new vertex lies on the old
    surface."""
    n, e = len(mesh.points), mesh.edges
    key = {(int(a), int(b)): n + i for i, (a, b) in enumerate(e)}
    middle = np.array(
        [
            key[min(a, b), max(a, b)]
            for a, b in zip(mesh.corners.tolist(), mesh.corners[mesh.following].tolist(), strict=True)
        ]
    )
    previous = np.arange(len(mesh.corners)) - 1
    previous[mesh.starts] = mesh.starts + mesh.counts - 1
    quads = np.stack([mesh.corners, middle, n + len(e) + mesh.corner_face, middle[previous]], 1)
    refined = Mesh(np.zeros((0, 3)), np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))
    result = Subdivision(mesh, refined)
    return replace(result, refined=refined.with_points(result.carry(mesh.points)))


# Heat maps: numbers to colours, the same in pictures of the training and in the viewer.

# dark to bright as in matplotlib's "inferno" and "viridis", "inferno" from a blue seen on dark windows
STOPS = {
    "error": np.array([[58, 52, 92], [104, 32, 122], [188, 55, 84], [249, 142, 9], [252, 255, 164]], float),
    "thickness": np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float),
    "weight": np.array([[115, 140, 178], [190, 190, 180], [217, 115, 64]], float),
}


def heat(values: Floats, limit: float, name: str) -> Floats:
    """(..., 3) colours from 0 to 255 for values (...) between 0 and limit; beyond, the last colour."""
    stops = STOPS[name]
    share = np.clip(values / limit, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(share, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], -1)
