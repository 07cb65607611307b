"""The head that is learned from: vertices that always lie together are one, and its faces look outwards. The
file keeps the mesh as it came.

glTF and FBX double every vertex on a UV seam or a hard edge. To a surface such a border is a cut: neighbours
end there, normals break, and whatever is smooth along the skin parts at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Ints
from aim_maya.core.mesh import Mesh, boundary_vertices, triangle_areas

_SAME_MM = 1e-3  # what counts as equal here (docs/reference/files.md); never less than four steps of float32
_SMALL = 0.25  # of the largest piece's area
_INWARDS = -0.01  # of (extent x area): a sheet that is nearly flat has no inside to be turned to


@dataclass(frozen=True)
class Welded:
    """actor: what is learned from. given: its neutral as it came; of (V,) int64: the actor's vertex for each
    of given's. notes: sentences.

    piece (V,): `pieces` of given's vertices.
    """

    actor: Actor
    given: Mesh
    of: Ints
    piece: Ints
    notes: tuple[str, ...] = ()

    @property
    def owners(self) -> Ints:
        """(V,) int32: the first of given's vertices that is the same one; its own number for a vertex that is
        alone."""
        first = np.unique(self.of, return_index=True)[1]
        return first[self.of].astype(np.int32)


def weld(actor: Actor) -> Welded:
    """Join what lies together in the neutral and in every shape; turn faces that all look inwards. An actor
    that needs neither is kept."""
    given, notes = actor.neutral, []
    of = same_vertices(actor)
    count = int(of.max(initial=-1)) + 1
    if count < len(of):
        first = np.unique(of, return_index=True)[1]
        mesh = _mesh(given, of, first)
        actor = replace(
            actor,
            neutral=mesh,
            shapes={name: points[first] for name, points in actor.shapes.items()},
            landmarks=_renamed(actor.landmarks, of),
        )
        notes.append(
            f"{len(of) - count} vertices lie on others in the neutral and in every shape (UV seams, "
            "hard edges): learned as one, and written as they came"
        )
    if inside_out(actor.neutral):
        actor = replace(actor, neutral=turned(actor.neutral))
        notes.append(
            "All faces of the neutral look inwards (a mirrored export): learned with the faces turned; "
            "the file keeps the mesh as it is"
        )
    piece = pieces(actor.neutral)[of]
    if piece.any():
        notes.append(_pieces_note(given, piece, actor.mm_per_unit))
    return Welded(actor, given, of, piece, tuple(notes))


def same_vertices(actor: Actor) -> Ints:
    """(V,) int64 numbers from 0 in order of first appearance: equal where vertices on open borders lie
    together in neutral and shapes.

    Only borders: exporters cut a surface along seams, and two sheets that merely touch (a lid on its eyeball)
    are not cut there.
    """
    points, mm = actor.neutral.points, actor.mm_per_unit
    alone = np.arange(len(points))
    border = np.flatnonzero(boundary_vertices(actor.neutral))
    if len(border) < 2:
        return alone
    tolerance = max(_SAME_MM / mm, 4 * float(np.spacing(np.float32(np.abs(points[border]).max()))))
    pairs = border[cKDTree(points[border]).query_pairs(tolerance, output_type="ndarray").reshape(-1, 2)]
    for shape in actor.shapes.values():
        pairs = pairs[np.abs(shape[pairs[:, 0]] - shape[pairs[:, 1]]).max(1, initial=0.0) <= tolerance]
    if not len(pairs):
        return alone
    label = connected_components(
        sp.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points), len(points))), directed=False
    )[1]
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[inverse]


def _mesh(given: Mesh, of: Ints, first: Ints) -> Mesh:
    """The faces on joined vertices: corners that fell together are one corner, faces of fewer than three are
    left out; without UVs."""
    corners = of[given.corners]
    kept = corners != corners[given.following]
    counts = np.add.reduceat(kept, given.starts).astype(np.int32)
    faces = counts >= 3
    kept &= np.repeat(faces, given.counts)
    return Mesh(given.points[first], counts[faces], corners[kept].astype(np.int32))


def _renamed(landmarks: Any, of: Ints) -> Any:
    """landmarks.json with the joined vertices' numbers; numbers that the mesh does not have are left for its
    reader to refuse."""
    if isinstance(landmarks, bool) or not isinstance(landmarks, int | list | dict):
        return landmarks
    if isinstance(landmarks, dict):
        return {name: _renamed(value, of) for name, value in landmarks.items()}
    if isinstance(landmarks, list):
        points = len(landmarks) == 3 and any(isinstance(value, float) for value in landmarks)
        return landmarks if points else [_renamed(value, of) for value in landmarks]
    return int(of[landmarks]) if 0 <= landmarks < len(of) else landmarks


def pieces(mesh: Mesh) -> Ints:
    """(V,) int16: 0 the skin, 1 and on the small separate pieces (eyes, teeth, tongue), in order of their
    first vertex.

    Small: of less than a quarter of the largest piece's area. Two halves of a face that nothing joins are
    both skin.
    """
    n = len(mesh.points)
    edges = mesh.edges
    label = connected_components(sp.csr_matrix((np.ones(len(edges)), edges.T), shape=(n, n)), directed=False)[
        1
    ]
    area = np.bincount(
        label[mesh.triangles[:, 0]],
        triangle_areas(mesh.points, mesh.triangles),
        minlength=int(label.max(initial=-1)) + 1,
    )
    small = (area > 0) & (area < _SMALL * area.max(initial=0.0))
    first = np.unique(label, return_index=True)[1]
    number = np.zeros(len(area), np.int16)
    order = np.flatnonzero(small)[np.argsort(first[small])]
    number[order] = np.arange(1, len(order) + 1)
    return number[label]


def _pieces_note(given: Mesh, piece: Ints, mm: float) -> str:
    """Names the pieces by number, size and first vertex. piece (V,) of given's vertices."""
    rows = []
    for i in range(1, min(int(piece.max()), 8) + 1):
        ids = np.flatnonzero(piece == i)
        rows.append(
            f"{len(ids)} vertices from {ids[0]} on, {np.ptp(given.points[ids], axis=0).max() * mm:.0f} "
            "mm across"
        )
    more = int(piece.max()) - len(rows)
    return (
        f"Besides the skin the neutral holds {int(piece.max())} separate piece(s), such as eyes or "
        f"teeth: {'; '.join(rows)}{f'; and {more} more' if more > 0 else ''}. "
        "They have no bones of their own, follow the shapes, and edits carry each as a rigid whole; to "
        "leave them out, give neutral and shapes without them"
    )


def inside_out(mesh: Mesh) -> bool:
    """True where the faces as a whole look inwards: the volume that they enclose about their middle is
    negative. Holes are no matter."""
    a, b, c = mesh.points[mesh.triangles].transpose(1, 0, 2)
    facing, middle = 0.5 * np.cross(b - a, c - a), (a + b + c) / 3
    area = np.linalg.norm(facing, axis=1)
    if not area.any():
        return False
    centre = np.average(middle, axis=0, weights=area)
    share = ((middle - centre) * facing).sum() / (float(np.ptp(mesh.points, axis=0).max()) * area.sum())
    return bool(share < _INWARDS)


def turned(mesh: Mesh) -> Mesh:
    """The same faces seen from the other side: every one keeps its first corner and goes round the other
    way.
    """
    at = np.arange(len(mesh.corners)) - mesh.starts[mesh.corner_face]
    back = (
        mesh.starts[mesh.corner_face] + (mesh.counts[mesh.corner_face] - at) % mesh.counts[mesh.corner_face]
    )
    return Mesh(mesh.points, mesh.counts, mesh.corners[back])
