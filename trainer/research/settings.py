"""The settings of a comparison: what is hidden, what is disturbed, how registration drifts, and which
vertices are scored.

All noise follows from the setting, the seed and the frame's place in the take: every method sees the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import Flags, Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import vertex_normals
from trainer.geometry.surface import Surface

from .method import Face, Observed
from .take import Take

# Registration that drifts: correspondences slide by a smooth field, and every point still lies on the skin.

LEAST_MM, MEAN_DRIFT_MM, MOST_MM = 1.0, 2.0, 3.0
_WAVES, _WAVELENGTH_MM = 12, 80.0
_STOPS = np.linspace(0.0, MOST_MM, 7)


class Drift:
    """carried(points, amount): points (V, 3) of any frame with every vertex slid by `amount` mm (root mean
    square over scored vertices)."""

    def __init__(self, face: Face, scored: NDArray[np.bool_], seed: int) -> None:
        apart = int(np.argmax(face.motion @ np.linalg.norm(face.deltas, axis=1)))
        spread = face.neutral + face.deltas[:, :, apart]  # the lips apart: none slides onto the other
        field = _tangential(spread, vertex_normals(face.mesh, spread), seed)
        field /= np.sqrt(np.square(field[scored]).sum(axis=1).mean())
        self._slides = [_slide(spread, face.mesh.triangles, spread + stop * field) for stop in _STOPS]

    def carried(self, points: Floats, amount: float) -> Floats:
        """(V, 3) between the two nearest of the prepared amounts."""
        place = float(np.clip(amount / _STOPS[1], 0.0, len(_STOPS) - 1))
        low = min(int(place), len(_STOPS) - 2)
        before, after = (slide @ points for slide in self._slides[low : low + 2])
        carried: Floats = (1 - (place - low)) * before + (place - low) * after
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
    """(V, V) shares of three corners each: where on the surface of `points` the moved ones (V, 3) are
    nearest."""
    found = Surface(points, triangles).closest(moved)
    places = np.repeat(np.arange(len(points)), 3), found.corners.ravel()
    return sp.csr_matrix((found.shares.ravel(), places), shape=(len(points), len(points)))


BLOCK_MM, BLOCK_SHARE, SPARSE_SHARE, LIPS_MM, LIPS_SHARE = 12.0, 0.2, 0.05, 10.0, 0.2
HEAD_DEGREES, HEAD_MM = 0.5, 1.0
_MOUTH = slice(48, 68)  # of the 68 Multi-PIE landmarks


@dataclass(frozen=True)
class Setting:
    """noise_mm: standard deviation of every coordinate. sees: all, blocks, sparse, landmarks, or lips (a part
    of them missing)."""

    name: str
    title: str
    noise_mm: float = 0.0
    sees: str = "all"
    head_moves: bool = False
    drifts: bool = False

    @property
    def seeded(self) -> bool:
        """Whether anything is random in it."""
        masked = self.sees in ("blocks", "sparse", "lips")
        return bool(self.noise_mm or self.head_moves or self.drifts or masked)

    @property
    def needs_landmarks(self) -> bool:
        """Whether the 68 landmarks must be known."""
        return self.sees in ("landmarks", "lips")


_ALL = (
    Setting("all", "all vertices"),
    Setting("noise", "all vertices + 1 mm noise", noise_mm=1.0),
    Setting("blocks", "12 mm blocks left out, scored there", sees="blocks"),
    Setting("sparse", "5 % of the vertices + 1 mm noise", noise_mm=1.0, sees="sparse"),
    Setting("landmarks", "the 68 landmarks only", sees="landmarks"),
    Setting("head", "unsteady head (0.5 degrees, 1 mm)", head_moves=True),
    Setting(
        "drift", "drift along the surface (1-3 mm), a fifth of the lips missing", sees="lips", drifts=True
    ),
)
SETTINGS = {setting.name: setting for setting in _ALL}


@dataclass(frozen=True, eq=False)
class Scene:
    """One setting and seed of one take: what a method sees, the truth it is scored against (frame -> (V, 3)
    mm), and where (V,)."""

    observed: Observed
    truth: Callable[[int], Floats]
    scored: Flags


def make_scene(face: Face, take: Take, setting: Setting, seed: int) -> Scene:
    """Nothing is held but masks and slides: every frame is disturbed when it is asked for. Raises AimError
    without landmarks where they are needed."""
    if setting.needs_landmarks and take.landmarks is None:
        cause = "The actor has no landmarks.json with 68 vertex ids."
        raise AimError(
            f"The setting '{setting.name}' needs the 68 landmarks.", cause, "Give --landmarks FILE."
        )
    seen = _seen(face, take, setting, seed)
    drift = Drift(face, take.scored, seed) if setting.drifts else None
    last = max(int(take.ids[-1]), 1)

    def truth(f: int) -> Floats:
        if not setting.head_moves:
            return take.frames[f]
        return rigid.apply(_head(face, setting, seed, int(take.ids[f])), take.frames[f].astype(np.float64))

    def observed(f: int) -> Floats:
        points = truth(f)
        if drift is not None:
            points = drift.carried(points, drift_amount(int(take.ids[f]) / last))
        if setting.noise_mm:
            noise = _random(setting, seed, int(take.ids[f])).standard_normal(points.shape, np.float32)
            points = points + setting.noise_mm * noise
        return np.where(seen[:, None], points, np.nan).astype(np.float32)

    scored = take.scored & ~seen if setting.sees == "blocks" else take.scored
    slid_mm = MEAN_DRIFT_MM if setting.drifts else 0.0
    return Scene(Observed(observed, seen, take.clip, take.fps, setting.head_moves, slid_mm), truth, scored)


def _random(setting: Setting, seed: int, frame: int = -1) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(setting.name.encode()), seed, frame + 1])


def _head(face: Face, setting: Setting, seed: int, frame: int) -> Floats:
    """(4, 4) the head's motion in a frame, about the middle of the head."""
    rng, middle = _random(setting, seed, frame), face.neutral.mean(axis=0)
    matrix = rigid.exp(np.r_[np.radians(HEAD_DEGREES) * rng.standard_normal(3), np.zeros(3)])
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + HEAD_MM * rng.standard_normal(3)
    return matrix


