"""What drives a weight from outside: the slider or control attribute to move so that a weight reaches a value."""

from __future__ import annotations

from maya import cmds

from .blend_shape import Structure
from .plugs import node_of, source_of


def driver_settings(structure: Structure, weights: dict[str, float]) -> dict[str, float]:
    """{driver plug: value} that brings the weights to their values; drivers that cannot be set are left out."""
    settings: dict[str, float] = {}
    for plug, value in weights.items():
        driver = structure.drivers.get(plug)
        if driver is None:
            continue
        found = _input_for(driver, value)
        if found is not None:
            settings[found[0]] = found[1]
    return settings


def _input_for(driver: str, value: float) -> tuple[str, float] | None:
    """The attribute behind a driver and what it must be: itself, or the input of a driven key at which the curve has the value."""
    if not cmds.nodeType(node_of(driver)).startswith("animCurveU"):
        return (driver, value) if cmds.getAttr(driver, settable=True) else None
    curve = node_of(driver)
    source = source_of(f"{curve}.input")
    inputs = cmds.keyframe(curve, query=True, floatChange=True) or []
    values = cmds.keyframe(curve, query=True, valueChange=True) or []
    if source is None or not inputs:
        return None
    at = min(range(len(values)), key=lambda i: abs(values[i] - value))
    return (source, inputs[at]) if abs(values[at] - value) < 1e-3 else None
