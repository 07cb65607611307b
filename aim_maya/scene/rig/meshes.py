"""Meshes of the scene as arrays: faces, UVs, points in object space or taken into another object's; and plain
copies of them. And the faces: which meshes are meant, and whether the model on each really runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from maya import OpenMaya, cmds

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.mesh import Mesh
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.maya import from_list, without_undo
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.geometry import as_point_array, integers, polygons, view
from aim_maya.scene.node.registration import load

from . import chain
from .plugs import destinations_of

# Meshes of the scene as arrays: faces, UVs, points in object space or taken into another object's space.


def dag_path(name: str) -> Any:
    """The MDagPath of a node. Raises AimError for a name that several have: a selection list takes them all,
    and its first would be any of them."""
    selection, path = OpenMaya.MSelectionList(), OpenMaya.MDagPath()
    selection.add(one_object(name))
    selection.getDagPath(0, path)
    return path


def one_object(name: str) -> str:
    """The full path of the one object of this name. Raises AimError when there is none, and with all of them
    when there are several."""
    found = [str(path) for path in cmds.ls(name, long=True) or []]
    if not found:
        raise AimError(
            f"There is no object '{name}'.", "It was renamed or deleted.", "Select the mesh again."
        )
    if len(found) > 1:
        listed = ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
        raise AimError(
            f"{len(found)} objects are called '{name}': {listed}.",
            "They lie under different parents.",
            "Give the full path of the one meant.",
        )
    return found[0]


def _plug_mesh(plug: str) -> Any:
    """The MFnMesh that a geometry plug gives: evaluated there, before what follows."""
    node, attribute = plug.split(".", 1)
    name, index = attribute.rstrip("]").split("[")
    selection, handle = OpenMaya.MSelectionList(), OpenMaya.MObject()
    selection.add(node)
    selection.getDependNode(0, handle)
    element = OpenMaya.MFnDependencyNode(handle).findPlug(name, False).elementByLogicalIndex(int(index))
    return OpenMaya.MFnMesh(element.asMObject())


def plug_points(plug: str) -> Floats:
    """(V, 3) float64 object-space points, centimetres, of the mesh on a plug such as outputGeometry[0]."""
    return _points(_plug_mesh(plug))


def plug_mesh(plug: str) -> Mesh:
    """Faces, UVs and points of the mesh on a plug."""
    return _mesh(_plug_mesh(plug))


def shape_points(shape: str) -> Floats:
    """(V, 3) float64 points of a mesh shape as it is now, object space, centimetres."""
    return _points(OpenMaya.MFnMesh(dag_path(shape)))


def _points(mesh: Any) -> Floats:
    count = mesh.numVertices()
    return view(mesh.getRawPoints(), 3 * count, np.float32).reshape(-1, 3).astype(np.float64)


def read_mesh(shape: str, points: Floats | None = None) -> Mesh:
    """Faces and UVs of a mesh shape on its points as they are now, or on those given."""
    mesh = _mesh(OpenMaya.MFnMesh(dag_path(shape)))
    return mesh if points is None else mesh.with_points(points)


def _mesh(mesh: Any) -> Mesh:
    faces = polygons(mesh, _points(mesh))
    if not mesh.numUVs():
        return faces
    u, v, counts, ids = (
        OpenMaya.MFloatArray(),
        OpenMaya.MFloatArray(),
        OpenMaya.MIntArray(),
        OpenMaya.MIntArray(),
    )
    mesh.getUVs(u, v)
    mesh.getAssignedUVs(counts, ids)
    corners = np.full(len(faces.corners), -1, np.int32)
    corners[np.repeat(integers(counts) > 0, faces.counts)] = integers(ids)
    return Mesh(faces.points, faces.counts, faces.corners, np.stack([_floats(u), _floats(v)], 1), corners)


def _floats(array: Any) -> Floats:
    return np.array([array[i] for i in range(array.length())], np.float64)


def transform_of(shape: str) -> str:
    """The transform above a shape, by full path."""
    return str((cmds.listRelatives(shape, parent=True, fullPath=True) or [shape])[0])


def world_matrix(node: str) -> Floats:
    """(4, 4) column vectors, internal centimetres, of a transform."""
    return from_list(cmds.getAttr(f"{node}.worldMatrix[0]"))


def into_space(points: Floats, of: str, face: str) -> Floats:
    """Points (V, 3) in the object space of transform `of`, taken into that of `face`. Raises AimError for a
    non-uniform scale."""
    return rigid.apply(np.linalg.inv(uniform_world_matrix(face)) @ uniform_world_matrix(of), points)


def uniform_world_matrix(node: str) -> Floats:
    """The world matrix of a transform. Raises AimError when its scale is zero, or differs between axes."""
    matrix = world_matrix(node)
    scales = np.linalg.norm(matrix[:3, :3], axis=0)
    gram = matrix[:3, :3].T @ matrix[:3, :3]
    if scales.min() <= 0 or np.abs(gram - np.eye(3) * scales[0] ** 2).max() > 1e-3 * scales.max() ** 2:
        raise AimError(
            f"{node} is scaled by {', '.join(f'{s:.4g}' for s in scales)} along its axes.",
            "A non-uniform scale or shear would bend what is rigid.",
            "Freeze its transformations (Modify > Freeze Transformations), then try again.",
        )
    return matrix


# Plain copies of a mesh: same faces and place, no history, other points.


def copy_mesh(transform: str, name: str, points: Floats) -> tuple[str, str]:
    """Duplicate a mesh without its history or children and set its points (V, 3), object space; returns
    transform and shape by their full paths."""
    made = str(cmds.duplicate(transform, name=name, returnRootsOnly=True)[0])
    parent = (cmds.listRelatives(transform, parent=True, fullPath=True) or [""])[0]
    copy = f"{parent}|{made.split('|')[-1]}"  # beside what it is a copy of; its name alone may not be enough
    for child in cmds.listRelatives(copy, children=True, fullPath=True) or []:
        if cmds.objectType(child, isAType="transform") or cmds.getAttr(f"{child}.intermediateObject"):
            cmds.delete(child)
    shape = str(cmds.listRelatives(copy, shapes=True, fullPath=True)[0])
    with as_point_array(points) as array:
        OpenMaya.MFnMesh(dag_path(shape)).setPoints(array, OpenMaya.MSpace.kObject)
    return copy, shape


@contextlib.contextmanager
def loose_mesh(mesh: Mesh) -> Iterator[str]:
    """A mesh of these faces and points (object space, centimetres), to be duplicated inside; then it is gone.

    The API makes meshes behind the undo queue's back: a duplicate is what undo and redo know of. To be opened
    outside any undo chunk.
    """
    points, counts, corners = OpenMaya.MFloatPointArray(), OpenMaya.MIntArray(), OpenMaya.MIntArray()
    for x, y, z in mesh.points.tolist():
        points.append(OpenMaya.MFloatPoint(x, y, z))
    for array, values in ((counts, mesh.counts), (corners, mesh.corners)):
        for value in values.tolist():
            array.append(value)
    with without_undo():
        made = OpenMaya.MFnMesh().create(
            len(mesh.points), len(mesh.counts), points, counts, corners, OpenMaya.MObject.kNullObj
        )
        path = str(OpenMaya.MFnDagNode(made).fullPathName())
    try:
        yield path
    finally:
        with without_undo():
            cmds.delete(path)


def shaded_copy(source: str, name: str) -> str:
    """A duplicate under the world, shaded as new objects are; its transform by its full path."""
    made = str(cmds.duplicate(source, name=name, returnRootsOnly=True)[0])
    cmds.sets(made, edit=True, forceElement="initialShadingGroup")
    return one_object(f"|{made.split('|')[-1]}")


def short(name: str) -> str:
    """A node's own name, without path and namespace."""
    return name.split("|")[-1].split(":")[-1]


