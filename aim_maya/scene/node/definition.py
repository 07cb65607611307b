"""The table of attributes made into a node type's attributes."""

from __future__ import annotations

from functools import cache
from typing import Any

from maya import OpenMaya, OpenMayaMPx

from .attributes import ATTRIBUTES, BY_NAME, GEOMETRY, PAINT, STATUS, Attribute

_NUMERIC = {"float": "kFloat", "int": "kInt", "bool": "kBoolean"}


@cache
def base_attribute(name: str) -> Any:
    """The attribute `name` that deformers inherit, as an MObject. Where SWIG keeps it has moved between
    versions of Maya."""
    for owner in ("MPxGeometryFilter", "MPxDeformerNode"):
        found = getattr(OpenMayaMPx.cvar, f"{owner}_{name}", None)
        if found is not None:
            return found
    return getattr(OpenMayaMPx.MPxDeformerNode, name)


def create(node_class: Any) -> dict[str, Any]:
    """Add every attribute and every affects relation to the node type being registered; returns {name:
    MObject}."""
    made: dict[str, Any] = {}
    for entry in ATTRIBUTES:
        if entry.kind != "compound":
            made[entry.name] = _create_one(entry)
    for entry in (a for a in ATTRIBUTES if a.kind == "compound"):
        made[entry.name] = _create_compound(
            entry, [made[a.name] for a in ATTRIBUTES if a.parent == entry.name]
        )
    for entry in ATTRIBUTES:
        if not entry.parent:
            node_class.addAttribute(made[entry.name])
    _relate(node_class, made)
    return made


def _create_one(entry: Attribute) -> Any:
    if entry.kind in _NUMERIC:
        fn: Any = OpenMaya.MFnNumericAttribute()
        made = fn.create(
            entry.name, entry.short, getattr(OpenMaya.MFnNumericData, _NUMERIC[entry.kind]), entry.default
        )
        if entry.soft is not None:
            fn.setSoftMin(entry.soft[0])
            fn.setSoftMax(entry.soft[1])
        if entry.low is not None:
            fn.setMin(entry.low)
    elif entry.kind == "enum":
        fn = OpenMaya.MFnEnumAttribute()
        made = fn.create(entry.name, entry.short, entry.default)
        for i, field in enumerate(entry.fields):
            fn.addField(field, i)
    elif entry.kind == "matrix":
        fn = OpenMaya.MFnMatrixAttribute()
        made = fn.create(entry.name, entry.short)
    elif entry.kind == "message":
        fn = OpenMaya.MFnMessageAttribute()
        made = fn.create(entry.name, entry.short)
    else:
        fn = OpenMaya.MFnTypedAttribute()
        made = fn.create(entry.name, entry.short, OpenMaya.MFnData.kString)
        if entry.kind == "file":
            fn.setUsedAsFilename(True)
    _set_flags(fn, entry)
    return made


def _create_compound(entry: Attribute, children: list[Any]) -> Any:
    fn = OpenMaya.MFnCompoundAttribute()
    made = fn.create(entry.name, entry.short)
    for child in children:
        fn.addChild(child)
    _set_flags(fn, entry)
    return made


def _set_flags(fn: Any, entry: Attribute) -> None:
    fn.setNiceNameOverride(entry.nice)
    fn.setKeyable(entry.keyable)
    fn.setHidden(entry.hidden)
    fn.setArray(entry.array)
    if entry.array:
        fn.setUsesArrayDataBuilder(True)
    if entry.output:
        fn.setWritable(False)
        fn.setStorable(False)
    if (
        entry.name == STATUS
    ):  # what happens while frames are evaluated dirties nothing: say it anew each time it is asked for
        fn.setCached(False)


def _relate(node_class: Any, made: dict[str, Any]) -> None:
    outputs = made | {GEOMETRY: base_attribute("outputGeom")}
    for entry in ATTRIBUTES:
        for output in entry.affects:
            node_class.attributeAffects(made[entry.name], outputs[output])
    for name in ("weightList", "weights"):
        node_class.attributeAffects(base_attribute(name), made[PAINT])


assert all(a.affects or a.output or a.kind == "message" or a.name == "attachRecord" for a in BY_NAME.values())
