"""A fitted performance: what a solver found made into one; and as it is played: motions and coefficients, of
one network or basis for the whole face, at any moment between its frames.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.performance import PerformanceData, checked, read_performance

from .graph_check import check_graph
from .model_data import ModelData
from .session import Session, keep_for_good, open_session, told

# Coefficients that vary over the face: from a spatial basis by numpy, or from a network by onnxruntime, on
# the GPU where there is one.

_KEPT = 4  # frames of a network's answers: the two around a moment, for two that play at once
_log = logging.getLogger("aim_maya")


class LocalCoefficients(Protocol):
    """What a performance's points are formed with."""

    def at(self, i: int, share: float, template: Floats, device: str) -> tuple[Floats, Floats | None]:
        """coefficients (T, V) and offsets (3, V) or None, float32, at frame i + share."""

    def report(self, template: Floats, device: str) -> str:
        """In words: what runs where. Raises AimError when it cannot run."""


class Fields:
    """fields (R, V, 3) with amounts (F, R), or none."""

    def __init__(self, data: PerformanceData) -> None:
        self._amounts = data.amounts
        self._planar = (
            None
            if data.fields is None
            else np.ascontiguousarray(data.fields.transpose(0, 2, 1)).reshape(len(data.fields), -1)
        )

    def added(self, offsets: Floats | None, i: int, share: float) -> Floats | None:
        """offsets (3, V) or None, with those of frame i + share."""
        if self._planar is None or self._amounts is None:
            return offsets
        moved = (mixed(self._amounts, i, share) @ self._planar).reshape(3, -1)
        return moved if offsets is None else np.add(offsets, moved, out=moved)


class SpatialBasis:
    """basis (V, M) with coefficients (F, T, M) and offsets (F, M, 3): one product a frame, too small to be
    worth a GPU."""

    def __init__(self, data: PerformanceData) -> None:
        self._data, self._basis, self._fields = data, np.ascontiguousarray(data.basis.T), Fields(data)

    def at(
        self,
        i: int,
        share: float,
        template: Floats,  # noqa: ARG002 - a network needs it
        device: str,  # noqa: ARG002
    ) -> tuple[Floats, Floats | None]:
        """As LocalCoefficients.at."""
        numbers, moved = self._data.coefficients, self._data.offsets
        offsets = None if moved is None else mixed(moved, i, share).T @ self._basis
        return mixed(numbers, i, share) @ self._basis, self._fields.added(offsets, i, share)

    def report(self, template: Floats, device: str) -> str:  # noqa: ARG002 - a network needs them
        """As LocalCoefficients.report."""
        count = 0 if self._data.fields is None else len(self._data.fields)
        return (
            f"{self._basis.shape[0]} spatial functions{f' and {count} fields' if count else ''}, "
            "summed by numpy"
        )


