"""attach, restore and check of one open scene."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.jobs.plan import Item
from aim_maya.runtime import current_model

from . import chain
from .attach import attach, file_for_scene
from .attach_report import attach_report
from .attributes import TYPE_NAME
from .blend_shape import mesh_shape
from .faces import examine, find_faces
from .files import save_scene
from .mesh_reader import transform_of
from .node_models import model_hash
from .restore import restore
from .work import NoFaces, Outcome


def attach_scene(item: Item, options: dict[str, Any]) -> Outcome:
    """Attach the model to the meshes named, or to all it fits; save. Raises AimError when it fits none."""
    outcome = Outcome(sources=[options["model"]])
    wanted = current_model(options["model"], "cpu")
    cmds.file(rename=item.output.replace("\\", "/"))  # the model's path is stored relative to where the scene will lie
    for mesh in _meshes(options["nodes"], len(wanted.data.neutral)):
        node = _attached(mesh)
        if node is not None:
            _same_model(node, model_hash(wanted), options["model"])
            outcome.notes.append(f"{mesh} has the model already ({node})")
            outcome.faces.append({"mesh": mesh, "node": node, "attached": False})
            continue
        done = attach(mesh, file_for_scene(options["model"]), mode=options["mode"], double_jaw=options["double_jaw"])
        outcome.notes += done.notes
        found = attach_report(done.node)
        outcome.faces.append({"mesh": mesh, "node": done.node, "attached": True, "largest_difference": asdict(found), "says": str(found)})
    if any(row["attached"] for row in outcome.faces) or item.output != item.scene:
        save_scene(item.output)
    else:
        outcome.skipped = True
    return outcome


def _meshes(wanted: list[str], count: int) -> list[str]:
    """Transforms of the meshes named; else of those with a blendShape or an aimDeformer, and the model's number of vertices."""
    if wanted:
        return [face.transform for face in find_faces(wanted)]
    found = []
    for shape in cmds.ls(type="mesh", noIntermediate=True, long=True):
        kinds = {cmds.nodeType(slot.node) for slot in chain.stack(str(shape))}
        if kinds & {"blendShape", TYPE_NAME} and cmds.polyEvaluate(shape, vertex=True) == count:
            found.append(transform_of(str(shape)))
    if not found:
        raise AimError(
            f"No mesh with a blendShape has the model's {count} vertices.",
            "The model belongs to another rig, or its reference is not loaded.",
            "Name the mesh with --nodes.",
        )
    return list(dict.fromkeys(found))


def _attached(mesh: str) -> str | None:
    return next((slot.node for slot in chain.stack(mesh_shape(mesh)) if cmds.nodeType(slot.node) == TYPE_NAME), None)


def _same_model(node: str, wanted: str, path: str) -> None:
    if cmds.getAttr(f"{node}.modelHash") != wanted:
        raise AimError(f"{node} has another model than {path}.", "It was attached before.", "Restore the scene first: aim-mayapy batch restore.")


def restore_scene(item: Item, options: dict[str, Any]) -> Outcome:
    """Take every model out, or those named; save. Raises AimError where there is none."""
    faces = [face for face in find_faces(options["nodes"]) if face.node]
    if not faces:
        raise NoFaces()
    outcome = Outcome()
    for face in faces:
        outcome.faces.append({"mesh": face.transform, "node": face.node, "blend_shape": restore(str(face.node))})
    save_scene(item.output)
    return outcome


def check_scene(item: Item, options: dict[str, Any]) -> Outcome:  # noqa: ARG001 - every command is called alike
    """Run every model once. Raises AimError that names those which do not run."""
    faces = [face for face in find_faces(options["nodes"]) if face.node]
    if not faces:
        raise NoFaces()
    outcome = Outcome([{"mesh": face.transform} | examine(str(face.node)) for face in faces])
    outcome.notes += [f"{row['node']}: {text}" for row in outcome.faces for text in row["warnings"]]
    bad = [f"{row['node']}: {'; '.join(row['problems'])}" for row in outcome.faces if row["problems"]]
    if bad:
        raise Unsound(f"{len(bad)} of {len(faces)} models do not run. {' | '.join(bad)}", outcome)
    return outcome


class Unsound(AimError):
    """A check found something; the outcome goes into the report as well."""

    def __init__(self, what: str, outcome: Outcome) -> None:
        super().__init__(what, "The file is missing or was replaced, or the mesh was edited.", "docs/maya.md lists the messages.")
        self.outcome = outcome
