"""OpenMaya 1.0: the function sets that make attributes."""

from __future__ import annotations

from typing import Any

from .boundary import api, current, wrong_arguments
from .om_base import DataValue, MFnBase, MObject, as_matrix, wrap
from .om_math import MAngle, MDistance, MTime
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


def _setter(field: str, convert: Any = bool) -> Any:
    def method(self: MFnAttribute, value: Any) -> None:
        setattr(self._target, field, convert(value))

    return method


def _reader(field: str) -> Any:
    def method(self: MFnAttribute) -> Any:
        return getattr(self._target, field)

    return method


class MFnAttribute(MFnBase):
    """Flags of an attribute."""

    _accepts = ("kAttribute",)

    def name(self) -> str:
        """Long name."""
        return self._target.long

    def shortName(self) -> str:
        """Short name."""
        return self._target.short

    def setStorable(self, value: bool) -> None:
        """Whether it is written to files."""
        self._target.storable = bool(value)

    def setDisconnectBehavior(self, value: int) -> None:
        """kDelete 0, kReset 1, kNothing 2."""
        self._target.disconnect = ("delete", "reset", "nothing")[value]

    def setNiceNameOverride(self, name: str) -> None:
        """Label in the interface."""
        self._target.nice_name = name

    def setAffectsWorldSpace(self, value: bool) -> None:
        """Recorded nowhere."""

    def setAffectsAppearance(self, value: bool) -> None:
        """Recorded nowhere."""

    def setUsedAsColor(self, value: bool) -> None:
        """Recorded nowhere."""

    def setIndeterminant(self, value: bool) -> None:
        """Recorded nowhere."""

    def addToCategory(self, name: str) -> None:
        """Recorded nowhere."""

    def isDynamic(self) -> bool:
        """Whether it was added to one node."""
        return self._target.dynamic

    def parent(self) -> MObject:
        """The compound that holds it."""
        parent = self._target.parent
        owner = self._target.on_node
        if parent is None:
            return wrap(None)
        if owner is not None:
            return wrap(owner.attr(parent))
        return wrap(next((t.attrs[parent] for t in current().graph.types.values() if t.attrs.get(self._target.long) is self._target), None))


for _name, _field in {
    "Keyable": "keyable", "Hidden": "hidden", "Readable": "readable", "Writable": "writable", "Connectable": "connectable", "Cached": "cached", "Array": "multi",
    "UsesArrayDataBuilder": "array_builder", "IndexMatters": "index_matters", "UsedAsFilename": "used_as_filename", "Internal": "internal", "ChannelBox": "channel_box",
    "WorldSpace": "world_space",
}.items():  # fmt: skip
    setattr(MFnAttribute, "set" + _name, _setter(_field))
for _name, _field in {
    "isKeyable": "keyable", "isHidden": "hidden", "isReadable": "readable", "isWritable": "writable", "isStorable": "storable", "isConnectable": "connectable", "isCached": "cached",
    "isArray": "multi", "usesArrayDataBuilder": "array_builder", "indexMatters": "index_matters", "isUsedAsFilename": "used_as_filename", "internal": "internal",
    "isChannelBoxFlagSet": "channel_box", "isWorldSpace": "world_space",
}.items():  # fmt: skip
    setattr(MFnAttribute, _name, _reader(_field))
MFnAttribute.kDelete, MFnAttribute.kReset, MFnAttribute.kNothing = 0, 1, 2  # type: ignore[attr-defined]


class _Limits(MFnAttribute):
    def setMin(self, *values: float) -> None:
        """Hard minimum."""
        self._target.minimum = self._internal(values[0])

    def setMax(self, *values: float) -> None:
        """Hard maximum."""
        self._target.maximum = self._internal(values[0])

    def setSoftMin(self, value: float) -> None:
        """Slider minimum."""
        self._target.soft_minimum = self._internal(value)

    def setSoftMax(self, value: float) -> None:
        """Slider maximum."""
        self._target.soft_maximum = self._internal(value)

    def setDefault(self, *values: Any) -> None:
        """Default."""
        if self._target.drafts:
            for draft, value in zip(self._target.drafts, values, strict=True):
                draft.default = value
        else:
            self._target.default = self._internal(values[0])

    def hasMin(self) -> bool:
        """Whether there is a minimum."""
        return self._target.minimum is not None

    def hasMax(self) -> bool:
        """Whether there is a maximum."""
        return self._target.maximum is not None

    @staticmethod
    def _internal(value: Any) -> Any:
        if isinstance(value, MAngle):
            return value.asRadians()
        if isinstance(value, MDistance):
            return value.asCentimeters()
        return value._ticks() if isinstance(value, MTime) else value


_LIMITS = ("setMin", "setMax", "setSoftMin", "setSoftMax", "setDefault", "hasMin", "hasMax")


def _full(cls: Any) -> Any:
    """Copy the inherited methods, so that calls count under the class's own name."""
    for base in cls.__mro__[1:-1]:
        for name, member in vars(base).items():
            if not name.startswith("_") and callable(member) and not isinstance(member, staticmethod) and name not in vars(cls):
                setattr(cls, name, getattr(member, "__wrapped__", member))
    if "__init__" not in vars(cls):
        cls.__init__ = getattr(cls.__init__, "__wrapped__", cls.__init__)
    return api(cls)


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


MFnAttribute = _full(MFnAttribute)  # type: ignore[misc]
