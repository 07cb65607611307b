"""Cameras round a head, and the landmarks that they would see of frames that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.fit.cameras.camera import Camera, looking_at
from trainer.fit.cameras.sites import Layout, lay_out
from trainer.fit.cameras.tracks import Tracks

OUTLINE = tuple(str(i) for i in range(17))


def cameras_round(
    points: np.ndarray, degrees: tuple[float, ...], *, away: float, focal: float = 2000.0
) -> tuple[Camera, ...]:
    """One at every angle about y, a little above the middle of points (V, 3) and `away` from it, model
    unit.
    """
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    angles = np.radians(degrees)
    places = [middle + away * np.array([np.sin(a), 0.1, np.cos(a)]) for a in angles]
    return tuple(looking_at(f"camera{i + 1}", place, middle, focal=focal) for i, place in enumerate(places))


@dataclass(frozen=True, eq=False)
class Tracker:
    """Sees the sites of a mesh; with outline, the points 0..16 where the skin is edge-on to the camera, as
    trackers do, else at their vertices."""

    mesh: Mesh
    layout: Layout
    outline: bool

    @classmethod
    def of(cls, mesh: Mesh, vertex_ids: list[int], mm_per_unit: float, *, outline: bool) -> Tracker:
        sites = {str(i): ((v, 1.0),) for i, v in enumerate(vertex_ids)}
        return cls(mesh, lay_out(mesh, sites, OUTLINE if outline else (), mm_per_unit), outline)

    def seen(self, frame: np.ndarray, camera: Camera) -> np.ndarray:
        """(S, 2) pixels of one frame (V, 3)."""
        places = self.layout.between @ (self.layout.mixing @ frame[self.layout.vertices])
        at = self.layout.homes.copy()
        if self.outline:
            normals = self.layout.between @ (
                self.layout.mixing @ vertex_normals(self.mesh, frame)[self.layout.vertices]
            )
            towards = places - camera.position()
            cosine = (
                (normals * towards).sum(axis=1)
                / np.linalg.norm(normals, axis=1)
                / np.linalg.norm(towards, axis=1)
            )
            for i in np.flatnonzero(self.layout.slides):
                run = slice(self.layout.first[i], self.layout.first[i + 1])
                at[i] = run.start + int(
                    np.argmin(np.abs(cosine[run]) + 1e-4 * np.abs(self.layout.along[run]))
                )
        return camera.project(places[at]).pixels

    def tracks(
        self,
        frames: np.ndarray,
        cameras: tuple[Camera, ...],
        *,
        noise: float = 0.0,
        fps: float = 30.0,
        seed: int = 0,
    ) -> Tracks:
        points = np.array([[self.seen(frame, camera) for camera in cameras] for frame in frames])
        points = points + noise * np.random.default_rng(seed).standard_normal(points.shape)
        return Tracks(
            tuple(c.name for c in cameras),
            self.layout.names,
            points,
            np.ones(points.shape[:3]),
            fps,
            convention="multipie68",
        )