_GIVES = ("outputGeometry", "output", "outMesh", "worldMesh")  # groupParts; polygon operations; shapes


def shape_after(node: str, index: int = 0) -> str:
    """The visible mesh that a geometry of a deformer node ends in, by full path: by the wiring of that
    geometry alone, not by what else looks at it (wraps, other meshes' targets). Raises AimError when there
    is none."""
    left, seen = destinations_of(f"{node}.outputGeometry[{index}]"), set[str]()
    while left:
        plug = left.pop(0)
        other, attribute = plug.split(".", 1)
        if plug in seen or not _takes_geometry(attribute):
            continue
        seen.add(plug)
        if cmds.nodeType(other) == "mesh" and not cmds.getAttr(f"{other}.intermediateObject"):
            return str(cmds.ls(other, long=True)[0])
        if attribute.startswith("input["):  # a deformer gives each geometry where it takes it
            left += destinations_of(f"{other}.outputGeometry[{attribute[6 : attribute.index(']')]}]")
            continue
        for gives in (a for a in _GIVES if cmds.attributeQuery(a, node=other, exists=True)):
            left += destinations_of(f"{other}.{gives}")
    raise AimError(f"{node} deforms no visible mesh.", "Its geometry was disconnected.", "Attach again.")


def _takes_geometry(attribute: str) -> bool:
    """Whether a plug is where a chain of deformers goes on."""
    last = attribute.rsplit(".", 1)[-1]
    return last in ("inputGeometry", "inputPolymesh", "inMesh")


