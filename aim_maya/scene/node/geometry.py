"""The geometry a deformer is given and gives: read through raw pointers fetched anew, written in one call
that honours membership; and the memory that numpy and Maya both see."""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from maya import OpenMaya

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh

from .registration import base_attribute


@dataclass(frozen=True)
class InputMesh:
    """One input of one evaluation; nothing of it may be kept. element: the handle of input[index]."""

    mesh: Any
    element: Any
    count: int

    def points(self) -> Floats:
        """(V, 3) float32 read-only view of Maya's own memory, object space, centimetres."""
        points = view(self.mesh.getRawPoints(), 3 * self.count, np.float32).reshape(-1, 3)
        points.flags.writeable = False
        return points

    def signature(self) -> tuple[int, int, int]:
        """Counts of vertices, faces and corners: cheap to ask each frame."""
        return self.count, self.mesh.numPolygons(), self.mesh.numFaceVertices()

    def topology_hash(self) -> str:
        """As Mesh.topology_hash."""
        return polygons(self.mesh, np.zeros((self.count, 3))).topology_hash


def input_mesh(block: Any, index: int) -> InputMesh:
    """The geometry at input[index]. Raises AimError when it is not a mesh.

    outputArrayValue, because asking for the input again would evaluate everything upstream again.
    """
    handle = block.outputArrayValue(base_attribute("input"))
    handle.jumpToElement(index)
    element = handle.outputValue()
    geometry = element.child(base_attribute("inputGeom"))
    if geometry.type() != OpenMaya.MFnData.kMesh:
        raise AimError(
            f"Geometry {index} is not a mesh.",
            "The deformer's input was replaced.",
            "Connect a mesh, or take the geometry out of the deformer.",
        )
    mesh = OpenMaya.MFnMesh(geometry.asMesh())
    return InputMesh(mesh, element, mesh.numVertices())


def polygons(mesh: Any, points: Floats) -> Mesh:
    """The faces of an MFnMesh on the given points (V, 3)."""
    counts, corners = OpenMaya.MIntArray(), OpenMaya.MIntArray()
    mesh.getVertices(counts, corners)
    return Mesh(points, integers(counts), integers(corners))


def integers(array: Any) -> Ints:
    """(N,) int32 from an MIntArray, in one call."""
    size = array.length()
    if not size:
        return np.zeros(0, np.int32)
    util = OpenMaya.MScriptUtil()
    util.createFromList([0] * size, size)
    pointer = util.asIntPtr()
    array.get(pointer)
    copied: Ints = view(pointer, size, np.int32).astype(np.int32)
    return copied


def members(source: InputMesh, iterator: Any) -> Ints | None:
    """Vertex ids the deformer acts on, in the iterator's order; None for the whole mesh. Asked for in every
    evaluation: a tag or a group may change with the geometry that carries it."""
    count = iterator.count()
    if count == source.count:
        return None
    part = source.element
    data = OpenMaya.MFnGeometryData(part.child(base_attribute("inputGeom")).data())
    for ask, name, kind in (
        (data.objectGroupComponent, "groupId", "asLong"),
        (data.resolveComponentTagExpression, "componentTagExpression", "asString"),
    ):
        ids = _component_ids(ask, getattr(part.child(base_attribute(name)), kind)())
        if ids is not None and len(ids) == count:
            return ids
    return _iterated_ids(iterator)


def _component_ids(ask: Callable[[Any], Any], which: Any) -> Ints | None:
    """Ids of a group or of a component tag expression, in a few calls whatever their number; None where
    membership is kept in the other way."""
    try:
        ids = OpenMaya.MIntArray()
        OpenMaya.MFnSingleIndexedComponent(ask(which)).getElements(ids)
    except (RuntimeError, TypeError):
        return None
    return np.sort(integers(ids))


def _iterated_ids(iterator: Any) -> Ints:
    """The documented way, one call a member: only where no bulk answer fits."""
    ids = []
    iterator.reset()
    while not iterator.isDone():
        ids.append(iterator.index())
        iterator.next()
    iterator.reset()
    return np.array(ids, np.int64)


def write(iterator: Any, points: Floats) -> None:
    """Set every member to points (N, 3), in one call."""
    with as_point_array(points) as array:
        iterator.setAllPositions(array)


# Memory that numpy and Maya's arrays both see. MScriptUtil owns it, so it has to be kept alive: pools do
# that.


class _Doubles:
    """`size` doubles: the MScriptUtil that owns them, its pointer, and a numpy view."""

    def __init__(self, size: int, pointer: str) -> None:
        self.util = OpenMaya.MScriptUtil()
        self.util.createFromList([0.0] * size, size)
        self.pointer = getattr(self.util, pointer)()
        self.view = view(self.pointer, size, np.float64)


class Pool:
    """Buffers that grow on demand and are used again, the last one first: filling an MScriptUtil from a list
    is the slow part.

    Lent, not thread-local: what Python keeps for a thread that Maya made is gone when the callback returns.
    """

    def __init__(self, width: int, pointer: str) -> None:
        self._width, self._pointer, self._free = width, pointer, deque[_Doubles]()

    @contextlib.contextmanager
    def lend(self, count: int) -> Iterator[tuple[Any, Floats]]:
        """A pointer for the API and its memory as (count, width) float64; both are taken back at the end of
        the block."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = _Doubles(self._width * max(count, 64), self._pointer)
        if len(buffer.view) < self._width * count:
            buffer = _Doubles(self._width * count, self._pointer)
        try:
            yield buffer.pointer, buffer.view[: self._width * count].reshape(count, self._width)
        finally:
            self._free.append(buffer)


def view(pointer: Any, size: int, dtype: Any) -> Floats:
    """(size,) array over the memory behind a SWIG pointer."""
    item = np.dtype(dtype)
    memory = (ctypes.c_char * (size * item.itemsize)).from_address(int(pointer))
    return np.frombuffer(memory, item)


_POINTS = Pool(4, "asDouble4Ptr")


@contextlib.contextmanager
def as_point_array(points: Floats) -> Iterator[Any]:
    """An MPointArray of points (N, 3)."""
    with _POINTS.lend(len(points)) as (pointer, memory):
        for axis in range(3):  # numpy copies long columns twice as fast as many short rows
            memory[:, axis] = points[:, axis]
        memory[:, 3] = 1.0
        yield OpenMaya.MPointArray(pointer, len(points))