def _seen(face: Face, take: Take, setting: Setting, seed: int) -> Flags:
    rng = _random(setting, seed)
    seen = np.ones(len(face.neutral), bool)
    if setting.sees == "blocks":
        seen = ~blocks(face.neutral, take.scored, rng)
    elif setting.sees == "sparse":
        seen = np.zeros_like(seen)
        seen[rng.permutation(len(seen))[: max(int(SPARSE_SHARE * len(seen)), 1)]] = True
    elif setting.sees == "landmarks":
        seen = np.zeros_like(seen)
        seen[take.landmarks] = True
    elif setting.sees == "lips":
        assert take.landmarks is not None
        mouth = face.neutral[take.landmarks[_MOUTH]]
        lips = np.flatnonzero(np.linalg.norm(face.neutral[:, None] - mouth, axis=2).min(axis=1) < LIPS_MM)
        away = np.linalg.norm(face.neutral[lips] - face.neutral[rng.choice(lips)], axis=1)
        seen[lips[np.argsort(away)[: int(LIPS_SHARE * len(lips))]]] = False
    return seen


def blocks(points: Floats, scored: Flags, rng: np.random.Generator) -> Flags:
    """(V,) cubes of space left out, one after another, until they hold their share of what is scored; no
    share is lost on skin outside it."""
    cell = np.floor((points + rng.uniform(0, BLOCK_MM, 3)) / BLOCK_MM).astype(np.int64)
    block = np.unique(cell, axis=0, return_inverse=True)[1].ravel()
    inside = np.bincount(block[scored], minlength=block.max() + 1)
    order = rng.permutation(np.flatnonzero(inside))
    out = order[: int(np.searchsorted(np.cumsum(inside[order]), BLOCK_SHARE * scored.sum())) + 1]
    return np.isin(block, out)
