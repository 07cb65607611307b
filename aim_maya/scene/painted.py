"""Painted maps: sparse multis of one number a vertex, read once and kept until one of them changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from maya import OpenMaya
from numpy.typing import NDArray

Floats = NDArray[np.floating]
_KEPT = 4  # contexts that evaluate at once each have a stamp of their own


def read_map(block: Any, list_attribute: Any, attribute: Any, index: int, count: int) -> Floats | None:
    """(count,) float32 of list[index].map[vertex], 1 where nothing was painted; None when nothing was painted at all."""
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
    """Maps by stamp and key. The stamp is an attribute that Maya dirties with the maps, so every context sees its own."""

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
