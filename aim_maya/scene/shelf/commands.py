"""What the shelf and the menu call: act on the selection, say what happened, show an error as what / why /
what to do.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from maya import cmds

from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.install import find_python
from aim_maya.scene import maya as host
from aim_maya.ui.training.process import detached

from .window import attach_to

# Exporting scenes from inside Maya: in a mayapy of its own, so that this Maya stays free and keeps its scene.


def start_batch(scenes: list[str], folder: Path) -> Path:
    """Start `aim-mayapy batch export` over the scenes; returns the log it writes, beside the caches and
    report.json.

    Raises AimError when this installation has no batch, or the folder cannot be written.
    """
    if find_spec("aim_maya.batch") is None:
        raise AimError(
            "Exporting scenes is not in this version.",
            remedy="Bake weight curves from a shell: aimface bake FILE.aim CURVES.csv -o OUT.npz",
        )
    launcher = MODULE_ROOT / "bin" / ("aim-mayapy.bat" if sys.platform == "win32" else "aim-mayapy")
    command = [
        str(launcher),
        "batch",
        "export",
        *scenes,
        "-o",
        str(folder),
        "--report",
        str(folder / "report.json"),
    ]
    path = folder / "batch.log"
    try:
        with path.open("wb") as stream:
            environment = os.environ | {"AIM_MAYAPY": str(find_python())}
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                **detached(),
            )
    except OSError as error:
        raise AimError(
            f"The batch cannot be started: {error.strerror} ({error.filename}).",
            "The folder is read-only, or the module is not whole.",
            "Choose another folder.",
        ) from error
    return path


# What the shelf and the menu call: act on the selection, say what happened, show an error as what / why /
# what to do.

_MODEL_FILTER = "AIM models (*.aim)"
_PERFORMANCE_FILTER = "AIM performances (*.aimperf)"


def reported(action: Callable[[], Any]) -> Callable[[], Any]:
    """An AimError becomes a dialog with the log's path (a warning in batch); nothing else is swallowed."""

    @functools.wraps(action)
    def run() -> Any:
        try:
            return action()
        except AimError as error:
            _show(error)
        except Cancelled:
            host.logger.info("stopped")
        return None

    return run


def _show(error: AimError) -> None:
    lines = [
        error.what,
        f"Likely cause: {error.cause}" if error.cause else "",
        f"What to do: {error.remedy}" if error.remedy else "",
    ]
    lines += [f"Log: {host.log_file()}"] if host.log_file() else []
    host.logger.error("%s", error)
    if not cmds.about(batch=True):
        cmds.confirmDialog(
            title="AIM for Maya",
            message="\n\n".join(line for line in lines if line),
            button=["OK"],
            icon="warning",
        )


def _selected(least: int, what: str) -> list[str]:
    chosen = cmds.ls(selection=True, long=True)
    if len(chosen) < least:
        raise AimError(f"{len(chosen)} objects are selected; {what}.", remedy="Select and try again.")
    return list(chosen)


def _ask_file(caption: str, mode: int, file_filter: str) -> str:
    chosen = cmds.fileDialog2(caption=caption, fileMode=mode, fileFilter=file_filter)
    if not chosen:
        raise Cancelled("no file chosen")
    return str(chosen[0])


@reported
def train() -> str:
    """Open the training window."""
    from .window import open_training

    return open_training()


@reported
def attach() -> str:
    """Attach a model to the selected mesh; asks for the file, and what to do about a jaw joint."""
    mesh = _selected(1, "the face has to be")[0]
    return attach_to(mesh, _ask_file("Attach a model", 1, _MODEL_FILTER))


@reported
def restore() -> str | None:
    """Take the model off the selected mesh."""
    from aim_maya.scene.actions.restore import restore as put_back

    return put_back(_selected(1, "the face has to be")[0])


@reported
def anatomy() -> str:
    """Show the learned bones of the selected face."""
    from aim_maya.scene.actions.anatomy import show

    return show(_selected(1, "the face has to be")[0])


@reported
def teeth() -> list[str]:
    """The first selected is the face; the rest follow its jaw."""
    from aim_maya.scene.actions.anatomy import drive

    face, *objects = _selected(2, "the face first, then teeth, tongue or gums, have to be")
    return drive(face, objects)


@reported
def sculpt() -> str:
    """Make the sculpted bone surface an edit of the face: the face is selected first, then its bones; asks
    where to write the edit."""
    from aim_maya.scene.actions.anatomy import edit_from_sculpt

    face, bones = _selected(2, "the face first, then its sculpted bones, have to be")[:2]
    path = _ask_file("Write the edit to", 0, "Edit (*.json)")
    done = edit_from_sculpt(face, bones, path)
    host.logger.info("%d bone points moved by up to %.1f mm: %s", done["vertices"], done["largest_mm"], path)
    return path


