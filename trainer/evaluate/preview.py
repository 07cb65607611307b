"""What a window shows while training: the worst targets, and a small picture of the face coloured by error.

The picture is of the neutral, seen from the front at an angle, and only coloured anew at each refresh, which
takes at most one part in SHARE of the training's time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import heat
from aim_maya.core.progress import Progress
from aim_maya.core.typed import Floats
from trainer.learn.problem import Problem

from .pictures import FaceView

SIZE = (360, 420)  # width, height in pixels
SHARE, RAREST_S = 100, 1.0
WORST = 8


class Preview:
    """Writes the picture and says which targets are worst, as often as its share of the time allows."""

    def __init__(self, problem: Problem, path: Path, progress: Progress) -> None:
        self._targets, self._path, self._progress = problem.actor.rig.targets, path, progress
        neutral = problem.actor.neutral
        self._view = FaceView(neutral, neutral.points, up=problem.actor.up, size=SIZE)
        self._next = 0.0
        self._limit = 0.0

    def show_all(self, error: Floats) -> None:
        """error (T, V) mm, whenever it is known: at the beginning and the end."""
        self._write(error.mean(0), error.mean(1))

    def show(self, vertices: Any, targets: Any) -> None:
        """Mean errors of every vertex (V,) and target (T,), torch tensors in mm; nothing is done before its
        time has come."""
        began = time.perf_counter()
        if began < self._next:
            return
        self._write(vertices.cpu().double().numpy(), targets.cpu().double().numpy())
        ended = time.perf_counter()
        self._next = ended + max(SHARE * (ended - began), RAREST_S)

    def _write(self, vertices: Floats, targets: Floats) -> None:
        order = np.argsort(-targets)[:WORST]
        self._progress.event(
            "targets", worst=[[self._targets[i], round(float(targets[i]), 4)] for i in order]
        )
        self._limit = (
            self._limit or float(np.quantile(vertices, 0.98)) or 1e-3
        )  # one scale from the first picture on: it is seen to fade
        colours = heat(self._view.blended(vertices), self._limit, "error")
        picture = Image.fromarray(self._view.picture(colours, 0.35, 0.65))
        try:
            with atomic_path(self._path) as temporary:
                picture.save(temporary, format="PNG")
        except AimError:
            return  # a picture is not worth a training
        self._progress.event("preview", file=self._path.name, limit_mm=round(self._limit, 4))
