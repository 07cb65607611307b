"""A pinhole camera with radial distortion, what it sees of points, and how that changes with them.

OpenCV's convention: x to the right, y down, z forward into the scene; pixels from the upper left corner.

    x_c = R x + t,   (a, b) = (x_c / z_c, y_c / z_c),   s = 1 + k1 r^2 + k2 r^4,  r^2 = a^2 + b^2
    pixel = (fx s a + cx, fy s b + cy)

Equations: R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision (2003), 6.1 and 7.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

Floats = NDArray[np.floating]

TURNED = np.diag([1.0, -1.0, -1.0, 1.0])  # a camera that looks along its -z with y up (Maya, USD, OpenGL) to one of OpenCV, and back
_NEAREST = 1e-6  # of the focal plane: keeps a point beside the camera from dividing by zero; it is told apart by its depth


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees of P points: pixels (P, 2), jacobian (P, 2, 3) pixels a model unit in world space, depth (P,) model unit, below 0 behind it."""

    pixels: Floats
    jacobian: Floats
    depth: Floats


@dataclass(frozen=True, eq=False)
class Camera:
    """width, height, fx, fy, cx, cy in pixels; k1, k2; extrinsics (1, 4, 4), or (F, 4, 4) for a camera that moves, world to camera, model unit."""

    name: str
    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    extrinsics: Floats = field(default_factory=lambda: TURNED[None].copy())
    focal_known: bool = True

    def at(self, frame: int) -> Floats:
        """(4, 4) world to camera at a frame. Raises AimError for a frame beyond those of a camera that moves."""
        if len(self.extrinsics) == 1:
            return self.extrinsics[0]
        if not 0 <= frame < len(self.extrinsics):
            raise AimError(f"Camera '{self.name}' has {len(self.extrinsics)} frames, and frame {frame} (from 0) was asked for.", "The landmarks go on for longer.")
        return self.extrinsics[frame]

    def position(self, frame: int = 0) -> Floats:
        """(3,) where it stands in the world, model unit."""
        matrix = self.at(frame)
        where: Floats = -matrix[:3, :3].T @ matrix[:3, 3]
        return where

    def with_focal(self, scale: float) -> Camera:
        """The camera with fx and fy times `scale`."""
        return replace(self, fx=self.fx * scale, fy=self.fy * scale)

    def project(self, points: Floats, frame: int = 0) -> View:
        """See points (P, 3), world, model unit."""
        matrix = self.at(frame)
        turned = points @ matrix[:3, :3].T + matrix[:3, 3]
        z = np.where(np.abs(turned[:, 2]) < _NEAREST, _NEAREST, turned[:, 2])
        flat = turned[:, :2] / z[:, None]
        r2 = (flat**2).sum(axis=1)
        radial = 1.0 + r2 * (self.k1 + self.k2 * r2)
        slope = 2.0 * self.k1 + 4.0 * self.k2 * r2
        bent = radial[:, None, None] * np.eye(2) + slope[:, None, None] * flat[:, :, None] * flat[:, None, :]
        through = np.zeros((len(points), 2, 3))
        through[:, 0, 0] = through[:, 1, 1] = 1.0 / z
        through[:, :, 2] = -flat / z[:, None]
        focal = np.array([self.fx, self.fy])
        pixels = focal * radial[:, None] * flat + [self.cx, self.cy]
        return View(pixels, focal[:, None] * (bent @ through @ matrix[:3, :3]), turned[:, 2])

    @property
    def folds(self) -> bool:
        """Whether the distortion turns back inside the image: then these are no coefficients of this camera's lens."""
        corner = max(abs(self.cx), abs(self.width - self.cx)) / self.fx, max(abs(self.cy), abs(self.height - self.cy)) / self.fy
        r2 = np.linspace(0.0, corner[0] ** 2 + corner[1] ** 2, 65)
        return bool((1.0 + 3.0 * self.k1 * r2 + 5.0 * self.k2 * r2**2 <= 0).any())


def looking_at(name: str, position: Sequence[float], target: Sequence[float], *, focal: float, width: float = 1920, height: float = 1080) -> Camera:
    """A camera at `position` that looks at `target` (3,), world, model unit, with the world's y up in its picture."""
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ np.asarray(position, np.float64)
    return Camera(name, width, height, focal, focal, width / 2, height / 2, extrinsics=matrix[None])
