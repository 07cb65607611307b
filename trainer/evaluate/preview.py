"""What a window shows while training: the worst targets, and a small picture of the face coloured by error.

The picture is of the neutral, seen from the front at an angle. Which triangle lies under which pixel is found
once; a refresh is then
three table look-ups a pixel. Refreshing takes at most one part in SHARE of the training's time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import Mesh, heat, vertex_normals
from aim_maya.core.progress import Progress
from aim_maya.core.typed import Floats
from trainer.learn.problem import Problem

SIZE = (360, 420)  # width, height in pixels
SHARE, RAREST_S = 100, 1.0
WORST = 8
_LIGHT = np.array([0.35, 0.45, 0.82])


class Preview:
    """Writes the picture and says which targets are worst, as often as its share of the time allows."""

    def __init__(self, problem: Problem, path: Path, progress: Progress) -> None:
        self._targets, self._path, self._progress = problem.actor.rig.targets, path, progress
        self._picture = FacePicture(problem.actor.neutral, problem.actor.up)
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
        picture = Image.fromarray(self._picture.coloured(vertices, self._limit))
        try:
            with atomic_path(self._path) as temporary:
                picture.save(temporary, format="PNG")
        except AimError:
            return  # a picture is not worth a training
        self._progress.event("preview", file=self._path.name, limit_mm=round(self._limit, 4))


class FacePicture:
    """A mesh as seen by an orthographic camera, ready to be coloured again and again."""

    def __init__(self, mesh: Mesh, up: str, turn: float = 25.0) -> None:
        """turn: degrees about the vertical, away from the front."""
        seen, normals = _turned(mesh.points, up, turn), _turned(vertex_normals(mesh), up, turn)
        self._pixel, self._corners, self._shares = _visible(_on_screen(seen), mesh.triangles)
        self._light = 0.35 + 0.65 * np.clip(_blend(normals @ _LIGHT, self._corners, self._shares), 0, 1)

    def coloured(self, error: Floats, limit: float) -> NDArray[np.uint8]:
        """(height, width, 4) RGBA: error (V,) from 0 to limit, clear where there is no face."""
        colours = heat(_blend(error, self._corners, self._shares), limit, "error")
        picture = np.zeros((SIZE[1] * SIZE[0], 4), np.uint8)
        picture[self._pixel, :3] = colours * self._light[:, None]
        picture[self._pixel, 3] = 255
        return picture.reshape(SIZE[1], SIZE[0], 4)


def _blend(values: Floats, corners: NDArray[np.integer], shares: Floats) -> Floats:
    blended: Floats = (values[corners] * shares).sum(1)
    return blended


def _turned(points: Floats, up: str, turn: float) -> Floats:
    """(V, 3) with x to the right, y up, z towards the viewer."""
    p = points if up == "y" else np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    seen: Floats = p @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    return seen


def _on_screen(seen: Floats) -> Floats:
    """(V, 3) pixels to the right and down, and depth."""
    low, high = seen[:, :2].min(0), seen[:, :2].max(0)
    scale = 0.96 * min(np.array(SIZE) / (high - low))
    x, y = ((seen[:, :2] - (low + high) / 2) * scale).T
    return np.stack([SIZE[0] / 2 + x, SIZE[1] / 2 - y, seen[:, 2] * scale], 1)


def _visible(
    screen: Floats, triangles: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.integer], Floats]:
    """Pixel (P,), corner ids (P, 3) and shares (P, 3) of the nearest triangle under every covered pixel.

    Every triangle is sampled more finely than the pixels; of the samples in a pixel the nearest is kept.
    """
    at = screen[triangles]
    a, b = at[:, 1, :2] - at[:, 0, :2], at[:, 2, :2] - at[:, 0, :2]
    facing = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0  # rows count downwards
    longest = np.linalg.norm((at - np.roll(at, 1, axis=1))[:, :, :2], axis=2).max(1) * 1.2
    pieces = []
    for fineness in (2, 4, 8, 16, 32, 64):
        chosen = np.flatnonzero(
            facing & (longest <= fineness) & (longest > (fineness / 2 if fineness > 2 else -1))
        )
        grid = [(i, j, fineness - i - j) for i in range(fineness + 1) for j in range(fineness + 1 - i)]
        shares = np.array(grid) / fineness
        where = np.einsum("gk,tkc->tgc", shares, at[chosen]).reshape(-1, 3)
        pieces.append(
            (where, np.repeat(triangles[chosen], len(shares), axis=0), np.tile(shares, (len(chosen), 1)))
        )
    where, corners, weights = (np.concatenate(column) for column in zip(*pieces, strict=True))
    column, row = np.round(where[:, 0]).astype(int), np.round(where[:, 1]).astype(int)
    inside = np.flatnonzero((column >= 0) & (column < SIZE[0]) & (row >= 0) & (row < SIZE[1]))
    order = inside[np.argsort(where[inside, 2], kind="stable")]
    nearest = np.full(SIZE[0] * SIZE[1], -1)
    nearest[row[order] * SIZE[0] + column[order]] = (
        order  # of several writes to one pixel the last stays, which is the nearest
    )
    pixel = np.flatnonzero(nearest >= 0)
    return pixel, corners[nearest[pixel]], weights[nearest[pixel]]
