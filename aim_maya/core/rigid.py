"""Rigid motion: SE(3) exponential and logarithm of whole 4x4 matrices, best fits, Euler angles, and a jaw
driven from outside.

Column vectors, p' = M p, translation in M[:3, 3]. A twist is (wx, wy, wz, vx, vy, vz): rotation vector, then
the velocity of the origin. Equations: Murray, Li, Sastry, A Mathematical Introduction to Robotic Manipulation
(1994), A.1 and A.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aim_maya.core.arrays import Floats


def hat(w: Floats) -> Floats:
    """(3,) -> (3, 3) skew matrix with hat(w) x = w cross x."""
    return np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])


def hats(points: Floats) -> Floats:
    """(n, 3, 3) hat of every point."""
    hats = np.zeros((len(points), 3, 3))
    hats[:, 0, 1], hats[:, 0, 2], hats[:, 1, 2] = -points[:, 2], points[:, 1], -points[:, 0]
    return hats - hats.transpose(0, 2, 1)


def left_jacobian(twist: Floats) -> Floats:
    """(6, 6) J with exp(xi + d) = exp(J d) exp(xi) to first order: sum of ad^n / (n + 1)! (T. Barfoot, State
    Estimation for Robotics, 2017, 7.1.5, for twists of rotation first)."""
    ad = np.zeros((6, 6))
    ad[:3, :3] = ad[3:, 3:] = hat(twist[:3])
    ad[3:, :3] = hat(twist[3:])
    total = term = np.eye(6)
    for n in range(2, 17):
        term = term @ ad / n
        total = total + term
    return total


def _series(theta2: float) -> tuple[float, float, float]:
    """sin(t)/t, (1-cos t)/t^2, (t-sin t)/t^3 of t = sqrt(theta2); a Taylor series near zero keeps full
    precision."""
    if theta2 < 1e-4:
        return (
            1 - theta2 / 6 * (1 - theta2 / 20 * (1 - theta2 / 42)),
            0.5 - theta2 / 24 * (1 - theta2 / 30 * (1 - theta2 / 56)),
            1 / 6 - theta2 / 120 * (1 - theta2 / 42 * (1 - theta2 / 72)),
        )
    t = float(np.sqrt(theta2))
    return np.sin(t) / t, (1 - np.cos(t)) / theta2, (t - np.sin(t)) / (theta2 * t)


def exp(twist: ArrayLike) -> Floats:
    """(6,) twist -> (4, 4) float64 rigid matrix; exp(0) is the identity exactly."""
    xi = np.asarray(twist, np.float64)
    w = hat(xi[:3])
    a, b, c = _series(float(xi[:3] @ xi[:3]))
    matrix = np.eye(4)
    matrix[:3, :3] += a * w + b * (w @ w)
    matrix[:3, 3] = (np.eye(3) + b * w + c * (w @ w)) @ xi[3:]
    return matrix


def log(matrix: ArrayLike) -> Floats:
    """(4, 4) rigid matrix -> (6,) float64 twist with |w| <= pi; log(identity) is 0 exactly."""
    m = np.asarray(matrix, np.float64)
    r = m[:3, :3]
    sine = 0.5 * np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    angle = float(np.arctan2(np.linalg.norm(sine), 0.5 * (np.trace(r) - 1)))
    if angle > np.pi - 1e-3:  # the sine vanishes: the axis is the symmetric part's, its sign the sine's
        symmetric = 0.5 * (r + r.T) - np.cos(angle) * np.eye(3)
        axis = symmetric[:, int(np.argmax(np.diag(symmetric)))]
        axis = axis / np.linalg.norm(axis)
        w = angle * (axis if axis @ sine >= 0 else -axis)
    else:
        w = sine / _series(angle * angle)[0]
    a, b, _ = _series(float(w @ w))
    theta2 = float(w @ w)
    d = (1 - a / (2 * b)) / theta2 if theta2 > 1e-4 else 1 / 12 + theta2 / 720 * (1 + theta2 / 42)
    k = hat(w)
    return np.concatenate([w, (np.eye(3) - 0.5 * k + d * (k @ k)) @ m[:3, 3]])


def part(matrix: Floats, share: float) -> Floats:
    """(4, 4) exp(share log M): the identity exactly at 0, M itself at 1, on M's screw between and beyond."""
    return np.array(matrix, np.float64) if share == 1.0 else exp(share * log(matrix))


def between(first: Floats, second: Floats, share: float) -> Floats:
    """(4, 4) A exp(share log(A^-1 B)): from A at 0 to B at 1 on the screw of their relative motion; A itself
    at 0."""
    a = np.array(first, np.float64)
    if share == 0.0:
        return a
    r, t = a[:3, :3].T, a[:3, 3]
    back = np.eye(4)
    back[:3, :3], back[:3, 3] = r, -r @ t
    return a @ part(back @ second, share)


