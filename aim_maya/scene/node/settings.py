"""What a node is set to, read from the data block of the evaluation that asks: nothing else tells the truth
there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from maya import OpenMaya

from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Rig
from aim_maya.core.errors import AimError
from aim_maya.core.rigid import driven_jaw
from aim_maya.scene.maya import from_maya

from .attributes import BY_NAME, HANDLES

# The weight[] multi. It is read in the evaluation that needs it: a hidden output that collects it once for
# all readers is in no evaluation graph, since nothing downstream asks for it, and could stand still.


def gather(block: Any, weight: Any, visibilities: tuple[Any, ...], negative: Any) -> list[tuple[int, float]]:
    """(index, value) of every element of weight[] that counts: visible, and not below zero where negatives
    do not count. Four calls an element."""
    muted = {
        index
        for shown in visibilities
        for index, visible in _elements(block.inputArrayValue(shown), "asBool")
        if not visible
    }
    signed = block.inputValue(negative).asBool()
    return [
        (index, value)
        for index, value in _elements(block.inputArrayValue(weight), "asFloat")
        if value != 0.0 and index not in muted and (signed or not value < 0.0)
    ]


def _elements(array: Any, read: str) -> list[tuple[int, Any]]:
    found = []
    for i in range(array.elementCount()):
        array.jumpToArrayElement(i)
        found.append((array.elementIndex(), getattr(array.inputValue(), read)()))
    return found


def to_controls(pairs: list[tuple[int, float]], at: dict[int, int], count: int) -> Floats:
    """(count,) weights in the model's order, `at` as positions gives it; indices that no control has do not
    count."""
    vector = np.zeros(count)
    for index, value in pairs:
        if index in at:
            vector[at[index]] = value
    return vector


def positions(rig: Rig, control_map: str) -> dict[int, int]:
    """{index of weight[]: position among the model's controls}.

    control_map 'name=index;...' as attach writes it; without it every control has its own index.
    """
    if not control_map:
        return {control.index: i for i, control in enumerate(rig.controls)}
    order = {control.name: i for i, control in enumerate(rig.controls)}
    pairs = (entry.rsplit("=", 1) for entry in control_map.split(";") if "=" in entry)
    return {int(index): order[name] for name, index in pairs if name in order and index.isdecimal()}


# Painted maps: sparse multis of one number a vertex, read once and kept until one of them changes.

_KEPT = 4  # contexts that evaluate at once each have a stamp of their own


@dataclass(frozen=True, eq=False)
class PaintedMap:
    """(V,) float32 as it was read. It is a key for what is made of it: another reading is another map."""

    values: Floats


def read_map(block: Any, list_attribute: Any, attribute: Any, index: int, count: int) -> PaintedMap | None:
    """list[index].map[vertex] for `count` vertices, 1 where nothing was painted; None when nothing was
    painted at all."""
    lists = block.inputArrayValue(list_attribute)
    try:
        lists.jumpToElement(index)
    except RuntimeError:  # no such element: nothing was ever painted on this geometry
        return None
    handle = OpenMaya.MArrayDataHandle(lists.inputValue().child(attribute))
    values = np.ones(count, np.float32)
    for i in range(handle.elementCount()):
        handle.jumpToArrayElement(i)
        vertex = handle.elementIndex()
        if vertex < count:
            values[vertex] = handle.inputValue().asFloat()
    return None if bool((values == 1.0).all()) else PaintedMap(values)


class PaintedMaps:
    """Maps by stamp and key. In plain DG evaluation the stamp, an attribute that Maya dirties with the maps,
    tells when to read again; under the evaluation manager, whose graph may lack it, preEvaluation does."""

    def __init__(self) -> None:
        self._by_stamp: OrderedDict[int, dict[object, PaintedMap | None]] = OrderedDict()
        self._moving = False

    def get(self, stamp: int, key: object, read: Callable[[], PaintedMap | None]) -> PaintedMap | None:
        """What read() gave when it was last called for this stamp and key."""
        if self._moving:
            return read()
        maps = self._by_stamp.setdefault(stamp, {})
        while len(self._by_stamp) > _KEPT:
            self._by_stamp.popitem(last=False)
        if key not in maps:
            maps[key] = read()
        return maps[key]

    def changed(self, *, here_and_now: bool) -> None:
        """Read everything again. A map that changes in another context than the scene's own is driven by
        time: no two frames need have the same, and it is kept no more."""
        self._moving = self._moving or not here_and_now
        self._by_stamp.clear()


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
