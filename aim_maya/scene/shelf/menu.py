"""Shelf and menu as data, built when Maya's interface is up: every entry is a string command, so that a saved
shelf works in the next session.
"""

from __future__ import annotations

from dataclasses import dataclass

from maya import cmds, mel

from aim_maya.runtime.edit import PRESETS
from aim_maya.scene.maya import log

# Shelf and menu as data: every entry is a string command, so that a saved shelf works in the next session.

_CALL = "from aim_maya.scene.shelf import commands; commands.{0}()"


@dataclass(frozen=True)
class Entry:
    """One menu item, and a button unless on_shelf is False: icon is a file name on the icon path, command is
    Python."""

    label: str
    icon: str
    tooltip: str
    command: str
    on_shelf: bool = True


NAME = "AIM"
_PRESETS = [
    ("none", "The selected face without a preset"),
    *((name, f"{about}, on the selected face") for name, (about, _) in PRESETS.items()),
]
ENTRIES: tuple[Entry, ...] = (
    Entry(
        "Train",
        "aim_train.png",
        "Open the training window: learn a face from the selected mesh and its blendShape",
        _CALL.format("train"),
    ),
    Entry(
        "Attach",
        "aim_attach.png",
        "Put a trained model in the place of the selected mesh's blendShape",
        _CALL.format("attach"),
    ),
    Entry(
        "Restore",
        "aim_restore.png",
        "Take the model out again; the blendShape comes back as it was",
        _CALL.format("restore"),
    ),
    Entry(
        "View anatomy",
        "aim_anatomy.png",
        "Show the learned bone surface, coloured by tissue thickness",
        _CALL.format("anatomy"),
    ),
    Entry(
        "Drive teeth",
        "aim_teeth.png",
        "Select the face, then teeth, tongue or gums: they follow the learned jaw",
        _CALL.format("teeth"),
    ),
    Entry(
        "Batch export",
        "aim_batch.png",
        "Export the faces of whole scenes as caches, in a Maya without a window",
        _CALL.format("batch_bake"),
    ),
    Entry(
        "Check installation",
        "aim_doctor.png",
        "Say what works here, what does not, and what to do",
        _CALL.format("doctor"),
    ),
    Entry(
        "Sample face",
        "aim_maya.png",
        "Build a small face with teeth, a keyed take and its model in this scene, to try everything",
        _CALL.format("sample_face"),
        on_shelf=False,
    ),
    Entry(
        "Sculpt to edit",
        "aim_anatomy.png",
        "Select the face, then its sculpted bones: the sculpt becomes an edit",
        _CALL.format("sculpt"),
        on_shelf=False,
    ),
    Entry(
        "Sculpt target",
        "aim_anatomy.png",
        "Select the face with one target on, then its sculpted duplicate: the target takes that shape",
        _CALL.format("sculpt_target"),
        on_shelf=False,
    ),
    *(
        Entry(
            f"Preset: {name.replace('_', ' ')}",
            "aim_anatomy.png",
            about,
            _CALL.replace("()", f"('{name}')").format("preset"),
            on_shelf=False,
        )
        for name, about in _PRESETS
    ),
    Entry(
        "Load performance",
        "aim_maya.png",
        "Let the selected face play a fitted performance",
        _CALL.format("load_performance"),
        on_shelf=False,
    ),
    Entry(
        "Key performance",
        "aim_maya.png",
        "Key the global performance that the selected face plays on its sliders",
        _CALL.format("key_performance"),
        on_shelf=False,
    ),
    Entry(
        "Capture",
        "aim_train.png",
        "Write the selected mesh and its blendShape as an actor, to train elsewhere",
        _CALL.format("capture"),
        on_shelf=False,
    ),
    Entry(
        "Native rig",
        "aim_attach.png",
        "Maya's own nodes in the model's place, exact: blendShape, then skinCluster; Restore takes them out",
        _CALL.format("native_rig"),
        on_shelf=False,
    ),
    Entry(
        "Bake back",
        "aim_attach.png",
        "Copy the face with a native blendShape that approximates the model",
        _CALL.format("bake_back"),
        on_shelf=False,
    ),
    Entry(
        "Reload",
        "aim_maya.png",
        "Read the model files again after they changed on disk",
        _CALL.format("reload_models"),
        on_shelf=False,
    ),
    Entry(
        "Load with Maya",
        "aim_maya.png",
        "Load the plug-in whenever Maya starts; without it the first use loads it",
        _CALL.format("load_with_maya"),
        on_shelf=False,
    ),
)


# Menu and shelf, built from data when Maya's interface is up. Building again replaces what is there.

_MENU = "aimMayaMenu"


def install() -> None:
    """Add the menu and the shelf; does nothing in batch."""
    if cmds.about(batch=True):
        return
    log.keep()
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
