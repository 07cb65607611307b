"""A fitted performance, as it is played: motions and coefficients at any moment between its frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData
from aim_maya.core.performance_file import checked, read_performance

from .coefficients import CoefficientNetwork, LocalCoefficients, SpatialBasis, mixed

if TYPE_CHECKING:
    from .face_model import FaceModel

Floats = NDArray[np.floating]


class Performance:
    """Frames 0 to frame_count - 1; a moment f between two is interpolated, one outside is held at the nearest. Thread-safe.

    >>> take = Performance.load("take.aimperf")                # doctest: +SKIP
    >>> model.performance_points(take, 12.5).shape             # doctest: +SKIP
    (11248, 3)
    """

    def __init__(self, data: PerformanceData, path: Path | None = None, modified: int = 0) -> None:
        """From arrays; path and modified (time stamp, ns) of the file they were read from. Raises AimError when they do not fit together."""
        self.data = checked(data, str(path or "the performance"))
        self.path, self.modified = path, modified
        self._fitting: set[tuple[str, tuple[str, ...]]] = set()
        network = self.data.network
        self.local: LocalCoefficients = SpatialBasis(self.data) if network is None else CoefficientNetwork(self.data, network, self.name)

    @classmethod
    def load(cls, path: str | Path) -> Performance:
        """Read a .aimperf. Raises AimError for a file that is not whole."""
        modified = Path(path).stat().st_mtime_ns if Path(path).is_file() else 0
        return cls(read_performance(path), Path(path), modified)

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.path or "this performance")

    @property
    def frame_count(self) -> int:
        """F."""
        return self.data.frame_count

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.data.fps

    @cached_property
    def is_global(self) -> bool:
        """Whether one weight a target and frame says it all."""
        return self.data.is_global

    @property
    def on_numpy(self) -> bool:
        """Whether no network has to be run."""
        return self.data.network is None

    def head(self, f: float) -> Floats:
        """(4, 4) float64 motion of the head at moment f, p' = M p, after the jaw's. Raises AimError for a NaN."""
        return self._motion(self.data.head, f)

    def jaw(self, f: float) -> Floats:
        """(4, 4) float64 motion of the jaw relative to the head at moment f. Raises AimError for a NaN."""
        return self._motion(self.data.jaw, f)

    def coefficients_at(self, f: float) -> Floats:
        """(T, M) float32 numbers of the spatial basis at moment f, linear between frames; (T, 0) where a network has them."""
        return mixed(self.data.coefficients, *self.place(f))

    def activations_at(self, f: float) -> Floats:
        """(T,) float64 activation of every target, of a global performance."""
        return np.asarray(self.coefficients_at(f)[:, 0] * self.data.basis[0, 0], np.float64)

    def place(self, f: float) -> tuple[int, float]:
        """The frame at or before f and the share of the next one, f held inside the performance. Raises AimError for a NaN."""
        if math.isnan(f):
            raise AimError(f"The frame to show of {self.name} is nan.", "What drives it divides by zero.")
        held = min(max(float(f), 0.0), self.frame_count - 1.0)
        return int(held), held - int(held)

    def check(self, model: FaceModel) -> None:
        """Raises AimError, naming both, unless the performance was fitted with a model of this topology and these targets."""
        key = (str(model.manifest["topology_hash"]), model.data.rig.targets)
        if key in self._fitting:
            return
        about, path = self.data.about, model.data.path
        if about["vertices"] != len(model.data.neutral) or about["topology_hash"] != key[0]:
            raise AimError(
                f"{self.name} was fitted with '{about['model']}' of {about['vertices']} vertices and topology {about['topology_hash'][:12]}; "
                f"{path} has {len(model.data.neutral)} and {key[0][:12]}.",
                "It belongs to another actor, or the mesh was edited since.", "Play it on its own model, or fit again; `aimface retarget` takes it to another actor.",
            )  # fmt: skip
        if tuple(about["targets"]) != key[1]:
            other = sorted(set(about["targets"]) ^ set(key[1]))
            what = f"they differ in {', '.join(other[:4])}{' ...' if len(other) > 4 else ''}" if other else "they are in another order"
            raise AimError(
                f"{self.name} has the {len(about['targets'])} targets of '{about['model']}', {path} has {len(key[1])}: {what}.",
                "The model was trained on another actor, or anew with other shapes.", "Fit again with this model; `aimface retarget` takes a performance to another actor.",
            )  # fmt: skip
        self._fitting.add(key)

    def warning(self, model: FaceModel) -> str:
        """A sentence where the model that fits is by its name not the one that was fitted; '' otherwise."""
        fitted, played = str(self.data.about["model"]), str(model.manifest.get("name", ""))
        return "" if fitted == played else f"fitted with '{fitted}' and played on '{played}': shapes of another actor, unless it was renamed (aimface retarget)"

    def _motion(self, motions: Floats, f: float) -> Floats:
        i, share = self.place(f)
        return rigid.between(motions[i], motions[min(i + 1, self.frame_count - 1)], share)


@dataclass(frozen=True, eq=False)
class Playing:
    """A performance at moment f, of which a share `blend` (0 to 1) takes the sliders' place."""

    performance: Performance
    f: float
    blend: float = 1.0
