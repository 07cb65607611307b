"""Skull, mandible and lower teeth of the sample head: its plain form moved inwards by tissue depth, and an arch of teeth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, vertex_normals

from .head import EYE_X, EYE_Y, MOUTH_Y, Head, step

Floats = NDArray[np.floating]

# angle round the head (radians, 0 in front), height (mm), soft-tissue depth (mm): adults, after the table in docs/method.md
_DEPTHS = np.array([
    [0.0, 105, 4.5], [0.0, 60, 4.5], [0.0, 34, 4.8], [0.0, 22, 7.0], [0.0, 5, 4.0], [0.0, -32, 11.0], [0.0, -40, 11.0], [0.0, -52, 12.0],
    [0.0, -62, 10.0], [0.0, -78, 13.0], [0.0, -90, 8.0], [0.35, 60, 4.0], [0.35, 33, 8.5], [0.4, 0, 6.5], [0.55, -10, 11.0], [0.9, 15, 11.0],
    [1.1, 0, 7.0], [1.3, 5, 6.5], [0.6, -35, 17.0], [0.9, -35, 17.0], [0.9, -60, 16.0], [1.25, -70, 10.5], [0.6, -85, 9.0], [1.2, 50, 7.0],
    [2.0, 40, 5.5], [3.1, 40, 5.5], [2.0, 100, 5.0], [3.1, 100, 5.0], [2.0, -20, 14.0], [1.4, -30, 15.0],
])  # fmt: skip


def tissue_depth(angle: Floats, height: Floats) -> Floats:
    """(V,) soft-tissue depth in mm, interpolated between the sites by inverse distance."""
    d2 = ((np.abs(angle)[:, None] - _DEPTHS[:, 0]) * 75) ** 2 + (height[:, None] - _DEPTHS[:, 1]) ** 2
    weight = 1 / (d2 + 60.0) ** 1.5
    depth: Floats = (weight * _DEPTHS[:, 2]).sum(1) / weight.sum(1)
    return depth


def jaw_share(points: Floats) -> Floats:
    """(V,) signed height in mm below the line from the mouth to the hinge: > 0 belongs to the mandible."""
    along = np.clip((92 - points[:, 2]) / 80, 0, 1.2)
    below: Floats = (MOUTH_Y + along * 30) - points[:, 1]
    return below


def build_bones(head: Head) -> tuple[Mesh, Mesh]:
    """(skull, jaw): open quad surfaces, outer side only."""
    grid = head.grid
    base = head.base[grid.ravel()]
    base[:, 2] += 8 * np.exp(-0.5 * ((base[:, 0] / 9) ** 2 + ((base[:, 1] - 8) / 12) ** 2)) * (base[:, 2] > 0)  # the nasal bones
    rows, columns = grid.shape
    quads = np.array([[r * columns + c, (r + 1) * columns + c, (r + 1) * columns + (c + 1) % columns, r * columns + (c + 1) % columns]
                      for r in range(rows - 1) for c in range(columns)])  # fmt: skip
    plain = Mesh(base, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))
    angle = head.angle[grid.ravel()]
    bone = base - tissue_depth(angle, base[:, 1])[:, None] * vertex_normals(plain)
    x, y, _ = base.T
    share = jaw_share(base)
    socket = ((np.abs(x) - EYE_X) / 17) ** 2 + ((y - EYE_Y) / 13) ** 2 < 1
    pear = (np.abs(x) < 11) & (y < 2) & (y > -27)
    front = np.abs(angle) < 1.75
    skull = (share < -9) & ~(front & (socket | pear)) & (y > -62)
    jaw = (share > 3) & (np.abs(angle) < 1.55) & (y > -94)
    return _part(plain.with_points(bone), skull), _part(plain.with_points(bone), jaw)


def _part(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """The quads of which all corners are kept, with the vertices that they use."""
    quads = mesh.corners.reshape(-1, 4)
    quads = quads[keep[quads].all(1)]
    used, corners = np.unique(quads, return_inverse=True)
    return Mesh(mesh.points[used], np.full(len(quads), 4, np.int32), corners.ravel().astype(np.int32))


def build_lower_teeth() -> Mesh:
    """An arch of fourteen crowns as one strip of quads, top and outer side."""
    columns = 14 * 6 + 1
    s = np.linspace(-1, 1, columns)
    arch = np.stack([23.5 * np.sin(1.25 * s) / np.sin(1.25), 40 + 38 * np.cos(1.25 * s)], 1)
    crown = np.abs(np.sin(np.linspace(0, 14 * np.pi, columns)))
    outwards = np.stack([s * 0.9, 1 - 0.75 * np.abs(s)], 1)
    rows = []
    for height, out in ((-58.0, 0.2), (-54.0, 0.9), (-50.5, 0.8), (-49.5, -0.8), (-50.0, -2.5)):
        at = arch + outwards * (out + 0.7 * crown)[:, None]
        rows.append(np.column_stack([at[:, 0], height + 0.8 * crown * (height > -54), at[:, 1]]))
    points = np.concatenate(rows)
    ids = np.arange(len(points)).reshape(len(rows), columns)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], 2).reshape(-1, 4)
    return Mesh(points, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))


def skinning_weight(head: Head) -> Floats:
    """(V,) true weight of the skin to the jaw: sharp between the lips, wide over the cheek, none below the chin."""
    root = head.parent
    p = head.mesh.points[root]
    below = jaw_share(p) - 5.0 * head.lip[root]
    band = 5 + 24 * step(np.abs(p[:, 0]), 4, 40) + 15 * step(-p[:, 2], -60, 0)
    weight: Floats = step(below / band, -0.55, 0.65) * step(p[:, 1], -112, -88) * (1 - step(np.abs(head.angle[root]), 1.2, 1.9))
    return np.where(head.eye[root] != 0, 0.0, weight)
