"""Shelf and menu as data, built when Maya's interface is up: every entry is a string command, so that a saved
shelf works in the next session.
"""

from __future__ import annotations

from dataclasses import dataclass

from maya import cmds, mel

from aim_maya.runtime.edit import PRESETS
from aim_maya.scene import maya as host


@dataclass(frozen=True)
class Entry:
    """One menu item, and a button unless on_shelf is False: icon is a file name on the icon path, command is
    Python."""

    label: str
    icon: str
    tooltip: str
    command: str
    on_shelf: bool = True


def _entry(label: str, icon: str, call: str, tooltip: str, *, on_shelf: bool = False) -> Entry:
    """Of a function of shelf/commands, with its arguments where it takes any."""
    call = call if call.endswith(")") else f"{call}()"
    command = f"from aim_maya.scene.shelf import commands; commands.{call}"
    return Entry(label, f"aim_{icon}.png", tooltip, command, on_shelf)


NAME = "AIM"
_ABOUT = {name: f"{about}, on the selected face" for name, (about, _) in PRESETS.items()}
_ON_SHELF = (
    (
        "Train",
        "train",
        "train",
        "Open the training window: learn a face from the selected mesh and its blendShape",
    ),
    ("Attach", "attach", "attach", "Put a trained model in the place of the selected mesh's blendShape"),
    ("Restore", "restore", "restore", "Take the model out again; the blendShape comes back as it was"),
    ("View anatomy", "anatomy", "anatomy", "Show the learned bone surface, coloured by tissue thickness"),
    (
        "Drive teeth",
        "teeth",
        "teeth",
        "Select the face, then teeth, tongue or gums: they follow the learned jaw",
    ),
    (
        "Batch export",
        "batch",
        "batch_bake",
        "Export the faces of whole scenes as caches, in a Maya without a window",
    ),
    ("Check installation", "doctor", "doctor", "Say what works here, what does not, and what to do"),
)
_IN_MENU = (
    (
        "Sample face",
        "maya",
        "sample_face",
        "Build a small face with teeth, a keyed take and its model in this scene, to try everything",
    ),
    (
        "Sculpt to edit",
        "anatomy",
        "sculpt",
        "Select the face, then its sculpted bones: the sculpt becomes an edit",
    ),
    (
        "Sculpt target",
        "anatomy",
        "sculpt_target",
        "Select the face with one target on, then its sculpted duplicate: the target takes that shape",
    ),
    *(
        (f"Preset: {name.replace('_', ' ')}", "anatomy", f"preset('{name}')", about)
        for name, about in ({"none": "The selected face without a preset"} | _ABOUT).items()
    ),
    ("Load performance", "maya", "load_performance", "Let the selected face play a fitted performance"),
    (
        "Key performance",
        "maya",
        "key_performance",
        "Key the global performance that the selected face plays on its sliders",
    ),
    (
        "Capture",
        "train",
        "capture",
        "Write the selected mesh and its blendShape as an actor, to train elsewhere",
    ),
    (
        "Native rig",
        "attach",
        "native_rig",
        "Maya's own nodes in the model's place, exact: blendShape, then skinCluster; Restore takes them out",
    ),
    (
        "Bake back",
        "attach",
        "bake_back",
        "Copy the face with a native blendShape that approximates the model",
    ),
    ("Reload", "maya", "reload_models", "Read the model files again after they changed on disk"),
    (
        "Load with Maya",
        "maya",
        "load_with_maya",
        "Load the plug-in whenever Maya starts; without it the first use loads it",
    ),
)
ENTRIES = tuple(_entry(*row, on_shelf=rows is _ON_SHELF) for rows in (_ON_SHELF, _IN_MENU) for row in rows)


# Menu and shelf, built from data when Maya's interface is up. Building again replaces what is there.

_MENU = "aimMayaMenu"


def install() -> None:
    """Add the menu and the shelf; does nothing in batch."""
    if cmds.about(batch=True):
        return
    host.keep_log()
    add_menu()
    add_shelf()


def add_menu() -> str:
    """The AIM menu in Maya's main window."""
    window = str(mel.eval("$aimTemporary = $gMainWindow"))
    if cmds.menu(_MENU, exists=True):
        cmds.deleteUI(_MENU)
    menu = str(cmds.menu(_MENU, label=NAME, parent=window, tearOff=True))
    for entry in ENTRIES:
        cmds.menuItem(
            label=entry.label,
            annotation=entry.tooltip,
            image=entry.icon,
            command=entry.command,
            sourceType="python",
            parent=menu,
        )
    return menu


def add_shelf() -> str:
    """The AIM shelf; buttons that users added to it are kept."""
    top = str(mel.eval("$aimTemporary = $gShelfTopLevel"))
    if not cmds.shelfLayout(NAME, exists=True):
        cmds.shelfLayout(NAME, parent=top)
    for child in cmds.shelfLayout(NAME, query=True, childArray=True) or []:
        if not cmds.shelfButton(child, exists=True):
            continue  # a separator
        if str(cmds.shelfButton(child, query=True, command=True)) in {e.command for e in ENTRIES}:
            cmds.deleteUI(child)
    for entry in ENTRIES:
        if entry.on_shelf:
            cmds.shelfButton(
                label=entry.label,
                annotation=entry.tooltip,
                image=entry.icon,
                command=entry.command,
                sourceType="python",
                parent=NAME,
            )
    return NAME
