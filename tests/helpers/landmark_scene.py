"""The sample head before cameras, for tests of fits to 2D landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.performance import PerformanceData
from aim_maya.core.posing import skin
from tests.helpers.stand_in_space import GlobalSpace
from trainer.fit.cameras.camera import Camera
from trainer.fit.cameras.fit import fit_landmarks
from trainer.fit.cameras.tracks import Tracks
from trainer.fit.options import LandmarkOptions

OPTIONS = LandmarkOptions(contour="fixed", skin_mm=0.1, noise_px=0.3, steady=0.0)
HEAD = rigid.exp([0.1, -0.2, 0.05, 20, 5, -10])


@dataclass(frozen=True, eq=False)
class Scene:
    """The sample head as a model, its space, 60 sites on the front of it, and six frames of a smile that
    becomes a shout, the head turned."""

    model: Any
    space: GlobalSpace
    sites: Path
    vertices: np.ndarray
    weights: np.ndarray
    frames: np.ndarray
    jaws: np.ndarray

    def tracks(self, cameras: tuple[Camera, ...], noise: float = 0.0) -> Tracks:
        points = np.array(
            [[camera.project(frame[self.vertices]).pixels for camera in cameras] for frame in self.frames]
        )
        points = points + noise * np.random.default_rng(0).standard_normal(points.shape)
        return Tracks(
            tuple(c.name for c in cameras),
            tuple(str(i) for i in range(len(self.vertices))),
            points,
            np.ones(points.shape[:3]),
            convention="multipie68",
        )

    def fit(
        self, tracks: Tracks, cameras: tuple[Camera, ...], options: LandmarkOptions = OPTIONS, **more: Any
    ) -> PerformanceData:
        return fit_landmarks(
            self.model, self.space, tracks, cameras, replace(options, sites=self.sites), **more
        )

    def points(self, fitted: PerformanceData) -> np.ndarray:
        p = self.space.rest + np.einsum("ft,tvi->fvi", fitted.coefficients[:, :, 0], self.space.displacements)
        return np.array(
            [
                rigid.apply(h, skin(x, j, self.space.weight, self.space.centre))
                for x, j, h in zip(p, fitted.jaw, fitted.head, strict=True)
            ]
        )

    def error(self, fitted: PerformanceData) -> np.ndarray:
        """(F,) mean mm over the front of the face."""
        front = self.space.rest[:, 2] > 40
        return np.linalg.norm(self.points(fitted) - self.frames, axis=2)[:, front].mean(axis=1)
