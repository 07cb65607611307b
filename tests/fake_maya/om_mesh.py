"""OpenMaya 1.0: MFnMesh and MItGeometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, current, local, violate, wrong_arguments
from .maths import transform_points
from .node import Node
from .om_arrays import MFloatArray, MFloatPointArray, MIntArray, MPointArray
from .om_attribute import full
from .om_base import MObject, wrap
from .om_math import MPoint
from .om_nodes import MFnDagNode
from .om_script import SwigPointer
from .om_types import MSpace
from .values import Geometry, Topology, UVSet


class MFnMesh(MFnDagNode):
    """A mesh node (by MObject or path) or mesh data."""

    _accepts = ("kMesh", "kMeshData")

    def _geometry(self) -> Geometry:
        if isinstance(self._target, Geometry):
            return self._target
        if not isinstance(self._target, Node):
            raise RuntimeError("(kInvalidParameter): Object is incompatible with this method")
        if local.frames:
            raise violate("MFnMesh on a mesh node during evaluation: only the data block may be used")
        found = current().evaluator.normal_value(self._target, ("outMesh", ()))
        empty = np.zeros(0, np.int32)
        return found or Geometry(np.zeros((0, 3), np.float32), topology=Topology(0, empty, empty))

    def _topology(self) -> Topology:
        topology = self._geometry().topology
        assert topology is not None
        return topology

    def _points(self, space: int) -> np.ndarray:
        points = self._geometry().points
        if space != MSpace.kWorld:
            return points
        if not self._path:
            raise RuntimeError("(kFailure): world space needs a DAG path")
        index = current().graph.paths(self._path[-1]).index(self._path)
        return transform_points(
            points, current().evaluator.normal_value(self._path[-1], ("worldMatrix", (index,)))
        )

    def numVertices(self) -> int:
        return len(self._geometry().points)

    def numPolygons(self) -> int:
        return len(self._topology().counts)

    def numFaceVertices(self) -> int:
        return len(self._topology().corners)

    def getRawPoints(self) -> SwigPointer:
        """const float*: x y z of all points, object space. Not to be written, not to be kept."""
        geometry = self._geometry()
        if isinstance(self._target, Node):
            geometry = current().keep_loose(geometry.clone())
        return SwigPointer("float", geometry.points.ctypes.data, None)

    def getPoints(self, array: Any, space: int = MSpace.kObject) -> None:
        if not isinstance(array, MPointArray | MFloatPointArray):
            raise wrong_arguments("MFnMesh_getPoints")
        points = np.asarray(self._points(space), np.float64)
        array._replace(np.concatenate([points, np.ones((len(points), 1))], 1))

    def setPoints(self, array: Any, space: int = MSpace.kObject) -> None:
        geometry = self._geometry()
        if array._count != len(geometry.points):
            raise RuntimeError("(kInvalidParameter): wrong number of points")
        if local.frames:
            raise violate(
                "MFnMesh.setPoints during evaluation ignores membership: write with"
                " MItGeometry.setAllPositions"
            )
        values = np.asarray(array._values()[:, :3], np.float64)
        if isinstance(self._target, Geometry):
            self._target.points = values.astype(np.float32)
        else:
            if space == MSpace.kWorld:
                world = current().evaluator.normal_value(self._target, ("worldMatrix", (0,)))
                values = transform_points(values, np.linalg.inv(world))
            current().graph.set_value(self._target, ("cachedInMesh", ()), geometry.with_points(values))

    def getVertices(self, counts: MIntArray, corners: MIntArray) -> None:
        counts._replace(self._topology().counts)
        corners._replace(self._topology().corners)

    def create(
        self, vertices: int, faces: int, points: Any, counts: MIntArray, corners: MIntArray, *rest: Any
    ) -> MObject:
        """create(nv, nf, points, counts, corners[, parent]): the new transform, or the shape below the
        parent."""
        topology = Topology(vertices, np.array(list(counts), np.int32), np.array(list(corners), np.int32))
        made = Geometry(points._values()[:, :3].astype(np.float32), topology=topology)
        parent = rest[-1]._target if rest and isinstance(rest[-1], MObject) else None
        transform, self._target = current().make_mesh("polySurface1", made, parent=parent)
        self._path = ()
        return wrap(transform if parent is None else self._target)

    def _uv(self, rest: tuple[Any, ...]) -> UVSet:
        sets = self._topology().uv_sets
        name = next((r for r in rest if isinstance(r, str)), None) or next(iter(sets), None)
        if name not in sets:
            raise RuntimeError("(kInvalidParameter): no such UV set")
        return sets[name]

    def numUVs(self, *name: str) -> int:
        return len(self._uv(name).u) if self._topology().uv_sets else 0

    def getUVs(self, u: MFloatArray, v: MFloatArray, *name: str) -> None:
        found = self._uv(name)
        u._replace(found.u)
        v._replace(found.v)

    def getAssignedUVs(self, counts: MIntArray, ids: MIntArray, *name: str) -> None:
        found = self._uv(name)
        counts._replace(found.counts)
        ids._replace(found.ids)


MFnMesh = full(MFnMesh)  # type: ignore[misc]


@api
class MItGeometry:
    """Iterates the members of a deformer (or all points of a shape).

    It is the one way to write a deformer's output."""

    def count(self) -> int:
        return len(self._members)

    def index(self) -> int:
        return int(self._members[self._i])

    def isDone(self) -> bool:
        return self._i >= len(self._members)

    def next(self) -> None:
        self._i += 1

    def reset(self) -> None:
        self._i = 0

    def _out(self, points: np.ndarray, space: int) -> np.ndarray:
        return (
            transform_points(points, self._matrix)
            if space == MSpace.kWorld
            else np.asarray(points, np.float64)
        )

    def _in(self, points: np.ndarray, space: int) -> np.ndarray:
        return transform_points(points, np.linalg.inv(self._matrix)) if space == MSpace.kWorld else points

    def position(self, space: int = MSpace.kObject) -> MPoint:
        return MPoint(*self._out(self._geometry.points[self._members[self._i]][None], space)[0])

    def setPosition(self, point: MPoint, space: int = MSpace.kObject) -> None:
        self._write(self._members[self._i : self._i + 1], self._in(point._array()[None, :3], space))

    def allPositions(self, array: MPointArray, space: int = MSpace.kObject) -> None:
        """All members' points, in order, into an MPointArray."""
        if not isinstance(array, MPointArray):
            raise wrong_arguments("MItGeometry_allPositions")
        points = self._out(self._geometry.points[self._members], space)
        array._replace(np.concatenate([points, np.ones((len(points), 1))], 1))

    def setAllPositions(self, array: MPointArray, space: int = MSpace.kObject) -> None:
        """Set all members' points; the array must have as many."""
        if not isinstance(array, MPointArray):
            raise wrong_arguments("MItGeometry_setAllPositions")
        if array._count != len(self._members):
            raise RuntimeError("(kInvalidParameter): Argument is a NULL pointer or has the wrong length")
        if not np.array_equal(array._values()[:, 3], np.ones(array._count)):
            raise violate("setAllPositions: the fourth coordinate w of every point must be 1")
        self._write(self._members, self._in(array._values()[:, :3], space))

    def _write(self, members: np.ndarray, points: np.ndarray) -> None:
        self._geometry.points[members] = points.astype(np.float32)
        if local.frames:
            frame, own = local.frames[-1], self._geometry
            frame.written = [(g, c) for g, c in frame.written if g is not own] + [(own, own.points.copy())]


def members_iterator(geometry: Geometry, members: np.ndarray, matrix: np.ndarray) -> MItGeometry:
    """The iterator that base compute hands to deform."""
    found = MItGeometry.__new__(MItGeometry)
    found._i, found._geometry, found._members, found._matrix = 0, geometry, members, matrix
    return found