@reported
def sculpt_target() -> str:
    """Give the target that is on the shape of a sculpt: the face is selected first, then the sculpt; asks
    where to write the edit."""
    from aim_maya.scene.actions.anatomy import sculpt_target as give

    face, sculpted = _selected(2, "the face first, then its sculpted duplicate, have to be")[:2]
    path = _ask_file("Write the edit to", 0, "Edit (*.json)")
    done = give(face, sculpted, path)
    host.logger.info("%s sculpted by up to %.1f mm: %s", done["target"], done["largest_mm"], path)
    return path


def preset(name: str) -> str | None:
    """Set a preset, or "none", on the selected face."""
    from aim_maya.scene.actions.anatomy import set_preset

    done: str | None = reported(lambda: set_preset(_selected(1, "the face has to be")[0], name))()
    return done


@reported
def load_performance() -> str:
    """Let the selected face play a performance; asks for the file."""
    from aim_maya.scene.actions.performances import load_performance as play

    mesh = _selected(1, "the face has to be")[0]
    return play(mesh, _ask_file("Load a performance", 1, _PERFORMANCE_FILTER))


@reported
def key_performance() -> list[str]:
    """Key the performance that the selected face plays on its sliders."""
    from aim_maya.scene.actions.performances import key_performance as key

    keyed = key(_selected(1, "the face has to be")[0])
    for note in keyed.notes:
        host.logger.warning("%s", note)
    return keyed.plugs


@reported
def capture() -> str:
    """Write the selected mesh and its blendShape as an actor folder; skull, jaw and teeth are found by their
    names."""
    from aim_maya.core.actor_folder import write_actor
    from aim_maya.scene.actions.capture import capture as read
    from aim_maya.scene.actions.capture import find_parts

    mesh = _selected(1, "the face has to be")[0]
    folder = _ask_file("Write the actor to", 3, "")
    result = read(mesh, parts=find_parts(mesh))
    write_actor(result.actor, folder)
    for note in [*result.notes, *result.actor.warnings]:
        host.logger.warning("%s", note)
    return folder


@reported
def native_rig() -> str:
    """Put Maya's own nodes in the place of the selected face's blendShape or model; asks for the model where
    none is attached."""
    from aim_maya.scene.actions.native_rig import native_rig as build
    from aim_maya.scene.node.attributes import TYPE_NAME
    from aim_maya.scene.rig.blend_shape import mesh_shape
    from aim_maya.scene.rig.chain import stack

    mesh = _selected(1, "the face has to be")[0]
    attached = any(cmds.nodeType(slot.node) == TYPE_NAME for slot in stack(mesh_shape(mesh)))
    made = build(mesh, None if attached else _ask_file("Make a native rig of a model", 1, _MODEL_FILTER))
    for note in made.notes:
        host.logger.warning("%s", note)
    return made.blend_shape


@reported
def bake_back() -> str:
    """Copy the selected face with a native blendShape that approximates its model."""
    from aim_maya.scene.actions.native import bake_native

    made = bake_native(_selected(1, "the face has to be")[0])
    host.logger.info(
        "%s follows the model within %.2f mm (rms %.3f)",
        made.blend_shape,
        made.residual["max"],
        made.residual["rms"],
    )
    return made.mesh


@reported
def sample_face() -> str:
    """Build the sample face in the open scene, with a keyed take and its model attached."""
    from aim_maya.scene.actions.native import sample_face as build

    made = build()
    host.logger.info("%s is ready: play frames %g to %g, or move its sliders", made.mesh, *made.frames)
    return made.mesh


@reported
def load_with_maya() -> None:
    """Let Maya load the plug-in whenever it starts."""
    from aim_maya.scene.node.registration import load_with_maya as keep

    keep()
    host.logger.info("Maya loads the plug-in at every start now; the Plug-in Manager takes that back")


@reported
def batch_bake() -> str:
    """Batch export: whole scenes to caches, in a Maya of its own; asks for the scenes and the folder. (A
    saved shelf calls it by this name.)"""

    scenes = cmds.fileDialog2(caption="Scenes to export", fileMode=4, fileFilter="Maya scenes (*.ma *.mb)")
    if not scenes:
        raise Cancelled("no scene chosen")
    written = start_batch([str(scene) for scene in scenes], Path(_ask_file("Folder for the caches", 3, "")))
    host.logger.info("Exporting %d scenes in the background; %s tells how far it is", len(scenes), written)
    return str(written)


@reported
def reload_models() -> list[str]:
    """Read every model of the scene again."""
    from aim_maya.scene.node.models import reload_models as run

    return run()


@reported
def doctor() -> None:
    """Check the installation and show what was found."""
    from aim_maya.doctor import examine

    checks = examine()
    for check in checks:
        host.logger.info("%s: %s %s", check.name, check.state, check.found)
    worst = [f"{c.name}: {c.found}\n{c.remedy}" for c in checks if c.state in ("warn", "fail")]
    cmds.confirmDialog(
        title="AIM for Maya", message="\n\n".join(worst) or "Everything works here.", button=["OK"]
    )
