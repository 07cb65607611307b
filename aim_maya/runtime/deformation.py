"""What a deformer adds to its input: the node's arithmetic, without the host, and on one thread.
One model a file for all who ask.

replace:  points(w, jaw, edit) - points(0) of the unedited model
overlay:  the same, less what the linear blendshape before it has already done
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError

from .edit import Edit
from .face_model import FaceModel
from .performance import Performance, Playing

_models: weakref.WeakValueDictionary[tuple[str, str, str], FaceModel] = weakref.WeakValueDictionary()
_performances: weakref.WeakValueDictionary[str, Performance] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared_model(path: str | Path, device: str = "auto", evaluation: str = "cached") -> FaceModel:
    """The model at `path`, opened now or already open. What the device cannot do is done by numpy, and
    model.status says so.

    Raises AimError for a file that cannot be read; never for a device or a missing onnxruntime.
    """
    key = (str(Path(path).resolve()), device, evaluation)
    with _lock:
        model = _models.get(key)
        if model is None:
            model = _models[key] = _load(path, device, evaluation)
        return model


def _load(path: str | Path, device: str, evaluation: str) -> FaceModel:
    try:
        return FaceModel.load(path, device, evaluation=evaluation)
    except AimError as error:
        if (device, evaluation) == ("cpu", "cached"):
            raise
        model = FaceModel.load(path, "cpu")
        model.note(f"asked for {evaluation} evaluation on {device}: {error}")
        return model


def current_model(path: str | Path, device: str = "auto", evaluation: str = "cached") -> FaceModel:
    """As shared_model, but never one that was read before the file changed: for actions, not for every
    frame.
    """
    model = shared_model(path, device, evaluation)
    if Path(path).stat().st_mtime_ns == model.data.modified:
        return model
    forget(path)
    return shared_model(path, device, evaluation)


def shared_performance(path: str | Path) -> Performance:
    """The performance at `path`, opened now or already open.

    Raises AimError for a file that cannot be read.
    """
    key = str(Path(path).resolve())
    with _lock:
        found = _performances.get(key)
        if found is None:
            found = _performances[key] = Performance.load(path)
        return found


def open_models() -> list[FaceModel]:
    """Every model that someone holds."""
    with _lock:
        return list(_models.values())


def forget(path: str | Path) -> int:
    """Let the next request read `path`, a model or a performance, anew (who holds the old one keeps it);
    returns how many were open."""
    resolved = str(Path(path).resolve())
    with _lock:
        keys = [key for key in list(_models) if key[0] == resolved]
        for key in keys:
            _models.pop(key, None)
        return len(keys) + int(_performances.pop(resolved, None) is not None)


@dataclass(frozen=True, eq=False)
class Deformation:
    """One model under one edit. Offsets are float32, model unit, object space.

    overlay: the linear blendshape stays live before the deformer. detail: exact at the trained poses.
    """

    model: FaceModel
    edit: Edit
    overlay: bool = False
    detail: bool = True

    @cached_property
    def face(self) -> FaceModel:
        """The model under the edit; the model itself where there is none, so that many nodes share its
        tables."""
        return self.model if self.edit.is_default else self.model.edited(self.edit)

    @cached_property
    def _shows_at_rest(self) -> bool:
        return self.edit.moves_rest

    @cached_property
    def _reference(self) -> Floats:
        return self.model.points(np.zeros(len(self.model.targets)), detail=self.detail)

    @cached_property
    def _linear(self) -> FaceModel:
        return self.model.edited(Edit(jaw_arc=0.0))

    def offset(self, weights: Floats, jaw: Floats | None, playing: Playing | None = None) -> Floats | None:
        """(V, 3) to add to the input, or None when nothing moves: then the model is not called at all.

        weights (C,) in the controls' order; jaw (4, 4) column vectors takes the learned jaw's place; a
        performance that plays takes the weights' place, or a part of it. The head's motion is not in the
        points. Raises AimError for a NaN.
        """
        still = jaw is None or np.array_equal(jaw, np.eye(4))
        if playing is None and still and not weights.any() and not self._shows_at_rest:
            return None
        offset = self._points(weights, jaw, playing)
        offset = np.subtract(offset, self._reference, out=offset)
        if self.overlay and weights.any():
            offset -= self._linear.points(weights)
            offset += self.model.data.neutral
        return offset

    def _points(self, weights: Floats, jaw: Floats | None, playing: Playing | None) -> Floats:
        if playing is None:
            return self.face.points(weights, jaw=jaw, detail=self.detail)
        return self.face.performance_points(
            playing.performance,
            playing.f,
            head=False,
            detail=self.detail,
            weights=weights,
            blend=playing.blend,
            jaw=jaw,
        )
