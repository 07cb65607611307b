"""OpenMaya 1.0: MObject, MTypeId, MFnBase. Methods are Autodesk's own; docstrings say what is particular
about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .boundary import api, wrong_arguments
from .node import Node
from .om_types import MFn
from .schema import Attr
from .values import Geometry

kUnknownParameter = "kUnknownParameter"


@dataclass(eq=False)
class DataValue:
    """A value held by a data MObject: kind is an attribute kind (string, matrix, pointArray ...) or
    "numeric"."""

    kind: str
    value: Any


@dataclass(eq=False)
class Component:
    """A component MObject: vertices."""

    elements: list[int]
    complete: int = -1  # number of elements when it is "all of them"


@dataclass(eq=False)
class PluginRecord:
    """A loaded plug-in."""

    name: str
    path: str
    vendor: str = "Unknown"
    version: str = "Unknown"
    api: str = "Any"
    module: Any = None
    types: list[str] = None  # type: ignore[assignment]
    loaded: bool = False
    callbacks: set[int] = field(default_factory=set)  # those that it registered while it was initialised


def _table(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_DATA_TYPES = _table(
    "string kStringData matrix kMatrixData fltMatrix kMatrixData pointArray kPointArrayData"
    " vectorArray kVectorArrayData"
    " doubleArray kDoubleArrayData Int32Array kIntArrayData floatArray kFloatArrayData componentList"
    " kComponentListData"
    " stringArray kStringArrayData numeric kNumericData"
)
_ATTR_TYPES = _table(
    "enum kEnumAttribute matrix kMatrixAttribute fltMatrix kFloatMatrixAttribute message kMessageAttribute"
    " compound kCompoundAttribute time kTimeAttribute doubleAngle kDoubleAngleAttribute"
    " doubleLinear kDoubleLinearAttribute geometry kGenericAttribute generic kGenericAttribute"
)


def type_names(target: Any) -> list[str]:
    """Names of the MFn types something has, the most special first."""
    if isinstance(target, Node):
        names = [target.type.api_type]
        if target.type.plugin:
            names = ["kPluginDeformerNode"] if target.is_deformer else ["kPluginDependNode"]
        if target.is_deformer:
            names.append("kGeometryFilt")
        if target.is_dag:
            names += ["kShape" if target.type.base == "shape" else "kTransform", "kDagNode"]
        return [*names, "kDependencyNode", "kNamedObject", "kBase"]
    if isinstance(target, Attr):
        typed = target.kind in ("string", "mesh", *_DATA_TYPES)
        own = _ATTR_TYPES.get(target.kind) or ("kTypedAttribute" if typed else "kNumericAttribute")
        return [own, "kAttribute", "kBase"]
    if isinstance(target, Geometry):
        own = "kMeshData" if target.kind == "mesh" else "kNurbsCurveData"
        return [own, "kGeometryData", "kData", "kBase"]
    if isinstance(target, DataValue):
        return [_DATA_TYPES.get(target.kind, "kData"), "kData", "kBase"]
    if isinstance(target, Component):
        return ["kMeshVertComponent", "kSingleIndexedComponent", "kComponent"]
    return ["kPlugin", "kNamedObject", "kBase"] if isinstance(target, PluginRecord) else ["kInvalid"]


@api
class MObject:
    """A handle to a node, an attribute, data, a component or a plug-in."""

    kNullObj: MObject

    def __init__(self, *args: Any) -> None:
        if len(args) > 1 or (args and not isinstance(args[0], MObject)):
            raise wrong_arguments("new_MObject")
        self._target: Any = args[0]._target if args else None

    def hasFn(self, kind: int) -> bool:
        """Whether a function set of that type fits."""
        return any(getattr(MFn, name, -1) == kind for name in type_names(self._target))

    def isNull(self) -> bool:
        """Whether it points at nothing."""
        return self._target is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MObject) and self._target is other._target

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        # SWIG objects hash by identity of the wrapper: two MObjects of one node are two dictionary keys
        return id(self)


def wrap(target: Any) -> MObject:
    """An MObject of something, made inside the stand-in."""
    found = MObject.__new__(MObject)
    found._target = target
    return found


MObject.kNullObj = wrap(None)


@api
class MTypeId:
    """A node type's number."""

    def __init__(self, *args: Any) -> None:
        if not all(isinstance(a, int) and not isinstance(a, bool) for a in args):
            raise wrong_arguments("new_MTypeId")
        self._id = 0 if not args else (args[0] << 8) + args[1] if len(args) == 2 else args[0]


@api
class MFnBase:
    """What all function sets have."""

    _accepts: tuple[str, ...] = ()

    def __init__(self, *args: Any) -> None:
        self._target: Any = None
        if args:
            self._attach(args[0])

    def _attach(self, thing: Any) -> None:
        target = getattr(thing, "_target", thing)
        if not isinstance(thing, MObject) or target is None or not self._fits(target):
            raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
        self._target = target

    def object(self) -> MObject:
        return wrap(self._target)

    def _fits(self, target: Any) -> bool:
        return not self._accepts or any(name in self._accepts for name in type_names(target))


def as_matrix(value: Any) -> np.ndarray:
    """(4, 4) float64 of whatever holds a matrix."""
    return np.asarray(value if not hasattr(value, "_m") else value._m, np.float64).reshape(4, 4)
