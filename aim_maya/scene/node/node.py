"""The aimDeformer node: reads its data block, lets the runtime do the arithmetic, writes the points in one
call.

Nothing but the data block is touched while deforming. What cannot be done leaves the input as it is, and
`status` says why.
"""

from __future__ import annotations

import itertools
import logging
import os
from typing import Any

import numpy as np
from maya import OpenMaya, OpenMayaMPx

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.runtime.face_model import blended_head
from aim_maya.runtime.performance import Playing
from aim_maya.runtime.session import one_thread
from aim_maya.scene.maya import to_maya

from . import geometry, paths
from .attributes import HEAD, JAW, PAINT, STATUS, TYPE_NAME
from .models import NodeModels, NodePerformances, other_model
from .registration import base_attribute, create
from .settings import PaintedMap, PaintedMaps, Reader, gather, read_map, to_controls

# The aimDeformer node: reads its data block, lets the runtime do the arithmetic, writes the points in one
# call.

_stamps = itertools.count(1)
_log = logging.getLogger("aim_maya")


class AimDeformer(OpenMayaMPx.MPxDeformerNode):
    """One node. What it keeps between evaluations are caches keyed by values of the data block, so that a
    duplicate, an undo or a second context evaluating at the same time never sees what belongs to another.
    """

    attributes: dict[str, Any] = {}  # noqa: RUF012 - filled once, when the type is registered
    read: Reader

    def __init__(self) -> None:
        OpenMayaMPx.MPxDeformerNode.__init__(self)
        self._place = paths.Place()
        self._models = NodeModels(self._place)
        self._performances = NodePerformances(self._place)
        self._painted = PaintedMaps()
        self._fits: dict[object, str] = {}
        self._troubles: dict[str, str] = {}

    @classmethod
    def initialize(cls) -> None:
        """Called by Maya when the type is registered."""
        cls.attributes = create(cls)
        cls.read = Reader(cls.attributes)

    def postConstructor(self) -> None:
        """Called by Maya when the object has its node."""
        paths.follow(self.thisMObject(), self._place)

    def schedulingType(self) -> int:
        """One Python node at a time: they share the interpreter lock and the bound memory of a session."""
        return int(OpenMayaMPx.MPxNode.kGloballySerial)

    def preEvaluation(self, context: Any, evaluation: Any) -> None:
        """Under the evaluation manager: painted maps that changed are read again."""
        maps = (base_attribute("weights"), self.attributes["thicknessMap"])
        if any(evaluation.dirtyPlugExists(a) for a in maps):
            self._painted.changed(here_and_now=context.isNormal())

    def compute(self, plug: Any, block: Any) -> Any:
        """Our own outputs; the geometry is the base class's, which calls deform."""
        attribute = plug.attribute()
        for name, fill in (
            (PAINT, self._fill_stamp),
            (JAW, self._fill_jaw),
            (HEAD, self._fill_head),
            (STATUS, self._fill_status),
        ):
            if attribute == self.attributes[name]:
                if name in (JAW, HEAD, STATUS) and OpenMaya.MFileIO.isReadingFile():
                    self._place.missed = True
                with one_thread():
                    fill(block, block.outputValue(self.attributes[name]))
                block.setClean(plug)
                return None
        return OpenMayaMPx.MPxDeformerNode.compute(self, plug, block)

    def deform(self, block: Any, iterator: Any, matrix: Any, index: int) -> None:  # noqa: ARG002 - Maya's
        """Add envelope x painted weight x (points(w) - reference) to the input; leave it alone where that
        cannot be had."""
        envelope = block.inputValue(base_attribute("envelope")).asFloat()
        if OpenMaya.MFileIO.isReadingFile():  # not everything is there yet: paths has it evaluated again
            self._place.missed = True
            return
        if envelope == 0.0:
            return
        subject = f"geometry {index}"
        try:
            with one_thread():
                self._deform(block, iterator, index, envelope)
        except AimError as error:
            self._trouble(subject, str(error))
        except Exception as error:  # noqa: BLE001 - a face is never thrown away for a mistake of ours
            self._trouble(subject, f"unexpected {type(error).__name__}: {error}")
        else:
            self._troubles.pop(subject, None)

    def _deform(self, block: Any, iterator: Any, index: int, envelope: float) -> None:
        model = self._model(block)
        source = geometry.input_mesh(block, index)
        self._check_fit(source, model, index)
        weights, playing = self._weights(block, model), self._playing(block, model)
        stamp = block.inputValue(self.attributes[PAINT]).asInt()
        thickness = self._painted.get(
            stamp, ("thickness", index), lambda: self._thickness(block, index, source.count)
        )
        deformation = self._models.deformation(model, self.read.edit(block), thickness)
        offset = deformation.offset(weights, self._jaw(block, model, weights, playing), playing)
        if offset is None:
            return
        factor = self._painted.get(
            stamp,
            ("weights", index),
            lambda: read_map(
                block, base_attribute("weightList"), base_attribute("weights"), index, source.count
            ),
        )
        if factor is not None:
            offset *= factor.values[:, None]
        if envelope != 1.0:
            offset *= np.float32(envelope)
        offset += source.points()
        ids = geometry.members(source, iterator)
        geometry.write(iterator, offset if ids is None else offset[ids])

    def _model(self, block: Any) -> Any:
        """The model asked for; that it is another than the one attached is said once, and in `status`."""
        settings = self.read.model(block)
        model = self._models.model(settings)
        said = other_model(model, settings.wanted)
        if said:
            self._trouble("model", said[0])
        else:
            self._troubles.pop("model", None)
        return model

    def _thickness(self, block: Any, index: int, count: int) -> PaintedMap | None:
        return read_map(
            block, self.attributes["thicknessList"], self.attributes["thicknessMap"], index, count
        )

    def _playing(self, block: Any, model: Any) -> Playing | None:
        """The performance, if there is one; where it cannot be played the sliders go on, and `status` says
        why."""
        try:
            playing = self._performances.playing(self.read.performance(block), model)
        except AimError as error:
            self._trouble("performance", str(error))
            return None
        self._troubles.pop("performance", None)
        return playing

    def _jaw(self, block: Any, model: Any, weights: Floats, playing: Playing | None) -> Floats | None:
        """What takes the learned jaw's place (4, 4), or None for the learned jaw."""
        mode, driven = self.read.given_jaw(block)
        if mode != "added" or driven is None:
            return driven
        return driven @ self._learned_jaw(block, model, weights, playing)

    def _learned_jaw(self, block: Any, model: Any, weights: Floats, playing: Playing | None) -> Floats:
        """(4, 4) from the weights, or from the performance, or from both, under the edit."""
        return self._models.jaw(model, self.read.edit(block), weights, playing)

    def _weights(self, block: Any, model: Any) -> Floats:
        """(C,) in the model's order."""
        a = self.attributes
        shown = (a["targetVisibility"], a["targetParentVisibility"])
        pairs = gather(block, a["weight"], shown, a["supportNegativeWeights"])
        return to_controls(
            pairs, self._models.positions(model, self.read(block, "controlMap")), len(model.targets)
        )

    def _check_fit(self, source: Any, model: Any, index: int) -> None:
        """Raise AimError unless the geometry has the model's topology; the whole comparison is made once for
        each."""
        key = (index, source.signature(), model.manifest["topology_hash"])
        if key not in self._fits:
            self._fits = {k: v for k, v in self._fits.items() if k[0] != index}  # type: ignore[index]
            self._fits[key] = (
                ""
                if source.count == len(model.data.neutral) and source.topology_hash() == key[2]
                else _mismatch(source, model, index)
            )
        if self._fits[key]:
            raise AimError(
                self._fits[key],
                "The model was trained on another mesh, or the mesh was edited.",
                "Attach the model of this mesh, or train again.",
            )

    def _fill_stamp(self, block: Any, handle: Any) -> None:  # noqa: ARG002 - maps are read elsewhere
        handle.setInt(next(_stamps) & 0x7FFFFFFF)

    def _fill_jaw(self, block: Any, handle: Any) -> None:
        jaw: Floats = np.eye(4)
        try:
            mode, driven = self.read.given_jaw(block)
            jaw = driven if driven is not None else jaw
            if mode != "driven":
                model = self._model(block)
                jaw = jaw @ self._learned_jaw(
                    block, model, self._weights(block, model), self._playing(block, model)
                )
            self._troubles.pop("jaw", None)
        except AimError as error:
            self._trouble("jaw", str(error))
        handle.setMMatrix(to_maya(jaw))

    def _fill_head(self, block: Any, handle: Any) -> None:
        head: Floats = np.eye(4)
        if self.read(block, "performance"):
            try:
                playing = self._playing(block, self._models.model(self.read.model(block)))
                head = head if playing is None else blended_head(playing)
                self._troubles.pop("head", None)
            except AimError as error:
                self._trouble("head", str(error))
        handle.setMMatrix(to_maya(head))

    def _fill_status(self, block: Any, handle: Any) -> None:
        settings = self.read.performance(block)
        troubles = {subject: text for subject, text in self._troubles.items() if subject != "performance"}

        def played(model: Any) -> list[str]:  # tried here, whether or not a frame has been evaluated since
            try:
                return self._performances.status(settings, model)
            except AimError as error:
                troubles["performance"] = str(error)
                return []

        handle.setString(self._models.status(self.read.model(block), played, troubles))

    def _trouble(self, subject: str, text: str) -> None:
        """Keep what went wrong for `status`, and say it once, not every frame."""
        if self._troubles.get(subject) != text:
            self._troubles[subject] = text
            _log.warning("%s, %s: %s", TYPE_NAME, subject, text)


def _mismatch(source: Any, model: Any, index: int) -> str:
    name, wanted = os.path.basename(str(model.data.path)), model.manifest["topology_hash"]
    return (
        f"Geometry {index} is not the mesh of {name}: it has {source.count} vertices and topology "
        f"{source.topology_hash()[:12]}, "
        f"the model {len(model.data.neutral)} and {wanted[:12]}."
    )
