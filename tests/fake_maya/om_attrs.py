"""OpenMaya 1.0: the function sets that make attributes."""

from __future__ import annotations

from typing import Any

from .boundary import wrong_arguments
from .om_attribute import MFnAttribute, _full, _Limits
from .om_base import DataValue, MObject, as_matrix, wrap
from .om_units import MAngle, MDistance, MTime
from .schema import Attr

# MFnData and MFnNumericData type numbers to attribute kinds
DATA_KINDS = {
    4: "string", 5: "matrix", 6: "stringArray", 7: "doubleArray", 8: "floatArray", 9: "Int32Array", 10: "pointArray", 11: "vectorArray", 12: "matrixArray", 13: "componentList",
    14: "mesh", 16: "nurbsCurve", 24: "generic",
}  # fmt: skip
NUMERIC_KINDS = {1: "bool", 2: "byte", 3: "char", 4: "short", 7: "long", 11: "float", 14: "double", 10: "long"}
NUMERIC_GROUPS = {
    5: ("short", 2),
    6: ("short", 3),
    8: ("long", 2),
    9: ("long", 3),
    12: ("float", 2),
    13: ("float", 3),
    15: ("double", 2),
    16: ("double", 3),
    17: ("double", 4),
}
UNIT_KINDS = {1: "doubleAngle", 2: "doubleLinear", 3: "time"}


_LIMITS = ("setMin", "setMax", "setSoftMin", "setSoftMax", "setDefault", "hasMin", "hasMax")


@_full
class MFnNumericAttribute(_Limits):
    """Numbers, and groups of two to four."""

    _accepts = ("kNumericAttribute",)

    def create(self, long: str, short: str, *rest: Any) -> MObject:
        """create(long, short, type[, default]) or create(long, short, child, child[, child])."""
        if rest and isinstance(rest[0], MObject):
            attr = Attr(long, short, f"{rest[0]._target.kind}{len(rest)}", drafts=[r._target for r in rest])
        elif rest and rest[0] in NUMERIC_GROUPS:
            kind, count = NUMERIC_GROUPS[rest[0]]
            drafts = [Attr(f"{long}{i}", f"{short}{i}", kind, default=rest[1] if len(rest) > 1 else None) for i in range(count)]
            attr = Attr(long, short, f"{kind}{count}", drafts=drafts)
        elif rest and rest[0] in NUMERIC_KINDS:
            kind = NUMERIC_KINDS[rest[0]]
            default = rest[1] if len(rest) > 1 else None
            attr = Attr(long, short, kind, default=float(default) if kind in ("float", "double") and default is not None else default)
        else:
            raise wrong_arguments("MFnNumericAttribute_create")
        self._target = attr
        return wrap(attr)

    def createPoint(self, long: str, short: str) -> MObject:
        """Three floats X Y Z."""
        return self._three(long, short, "XYZ")

    def createColor(self, long: str, short: str) -> MObject:
        """Three floats R G B."""
        return self._three(long, short, "RGB")

    def _three(self, long: str, short: str, letters: str) -> MObject:
        self._target = Attr(long, short, "float3", drafts=[Attr(long + c, short + c.lower(), "float") for c in letters])
        return wrap(self._target)

    def child(self, index: int) -> MObject:
        """One of the group's children."""
        return wrap(self._target.drafts[index])


@_full
class MFnUnitAttribute(_Limits):
    """Angles, distances and times."""

    _accepts = ("kUnitAttribute",)
    kInvalid, kAngle, kDistance, kTime = range(4)

    def create(self, long: str, short: str, kind: Any, *default: Any) -> MObject:
        """create(long, short, type or a united default[, default])."""
        if isinstance(kind, MAngle | MDistance | MTime):
            default = (kind,)
            kind = {MAngle: 1, MDistance: 2, MTime: 3}[type(kind)]
        if kind not in UNIT_KINDS:
            raise wrong_arguments("MFnUnitAttribute_create")
        self._target = Attr(long, short, UNIT_KINDS[kind], default=float(self._internal(default[0])) if default else None)
        return wrap(self._target)


@_full
class MFnEnumAttribute(MFnAttribute):
    """Enumerations."""

    _accepts = ("kEnumAttribute",)

    def create(self, long: str, short: str, *default: int) -> MObject:
        """create(long, short[, default])."""
        self._target = Attr(long, short, "enum", default=default[0] if default else 0, fields={})
        return wrap(self._target)

    def addField(self, name: str, value: int) -> None:
        """One choice."""
        self._target.fields[name] = int(value)

    def setDefault(self, value: Any) -> None:
        """Default by number or name."""
        self._target.default = self._target.fields[value] if isinstance(value, str) else value

    def fieldName(self, value: int) -> str:
        """Name of a choice."""
        return next(n for n, v in self._target.fields.items() if v == value)

    def fieldIndex(self, name: str) -> int:
        """Number of a choice."""
        return self._target.fields[name]


@_full
class MFnTypedAttribute(MFnAttribute):
    """Strings, geometry, arrays, matrices."""

    _accepts = ("kTypedAttribute", "kMatrixAttribute")

    def create(self, long: str, short: str, kind: Any, *default: MObject) -> MObject:
        """create(long, short, MFnData type[, default data])."""
        if kind not in DATA_KINDS or (default and not isinstance(default[0], MObject)):
            raise wrong_arguments("MFnTypedAttribute_create")
        self._target = Attr(long, short, DATA_KINDS[kind])
        if default:
            self.setDefault(default[0])
        return wrap(self._target)

    def setDefault(self, data: MObject) -> None:
        """Default from a data object."""
        held = data._target
        self._target.default = held.value if isinstance(held, DataValue) else held


@_full
class MFnMatrixAttribute(MFnAttribute):
    """4 x 4 matrices."""

    _accepts = ("kMatrixAttribute", "kFloatMatrixAttribute")
    kFloat, kDouble = 0, 1

    def create(self, long: str, short: str, *kind: int) -> MObject:
        """create(long, short[, type]): double unless told."""
        self._target = Attr(long, short, "fltMatrix" if kind and kind[0] == 0 else "matrix")
        return wrap(self._target)

    def setDefault(self, value: Any) -> None:
        """Default from an MMatrix."""
        self._target.default = as_matrix(value).copy()


@_full
class MFnMessageAttribute(MFnAttribute):
    """Messages."""

    _accepts = ("kMessageAttribute",)

    def create(self, long: str, short: str) -> MObject:
        """create(long, short)."""
        self._target = Attr(long, short, "message")
        return wrap(self._target)


@_full
class MFnGenericAttribute(MFnAttribute):
    """Attributes that accept several kinds of data."""

    _accepts = ("kGenericAttribute",)

    def create(self, long: str, short: str) -> MObject:
        """create(long, short)."""
        self._target = Attr(long, short, "geometry")
        return wrap(self._target)

    def addAccept(self, kind: int) -> None:
        """Accept a kind of data (the stand-in takes any geometry)."""

    def addDataAccept(self, kind: int) -> None:
        """Accept a kind of data."""


@_full
class MFnCompoundAttribute(MFnAttribute):
    """Attributes with children."""

    _accepts = ("kCompoundAttribute",)

    def create(self, long: str, short: str) -> MObject:
        """create(long, short)."""
        self._target = Attr(long, short, "compound")
        return wrap(self._target)

    def addChild(self, child: MObject) -> None:
        """Add a child."""
        self._target.drafts.append(child._target)

    def numChildren(self) -> int:
        """How many children."""
        return len(self._target.drafts)

    def child(self, index: int) -> MObject:
        """One child."""
        return wrap(self._target.drafts[index])
