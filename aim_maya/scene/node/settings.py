"""What a node is set to, read from the data block of the evaluation that asks: nothing else tells the truth
there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.rigid import driven_jaw
from aim_maya.core.typed import Floats
from aim_maya.scene.maya.buffers import from_maya

from .attributes import BY_NAME, HANDLES

JAW_MATRICES = ("faceBindMatrix", "jawBindMatrix", "jawMatrix", "headBindMatrix", "headMatrix")
_READERS = {
    "float": "asFloat",
    "int": "asInt",
    "bool": "asBool",
    "enum": "asShort",
    "string": "asString",
    "file": "asString",
}


@dataclass(frozen=True)
class ModelSettings:
    """Which model: the file as written, device and evaluation by name, how often a reload was asked for, and
    the modelHash that the node was attached with.
    """

    path: str
    device: str
    evaluation: str
    reload: int
    wanted: str


@dataclass(frozen=True)
class EditSettings:
    """How the model is bent. Hashable: one Deformation is kept per value."""

    overlay: bool
    detail: bool
    jaw_gain: float
    jaw_arc: float
    expression_gain: float
    thickness: float
    base: BaseEdit


@dataclass(frozen=True)
class BaseEdit:
    """What of an edit is laid out once, not at every turn of a gain: edit file, preset and how much of it,
    handles (name, mm) that are not 0.

    reload: a file of the same name may hold something else after one.
    """

    file: str
    reload: int
    preset: str
    amount: float
    bones: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class PerformanceSettings:
    """What is played: the file as written ('' for none), how often a reload was asked for, the moment in its
    frames, and its share."""

    path: str
    reload: int
    frame: float
    blend: float


_NOTHING_PLAYED = PerformanceSettings("", 0, 0.0, 0.0)


class Reader:
    """Reads plain attributes of one node type from a data block."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._attributes = attributes

    def __call__(self, block: Any, name: str) -> Any:
        """The value of a plain attribute; an enum by the name of its field."""
        entry = BY_NAME[name]
        value = getattr(block.inputValue(self._attributes[name]), _READERS[entry.kind])()
        return entry.fields[min(max(value, 0), len(entry.fields) - 1)] if entry.fields else value

    def model(self, block: Any) -> ModelSettings:
        """Which model is asked for."""
        names = ("model", "device", "evaluation", "reload", "modelHash")
        return ModelSettings(*(self(block, name) for name in names))

    def edit(self, block: Any) -> EditSettings:
        """How it is bent."""
        detail, jaw_gain, jaw_arc, expression_gain, thickness = (
            self(block, name) for name in ("detail", "jawGain", "jawArc", "expressionGain", "thickness")
        )
        return EditSettings(
            self(block, "mode") == "overlay",
            detail,
            jaw_gain,
            jaw_arc,
            expression_gain,
            thickness,
            self._base(block),
        )

    def _base(self, block: Any) -> BaseEdit:
        preset = self(block, "preset")
        bones = tuple((handle, mm) for name, handle in HANDLES.items() if (mm := self(block, name)) != 0.0)
        return BaseEdit(
            self(block, "edit"),
            self(block, "reload"),
            preset,
            self(block, "presetAmount") if preset != "none" else 1.0,
            bones,
        )

    def performance(self, block: Any) -> PerformanceSettings:
        """What is played."""
        path = self(block, "performance")
        if not path:
            return _NOTHING_PLAYED
        names = ("reload", "performanceFrame", "performanceBlend")
        return PerformanceSettings(path, *(self(block, name) for name in names))

    def given_jaw(self, block: Any) -> tuple[str, Floats | None]:
        """The jaw mode, and the driven jaw (4, 4) in the face's object space where the mode has one. Raises
        AimError."""
        mode = self(block, "jawMode")
        if mode == "learned":
            return mode, None
        matrices = [from_maya(block.inputValue(self._attributes[name]).asMatrix()) for name in JAW_MATRICES]
        try:
            jaw = driven_jaw(*matrices)
        except np.linalg.LinAlgError as error:
            raise AimError(
                "A jaw, head or face matrix cannot be inverted.",
                "A scale of zero upstream.",
                "Check what is connected to jawMatrix and headMatrix.",
            ) from error
        if not np.isfinite(jaw).all():
            raise AimError(
                "A jaw, head or face matrix holds NaN or infinity.",
                remedy="Check what is connected to jawMatrix and headMatrix.",
            )
        return mode, jaw
