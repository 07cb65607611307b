"""Values that travel through the graph: geometry with its topology, component lists, and their copies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class UVSet:
    """u, v (N,) float32 and, per face, the number of UVs and their ids."""

    u: np.ndarray
    v: np.ndarray
    counts: np.ndarray
    ids: np.ndarray


@dataclass
class Topology:
    """counts (F,) and corners (sum counts,) int32; n-gons allowed."""

    vertex_count: int
    counts: np.ndarray
    corners: np.ndarray
    uv_sets: dict[str, UVSet] = field(default_factory=dict)

    def edges(self) -> np.ndarray:
        """Undirected edges (E, 2) in order of first use by a face."""
        starts = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        sizes = np.repeat(self.counts, self.counts)
        offset = np.arange(len(self.corners)) - starts
        following = self.corners[starts + (offset + 1) % np.maximum(sizes, 1)]
        pairs = np.stack([self.corners, following], 1)
        ordered = np.sort(pairs, 1)
        _, first = np.unique(ordered, axis=0, return_index=True)
        return pairs[np.sort(first)]


@dataclass
class Geometry:
    """On a plug: points (V, 3) float32, centimetres, object space. Never changed in place there."""

    points: np.ndarray
    kind: str = "mesh"
    topology: Topology | None = None
    matrix: np.ndarray = field(default_factory=lambda: np.eye(4))
    tags: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[int, np.ndarray | None] = field(default_factory=dict)

    def clone(self) -> Geometry:
        """The same geometry in fresh memory."""
        points = np.array(self.points, np.float32, order="C", copy=True)
        return replace(
            self, points=points, matrix=self.matrix.copy(), tags=dict(self.tags), groups=dict(self.groups)
        )

    def with_points(self, points: np.ndarray) -> Geometry:
        """The same geometry with other points."""
        return replace(self, points=np.ascontiguousarray(points, np.float32))

    def with_matrix(self, matrix: np.ndarray) -> Geometry:
        """The same points seen from another transform."""
        return replace(self, matrix=np.asarray(matrix, np.float64))


_COMPONENT = re.compile(r"^(?:.*\.)?(vtx|cv|pt|f|e)\[(\*|\d+(?::(?:\d+|\*))?)\]$")


def component_indices(names: list[str], count: int) -> np.ndarray:
    """`["vtx[0:3]", "vtx[7]"]` as indices, in the order written."""
    found: list[np.ndarray] = []
    for name in names:
        match = _COMPONENT.match(name)
        if match is None:
            raise ValueError(f"not a component: {name!r}")
        text = match[2]
        if text == "*":
            found.append(np.arange(count))
        elif ":" in text:
            first, last = text.split(":")
            found.append(np.arange(int(first), count if last == "*" else int(last) + 1))
        else:
            found.append(np.array([int(text)]))
    return np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)


def component_names(indices: np.ndarray, kind: str = "vtx") -> list[str]:
    """Indices as the shortest list of component names, runs as ranges."""
    values = np.asarray(indices, np.int64)
    if not len(values):
        return []
    breaks = np.flatnonzero(np.diff(values) != 1) + 1
    runs = np.split(values, breaks)
    return [f"{kind}[{r[0]}]" if len(r) == 1 else f"{kind}[{r[0]}:{r[-1]}]" for r in runs]


def same_value(a: object, b: object) -> bool:
    """Equality of two plug values, arrays included."""
    if isinstance(a, Geometry) and isinstance(b, Geometry):
        return a is b or (a.points.shape == b.points.shape and bool(np.array_equal(a.points, b.points)))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and a.shape == b.shape
            and bool(np.array_equal(a, b))
        )
    return bool(a == b)