def kabsch(source: Floats, target: Floats, weights: Floats | None = None) -> Floats:
    """The (4, 4) rigid motion that best takes source (P, 3) onto target (P, 3), weighted least squares
    (Kabsch 1976)."""
    w = np.ones(len(source)) if weights is None else weights
    w = w / w.sum()
    a, b = w @ source, w @ target
    u, _, vt = np.linalg.svd((source - a).T @ ((target - b) * w[:, None]))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix = np.eye(4)
    matrix[:3, :3] = vt.T @ flip @ u.T
    matrix[:3, 3] = b - matrix[:3, :3] @ a
    return matrix


def inverse(matrix: Floats) -> Floats:
    """(4, 4) float64 inverse of an affine matrix by its cofactors: in a host LAPACK, which numpy.linalg
    calls, may not be at hand. Raises numpy.linalg.LinAlgError for one that is flat."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z), _ = np.asarray(matrix, np.float64).tolist()
    p, q, r = e * i - f * h, f * g - d * i, d * h - e * g
    size = a * p + b * q + c * r
    if size == 0.0:
        raise np.linalg.LinAlgError("Singular matrix")
    turn = np.array([[p, c * h - b * i, b * f - c * e], [q, a * i - c * g, c * d - a * f]])
    turn = np.vstack([turn, [r, b * g - a * h, a * e - b * d]]) / size
    back = np.eye(4)
    back[:3, :3], back[:3, 3] = turn, -(turn @ [x, y, z])
    return back


def determinant(matrices: Floats) -> Floats:
    """(...) of matrices (..., 3, 3), written out: see `inverse`."""
    first, second, third = (matrices[..., row, :] for row in range(3))
    around = np.roll(second, -1, -1) * np.roll(third, 1, -1) - np.roll(second, 1, -1) * np.roll(third, -1, -1)
    found: Floats = (first * around).sum(-1)
    return found


def apply(matrix: Floats, points: Floats) -> Floats:
    """p' = M p for points (..., 3)."""
    moved: Floats = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def is_rigid(matrix: Floats, tolerance: float = 1e-4) -> bool:
    """True for a finite (4, 4) with an orthonormal right-handed 3x3 and the last row 0 0 0 1."""
    m = np.asarray(matrix, np.float64)
    if m.shape != (4, 4) or not np.isfinite(m).all() or np.abs(m[3] - [0, 0, 0, 1]).max() > tolerance:
        return False
    return bool(np.abs(m[:3, :3] @ m[:3, :3].T - np.eye(3)).max() < tolerance and determinant(m[:3, :3]) > 0)


# Rigid motions as translations and angles, for curves and keys: rotated about x first, then y, then z, as
# Maya's rotateOrder xyz.


def translations_rotations(motions: Floats) -> Floats:
    """(F, 6) float64 tx ty tz rx ry rz (degrees) of rigid (F, 4, 4), R = Rz Ry Rx; angles go on from frame to
    frame without a jump.

    Of the two ways to write a rotation each frame takes the one nearer to the frame before.
    """
    r = np.asarray(motions, np.float64)[:, :3, :3]
    y = np.arcsin(np.clip(-r[:, 2, 0], -1, 1))
    locked = np.abs(r[:, 2, 0]) > 1 - 1e-12
    x = np.where(locked, 0.0, np.arctan2(r[:, 2, 1], r[:, 2, 2]))
    z = np.where(locked, np.arctan2(-r[:, 0, 1], r[:, 1, 1]), np.arctan2(r[:, 1, 0], r[:, 0, 0]))
    one, other = np.stack([x, y, z], 1), np.stack([x + np.pi, np.pi - y, z + np.pi], 1)
    angles, before = np.empty_like(one), np.zeros(3)
    for f in range(len(one)):
        ways = [a + 2 * np.pi * np.round((before - a) / (2 * np.pi)) for a in (one[f], other[f])]
        angles[f] = before = min(ways, key=lambda a: float(np.abs(a - before).sum()))
    return np.hstack([np.asarray(motions, np.float64)[:, :3, 3], np.degrees(angles)])


# A jaw driven from outside, taken into the face's object space. Column vectors, p' = M p, as everywhere
# outside Maya.

_STILL = 1e-9


def driven_jaw(face_bind: Floats, jaw_bind: Floats, jaw: Floats, head_bind: Floats, head: Floats) -> Floats:
    """(4, 4) motion of the jaw relative to the head, in the face's object space: F^-1 Hb H^-1 J Jb^-1 F.

    All arguments are world matrices (4, 4) float64. The identity exactly while nothing has moved relative to
    the bind. Raises numpy.linalg.LinAlgError for a matrix that cannot be inverted.
    """
    motion: Floats = inverse(face_bind) @ head_bind @ inverse(head) @ jaw @ inverse(jaw_bind) @ face_bind
    reach = 1.0 + max(float(np.abs(m[:3, 3]).max()) for m in (face_bind, jaw, head))
    difference = np.abs(motion - np.eye(4))
    if difference[:3, :3].max() < _STILL and difference[:3, 3].max() < _STILL * reach:
        return np.eye(4)
    return motion
