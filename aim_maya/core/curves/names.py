"""Columns of a file to the controls of a model: by name, by case, by how sides are written, and to both sides of a split control."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import nearest_name

from .take import Curves

Floats = NDArray[np.floating]

# In these names left and right are where something goes, not whose side it is on: a column 'jaw' must not drive jawLeft and jawRight.
_DIRECTED = ("jaw", "mouth", "tongue", "head")
_SIDE = re.compile(r"^(.+?)(?:[_.\-\s](l|r|left|right)|(?<=[a-z0-9])(Left|Right|L|R))$", re.IGNORECASE)
_PREFIX = re.compile(r"^(l|r|left|right)_(.+)$", re.IGNORECASE)


def key(name: str) -> tuple[str, str]:
    """(stem, side) under which two spellings are one control: JawOpen = jawOpen = jaw_open, EyeBlinkLeft = eyeBlink_L = L_eyeBlink."""
    stem, side = name.strip(), ""
    if found := _PREFIX.match(stem):
        side, stem = found[1], found[2]
    elif (found := _SIDE.match(stem)) and (found[2] or found[3][0].isupper()):
        stem, side = found[1], found[2] or found[3]
    return re.sub(r"[\W_]+", "", stem).lower(), side[:1].lower()


def hits(name: str, controls: Sequence[str]) -> list[int]:
    """Indices of the controls a column drives: the one of that name, of that name in another spelling, or both sides of a split one."""
    for same in (lambda a, b: a == b, lambda a, b: a.lower() == b.lower(), lambda a, b: key(a) == key(b)):
        found = [i for i, control in enumerate(controls) if same(name, control)]
        if found:
            return found[:1]
    stem, side = key(name)
    if side or stem in _DIRECTED:
        return []
    return [i for i, control in enumerate(controls) if key(control) in ((stem, "l"), (stem, "r"))]


def match_controls(curves: Curves, controls: Sequence[str]) -> tuple[Floats, list[str]]:
    """(F, C) weights in the controls' order, and one sentence for each column that no control matches or that another one overrides.

    A control without a column stays at zero.
    """
    weights, notes, driver = np.zeros((len(curves.values), len(controls))), [], dict[int, str]()
    for column, name in enumerate(curves.names):
        found = hits(name, controls)
        if not found:
            notes.append(f"column '{name}' matches no control. {nearest_name(name, controls)}".strip())
        for i in found:
            if i in driver:
                notes.append(f"columns '{driver[i]}' and '{name}' both drive '{controls[i]}'; the last one counts.")
            driver[i] = name
            weights[:, i] = curves.values[:, column]
    return weights, notes
