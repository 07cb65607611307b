"""The training window in a workspace control, so that it docks, and comes back with the workspace when Maya starts again."""

from __future__ import annotations

from typing import Any

from maya import OpenMayaUI, cmds

from aim_maya.core.errors import AimError

CONTROL = "aimTrainControl"
_FILL = "from aim_maya.scene import docking; docking.fill()"  # a string: Maya stores it with the workspace


def open_training() -> str:
    """Show the training window, docked where it was; returns the control's name. Raises AimError without Qt or an interface."""
    if cmds.about(batch=True):
        raise AimError("There is no interface to open a window in.", "This is Maya in batch.", "Use `aimface train` from a shell.")
    if cmds.workspaceControl(CONTROL, exists=True):
        cmds.workspaceControl(CONTROL, edit=True, restore=True)
        if _widget().findChild(_window_class()) is None:
            fill()  # it was made by a workspace whose script failed
        return CONTROL
    cmds.workspaceControl(CONTROL, label="AIM: train", uiScript=_FILL, loadImmediately=True, floating=True, retain=False, initialWidth=1100, initialHeight=700)
    return CONTROL


def fill() -> None:
    """Put a window into the control: called by Maya, also at start-up, when the control is in the workspace."""
    from .host import MayaHost

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
        raise AimError(f"Maya has no control '{CONTROL}'.", "It was closed in the meantime.", "Open the window again from the AIM shelf.")
    return wrapInstance(int(pointer), QWidget)


def _window_class() -> Any:
    from aim_maya.ui.train_window import TrainWindow

    return TrainWindow
