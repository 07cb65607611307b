"""Registration that drifts along the surface: correspondences slide by a smooth field, so that every point still lies on the skin."""

from __future__ import annotations

import igl
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from aim_maya.core.mesh import vertex_normals
from trainer.baselines.method import Face

Floats = NDArray[np.floating]
LEAST_MM, MEAN_DRIFT_MM, MOST_MM = 1.0, 2.0, 3.0
_WAVES, _WAVELENGTH_MM = 12, 80.0
_STOPS = np.linspace(0.0, MOST_MM, 7)


class Drift:
    """carried(points, amount): points (V, 3) of any frame with every vertex slid by `amount` mm (root mean square over scored vertices)."""

    def __init__(self, face: Face, scored: NDArray[np.bool_], seed: int) -> None:
        spread = face.neutral + face.deltas[:, :, int(np.argmax(face.motion @ np.linalg.norm(face.deltas, axis=1)))]  # the lips apart: none slides onto the other
        field = _tangential(spread, vertex_normals(face.mesh, spread), seed)
        field /= np.sqrt(np.square(field[scored]).sum(axis=1).mean())
        self._slides = [_slide(spread, face.mesh.triangles, spread + stop * field) for stop in _STOPS]

    def carried(self, points: Floats, amount: float) -> Floats:
        """(V, 3) between the two nearest of the prepared amounts."""
        place = float(np.clip(amount / _STOPS[1], 0.0, len(_STOPS) - 1))
        low = min(int(place), len(_STOPS) - 2)
        carried: Floats = (1 - (place - low)) * (self._slides[low] @ points) + (place - low) * (self._slides[low + 1] @ points)
        return carried


def drift_amount(share: float) -> float:
    """mm of drift at a share 0..1 of the take: from the least to the most and back."""
    return LEAST_MM + (MOST_MM - LEAST_MM) * float(np.sin(np.pi * share) ** 2)


def _tangential(points: Floats, normals: Floats, seed: int) -> Floats:
    """(V, 3) a random field of waves no shorter than _WAVELENGTH_MM, without its part along the normals."""
    rng = np.random.default_rng([1, seed])
    waves = rng.normal(size=(_WAVES, 3))
    waves *= 2 * np.pi / _WAVELENGTH_MM / np.linalg.norm(waves, axis=1, keepdims=True)
    field = np.sin(points @ waves.T + rng.uniform(0, 2 * np.pi, _WAVES)) @ rng.normal(size=(_WAVES, 3))
    tangential: Floats = field - (field * normals).sum(axis=1, keepdims=True) * normals
    return tangential


def _slide(points: Floats, triangles: NDArray[np.integer], moved: Floats) -> sp.csr_matrix:
    """(V, V) shares of three corners each: where on the surface of `points` the moved ones (V, 3) are nearest."""
    _, face, closest = igl.point_mesh_squared_distance(np.ascontiguousarray(moved), np.ascontiguousarray(points), triangles)
    corners = triangles[np.asarray(face).ravel()]
    shares = igl.barycentric_coordinates(*(np.ascontiguousarray(a) for a in (closest, *points[corners].transpose(1, 0, 2))))
    rows = np.repeat(np.arange(len(points)), 3)
    return sp.csr_matrix((np.asarray(shares, np.float64).ravel(), (rows, corners.ravel())), shape=(len(points), len(points)))
