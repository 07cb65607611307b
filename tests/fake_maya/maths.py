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


def euler(matrix: np.ndarray, order: int = 0) -> np.ndarray:
    """Euler angles (radians) of a rotation matrix, by searching none: the closed form for each order."""
    i, j, k = ("xyz".index(axis) for axis in ORDERS[order])
    sign = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    m = matrix[:3, :3]
    middle = np.arctan2(-sign * m[i, k], np.hypot(m[i, i], m[i, j]))
    if np.hypot(m[i, i], m[i, j]) > 1e-9:
        first = np.arctan2(sign * m[j, k], m[k, k])
        last = np.arctan2(sign * m[i, j], m[i, i])
    else:
        first = np.arctan2(-sign * m[k, j], m[j, j])
        last = 0.0
    angles = np.zeros(3)
    angles[[i, j, k]] = first, middle, last
    return angles


def shearing(vector: tuple[float, ...]) -> np.ndarray:
    """Shear matrix (xy, xz, yz)."""
    matrix = np.eye(4)
    matrix[1, 0], matrix[2, 0], matrix[2, 1] = vector
    return matrix


def decompose(matrix: np.ndarray, order: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Translate, rotate (radians), scale, shear of a matrix."""
    rows = matrix[:3, :3].copy()
    scale = np.zeros(3)
    shear = np.zeros(3)
    scale[0] = np.linalg.norm(rows[0])
    rows[0] /= scale[0]
    shear[0] = rows[0] @ rows[1]
    rows[1] -= shear[0] * rows[0]
    scale[1] = np.linalg.norm(rows[1])
    rows[1] /= scale[1]
    shear[0] /= scale[1]
    shear[1] = rows[0] @ rows[2]
    rows[2] -= shear[1] * rows[0]
    shear[2] = rows[1] @ rows[2]
    rows[2] -= shear[2] * rows[1]
    scale[2] = np.linalg.norm(rows[2])
    rows[2] /= scale[2]
    shear[1:] /= scale[2]
    if np.linalg.det(rows) < 0:
        scale, rows = -scale, -rows
    return matrix[3, :3].copy(), euler(rows, order), scale, shear


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (V, 3) through a row-vector matrix."""
    return np.asarray(points, np.float64) @ matrix[:3, :3] + matrix[3, :3]
