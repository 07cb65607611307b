"""The models of one node: opened through the shared registry, bent by its settings, and what `status` says of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime import Deformation, Edit, FaceModel, shared_model
from aim_maya.runtime.edit import read_edit

from . import host_paths
from .remembered import Remembered
from .settings import EditSettings, ModelSettings
from .weight_vector import positions

Floats = NDArray[np.floating]


class NodeModels:
    """Keeps what was made for the last settings."""

    def __init__(self) -> None:
        self._models: Remembered[FaceModel] = Remembered()
        self._bent: Remembered[Deformation] = Remembered()
        self._positions: tuple[FaceModel | None, str, dict[int, int]] = (None, "", {})

    def model(self, settings: ModelSettings) -> FaceModel:
        """The model asked for. Raises AimError, the same one until the settings or the places to look in change."""

        def make() -> FaceModel:
            return shared_model(host_paths.find(settings.path), settings.device, settings.evaluation)

        return self._models.get((settings, host_paths.version()), make)

    def deformation(self, model: FaceModel, settings: EditSettings, thickness: Floats | None, painted: object) -> Deformation:
        """The model under the sliders, the edit file and the painted thickness. `painted` tells one painting from another."""

        def make() -> Deformation:
            return Deformation(model, _edit(settings, thickness), settings.overlay, settings.detail)

        return self._bent.get((model, settings, None if thickness is None else painted), make)

    def positions(self, model: FaceModel, control_map: str) -> dict[int, int]:
        """{index of weight[]: position among the model's controls}."""
        known, text, found = self._positions
        if known is not model or text != control_map:
            found = positions(model.data.rig, control_map)
            self._positions = (model, control_map, found)
        return found

    def status(self, settings: ModelSettings, attached_with: str, played: Callable[[FaceModel], list[str]], troubles: dict[str, str]) -> str:
        """One line a fact: what runs where, what `played` says of the performance on the model, warnings, and what went wrong."""
        lines = []
        try:
            model = self.model(settings)
            lines.append(f"{model.data.path}: {model.status}")
            lines += _file_warnings(model, attached_with) + played(model)
        except AimError as error:
            lines.append(str(error))
        return "\n".join([*lines, *(f"{subject}: {text}" for subject, text in sorted(troubles.items()) if text not in lines)])


def model_hash(model: FaceModel) -> str:
    """What a node remembers of its model: another file under the same name is noticed."""
    content = model.manifest["members"]["mesh.npz"]["sha256"]
    return f"{model.manifest['topology_hash']}:{content}"


def _file_warnings(model: FaceModel, attached_with: str) -> list[str]:
    warnings = []
    if attached_with and attached_with != model_hash(model):
        warnings.append("warning: this is another file than the one the node was attached with (modelHash differs)")
    try:
        if os.stat(model.data.path).st_mtime_ns != model.data.modified:
            warnings.append("warning: the file has changed on disk since it was read; reload to take it")
    except OSError:
        warnings.append("warning: the file is no longer on disk; the model in memory is used")
    return warnings


def _edit(settings: EditSettings, thickness: Floats | None) -> Edit:
    base = read_edit(host_paths.find(settings.edit)) if settings.edit else Edit()
    factor: Any = settings.thickness if thickness is None else settings.thickness * thickness
    return Edit(
        thickness=base.thickness * factor, bone_offset=base.bone_offset, jaw_gain=base.jaw_gain * settings.jaw_gain,
        expression_gain=base.expression_gain * settings.expression_gain, jaw_arc=base.jaw_arc * settings.jaw_arc,
    )  # fmt: skip
