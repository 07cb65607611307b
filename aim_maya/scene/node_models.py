"""The models of one node: opened through the shared registry, bent by its settings, and what `status` says of them."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.runtime import Deformation, Edit, EditRecipe, FaceModel, build_edit, preset, read_edit, shared_model

from . import host_paths
from .settings import BaseEdit, EditSettings, ModelSettings
from .weight_vector import positions

Floats = NDArray[np.floating]
_KEPT = 4  # two contexts, each with the settings of its own frame, and some to spare


class NodeModels:
    """Keeps what was made for the last settings; a failure is kept too, so that a missing file is not looked for every frame."""

    def __init__(self) -> None:
        self._models: OrderedDict[object, FaceModel | AimError] = OrderedDict()
        self._bent: OrderedDict[object, Deformation] = OrderedDict()
        self._bases: OrderedDict[object, tuple[FaceModel | None, Edit]] = OrderedDict()
        self._positions: tuple[FaceModel | None, str, dict[int, int]] = (None, "", {})

    def model(self, settings: ModelSettings) -> FaceModel:
        """The model asked for. Raises AimError, the same one until the settings or the places to look in change."""
        key = (settings, host_paths.version())
        found = self._models.get(key)
        if found is None:
            try:
                path = host_paths.find(settings.path)
                found = shared_model(path, settings.device, settings.evaluation)
            except AimError as error:
                found = error
            _keep(self._models, key, found)
        if isinstance(found, AimError):  # a new one: an exception raised again and again grows its traceback
            raise AimError(found.what, found.cause, found.remedy)
        return found

    def deformation(self, model: FaceModel, settings: EditSettings, thickness: Floats | None, painted: object) -> Deformation:
        """The model under the sliders, the edit file and the painted thickness. `painted` tells one painting from another."""
        key = (id(model), settings, None if thickness is None else painted)
        found = self._bent.get(key)
        if found is None or found.model is not model:
            factor: Any = settings.thickness if thickness is None else settings.thickness * thickness
            own = Edit(factor, jaw_gain=settings.jaw_gain, expression_gain=settings.expression_gain, jaw_arc=settings.jaw_arc)
            found = Deformation(model, self._base_edit(model, settings.base).then(own), settings.overlay, settings.detail)
            _keep(self._bent, key, found)
        return found

    def jaw(self, model: FaceModel, settings: EditSettings, weights: Floats) -> Floats:
        """(4, 4) the jaw's motion under the edit, as the skin has it: what teeth have to follow."""
        base = self._base_edit(model, settings.base)
        if base.jaw_pose is not None:
            return base.jaw_pose
        jaw: Floats = model.edited(Edit(jaw_gain=base.jaw_gain * settings.jaw_gain)).jaw(weights)
        return jaw

    def _base_edit(self, model: FaceModel, base: BaseEdit) -> Edit:
        """Edit file, preset and handles, laid out on the model once. Raises AimError for a file that cannot be used."""
        key = (id(model), base)
        known, found = self._bases.get(key, (None, Edit()))
        if known is not model:
            found = _laid_out(model, base)
            _keep(self._bases, key, (model, found))
        return found

    def positions(self, model: FaceModel, control_map: str) -> dict[int, int]:
        """{index of weight[]: position among the model's controls}."""
        known, text, found = self._positions
        if known is not model or text != control_map:
            found = positions(model.data.rig, control_map)
            self._positions = (model, control_map, found)
        return found

    def status(self, settings: ModelSettings, attached_with: str, performance: str, troubles: dict[str, str]) -> str:
        """One line a fact: what runs where, warnings, and what went wrong."""
        lines = []
        try:
            model = self.model(settings)
            lines.append(f"{model.data.path}: {model.status}")
            lines += _file_warnings(model, attached_with)
            lines += [f"warning: {note}" for bent in list(self._bent.values())[-1:] if bent.model is model for note in bent.face.edit_notes]
        except AimError as error:
            lines.append(str(error))
        if performance:
            lines.append("performance: this version does not play performances; the sliders are used")
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


def _keep(cache: OrderedDict[Any, Any], key: object, value: object) -> None:
    cache[key] = value
    while len(cache) > _KEPT:
        cache.popitem(last=False)
