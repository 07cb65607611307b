"""OpenMaya 1.0: components and lists of them."""

from __future__ import annotations

import numpy as np

from .om_arrays import MIntArray
from .om_attribute import _full
from .om_base import Component, MFnBase, MObject, wrap
from .om_data import _Value
from .om_types import MFn
from .values import component_indices, component_names

_COMPONENT_KINDS = {MFn.kMeshVertComponent: "vtx", MFn.kCurveCVComponent: "cv", MFn.kMeshPolygonComponent: "f", MFn.kMeshEdgeComponent: "e"}


@_full
class MFnComponentListData(_Value):
    """A list of components."""

    _accepts, _kind = ("kComponentListData",), "componentList"

    def create(self) -> MObject:
        """An empty list."""
        return self._make([])

    def add(self, component: MObject) -> None:
        """Add a component."""
        held = component._target
        self._target.value = [*self._target.value, *component_names(np.array(held.elements), _COMPONENT_KINDS[held.type])]

    def length(self) -> int:
        """Number of component objects: one for each name in the list."""
        return len(self._target.value or [])

    def clear(self) -> None:
        """Empty it."""
        self._target.value = []

    def __getitem__(self, index: int) -> MObject:
        name = self._target.value[index]
        kind = name.rpartition(".")[2].partition("[")[0]
        number = next(n for n, k in _COMPONENT_KINDS.items() if k == kind)
        return wrap(Component(number, component_indices([name], 1 << 30 if "*" not in name else 0).tolist()))


@_full
class MFnSingleIndexedComponent(MFnBase):
    """Vertices, CVs, edges or faces."""

    _accepts = ("kSingleIndexedComponent",)

    def create(self, kind: int) -> MObject:
        """An empty component of a type."""
        self._target = Component(kind, [])
        return wrap(self._target)

    def addElement(self, index: int) -> None:
        """Add one."""
        self._target.elements = sorted({*self._target.elements, int(index)})

    def addElements(self, indices: MIntArray) -> None:
        """Add several."""
        self._target.elements = sorted({*self._target.elements, *indices})

    def elementCount(self) -> int:
        """How many."""
        return max(self._target.complete, len(self._target.elements))

    def element(self, position: int) -> int:
        """One of them."""
        return self._target.elements[position] if self._target.complete < 0 else position

    def getElements(self, array: MIntArray) -> None:
        """All, into an array."""
        array._replace(np.arange(self._target.complete) if self._target.complete >= 0 else self._target.elements)

    def setCompleteData(self, count: int) -> None:
        """All of `count`."""
        self._target.complete = count

    def isComplete(self) -> bool:
        """Whether it means all."""
        return self._target.complete >= 0

    def isEmpty(self) -> bool:
        """Whether it has none."""
        return self.elementCount() == 0
