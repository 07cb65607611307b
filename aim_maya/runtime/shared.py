"""One FaceModel per file, device and evaluation, one Performance per file: shared by all who ask, released
when the last of them lets go."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path

from aim_maya.core.errors import AimError

from .face_model import FaceModel
from .performance import Performance

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
