"""OpenMaya 1.0: MFnMesh and MItGeometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boundary import api, current, local, violate, wrong_arguments
from .maths import transform_points
from .node import Node
from .om_arrays import MFloatArray, MFloatPointArray, MIntArray, MPointArray
from .om_attribute import _full
from .om_base import Component, MObject, wrap
from .om_dag import MDagPath
from .om_math import MPoint
from .om_nodes import MFnDagNode
from .om_script import SwigPointer
from .om_types import MFn, MSpace
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
        return found if found is not None else Geometry(np.zeros((0, 3), np.float32), topology=Topology(0, np.zeros(0, np.int32), np.zeros(0, np.int32)))

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
        return transform_points(points, current().evaluator.normal_value(self._path[-1], ("worldMatrix", (index,))))

    def numVertices(self) -> int:
        """Vertices."""
        return len(self._geometry().points)

    def numPolygons(self) -> int:
        """Faces."""
        return len(self._topology().counts)

    def numFaceVertices(self) -> int:
        """Corners."""
        return len(self._topology().corners)

    def numEdges(self) -> int:
        """Edges."""
        return len(self._topology().edges())

    def getRawPoints(self) -> SwigPointer:
        """const float*: x y z of all points, object space. Not to be written, not to be kept."""
        geometry = self._geometry()
        if isinstance(self._target, Node):
            geometry = current().keep_loose(geometry.clone())
        return SwigPointer("float", geometry.points.ctypes.data, None)

    def getPoints(self, array: Any, space: int = MSpace.kObject) -> None:
        """All points, into an MPointArray or MFloatPointArray."""
        if not isinstance(array, MPointArray | MFloatPointArray):
            raise wrong_arguments("MFnMesh_getPoints")
        points = np.asarray(self._points(space), np.float64)
        array._replace(np.concatenate([points, np.ones((len(points), 1))], 1))

    def getPoint(self, index: int, point: MPoint, space: int = MSpace.kObject) -> None:
        """One point, into an MPoint."""
        point._set([*self._points(space)[index], 1.0])

    def setPoints(self, array: Any, space: int = MSpace.kObject) -> None:
        """Set all points."""
        geometry = self._geometry()
        if array._count != len(geometry.points):
            raise RuntimeError("(kInvalidParameter): wrong number of points")
        if local.frames:
            raise violate("MFnMesh.setPoints during evaluation ignores membership: write with MItGeometry.setAllPositions")
        values = np.asarray(array._values()[:, :3], np.float64)
        if isinstance(self._target, Geometry):
            self._target.points = values.astype(np.float32)
        else:
            if space == MSpace.kWorld:
                values = transform_points(values, np.linalg.inv(current().evaluator.normal_value(self._target, ("worldMatrix", (0,)))))
            current().graph.set_value(self._target, ("cachedInMesh", ()), geometry.with_points(values))

    def getVertices(self, counts: MIntArray, corners: MIntArray) -> None:
        """Corner counts and vertex ids of all faces, into two arrays."""
        counts._replace(self._topology().counts)
        corners._replace(self._topology().corners)

    def getPolygonVertices(self, face: int, array: MIntArray) -> None:
        """Vertex ids of one face."""
        topology = self._topology()
        start = int(topology.counts[:face].sum())
        array._replace(topology.corners[start : start + topology.counts[face]])

    def polygonVertexCount(self, face: int) -> int:
        """Corners of one face."""
        return int(self._topology().counts[face])

    def create(self, vertices: int, faces: int, points: Any, counts: MIntArray, corners: MIntArray, *rest: Any) -> MObject:
        """create(nv, nf, points, counts, corners[, u, v][, parent or data])."""
        arrays = [r for r in rest if isinstance(r, MFloatArray)]
        topology = Topology(vertices, np.array(list(counts), np.int32), np.array(list(corners), np.int32))
        if len(arrays) == 2:
            topology.uv_sets["map1"] = UVSet(arrays[0]._values().ravel(), arrays[1]._values().ravel(), np.zeros(faces, np.int32), np.zeros(0, np.int32))
        made = Geometry(points._values()[:, :3].astype(np.float32), topology=topology)
        owner = rest[-1] if rest and isinstance(rest[-1], MObject) else None
        if owner is not None and isinstance(owner._target, Geometry):
            owner._target.points, owner._target.topology = made.points, topology
            self._target, self._path = owner._target, ()
            return owner
        transform, shape = current().make_mesh("polySurface1", made, parent=owner._target if owner is not None else None)
        self._target, self._path = shape, ()
        return wrap(transform if owner is None or owner._target is None else shape)

    def getUVSetNames(self, names: list[str]) -> None:
        """Names of the UV sets, into a list."""
        names.extend(self._topology().uv_sets)

    def _uv(self, rest: tuple[Any, ...]) -> UVSet:
        sets = self._topology().uv_sets
        name = next((r for r in rest if isinstance(r, str)), None) or next(iter(sets), None)
        if name not in sets:
            raise RuntimeError("(kInvalidParameter): no such UV set")
        return sets[name]

    def numUVs(self, *name: str) -> int:
        """UVs of a set."""
        return len(self._uv(name).u) if self._topology().uv_sets else 0

    def getUVs(self, u: MFloatArray, v: MFloatArray, *name: str) -> None:
        """UVs of a set, into two arrays."""
        found = self._uv(name)
        u._replace(found.u)
        v._replace(found.v)

    def getAssignedUVs(self, counts: MIntArray, ids: MIntArray, *name: str) -> None:
        """UV counts and ids of all faces."""
        found = self._uv(name)
        counts._replace(found.counts)
        ids._replace(found.ids)

    def assignUVs(self, counts: MIntArray, ids: MIntArray, *name: str) -> None:
        """Give faces their UVs."""
        found = self._uv(name)
        found.counts, found.ids = counts._values().ravel().copy(), ids._values().ravel().copy()

    def updateSurface(self) -> None:
        """Tell that the mesh changed."""

    def syncObject(self) -> None:
        """Tell that the mesh changed outside the API."""


MFnMesh = _full(MFnMesh)  # type: ignore[misc]


@api
class MItGeometry:
    """Iterates the members of a deformer (or all points of a shape). It is the one way to write a deformer's output."""

    def __init__(self, *args: Any) -> None:
        self._i = 0
        self._data: Any = None
        self._readonly = False
        if len(args) == 1 and isinstance(args[0], MDagPath):
            path = args[0]._path
            attr = "outMesh" if path[-1].type.name == "mesh" else "local"
            self._geometry: Geometry = current().evaluator.normal_value(path[-1], (attr, ())).clone()
            self._matrix = args[0].inclusiveMatrix()._m
            self._members = np.arange(len(self._geometry.points))
            self._readonly = True
        elif args and hasattr(args[0], "_geometry_for_iterator"):
            handle = args[0]
            self._geometry = handle._geometry_for_iterator()
            self._matrix = self._geometry.matrix
            group = args[1] if len(args) > 1 and isinstance(args[1], int) else None
            members = self._geometry.groups.get(group) if group is not None else None
            self._members = np.arange(len(self._geometry.points)) if members is None else np.asarray(members)
            self._readonly = bool(args[-1]) if len(args) > 1 else False
        else:
            raise wrong_arguments("new_MItGeometry")

    def count(self) -> int:
        """Number of members."""
        return len(self._members)

    def exactCount(self) -> int:
        """The same."""
        return len(self._members)

    def index(self) -> int:
        """Component index of the current point."""
        return int(self._members[self._i])

    def positionIndex(self) -> int:
        """Position of the current point in the geometry."""
        return int(self._members[self._i])

    def isDone(self) -> bool:
        """Whether it is past the end."""
        return self._i >= len(self._members)

    def next(self) -> None:
        """Go on."""
        self._i += 1

    def reset(self) -> None:
        """Back to the start."""
        self._i = 0

    def _out(self, points: np.ndarray, space: int) -> np.ndarray:
        return transform_points(points, self._matrix) if space == MSpace.kWorld else np.asarray(points, np.float64)

    def _in(self, points: np.ndarray, space: int) -> np.ndarray:
        return transform_points(points, np.linalg.inv(self._matrix)) if space == MSpace.kWorld else points

    def position(self, space: int = MSpace.kObject) -> MPoint:
        """Current point."""
        return MPoint(*self._out(self._geometry.points[self._members[self._i]][None], space)[0])

    def setPosition(self, point: MPoint, space: int = MSpace.kObject) -> None:
        """Set the current point."""
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
        if self._readonly:
            raise RuntimeError("(kFailure): the iterator is read only")
        self._geometry.points[members] = points.astype(np.float32)
        if local.frames:
            local.frames[-1].written = [(g, c) for g, c in local.frames[-1].written if g is not self._geometry] + [(self._geometry, self._geometry.points.copy())]

    def component(self) -> MObject:
        """Current point as a component."""
        return wrap(Component(MFn.kMeshVertComponent, [self.index()]))

    def currentItem(self) -> MObject:
        """The same."""
        return self.component()


def members_iterator(geometry: Geometry, members: np.ndarray, matrix: np.ndarray) -> MItGeometry:
    """The iterator that base compute hands to deform."""
    found = MItGeometry.__new__(MItGeometry)
    found._i, found._geometry, found._members, found._matrix, found._readonly, found._data = 0, geometry, members, matrix, False, None
    return found