class CoefficientNetwork:
    """A network of (code of the frame, template point); between frames its answers are mixed, not its
    codes.
    """

    def __init__(self, data: PerformanceData, graph: bytes, name: str) -> None:
        self._data, self._graph, self._name, self._fields = data, graph, name, Fields(data)
        self._sessions: dict[str, Session] = {}
        self._answers: OrderedDict[tuple[str, int, int], tuple[Floats, Floats]] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, i: int, share: float, template: Floats, device: str) -> tuple[Floats, Floats | None]:
        """As LocalCoefficients.at. Raises AimError when the network does not run or gives something else."""
        with self._lock:
            before = self._answer(i, template, device)
            after = before if share == 0.0 else self._answer(i + 1, template, device)
        mean = before if share == 0.0 else before * np.float32(1 - share) + after * np.float32(share)
        return mean, self._fields.added(None, i, share)

    def report(self, template: Floats, device: str) -> str:
        """As LocalCoefficients.report."""
        with self._lock:
            self._answer(0, template, device)
            return f"a network: {self._sessions[device].report}"

    def _answer(self, frame: int, template: Floats, device: str) -> Floats:
        """(T, V) of one frame. The template is kept with it, so that its id stays its own."""
        key = (device, frame, id(template))
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = (self._run(frame, template, device), template)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return found[0]

    def _run(self, frame: int, template: Floats, device: str) -> Floats:
        if device not in self._sessions:
            targets, codes = self._data.coefficients.shape[1], self._data.codes
            assert codes is not None
            sizes = {"V": len(template), "T": targets, "Z": codes.shape[1]}
            check_graph(self._graph, "coefficients.onnx", self._name, sizes)
            self._sessions[device] = open_session(self._graph, device)
        session = self._sessions[device]
        inputs = {"code": self._data.codes[frame : frame + 1], "template": template}  # type: ignore[index]
        try:
            answer = session.do(lambda: session.handle.run(["coefficients"], inputs))[0]
        except Exception as error:
            reason = told(error)
            if session.device == "cpu":
                raise AimError(
                    f"The network of {self._name} does not run ({reason}).",
                    "It is damaged, or of another kind.",
                    "Fit it again.",
                ) from error
            _log.warning(
                "%s: %s failed while running (%s); its network goes on on the CPU",
                self._name,
                session.device.upper(),
                reason,
            )
            keep_for_good()
            self._sessions[device] = open_session(self._graph, "cpu")
            return self._run(frame, template, device)
        return self._checked(answer, len(template))

    def _checked(self, answer: Any, vertices: int) -> Floats:
        wanted = (vertices, self._data.coefficients.shape[1])
        if answer.shape != wanted or answer.dtype != np.float32 or not np.isfinite(answer).all():
            raise AimError(
                f"The network of {self._name} gives {answer.shape}, not finite numbers {wanted}.",
                "It is damaged, or of another kind.",
                "Fit it again.",
            )
        return np.ascontiguousarray(answer.T, np.float32)


def mixed(values: Floats, i: int, share: float) -> Floats:
    """values (F, ...) float32 at frame i + share, linear; the frames themselves exactly."""
    if share == 0.0:
        return values[i]
    between: Floats = values[i] * np.float32(1 - share) + values[i + 1] * np.float32(share)
    return between


# A fitted performance, as it is played: motions and coefficients at any moment between its frames.


