"""The models and performances of one node: opened through the shared registry, bent by its settings, read
again when files changed, and what `status` says of them.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from maya import cmds

from aim_maya.core.arrays import Floats
from aim_maya.core.container import model_hash
from aim_maya.core.errors import AimError
from aim_maya.runtime import Edit, FaceModel, Performance
from aim_maya.runtime.deformation import Deformation, current_model, forget, shared_model, shared_performance
from aim_maya.runtime.edit import EditRecipe, preset, read_recipe
from aim_maya.runtime.edit_build import build_edits
from aim_maya.runtime.face_model import blended_jaw
from aim_maya.runtime.performance import Playing
from aim_maya.scene.maya import undo_chunk

from . import paths
from .attributes import HANDLES, TYPE_NAME
from .registration import load
from .settings import BaseEdit, EditSettings, ModelSettings, PaintedMap, PerformanceSettings, positions

# The last few things made during evaluation, failures among them: a missing file is not looked for in every
# frame.

_log = logging.getLogger("aim_maya")
T = TypeVar("T")
_KEPT = 4  # two contexts, each with the settings of its own frame, and some to spare


class Remembered(Generic[T]):
    """What was made for the last few keys."""

    def __init__(self) -> None:
        self._made: OrderedDict[object, T | AimError] = OrderedDict()

    def get(self, key: object, make: Callable[[], T]) -> T:
        """What was made for `key`, or make(). Raises AimError, the same one until the key changes."""
        found = self._made.get(key)
        if found is None:
            try:
                found = make()
            except AimError as error:
                found = error
            self._made[key] = found
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        if isinstance(found, AimError):  # a new one: an exception raised again and again grows its traceback
            raise AimError(found.what, found.cause, found.remedy)
        return found


# The models of one node: opened through the shared registry, bent by its settings, and what `status` says of
# them.


class NodeModels:
    """Keeps what was made for the last settings."""

    def __init__(self, place: paths.Place) -> None:
        self._place = place
        self._models: Remembered[FaceModel] = Remembered()
        self._bent: Remembered[Deformation] = Remembered()
        self._bases: Remembered[Edit] = Remembered()
        self._last: Deformation | None = None
        self._positions: tuple[FaceModel | None, str, dict[int, int]] = (None, "", {})

    def model(self, settings: ModelSettings) -> FaceModel:
        """The model asked for. Raises AimError, the same one until the settings or the places to look in
        change."""

        own = self._place.own

        def make() -> FaceModel:
            found = paths.find(settings.path, own=own, wanted=settings.wanted)
            return shared_model(found, settings.device, settings.evaluation)

        return self._models.get((settings, own, paths.version()), make)

    def deformation(
        self, model: FaceModel, settings: EditSettings, thickness: PaintedMap | None
    ) -> Deformation:
        """The model under the sliders, the edit file and the painted thickness."""

        def make() -> Deformation:
            factor: Any = settings.thickness if thickness is None else settings.thickness * thickness.values
            own = Edit(
                factor,
                jaw_gain=settings.jaw_gain,
                expression_gain=settings.expression_gain,
                jaw_arc=settings.jaw_arc,
            )
            return Deformation(
                model, self._base_edit(model, settings.base).then(own), settings.overlay, settings.detail
            )

        self._last = self._bent.get((model, settings, thickness), make)
        return self._last

    def jaw(
        self, model: FaceModel, settings: EditSettings, weights: Floats, playing: Playing | None
    ) -> Floats:
        """(4, 4) the jaw's motion under the edit, as the skin has it: what teeth have to follow."""
        base = self._base_edit(model, settings.base)
        face = model.edited(Edit(jaw_gain=base.jaw_gain * settings.jaw_gain, jaw_pose=base.jaw_pose))
        return (
            face.jaw(weights) if playing is None else blended_jaw(face, playing, weights, face.edit.jaw_gain)
        )

    def _base_edit(self, model: FaceModel, base: BaseEdit) -> Edit:
        """Edit file, preset and handles, laid out on the model once. Raises AimError for a file that cannot
        be used."""
        own = self._place.own
        return self._bases.get((model, base, own), lambda: _laid_out(model, base, own))

    def positions(self, model: FaceModel, control_map: str) -> dict[int, int]:
        """{index of weight[]: position among the model's controls}."""
        known, text, found = self._positions
        if known is not model or text != control_map:
            found = positions(model.data.rig, control_map)
            self._positions = (model, control_map, found)
        return found

    def status(
        self, settings: ModelSettings, played: Callable[[FaceModel], list[str]], troubles: dict[str, str]
    ) -> str:
        """One line a fact: what runs where, what `played` says of the performance on the model, warnings, and
        what went wrong."""
        lines = []
        try:
            model = self.model(settings)
            lines.append(f"{model.data.path}: {model.status}")
            lines += other_model(model, settings.wanted) + _file_warnings(model) + played(model)
            if self._last is not None and self._last.model is model:
                lines += [f"warning: {note}" for note in self._last.face.edit_notes]
        except AimError as error:
            lines.append(str(error))
        return "\n".join(
            [
                *lines,
                *(f"{subject}: {text}" for subject, text in sorted(troubles.items()) if text not in lines),
            ]
        )


def other_model(model: FaceModel, wanted: str) -> list[str]:
    """What is said of a model that is not the one a node was attached with; nothing of one that is."""
    if not wanted or wanted == model_hash(model.manifest):
        return []
    return [
        f"{model.data.path} is not the model that this node was attached with (modelHash differs). It was "
        "trained again, or it is another actor's file of the same name. Reload accepts it; else put the "
        "right file beside the rig, or set the path."
    ]


