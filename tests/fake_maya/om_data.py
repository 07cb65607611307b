"""OpenMaya 1.0: the function sets of data objects and components."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api
from .om_arrays import MDoubleArray, MIntArray, MPointArray
from .om_attribute import _full
from .om_base import Component, DataValue, MFnBase, MObject, as_matrix, wrap
from .om_matrix import MMatrix, _matrix
from .om_types import MFn
from .values import Geometry


class MFnData(MFnBase):
    """Type numbers of data."""

    _accepts = ("kData",)
    (
        kInvalid,
        kNumeric,
        kPlugin,
        kPluginGeometry,
        kString,
        kMatrix,
        kStringArray,
        kDoubleArray,
        kFloatArray,
        kIntArray,
        kPointArray,
        kVectorArray,
        kMatrixArray,
        kComponentList,
    ) = range(14)
    kMesh, kLattice, kNurbsCurve, kNurbsSurface = range(14, 18)
    kAny, kLast = 24, 26


class MFnNumericData(MFnData):
    """Numbers in groups."""

    _accepts = ("kNumericData",)
    (
        kInvalid,
        kBoolean,
        kByte,
        kChar,
        kShort,
        k2Short,
        k3Short,
        kInt,
        k2Int,
        k3Int,
        kInt64,
        kFloat,
        k2Float,
        k3Float,
        kDouble,
        k2Double,
        k3Double,
        k4Double,
        kAddr,
        kLast,
    ) = range(20)
    kLong, k2Long, k3Long = 7, 8, 9

    def create(self, kind: int) -> MObject:
        """Empty data of a type."""
        self._target = DataValue("numeric", (0.0,) * 4, kind)
        return wrap(self._target)

    def setData3Float(self, x: float, y: float, z: float) -> None:
        """Set three floats."""
        self._target.value = (x, y, z)

    def setData3Double(self, x: float, y: float, z: float) -> None:
        """Set three doubles."""
        self._target.value = (x, y, z)


class _Value(MFnData):
    _kind = ""
    _empty: Any = None

    def _make(self, value: Any) -> MObject:
        self._target = DataValue(self._kind, value)
        return wrap(self._target)


@_full
class MFnStringData(_Value):
    """A string."""

    _accepts, _kind = ("kStringData",), "string"

    def create(self, *text: str) -> MObject:
        """create([text])."""
        return self._make(text[0] if text else "")

    def string(self) -> str:
        """The string."""
        return self._target.value or ""

    def set(self, text: str) -> None:
        """Set it."""
        self._target.value = text


@_full
class MFnMatrixData(_Value):
    """A matrix."""

    _accepts, _kind = ("kMatrixData",), "matrix"

    def create(self, *matrix: MMatrix) -> MObject:
        """create([matrix])."""
        return self._make(as_matrix(matrix[0]).copy() if matrix else np.eye(4))

    def matrix(self) -> MMatrix:
        """The matrix."""
        return _matrix(self._target.value)

    def set(self, matrix: MMatrix) -> None:
        """Set it."""
        self._target.value = as_matrix(matrix).copy()


class _Array(_Value):
    _class: Any = MDoubleArray

    def create(self, *array: Any) -> MObject:
        """create([array])."""
        return self._make(array[0]._values().copy() if array else np.zeros((0, self._class._width)))

    def array(self) -> Any:
        """The array, as a copy."""
        found = self._class()
        value = self._target.value
        if value is not None and len(value):
            rows = np.asarray(value, np.float64).reshape(len(value), -1)
            if self._class._width == 4 and rows.shape[1] == 3:
                rows = np.concatenate([rows, np.ones((len(rows), 1))], 1)
            found._replace(rows)
        return found

    def length(self) -> int:
        """Number of elements."""
        return 0 if self._target.value is None else len(self._target.value)

    def copyTo(self, array: Any) -> None:
        """Copy into an array."""
        array._replace(self.array()._values())

    def set(self, array: Any, *index: int) -> None:
        """Set all, or one element."""
        if index:
            self._target.value[index[0]] = array
        else:
            self._target.value = array._values().copy()

    def __getitem__(self, index: int) -> Any:
        return self.array()[index]


@_full
class MFnDoubleArrayData(_Array):
    """Doubles."""

    _accepts, _kind, _class = ("kDoubleArrayData",), "doubleArray", MDoubleArray


@_full
class MFnIntArrayData(_Array):
    """Ints."""

    _accepts, _kind, _class = ("kIntArrayData",), "Int32Array", MIntArray


@_full
class MFnPointArrayData(_Array):
    """Points."""

    _accepts, _kind, _class = ("kPointArrayData",), "pointArray", MPointArray


@_full
class MFnGeometryData(MFnData):
    """Groups, component tags and the matrix of geometry data."""

    _accepts = ("kGeometryData",)
    kInvalidGroup, kEmptyGroup, kCompleteGroup, kPartialGroup = range(4)

    def hasObjectGroup(self, group: int) -> bool:
        """Whether a group of that id is on it."""
        return group in self._target.groups

    def objectGroupComponent(self, group: int) -> MObject:
        """Members of a group."""
        if group not in self._target.groups:
            raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
        members = self._target.groups[group]
        kind = MFn.kMeshVertComponent if self._target.kind == "mesh" else MFn.kCurveCVComponent
        return wrap(Component(kind, [] if members is None else [int(i) for i in members], len(self._target.points) if members is None else -1))

    def objectGroupCount(self) -> int:
        """How many groups."""
        return len(self._target.groups)

    def hasComponentTag(self, name: str) -> bool:
        """Whether there is a tag of that name."""
        return name in self._target.tags

    def componentTagContents(self, name: str) -> MObject:
        """Members of a tag."""
        return wrap(Component(MFn.kMeshVertComponent, [int(i) for i in self._target.tags[name]]))

    def resolveComponentTagExpression(self, expression: str, *category: int) -> MObject:
        """Members of a tag expression."""
        from .nodes_deform import evaluate_tag_expression

        return wrap(Component(MFn.kMeshVertComponent, [int(i) for i in evaluate_tag_expression(expression, self._target)]))

    def getMatrix(self, matrix: MMatrix) -> None:
        """World matrix that travels with the geometry."""
        matrix._m = self._target.matrix.copy()


@_full
class MFnMeshData(MFnGeometryData):
    """Holds a mesh outside the scene."""

    _accepts = ("kMeshData",)

    def create(self) -> MObject:
        """Empty mesh data, for MFnMesh.create(..., data)."""
        self._target = Geometry(np.zeros((0, 3), np.float32))
        return wrap(self._target)


MFnData = api(MFnData)  # type: ignore[misc]
MFnNumericData = _full(MFnNumericData)
