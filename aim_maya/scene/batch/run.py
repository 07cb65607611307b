"""The scenes of a plan, one after the other, in the Maya that runs: attach, restore, check or export; what
goes wrong with one is in its result.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maya import cmds

from aim_maya.core.container import model_hash
from aim_maya.core.errors import AimError
from aim_maya.jobs.options import Item, Plan
from aim_maya.jobs.results import DONE, FAILED, SKIPPED, Result, error_parts, is_up_to_date, note_output
from aim_maya.runtime.deformation import current_model
from aim_maya.scene.actions.attach import attach, file_for_scene
from aim_maya.scene.actions.attach_report import attach_report
from aim_maya.scene.actions.restore import restore
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.rig import chain
from aim_maya.scene.rig.blend_shape import mesh_shape
from aim_maya.scene.rig.meshes import examine, find_faces, transform_of

from .export import export
from .files import (
    FORMAT_PLUGINS,
    NoFaces,
    SceneReport,
    close_scene,
    load_plugins,
    open_scene,
    safe_publish,
    save_scene,
    sources,
)

# attach, restore and check of one open scene.


def attach_scene(item: Item, options: dict[str, Any]) -> SceneReport:
    """Attach the model to the meshes named, or to all it fits; save. Raises AimError when it fits none."""
    report = SceneReport(sources=[options["model"]])
    wanted = current_model(options["model"], "cpu")
    # the model's path is stored relative to where the scene will lie
    cmds.file(rename=item.output.replace("\\", "/"))
    for mesh in _meshes(options["nodes"], len(wanted.data.neutral)):
        node = _attached(mesh)
        if node is not None:
            _same_model(node, model_hash(wanted.manifest), options["model"])
            report.notes.append(f"{mesh} has the model already ({node})")
            report.faces.append({"mesh": mesh, "node": node, "attached": False})
            continue
        done = attach(
            mesh, file_for_scene(options["model"]), mode=options["mode"], double_jaw=options["double_jaw"]
        )
        report.notes += done.notes
        found = attach_report(done.node)
        report.faces.append(
            {
                "mesh": mesh,
                "node": done.node,
                "attached": True,
                "largest_difference": asdict(found),
                "says": str(found),
            }
        )
    if any(row["attached"] for row in report.faces) or item.output != item.scene:
        save_scene(item.output)
    else:
        report.skipped = True
    return report


def _meshes(wanted: list[str], count: int) -> list[str]:
    """Transforms of the meshes named; else of those with a blendShape or an aimDeformer, and the model's
    number of vertices."""
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
    return next(
        (slot.node for slot in chain.stack(mesh_shape(mesh)) if cmds.nodeType(slot.node) == TYPE_NAME), None
    )


def _same_model(node: str, wanted: str, path: str) -> None:
    if cmds.getAttr(f"{node}.modelHash") != wanted:
        raise AimError(
            f"{node} has another model than {path}.",
            "It was attached before.",
            "Restore the scene first: aim-mayapy batch restore.",
        )


def restore_scene(item: Item, options: dict[str, Any]) -> SceneReport:
    """Take every model out, or those named; save. Raises AimError where there is none."""
    faces = [face for face in find_faces(options["nodes"]) if face.node]
    if not faces:
        raise NoFaces()
    report = SceneReport()
    for face in faces:
        report.faces.append(
            {"mesh": face.transform, "node": face.node, "blend_shape": restore(str(face.node))}
        )
    save_scene(item.output)
    return report


def check_scene(item: Item, options: dict[str, Any]) -> SceneReport:  # noqa: ARG001 - commands are alike
    """Run every model once. Raises AimError that names those which do not run."""
    faces = [face for face in find_faces(options["nodes"]) if face.node]
    if not faces:
        raise NoFaces()
    report = SceneReport([{"mesh": face.transform} | examine(str(face.node)) for face in faces])
    report.notes += [f"{row['node']}: {text}" for row in report.faces for text in row["warnings"]]
    bad = [f"{row['node']}: {'; '.join(row['problems'])}" for row in report.faces if row["problems"]]
    if bad:
        raise Unsound(f"{len(bad)} of {len(faces)} faces do not show their model. {' | '.join(bad)}", report)
    return report


class Unsound(AimError):
    """A check found something; what it has found goes into the report as well."""

    def __init__(self, what: str, report: SceneReport) -> None:
        super().__init__(
            what,
            "The file is missing or was replaced, or the mesh was edited.",
            "docs/guide/troubleshooting.md lists the messages.",
        )
        self.report = report


# The scenes of a plan, one after the other, in the Maya that runs: whatever goes wrong with one is in its
# result.

_WORK: dict[str, Callable[[Item, dict[str, Any]], SceneReport]] = {
    "export": export,
    "attach": attach_scene,
    "restore": restore_scene,
    "check": check_scene,
}
_log = logging.getLogger("aim_maya")


def prepare(plan: Plan) -> None:
    """Plug-ins and evaluation, before any scene. Raises AimError when this machine cannot do the work."""
    faulthandler.enable()  # where Maya crashes, the log has the Python stack
    wanted = FORMAT_PLUGINS.get(plan.options.get("format") or "")
    load_plugins([*([wanted] if wanted else []), *plan.options["plug_ins"]])


def run(plan: Plan, begun: Callable[[str], None], ended: Callable[[Result], None]) -> None:
    """Every scene of the plan, evaluated in the plain DG."""
    with safe_publish():
        for item in plan.items:
            begun(item.scene)
            begin = time.perf_counter()
            result = _one(plan, item)
            result.seconds = round(time.perf_counter() - begin, 2)
            ended(result)


def _one(plan: Plan, item: Item) -> Result:
    notes: list[str] = []  # of the opening: they belong to whatever comes of the scene
    try:
        if plan.options["resume"] and is_up_to_date(plan, item):
            return Result(item.scene, SKIPPED, item.output, notes=["finished already"])
        return _worked(plan, item, notes)
    except NoFaces as error:
        if plan.options["allow_none"]:
            return Result(item.scene, SKIPPED, notes=[error.what, *notes])
        return Result(item.scene, FAILED, notes=notes, error=error_parts(error))
    except Unsound as error:
        found = error.report
        return Result(
            item.scene, FAILED, faces=found.faces, notes=[*notes, *found.notes], error=error_parts(error)
        )
    except AimError as error:
        return Result(item.scene, FAILED, notes=notes, error=error_parts(error))
    except Exception as error:  # noqa: BLE001 - one bad scene must not stop the rest
        _log.error("%s", traceback.format_exc())
        what = f"unexpected {type(error).__name__}: {error}"
        parts = {
            "what": what,
            "cause": "A mistake of ours, or of Maya's.",
            "remedy": "The log has the stack.",
        }
        return Result(item.scene, FAILED, notes=notes, error=parts)


def _worked(plan: Plan, item: Item, notes: list[str]) -> Result:
    try:
        notes += open_scene(item.scene)
        if notes:
            _log.warning("%s: %s", item.scene, "; ".join(notes))
            _spare(item)
        report = _WORK[plan.command](item, plan.options)
        faces = [row[what] for row in report.faces for what in ("model", "performance") if row.get(what)]
        used = [*sources(), *report.sources, *faces]
    finally:
        close_scene()
    if item.output and item.output != item.scene and not report.skipped:
        note_output(plan, item, [str(Path(f)) for f in used])
    state = SKIPPED if report.skipped else DONE
    return Result(
        item.scene,
        state,
        item.output,
        faces=report.faces,
        figures=report.figures,
        notes=[*notes, *report.notes],
    )


def _spare(item: Item) -> None:
    """Raises AimError where a scene that opened with errors would be saved over itself: what Maya could not
    read would be lost."""
    if item.output and os.path.realpath(item.output) == os.path.realpath(item.scene):
        raise AimError(
            "The scene opened with errors and is not saved over itself.",
            "What Maya could not read would be missing from the file for good.",
            "Load what it needs with --plug-ins, or write another file with -o.",
        )
