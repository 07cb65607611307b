"""OpenMaya 1.0: what the function sets of all attributes share."""

from __future__ import annotations

from typing import Any

from .boundary import api, current
from .om_base import MFnBase, MObject, wrap
from .om_units import MAngle, MDistance, MTime


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


def _full(cls: Any) -> Any:
    """Copy the inherited methods, so that calls count under the class's own name."""
    for base in cls.__mro__[1:-1]:
        for name, member in vars(base).items():
            if not name.startswith("_") and callable(member) and not isinstance(member, staticmethod) and name not in vars(cls):
                setattr(cls, name, getattr(member, "__wrapped__", member))
    if "__init__" not in vars(cls):
        cls.__init__ = getattr(cls.__init__, "__wrapped__", cls.__init__)
    return api(cls)


MFnAttribute = _full(MFnAttribute)  # type: ignore[misc]
