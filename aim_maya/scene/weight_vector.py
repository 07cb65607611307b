"""The weight[] multi as one array: gathered once per change, whatever number of geometries and outputs then read it."""

from __future__ import annotations

from typing import Any

import numpy as np
from maya import OpenMaya
from numpy.typing import NDArray

from aim_maya.core.controls import Rig

from . import buffers

Floats = NDArray[np.floating]


def gather(block: Any, weight: Any, visibilities: tuple[Any, ...], negative: Any) -> list[float]:
    """[index, value, ...] of every element of weight[] that counts: visible, and not below zero where negatives do not count."""
    muted = {index for shown in visibilities for index, visible in _elements(block.inputArrayValue(shown), "asBool") if not visible}
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
    """(count,) weights in the model's order, `at` as positions gives it; indices that no control has do not count."""
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
