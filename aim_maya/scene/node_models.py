"""The models of one node: opened through the shared registry, bent by its settings, and what `status` says of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime import Deformation, Edit, EditRecipe, FaceModel, Playing, blended_jaw, build_edit, preset, read_edit, shared_model

from . import host_paths
from .remembered import Remembered
from .settings import BaseEdit, EditSettings, ModelSettings
from .weight_vector import positions

Floats = NDArray[np.floating]


class NodeModels:
    """Keeps what was made for the last settings."""

    def __init__(self) -> None:
        self._models: Remembered[FaceModel] = Remembered()
        self._bent: Remembered[Deformation] = Remembered()
        self._bases: Remembered[Edit] = Remembered()
        self._last: Deformation | None = None
        self._positions: tuple[FaceModel | None, str, dict[int, int]] = (None, "", {})

    def model(self, settings: ModelSettings) -> FaceModel:
        """The model asked for. Raises AimError, the same one until the settings or the places to look in change."""

        def make() -> FaceModel:
            return shared_model(host_paths.find(settings.path), settings.device, settings.evaluation)

        return self._models.get((settings, host_paths.version()), make)

    def deformation(self, model: FaceModel, settings: EditSettings, thickness: Floats | None, painted: object) -> Deformation:
        """The model under the sliders, the edit file and the painted thickness. `painted` tells one painting from another."""

        def make() -> Deformation:
            factor: Any = settings.thickness if thickness is None else settings.thickness * thickness
            own = Edit(factor, jaw_gain=settings.jaw_gain, expression_gain=settings.expression_gain, jaw_arc=settings.jaw_arc)
            return Deformation(model, self._base_edit(model, settings.base).then(own), settings.overlay, settings.detail)

        self._last = self._bent.get((model, settings, None if thickness is None else painted), make)
        return self._last

    def jaw(self, model: FaceModel, settings: EditSettings, weights: Floats, playing: Playing | None) -> Floats:
        """(4, 4) the jaw's motion under the edit, as the skin has it: what teeth have to follow."""
        base = self._base_edit(model, settings.base)
        face = model.edited(Edit(jaw_gain=base.jaw_gain * settings.jaw_gain, jaw_pose=base.jaw_pose))
        return face.jaw(weights) if playing is None else blended_jaw(face, playing, weights, face.edit.jaw_gain)

    def _base_edit(self, model: FaceModel, base: BaseEdit) -> Edit:
        """Edit file, preset and handles, laid out on the model once. Raises AimError for a file that cannot be used."""
        return self._bases.get((model, base), lambda: _laid_out(model, base))

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
            if self._last is not None and self._last.model is model:
                lines += [f"warning: {note}" for note in self._last.face.edit_notes]
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


def _laid_out(model: FaceModel, base: BaseEdit) -> Edit:
    edit = read_edit(host_paths.find(base.file), model.data) if base.file else Edit()
    for recipe in ([preset(base.preset, base.amount)] if base.preset != "none" else []) + ([EditRecipe(bones=dict(base.bones))] if base.bones else []):
        edit = edit.then(build_edit(recipe, model.data))
    return edit
