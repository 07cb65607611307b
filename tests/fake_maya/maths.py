"""Row-vector matrices (p' = p M, translation in the last row) and the transform's local matrix."""

from __future__ import annotations

import numpy as np

ORDERS = ("xyz", "yzx", "zxy", "xzy", "yxz", "zyx")


def translation(vector: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Translation matrix."""
    matrix = np.eye(4)
    matrix[3, :3] = vector
    return matrix


def scaling(vector: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Scale matrix."""
    return np.diag([*vector, 1.0])


def rotation(angles: tuple[float, ...] | np.ndarray, order: int = 0) -> np.ndarray:
    """Euler rotation in radians; order as the enum `rotateOrder` (xyz: x first)."""
    result = np.eye(4)
    for axis in ORDERS[order]:
        i = "xyz".index(axis)
        c, s = np.cos(angles[i]), np.sin(angles[i])
        single = np.eye(4)
        a, b = (i + 1) % 3, (i + 2) % 3
        single[a, a], single[a, b], single[b, a], single[b, b] = c, s, -s, c
        result = result @ single
    return result


def shearing(vector: tuple[float, ...]) -> np.ndarray:
    """Shear matrix (xy, xz, yz)."""
    matrix = np.eye(4)
    matrix[1, 0], matrix[2, 0], matrix[2, 1] = vector
    return matrix


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (V, 3) through a row-vector matrix."""
    return np.asarray(points, np.float64) @ matrix[:3, :3] + matrix[3, :3]
