"""Coefficients that vary over the face: from a spatial basis by numpy, or from a network by onnxruntime, on the GPU where there is one."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError, first_line
from aim_maya.core.performance import PerformanceData

from .graph_check import check_graph
from .session import Session, open_session

Floats = NDArray[np.floating]
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
        self._planar = None if data.fields is None else np.ascontiguousarray(data.fields.transpose(0, 2, 1)).reshape(len(data.fields), -1)

    def added(self, offsets: Floats | None, i: int, share: float) -> Floats | None:
        """offsets (3, V) or None, with those of frame i + share."""
        if self._planar is None or self._amounts is None:
            return offsets
        moved = (mixed(self._amounts, i, share) @ self._planar).reshape(3, -1)
        return moved if offsets is None else np.add(offsets, moved, out=moved)


class SpatialBasis:
    """basis (V, M) with coefficients (F, T, M) and offsets (F, M, 3): one product a frame, too small to be worth a GPU."""

    def __init__(self, data: PerformanceData) -> None:
        self._data, self._basis, self._fields = data, np.ascontiguousarray(data.basis.T), Fields(data)

    def at(self, i: int, share: float, template: Floats, device: str) -> tuple[Floats, Floats | None]:  # noqa: ARG002 - a network needs them
        """As LocalCoefficients.at."""
        numbers, moved = self._data.coefficients, self._data.offsets
        offsets = None if moved is None else mixed(moved, i, share).T @ self._basis
        return mixed(numbers, i, share) @ self._basis, self._fields.added(offsets, i, share)

    def report(self, template: Floats, device: str) -> str:  # noqa: ARG002 - a network needs them
        """As LocalCoefficients.report."""
        count = 0 if self._data.fields is None else len(self._data.fields)
        return f"{self._basis.shape[0]} spatial functions{f' and {count} fields' if count else ''}, summed by numpy"


class CoefficientNetwork:
    """A network of (code of the frame, template point); between frames its answers are mixed, not its codes."""

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
            sizes = {"V": len(template), "T": self._data.coefficients.shape[1], "Z": self._data.codes.shape[1]}  # type: ignore[union-attr]
            check_graph(self._graph, "coefficients.onnx", self._name, sizes)
            self._sessions[device] = open_session(self._graph, device)
        session = self._sessions[device]
        inputs = {"code": self._data.codes[frame : frame + 1], "template": template}  # type: ignore[index]
        try:
            answer = session.handle.run(["coefficients"], inputs)[0]
        except Exception as error:
            reason = first_line(error)
            if session.device == "cpu":
                raise AimError(f"The network of {self._name} does not run ({reason}).", "It is damaged, or of another kind.", "Fit it again.") from error
            _log.warning("%s: %s failed while running (%s); its network goes on on the CPU", self._name, session.device.upper(), reason)
            self._sessions[device] = open_session(self._graph, "cpu")
            return self._run(frame, template, device)
        return self._checked(answer, len(template))

    def _checked(self, answer: Any, vertices: int) -> Floats:
        wanted = (vertices, self._data.coefficients.shape[1])
        if answer.shape != wanted or answer.dtype != np.float32 or not np.isfinite(answer).all():
            raise AimError(f"The network of {self._name} gives {answer.shape}, not finite numbers {wanted}.", "It is damaged, or of another kind.", "Fit it again.")
        return np.ascontiguousarray(answer.T, np.float32)


def mixed(values: Floats, i: int, share: float) -> Floats:
    """values (F, ...) float32 at frame i + share, linear; the frames themselves exactly."""
    if share == 0.0:
        return values[i]
    between: Floats = values[i] * np.float32(1 - share) + values[i + 1] * np.float32(share)
    return between
