"""The weight[] multi as one array, and painted maps: gathered once a change, whatever number of geometries
and outputs then read them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from maya import OpenMaya

from aim_maya.core.controls import Rig
from aim_maya.core.typed import Floats
from aim_maya.scene.maya import buffers

# The weight[] multi as one array: gathered once per change, whatever number of geometries and outputs then
# read it.


def gather(block: Any, weight: Any, visibilities: tuple[Any, ...], negative: Any) -> list[float]:
    """[index, value, ...] of every element of weight[] that counts: visible, and not below zero where
    negatives do not count."""
    muted = {
        index
        for shown in visibilities
        for index, visible in _elements(block.inputArrayValue(shown), "asBool")
        if not visible
    }
    signed = block.inputValue(negative).asBool()
    pairs: list[float] = []
    for index, value in _elements(block.inputArrayValue(weight), "asFloat"):
        if value != 0.0 and index not in muted and (signed or not value < 0.0):
            pairs += (index, value)
    return pairs


def _elements(array: Any, read: str) -> list[tuple[int, Any]]:
    found = []
    for i in range(array.elementCount()):
        array.jumpToArrayElement(i)
        found.append((array.elementIndex(), getattr(array.inputValue(), read)()))
    return found


def store(handle: Any, pairs: list[float]) -> None:
    """Put the pairs into a doubleArray output."""
    with buffers.values.lend(len(pairs)) as (pointer, memory):
        memory[:, 0] = pairs
        handle.setMObject(OpenMaya.MFnDoubleArrayData().create(OpenMaya.MDoubleArray(pointer, len(pairs))))


def load(handle: Any) -> Floats:
    """(2N,) float64 copy of what `store` put there."""
    array = OpenMaya.MFnDoubleArrayData(handle.data()).array()
    with buffers.values.lend(array.length()) as (pointer, memory):
        if len(memory):
            array.get(pointer)
        return memory[:, 0].copy()


def to_controls(pairs: Floats, at: dict[int, int], count: int) -> Floats:
    """(count,) weights in the model's order, `at` as positions gives it; indices that no control has do not
    count."""
    vector = np.zeros(count)
    for index, value in pairs.reshape(-1, 2).tolist():
        if int(index) in at:
            vector[at[int(index)]] = value
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


def read_map(block: Any, list_attribute: Any, attribute: Any, index: int, count: int) -> Floats | None:
    """(count,) float32 of list[index].map[vertex], 1 where nothing was painted; None when nothing was painted
    at all."""
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
    return None if bool((values == 1.0).all()) else values


class PaintedMaps:
    """Maps by stamp and key. The stamp is an attribute that Maya dirties with the maps, so every context sees
    its own."""

    def __init__(self) -> None:
        self._by_stamp: OrderedDict[int, dict[object, Floats | None]] = OrderedDict()

    def get(self, stamp: int, key: object, read: Any) -> Floats | None:
        """What read() gave when it was last called for this stamp and key."""
        maps = self._by_stamp.setdefault(stamp, {})
        while len(self._by_stamp) > _KEPT:
            self._by_stamp.popitem(last=False)
        if key not in maps:
            maps[key] = read()
        return maps[key]

    def clear(self) -> None:
        """Read everything again."""
        self._by_stamp.clear()
