"""A head in its own frame (HeadFrame), and what is seen of it from outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.face_sites import HeadFrame
from aim_maya.core.typed import Floats
from trainer.geometry.surface import Plane, Surface

_FAR = 1000.0


def directions(up: str) -> tuple[Floats, Floats]:
    """Where up and front are: y up looks along +z, z up along -y."""
    return (np.eye(3)[1], np.eye(3)[2]) if up == "y" else (np.eye(3)[2], -np.eye(3)[1])


def head_frame(actor: Actor, plane: Plane, up: Floats, front: Floats) -> HeadFrame:
    """From the facial plane, and where up and front are, wherever the head stands."""
    points = actor.neutral.points
    aside = np.cross(up, front)
    across = (
        abs(float(plane.normal @ aside)) > 0.9
    )  # else the head is not symmetric about anything that looks like a facial plane
    x = plane.normal * np.sign(plane.normal @ aside) if across else aside
    y = up - (up @ x) * x
    y /= np.linalg.norm(y)
    middle = 0.5 * (points.max(0) + points.min(0))
    origin = middle + (plane.offset - plane.normal @ middle) * plane.normal if across else middle
    return HeadFrame(np.stack([x, y, np.cross(x, y)]), origin, actor.mm_per_unit)


class OuterSkin:
    """The skin as rays from outside see it. Everything in the head frame, mm."""

    def __init__(self, points: Floats, triangles: NDArray[np.integer]) -> None:
        self.points, self.triangles = points, triangles
        self._surface = Surface(points, triangles)

    def cast(self, through: Floats, directions: Floats) -> Floats:
        """First hits (R, 3) of rays that come from far away along -directions to `through` (R, 3).

        NaN where nothing is hit, or the back of the skin (a ray that went in by the open lids or the neck).
        """
        far, inwards = through + _FAR * directions, -directions
        triangle, way = self._surface.cast(far, inwards)
        met = np.flatnonzero(triangle >= 0)
        a, b, c = self.points[self.triangles[triangle[met]]].transpose(1, 0, 2)
        front = met[(np.cross(b - a, c - a) * inwards[met]).sum(1) < 0]
        hits = np.full(through.shape, np.nan)
        hits[front] = far[front] + way[front, None] * inwards[front]
        return hits

    def front(self, x: Floats, y: Floats) -> Floats:
        """(R,) z of the skin seen from the front at x, y (R,)."""
        through = np.stack([x, y, np.zeros_like(x)], 1)
        return self.cast(through, np.broadcast_to([0.0, 0.0, 1.0], through.shape))[:, 2]

    def front_point(self, x: float, y: float) -> Floats:
        """(3,) on the skin at x, y, seen from the front."""
        return np.array([x, y, float(self.front(np.array([x]), np.array([y]))[0])])

    def side_point(self, y: float, z: float, sign: float) -> Floats:
        """(3,) on the skin at y, z, seen from the head's left (sign 1) or right (-1)."""
        return np.array([sign * float(self.side(np.array([y]), np.array([z]), sign)[0]), y, z])

    def side(self, y: Floats, z: Floats, sign: float) -> Floats:
        """(R,) |x| of the skin seen from the head's left (sign 1) or right (-1) at y, z (R,)."""
        through = np.stack([np.zeros_like(y), y, z], 1)
        return sign * self.cast(through, np.broadcast_to([sign, 0.0, 0.0], through.shape))[:, 0]
