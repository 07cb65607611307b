"""What has to be held still, and at which value, while a blendShape's targets are read off it one by one."""

from __future__ import annotations

from typing import Any

from maya import cmds

from .blend_shape import Structure
from .chain import stack

_NO_EFFECT = 1


def neutral_state(structure: Structure) -> dict[str, Any]:
    """Every plug that must be held: weights at zero, targets visible, envelope and base weights at one, deformers before it off."""
    node = structure.node
    state: dict[str, Any] = {structure.plug(w.index): 0.0 for w in structure.weights}
    state[f"{node}.envelope"] = 1.0
    state[f"{node}.nodeState"] = 0
    for attribute in ("targetVisibility", "targetParentVisibility"):
        state |= {f"{node}.{attribute}[{i}]": True for i in cmds.getAttr(f"{node}.{attribute}", multiIndices=True) or []}
    directories = cmds.getAttr(f"{node}.targetDirectory", multiIndices=True) or []
    for i in directories:
        state |= {f"{node}.targetDirectory[{i}].directoryVisibility": True, f"{node}.targetDirectory[{i}].directoryWeight": 1.0}
    for ramp in (f"{node}.inputTarget[{structure.geometry}].baseWeights", f"{node}.weightList[{structure.geometry}].weights"):
        state |= {f"{ramp}[{i}]": 1.0 for i in cmds.getAttr(ramp, multiIndices=True) or []}
    order = [slot.node for slot in stack(structure.shape)]
    before = order[order.index(node) + 1 :] if node in order else []
    return state | {f"{name}.nodeState": _NO_EFFECT for name in before}
