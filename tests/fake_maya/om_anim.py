"""OpenMayaAnim 1.0: the current time, and function sets of deformers."""

from __future__ import annotations

from .boundary import api, current
from .commands.deform import deformed_shapes, original_of
from .om_arrays import MIntArray, MObjectArray
from .om_attribute import _full
from .om_base import MObject, wrap
from .om_dag import node_of
from .om_nodes import MFnDependencyNode
from .om_units import MTime, time_of


@api
class MAnimControl:
    """The time slider."""

    @staticmethod
    def currentTime() -> MTime:
        """The current time."""
        return time_of(current().time)

    @staticmethod
    def setCurrentTime(time: MTime) -> None:
        """Go to a time."""
        session = current()
        session.set_time(time._ticks() / session.ticks_per_frame)


class MFnGeometryFilter(MFnDependencyNode):
    """Any deformer."""

    _accepts = ("kGeometryFilt",)

    def envelope(self) -> float:
        """Envelope."""
        return float(current().evaluator.normal_value(self._target, ("envelope", ())))

    def setEnvelope(self, value: float) -> None:
        """Set the envelope."""
        current().graph.set_value(self._target, ("envelope", ()), float(value))

    def getOutputGeometry(self, array: MObjectArray) -> None:
        """Shapes at the ends of its chains."""
        array._items = [wrap(shape) for _, shape in deformed_shapes(self._target)]

    def getInputGeometry(self, array: MObjectArray) -> None:
        """Shapes its chains begin with."""
        array._items = [wrap(original_of(shape)) for _, shape in deformed_shapes(self._target)]

    def indexForOutputShape(self, shape: MObject) -> int:
        """Index of a shape."""
        found = [i for i, s in deformed_shapes(self._target) if s is node_of(shape)]
        if not found:
            raise RuntimeError("(kInvalidParameter): shape is not deformed")
        return found[0]


@_full
class MFnBlendShapeDeformer(MFnDependencyNode):
    """A native blendShape."""

    _accepts = ("kBlendShape",)
    kLocalOrigin, kWorldOrigin = 0, 1

    def numWeights(self) -> int:
        """How many weights exist."""
        return len(self._target.indices("weight"))

    def weightIndexList(self, array: MIntArray) -> None:
        """Their indices: there may be gaps."""
        array._replace(self._target.indices("weight"))

    def targetItemIndexList(self, target: int, base: MObject, array: MIntArray) -> None:
        """Item indices of one target: 6000 is the full one."""
        index = next((i for i, s in deformed_shapes(self._target) if s is base._target), 0)
        array._replace(self._target.indices("inputTargetItem", (index, target)))

    def weight(self, index: int) -> float:
        """One weight."""
        return float(current().evaluator.normal_value(self._target, ("weight", (index,))))

    def setWeight(self, index: int, value: float) -> None:
        """Set one weight."""
        current().graph.set_value(self._target, ("weight", (index,)), float(value))

    def envelope(self) -> float:
        """Envelope."""
        return float(current().evaluator.normal_value(self._target, ("envelope", ())))

    def origin(self) -> int:
        """kLocalOrigin or kWorldOrigin."""
        return 1 - int(current().evaluator.normal_value(self._target, ("origin", ())))

    def getBaseObjects(self, array: MObjectArray) -> None:
        """Shapes it deforms."""
        array._items = [wrap(shape) for _, shape in deformed_shapes(self._target)]


MFnGeometryFilter = _full(MFnGeometryFilter)  # type: ignore[misc]