def _file_warnings(model: FaceModel) -> list[str]:
    warnings = []
    try:
        if os.stat(model.data.path).st_mtime_ns != model.data.modified:
            warnings.append("warning: the file has changed on disk since it was read; reload to take it")
    except OSError:
        warnings.append("warning: the file is no longer on disk; the model in memory is used")
    return warnings


def edited_model(node: str, painted: Floats | None) -> FaceModel:
    """The model of an aimDeformer under the edit that its attributes say now; painted (V,): its thickness
    map. Raises AimError as `model` and `deformation` do."""

    def get(name: str) -> Any:
        return cmds.getAttr(f"{node}.{name}")

    model = current_model(paths.file_of(node), "cpu")
    bones = tuple((handle, mm) for name, handle in HANDLES.items() if (mm := get(name)) != 0.0)
    chosen = str(cmds.getAttr(f"{node}.preset", asString=True))
    base = BaseEdit(get("edit") or "", get("reload"), chosen, get("presetAmount"), bones)
    own = Edit(
        get("thickness") * (1.0 if painted is None else painted),
        jaw_gain=get("jawGain"),
        expression_gain=get("expressionGain"),
        jaw_arc=get("jawArc"),
    )
    return model.edited(_laid_out(model, base, paths.own_folders(node)).then(own))


def _laid_out(model: FaceModel, base: BaseEdit, own: tuple[str, ...]) -> Edit:
    recipes = [read_recipe(paths.find(base.file, "edit", own))] if base.file else []
    if base.preset != "none":
        recipes.append(preset(base.preset, base.amount))
    if base.bones:
        recipes.append(EditRecipe(bones=dict(base.bones)))
    return build_edits(recipes, model.data)


# The performance of one node: opened through the shared registry, tried on its model once, and what `status`
# says of it.


class NodePerformances:
    """Keeps what was opened for the last settings, and failures too."""

    def __init__(self, place: paths.Place) -> None:
        self._place = place
        self._ready: Remembered[Performance] = Remembered()

    def playing(self, settings: PerformanceSettings, model: FaceModel) -> Playing | None:
        """What plays now; None where no performance is named, or none of it is blended in. Raises AimError
        when it cannot be played."""
        if not settings.path:
            return None
        performance = self._performance(settings, model)
        return (
            Playing(performance, settings.frame, min(settings.blend, 1.0)) if settings.blend > 0.0 else None
        )

    def status(self, settings: PerformanceSettings, model: FaceModel) -> list[str]:
        """Lines on what plays, and warnings. Raises AimError when it cannot be played."""
        if not settings.path:
            return []
        performance = self._performance(settings, model)
        about, blend = (
            performance.data.about,
            "" if settings.blend >= 1.0 else f", blended in by {max(settings.blend, 0.0):.3g}",
        )
        lines = [
            f"plays {performance.path}: {performance.frame_count} frames at {performance.fps:g} frames "
            f"a second, {about['mode']}, jaw {about['jaw']}{blend}; "
            f"coefficients from {performance.local.report(model.data.template, model.device)}"
        ]
        if warning := performance.warning(model.data):
            lines.append(f"warning: the performance was {warning}")
        try:
            if performance.path and os.stat(performance.path).st_mtime_ns != performance.modified:
                lines.append(
                    "warning: the performance has changed on disk since it was read; reload to take it"
                )
        except OSError:
            lines.append("warning: the performance is no longer on disk; what is in memory plays on")
        return lines

    def _performance(self, settings: PerformanceSettings, model: FaceModel) -> Performance:
        """Read, and tried on the model: whatever may fail in a frame fails here, once."""
        if math.isnan(settings.frame) or math.isnan(settings.blend):
            raise AimError(
                "performanceFrame or performanceBlend is nan.",
                "What drives it divides by zero.",
                "Check what is connected to them.",
            )

        own = self._place.own

        def make() -> Performance:
            performance = shared_performance(paths.find(settings.path, "performance", own))
            performance.check(model.data)
            performance.local.report(model.data.template, model.device)
            return performance

        return self._ready.get((settings.path, settings.reload, own, paths.version(), model), make)


# Read models and performances again after their files changed on disk.


def reload_models(nodes: list[str] | None = None) -> list[str]:
    """Let nodes (all of the scene when None), and every other node on the same files, read models and
    performances anew; returns those nodes. One undo step.

    Where the only file to be found is another than the one a node was attached with, that is accepted from
    now on. A file that cannot be found is left to the node's status.
    """
    load()
    paths.refresh()
    everyone = cmds.ls(type=TYPE_NAME)
    used = {node: _paths(node) for node in everyone}
    asked = everyone if nodes is None else nodes
    wanted = set[str]().union(*(used[node].values() for node in asked))
    for path in wanted:
        forget(path)
    affected = [node for node in everyone if node in asked or wanted.intersection(used[node].values())]
    with undo_chunk("aimReload"):
        for node in affected:
            _accept(node, used[node].get("model", ""))
            cmds.setAttr(f"{node}.reload", cmds.getAttr(f"{node}.reload") + 1)
    return affected


def _accept(node: str, model: str) -> None:
    found, wanted = paths.hash_of(Path(model)) if model else "", cmds.getAttr(f"{node}.modelHash") or ""
    if found and wanted and found != wanted:
        cmds.setAttr(f"{node}.modelHash", found, type="string")
        _log.warning("%s now takes %s, another model than the one it was attached with", node, model)


def _paths(node: str) -> dict[str, str]:
    """The files that a node uses and that are there."""
    found = {}
    for what in ("model", "performance"):
        with contextlib.suppress(AimError):
            found[what] = str(paths.file_of(node, what))
    return found