class Performance:
    """Frames 0 to frame_count - 1; a moment f between two is interpolated, one outside is held at the
    nearest. Thread-safe.

    >>> from aim_maya.runtime import FaceModel
    >>> take, model = Performance.load("take.aimperf"), FaceModel.load("actor.aim", "cpu")
    >>> model.performance_points(take, 12.5).shape == model.mesh.points.shape
    True
    """

    def __init__(self, data: PerformanceData, path: Path | None = None, modified: int = 0) -> None:
        """From arrays; path and modified (time stamp, ns) of the file they were read from. Raises AimError
        when they do not fit together."""
        self.data = checked(data, str(path or "the performance"))
        self.path, self.modified = path, modified
        self._fitting: set[tuple[str, tuple[str, ...]]] = set()
        network = self.data.network
        self.local: LocalCoefficients = (
            SpatialBasis(self.data) if network is None else CoefficientNetwork(self.data, network, self.name)
        )

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
        """(4, 4) float64 motion of the head at moment f, p' = M p, after the jaw's. Raises AimError for a
        NaN."""
        return self._motion(self.data.head, f)

    def jaw(self, f: float) -> Floats:
        """(4, 4) float64 motion of the jaw relative to the head at moment f. Raises AimError for a NaN."""
        return self._motion(self.data.jaw, f)

    def coefficients_at(self, f: float) -> Floats:
        """(T, M) float32 numbers of the spatial basis at moment f, linear between frames; (T, 0) where a
        network has them."""
        return mixed(self.data.coefficients, *self.place(f))

    def activations_at(self, f: float) -> Floats:
        """(T,) float64 activation of every target, of a global performance."""
        return np.asarray(self.coefficients_at(f)[:, 0] * self.data.basis[0, 0], np.float64)

    def place(self, f: float) -> tuple[int, float]:
        """The frame at or before f and the share of the next one, f held inside the performance. Raises
        AimError for a NaN."""
        if math.isnan(f):
            raise AimError(f"The frame to show of {self.name} is nan.", "What drives it divides by zero.")
        held = min(max(float(f), 0.0), self.frame_count - 1.0)
        return int(held), held - int(held)

    def check(self, model: ModelData) -> None:
        """Raises AimError, naming both, unless the performance was fitted with a model of this topology and
        these targets."""
        key = (str(model.manifest["topology_hash"]), model.rig.targets)
        if key in self._fitting:
            return
        about, path = self.data.about, model.path
        if about["vertices"] != len(model.neutral) or about["topology_hash"] != key[0]:
            raise AimError(
                f"{self.name} was fitted with '{about['model']}' of {about['vertices']} vertices and "
                f"topology {about['topology_hash'][:12]}; "
                f"{path} has {len(model.neutral)} and {key[0][:12]}.",
                "It belongs to another actor, or the mesh was edited since.",
                "Play it on its own model, or fit again; `aimface retarget` takes it to another actor.",
            )
        if tuple(about["targets"]) != key[1]:
            other = sorted(set(about["targets"]) ^ set(key[1]))
            what = (
                f"they differ in {', '.join(other[:4])}{' ...' if len(other) > 4 else ''}"
                if other
                else "they are in another order"
            )
            raise AimError(
                f"{self.name} has the {len(about['targets'])} targets of '{about['model']}', {path} "
                f"has {len(key[1])}: {what}.",
                "The model was trained on another actor, or anew with other shapes.",
                "Fit again with this model; `aimface retarget` takes a performance to another actor.",
            )
        self._fitting.add(key)

    def warning(self, model: ModelData) -> str:
        """A sentence where the model that fits is by its name not the one that was fitted; '' otherwise."""
        fitted, played = str(self.data.about["model"]), str(model.manifest.get("name", ""))
        return (
            ""
            if fitted == played
            else (
                f"fitted with '{fitted}' and played on '{played}': shapes of another actor, unless it "
                "was renamed (aimface retarget)"
            )
        )

    def _motion(self, motions: Floats, f: float) -> Floats:
        i, share = self.place(f)
        return rigid.between(motions[i], motions[min(i + 1, self.frame_count - 1)], share)


@dataclass(frozen=True, eq=False)
class Playing:
    """A performance at moment f, of which a share `blend` (0 to 1) takes the sliders' place."""

    performance: Performance
    f: float
    blend: float = 1.0


# What a solver found becomes a performance. Scans, cameras, networks and retargets all end here, so that what
# is made is what `write_performance` takes and `FaceModel` plays.


def build_performance(
    model: ModelData,
    arrays: PerformanceData,
    *,
    tied: bool,
    figures: Mapping[str, Any],
    solver: Literal["linear", "neural"] = "linear",
    **further: Any,
) -> PerformanceData:
    """`arrays` (F frames, model unit, `about` still empty) as a performance of `model`, every array checked.

    tied: the jaw follows the weights, so that weight curves say it all. figures: plain JSON values. further:
    other entries of the manifest. Mode is read off the arrays: global where one weight a target and frame
    says it all. Raises AimError for arrays that do not belong together, are not finite, or are no rigid
    motions.
    """
    about = {
        "targets": list(model.rig.targets),
        "model": str(model.manifest.get("name", model.path.stem)),
        "topology_hash": model.manifest["topology_hash"],
        "vertices": len(model.neutral),
        "mm_per_unit": float(model.manifest["mm_per_unit"]),
        "mode": "global" if arrays.is_global else "local",
        "solver": solver,
        "jaw": "tied" if tied else "free",
        **further,
        "figures": dict(figures),
    }
    return checked(replace(arrays, about=about), "the performance")


def residual_figures(residual_mm: Floats) -> dict[str, float | None]:
    """Mean and largest distance (mm) over the frames in which something was seen; None where nothing was."""
    seen = residual_mm[np.isfinite(residual_mm)]
    return {
        "residual_mean_mm": float(seen.mean()) if len(seen) else None,
        "residual_max_mm": float(seen.max()) if len(seen) else None,
    }
