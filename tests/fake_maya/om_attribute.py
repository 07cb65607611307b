"""OpenMaya 1.0: the function sets that make attributes."""

from __future__ import annotations

from typing import Any

from .boundary import api, constants, wrong_arguments
from .om_base import MFnBase, MObject, wrap
from .schema import Attr


def full(cls: Any) -> Any:
    """Copy the inherited methods, so that calls count under the class's own name."""
    for base in cls.__mro__[1:-1]:
        for name, member in vars(base).items():
            inherits = callable(member) and not isinstance(member, staticmethod) and not name.startswith("_")
            if inherits and name not in vars(cls):
                setattr(cls, name, getattr(member, "__wrapped__", member))
    if "__init__" not in vars(cls):
        cls.__init__ = getattr(cls.__init__, "__wrapped__", cls.__init__)
    return api(cls)


class MFnAttribute(MFnBase):
    """Flags of an attribute."""

    _accepts = ("kAttribute",)

    def _made(self, attr: Attr) -> MObject:
        self._target = attr
        return wrap(attr)


def _setter(field: str, convert: Any) -> Any:
    def method(self: MFnAttribute, value: Any) -> None:
        setattr(self._target, field, convert(value))

    return method


_FLAGS = (
    "Keyable keyable Hidden hidden Readable readable Writable writable Connectable connectable"
    " Storable storable"
    " Cached cached Array multi UsesArrayDataBuilder array_builder IndexMatters index_matters"
    " Internal internal"
    " UsedAsFilename used_as_filename ChannelBox channel_box WorldSpace world_space"
)
for _name, _field in zip(_FLAGS.split()[::2], _FLAGS.split()[1::2], strict=True):
    setattr(MFnAttribute, f"set{_name}", _setter(_field, bool))
MFnAttribute.setNiceNameOverride = _setter("nice_name", str)  # type: ignore[attr-defined]
MFnAttribute = full(MFnAttribute)  # type: ignore[misc]

# MFnData and MFnNumericData type numbers to attribute kinds
_DATA = "string matrix stringArray doubleArray floatArray Int32Array pointArray vectorArray matrixArray"
DATA_KINDS = dict(enumerate((*_DATA.split(), "componentList", "mesh"), start=4))
NUMERIC_KINDS = {1: "bool", 2: "byte", 3: "char", 4: "short", 7: "long", 11: "float", 14: "double"}


@full
class MFnNumericAttribute(MFnAttribute):
    _accepts = ("kNumericAttribute",)

    def create(self, long: str, short: str, *rest: Any) -> MObject:
        """create(long, short, type[, default]); groups of numbers are not imitated."""
        if not rest or isinstance(rest[0], MObject) or rest[0] not in NUMERIC_KINDS:
            raise wrong_arguments("MFnNumericAttribute_create")
        kind, default = NUMERIC_KINDS[rest[0]], rest[1] if len(rest) > 1 else None
        if kind in ("float", "double") and default is not None:
            default = float(default)
        return self._made(Attr(long, short, kind, default=default))

    setMin, setMax = _setter("minimum", float), _setter("maximum", float)
    setSoftMin, setSoftMax = _setter("soft_minimum", float), _setter("soft_maximum", float)


@full
class MFnEnumAttribute(MFnAttribute):
    _accepts = ("kEnumAttribute",)

    def create(self, long: str, short: str, *default: int) -> MObject:
        return self._made(Attr(long, short, "enum", default=default[0] if default else 0, fields={}))

    def addField(self, name: str, value: int) -> None:
        self._target.fields[name] = int(value)


@full
class MFnTypedAttribute(MFnAttribute):
    _accepts = ("kTypedAttribute", "kMatrixAttribute")

    def create(self, long: str, short: str, kind: Any, *default: MObject) -> MObject:
        if kind not in DATA_KINDS or default:
            raise wrong_arguments("MFnTypedAttribute_create")
        return self._made(Attr(long, short, DATA_KINDS[kind]))


@full
@constants("kFloat kDouble")
class MFnMatrixAttribute(MFnAttribute):
    _accepts = ("kMatrixAttribute", "kFloatMatrixAttribute")

    def create(self, long: str, short: str, *kind: int) -> MObject:
        """create(long, short[, type]): double unless told."""
        return self._made(Attr(long, short, "fltMatrix" if kind and kind[0] == 0 else "matrix"))


@full
class MFnMessageAttribute(MFnAttribute):
    _accepts = ("kMessageAttribute",)

    def create(self, long: str, short: str) -> MObject:
        return self._made(Attr(long, short, "message"))


@full
class MFnCompoundAttribute(MFnAttribute):
    _accepts = ("kCompoundAttribute",)

    def create(self, long: str, short: str) -> MObject:
        return self._made(Attr(long, short, "compound"))

    def addChild(self, child: MObject) -> None:
        self._target.drafts.append(child._target)
