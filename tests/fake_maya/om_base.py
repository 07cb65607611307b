"""OpenMaya 1.0: MObject, MFn, MObjectHandle, MTypeId, MFnBase."""

from __future__ import annotations

from dataclasses import dataclass
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
    """A value held by a data MObject: kind is an attribute kind (string, matrix, pointArray ...) or "numeric"."""

    kind: str
    value: Any
    numeric: int = 0


@dataclass(eq=False)
class Component:
    """A component MObject: vertices, CVs, edges or faces."""

    type: int
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


_DATA_TYPES = {
    "string": "kStringData", "matrix": "kMatrixData", "fltMatrix": "kMatrixData", "pointArray": "kPointArrayData", "vectorArray": "kVectorArrayData", "doubleArray": "kDoubleArrayData",
    "Int32Array": "kIntArrayData", "floatArray": "kFloatArrayData", "componentList": "kComponentListData", "stringArray": "kStringArrayData", "numeric": "kNumericData",
}  # fmt: skip
_ATTR_TYPES = {
    "enum": "kEnumAttribute", "matrix": "kMatrixAttribute", "fltMatrix": "kFloatMatrixAttribute", "message": "kMessageAttribute", "compound": "kCompoundAttribute", "time": "kTimeAttribute",
    "doubleAngle": "kDoubleAngleAttribute", "doubleLinear": "kDoubleLinearAttribute", "geometry": "kGenericAttribute", "generic": "kGenericAttribute",
}  # fmt: skip


def type_names(target: Any) -> list[str]:
    """Names of the MFn types something has, the most special first."""
    if isinstance(target, Node):
        names = [target.type.api_type]
        if target.type.plugin:
            names = ["kPluginDeformerNode", "kGeometryFilt"] if target.is_deformer else ["kPluginDependNode"]
        if target.is_deformer:
            names.append("kGeometryFilt")
        if target.is_dag:
            names += ["kShape", "kDagNode"] if target.type.base == "shape" else ["kTransform", "kDagNode"]
        if "animLayer" in target.type.lineage or "shadingEngine" in target.type.lineage:
            names.append("kSet")
        return [*names, "kDependencyNode", "kNamedObject", "kBase"]
    if isinstance(target, Attr):
        own = _ATTR_TYPES.get(target.kind) or ("kNumericAttribute" if target.kind not in ("string", "mesh", *_DATA_TYPES) else "kTypedAttribute")
        return [own, *(["kUnitAttribute"] if target.kind in ("time", "doubleAngle", "doubleLinear") else []), "kAttribute", "kBase"]
    if isinstance(target, Geometry):
        return ["kMeshData" if target.kind == "mesh" else "kNurbsCurveData", "kGeometryData", "kData", "kBase"]
    if isinstance(target, DataValue):
        return [_DATA_TYPES.get(target.kind, "kData"), "kData", "kBase"]
    if isinstance(target, Component):
        return [
            next(n for n in ("kMeshVertComponent", "kCurveCVComponent", "kMeshEdgeComponent", "kMeshPolygonComponent") if getattr(MFn, n) == target.type),
            "kSingleIndexedComponent",
            "kComponent",
        ]
    if isinstance(target, PluginRecord):
        return ["kPlugin", "kNamedObject", "kBase"]
    return ["kInvalid"]


@api
class MObject:
    """A handle to a node, an attribute, data, a component or a plug-in."""

    kNullObj: MObject

    def __init__(self, *args: Any) -> None:
        if len(args) > 1 or (args and not isinstance(args[0], MObject)):
            raise wrong_arguments("new_MObject")
        self._target: Any = args[0]._target if args else None

    def apiType(self) -> int:
        """The most special type."""
        return getattr(MFn, type_names(self._target)[0], MFn.kDependencyNode)

    def apiTypeStr(self) -> str:
        """Its name."""
        return type_names(self._target)[0]

    def hasFn(self, kind: int) -> bool:
        """Whether a function set of that type fits."""
        return any(getattr(MFn, name, -1) == kind for name in type_names(self._target))

    def isNull(self) -> bool:
        """Whether it points at nothing."""
        return self._target is None

    def assign(self, other: MObject) -> MObject:
        """Point at what `other` points at."""
        self._target = other._target
        return self

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
class MObjectHandle:
    """Says whether an MObject is still good, and hashes it."""

    def __init__(self, *args: Any) -> None:
        if args and not isinstance(args[0], MObject | MObjectHandle):
            raise wrong_arguments("new_MObjectHandle")
        self._target = args[0]._target if args else None

    def object(self) -> MObject:
        """The MObject (null when it is not alive)."""
        return wrap(self._target if self.isAlive() else None)

    def objectRef(self) -> MObject:
        """The same."""
        return self.object()

    def isAlive(self) -> bool:
        """Still in memory (a deleted node is, in the undo queue)."""
        return self._target is not None

    def isValid(self) -> bool:
        """In the scene."""
        return self._target is not None and getattr(self._target, "alive", True)

    def hashCode(self) -> int:
        """The same for all handles of one object."""
        return 0 if self._target is None else getattr(self._target, "serial", id(self._target)) & 0xFFFFFFFF

    @staticmethod
    def objectHashCode(thing: MObject) -> int:
        """Hash of an MObject."""
        return 0 if thing._target is None else getattr(thing._target, "serial", id(thing._target)) & 0xFFFFFFFF

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MObjectHandle | MObject) and self._target is other._target

    def __hash__(self) -> int:
        return id(self)


@api
class MTypeId:
    """A node type's number."""

    def __init__(self, *args: Any) -> None:
        if not all(isinstance(a, int) and not isinstance(a, bool) for a in args):
            raise wrong_arguments("new_MTypeId")
        self._id = 0 if not args else (args[0] << 8) + args[1] if len(args) == 2 else args[0]

    def id(self) -> int:
        """The number."""
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MTypeId) and self._id == other._id

    def __hash__(self) -> int:
        return id(self)


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

    def _fits(self, target: Any) -> bool:
        return not self._accepts or any(name in self._accepts for name in type_names(target))

    def setObject(self, thing: Any) -> None:
        """Work on another object."""
        self._attach(thing)

    def object(self) -> MObject:
        """The object."""
        return wrap(self._target)

    def hasObj(self, thing: MObject) -> bool:
        """Whether this function set fits an object."""
        return thing._target is not None and self._fits(thing._target)

    def type(self) -> int:
        """Type number of the function set."""
        return getattr(MFn, self._accepts[0], MFn.kBase) if self._accepts else MFn.kBase


def as_matrix(value: Any) -> np.ndarray:
    """(4, 4) float64 of whatever holds a matrix."""
    return np.asarray(value if not hasattr(value, "_m") else value._m, np.float64).reshape(4, 4)
