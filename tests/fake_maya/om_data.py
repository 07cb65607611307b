"""OpenMaya 1.0: the function sets of data objects and components."""

from __future__ import annotations

import numpy as np

from .boundary import api, constants
from .nodes_deform import evaluate_tag_expression
from .om_arrays import MIntArray
from .om_attribute import full
from .om_base import Component, MFnBase, MObject, wrap

_DATA = (
    "kInvalid kNumeric kPlugin kPluginGeometry kString kMatrix kStringArray kDoubleArray kFloatArray"
    " kIntArray"
    " kPointArray kVectorArray kMatrixArray kComponentList kMesh kLattice kNurbsCurve kNurbsSurface"
    " kAny=24 kLast=26"
)
_NUMERIC = (
    "kInvalid kBoolean kByte kChar kShort k2Short k3Short kInt k2Int k3Int kInt64 kFloat k2Float k3Float"
    " kDouble k2Double k3Double k4Double kAddr kLast kLong=7 k2Long k3Long"
)


@constants(_DATA)
class MFnData(MFnBase):
    _accepts = ("kData",)


@full
@constants(_NUMERIC)
class MFnNumericData(MFnData):
    _accepts = ("kNumericData",)


@full
@constants("kInvalidGroup kEmptyGroup kCompleteGroup kPartialGroup")
class MFnGeometryData(MFnData):
    _accepts = ("kGeometryData",)

    def objectGroupComponent(self, group: int) -> MObject:
        """Members of a group; one that the geometry does not have is an error."""
        if group not in self._target.groups:
            raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
        members = self._target.groups[group]
        if members is None:
            return wrap(Component([], len(self._target.points)))
        return wrap(Component([int(i) for i in members]))

    def resolveComponentTagExpression(self, expression: str, *kind: int) -> MObject:
        """Members by component tags; none is an error, as for a group."""
        ids = evaluate_tag_expression(expression, self._target)
        if not len(ids):
            raise RuntimeError("(kFailure): the expression gives no components")
        return wrap(Component([int(i) for i in ids]))


@full
class MFnSingleIndexedComponent(MFnBase):
    _accepts = ("kSingleIndexedComponent",)

    def getElements(self, array: MIntArray) -> None:
        count = self._target.complete
        array._replace(np.arange(count) if count >= 0 else self._target.elements)


MFnData = api(MFnData)  # type: ignore[misc]
