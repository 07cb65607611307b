"""The training window inside Maya: what it asks of the scene, and the workspace control that docks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from maya import OpenMayaUI, cmds

from aim_maya.core.actor_folder import write_dataset
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.scene import maya as host
from aim_maya.scene.actions.capture import MM_PER_CENTIMETRE, capture, find_parts
from aim_maya.scene.rig.blend_shape import find_blend_shapes, mesh_shape
from aim_maya.ui.host import Source


def attach_to(mesh: str, model: str, blend_shape: str | None = None) -> str:
    """Attach a model file to a mesh; asks what to do about a jaw joint. Returns the node. Raises AimError,
    Cancelled."""
    from aim_maya.scene.actions import attach as module
    from aim_maya.scene.actions.attach_report import attach_report

    path = module.file_for_scene(model)
    plan = module.plan_attach(mesh, path, blend_shape)
    done = module.attach(
        mesh, path, blend_shape, double_jaw=_ask_double_jaw(plan.double_jaw) if plan.double_jaw else None
    )
    for note in [*done.notes, str(attach_report(done.node))]:
        host.logger.info("%s", note)
    cmds.select(mesh)
    return done.node


def _ask_double_jaw(joints: list[str]) -> str:
    answer = cmds.confirmDialog(
        title="AIM for Maya",
        message=f"{', '.join(joints)} turns the jaw after the blendShape. Should the model's own jaw "
        "stay still?",
        button=["Keep it moving", "Keep it still", "Cancel"],
        defaultButton="Keep it moving",
        cancelButton="Cancel",
        dismissString="Cancel",
    )
    if answer == "Cancel":
        raise Cancelled("attach")
    return "still" if answer == "Keep it still" else "keep"


# The Maya side of the windows' Host: everything a training window does to the scene is one of these methods.


class MayaHost:
    """Maya, as the windows see it."""

    in_application = True

    def selected(self) -> Source:
        """The selected mesh, its blendShapes, and the parts that go with it by their names. Raises AimError
        when nothing is selected."""
        chosen = cmds.ls(selection=True, long=True)
        if not chosen:
            raise AimError("Nothing is selected.", remedy="Select the face and try again.")
        mesh = str(chosen[0])
        parts = find_parts(mesh)
        shapes = tuple(self.blend_shapes(mesh))
        return Source(
            mesh=mesh,
            skull=parts.skull or "",
            jaw=parts.jaw or "",
            lower_teeth=parts.lower_teeth or "",
            blend_shapes=shapes,
        )

    def blend_shapes(self, mesh: str) -> list[str]:
        """The blendShapes that deform a mesh."""
        return find_blend_shapes(mesh_shape(mesh))

    def actor_for(self, source: Source, out: Path, progress: Callable[[float, str], bool]) -> Path:
        """Read the face and its blendShape off the scene into <out>_actor.npz, which the trainer reads."""
        if not source.mesh:
            raise AimError(
                "There is no skin mesh to train on.",
                "The field is empty.",
                "Select the face and press Selected.",
            )
        parts = replace(
            find_parts(source.mesh),
            skull=source.skull or None,
            jaw=source.jaw or None,
            lower_teeth=source.lower_teeth or None,
        )
        unit = source.mm_per_unit or MM_PER_CENTIMETRE
        read = capture(source.mesh, source.blend_shape or None, parts, mm_per_unit=unit, progress=progress)
        for note in [*read.notes, *read.actor.warnings]:
            host.logger.warning("%s", note)
        path = out.with_name(f"{out.stem}_actor.npz")
        write_dataset(read.actor, path)
        return path

    def attach(self, model: Path, source: Source) -> str:
        """Put the model in the blendShape's place; asks what to do about a jaw joint."""

        return (
            f"Attached {model.name} to {source.mesh} as "
            f"{attach_to(source.mesh or self.selected().mesh, str(model), source.blend_shape or None)}"
        )

    def log_file(self) -> Path | None:
        """Where errors are kept between sessions."""
        return host.log_file()


# The training window in a workspace control, so that it docks, and comes back with the workspace when Maya
# starts again.

CONTROL = "aimTrainControl"
# a string: Maya stores it with the workspace
_FILL = "from aim_maya.scene.shelf import window; window.fill()"


def open_training() -> str:
    """Show the training window, docked where it was; returns the control's name. Raises AimError without Qt
    or an interface."""
    if cmds.about(batch=True):
        raise AimError(
            "There is no interface to open a window in.",
            "This is Maya in batch.",
            "Use `aimface train` from a shell.",
        )
    if cmds.workspaceControl(CONTROL, exists=True):
        cmds.workspaceControl(CONTROL, edit=True, restore=True)
        if _widget().findChild(_window_class()) is None:
            fill()  # it was made by a workspace whose script failed
        return CONTROL
    cmds.workspaceControl(
        CONTROL,
        label="AIM: train",
        uiScript=_FILL,
        loadImmediately=True,
        floating=True,
        retain=False,
        initialWidth=1100,
        initialHeight=700,
    )
    return CONTROL


def fill() -> None:
    """Put a window into the control: called by Maya, also at start-up, when the control is in the
    workspace.
    """

    control = _widget()
    window = _window_class()(MayaHost(), control)
    control.layout().addWidget(window)
    window.show()


def _widget() -> Any:
    """The control as Qt's widget. Raises AimError when Maya does not give it."""
    from PySide6.QtWidgets import QWidget
    from shiboken6 import wrapInstance

    pointer = OpenMayaUI.MQtUtil.findControl(CONTROL)
    if not pointer:
        raise AimError(
            f"Maya has no control '{CONTROL}'.",
            "It was closed in the meantime.",
            "Open the window again from the AIM shelf.",
        )
    return wrapInstance(int(pointer), QWidget)


def _window_class() -> Any:
    from aim_maya.ui.training.window import TrainWindow

    return TrainWindow