def shapes_after(node: str) -> list[str]:
    """The visible meshes of every geometry of a deformer node."""
    found = []
    for index in cmds.getAttr(f"{node}.outputGeometry", multiIndices=True) or []:
        with contextlib.suppress(AimError):  # an index that leads nowhere any more
            found.append(shape_after(node, index))
    return found


@dataclass(frozen=True)
class Face:
    """A mesh by its transform (full path) and the aimDeformer on it; node None for a mesh that was named and
    has none."""

    transform: str
    shape: str
    node: str | None


def find_faces(wanted: Sequence[str]) -> list[Face]:
    """The meshes named (nodes, transforms or shapes, with *), or those of every aimDeformer. Raises AimError
    for a name that nothing has."""
    load()
    nodes = [str(n) for n in cmds.ls(type=TYPE_NAME)]
    if not wanted:
        return _once([_of_node(n) for n in nodes])
    on_shape = {shape_after(n): n for n in nodes}
    found: list[Face] = []
    for name in wanted:
        hits = [
            f
            for hit in cmds.ls(name, long=True, recursive=True)
            if (f := _named(str(hit), on_shape)) is not None
        ]
        if not hits:
            known = [*nodes, *(short(transform_of(s)) for s in on_shape)]
            raise AimError(
                f"Nothing in the scene that has a mesh is called '{name}'.",
                nearest_name(name, known),
                f"Its {TYPE_NAME} nodes: {', '.join(nodes) or 'none'}.",
            )
        found += hits
    return _once(found)


def _once(faces: list[Face]) -> list[Face]:
    return list({f.shape: f for f in faces}.values())


def _of_node(node: str) -> Face:
    shape = shape_after(node)
    return Face(transform_of(shape), shape, node)


def _named(name: str, on_shape: dict[str, str]) -> Face | None:
    kind = str(cmds.nodeType(name))
    if kind == TYPE_NAME:
        return _of_node(name)
    shapes = (
        [name]
        if kind == "mesh"
        else cmds.listRelatives(name, shapes=True, noIntermediate=True, fullPath=True, type="mesh") or []
    )
    if not shapes or (kind == "mesh" and cmds.getAttr(f"{name}.intermediateObject")):
        return None
    shape = str(shapes[0])
    return Face(transform_of(shape), shape, on_shape.get(shape))


def after_model(face: Face) -> list[str]:
    """Deformers that act after the model's."""
    order = [slot.node for slot in chain.stack(face.shape)]
    return order[: order.index(face.node)] if face.node in order else []


def model_file(node: str) -> str:
    """The model file that a node uses. Raises AimError that lists every place tried."""
    return str(paths.file_of(node))


def examine(node: str) -> dict[str, Any]:
    """Run a node at the present time: node, model file, performance if any, `problems` that keep them from
    showing, `warnings` that do not."""
    found: dict[str, Any] = {
        "node": node,
        "model": str(cmds.getAttr(f"{node}.model") or ""),
        "problems": [],
        "warnings": [],
    }
    try:
        found["model"] = model_file(node)
        current_model(found["model"], "cpu")
        if cmds.getAttr(f"{node}.performance"):
            found["performance"] = str(paths.file_of(node, "performance"))
        plug_points(f"{node}.outputGeometry[0]")
    except AimError as error:
        found["problems"].append(str(error))
        return found
    except RuntimeError as error:
        found["problems"].append(f"its geometry cannot be evaluated ({str(error).strip()})")
        return found
    for line in str(cmds.getAttr(f"{node}.status") or "").splitlines()[1:]:  # the first says what runs where
        if not line.startswith("plays "):
            found["warnings" if line.startswith("warning") else "problems"].append(
                line.removeprefix("warning: ")
            )
    if float(cmds.getAttr(f"{node}.envelope")) == 0.0:
        found["warnings"].append("its envelope is 0: the model does nothing")
    return found
