"""The faces of a scene: which meshes are meant, and whether the model on each really runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.runtime.shared import current_model
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.registration import load

from . import chain
from .meshes import plug_points, shape_after, short, transform_of


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
