"""Menu and shelf, built from data when Maya's interface is up. Building again replaces what is there."""

from __future__ import annotations

from maya import cmds, mel

from . import log, shelf

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
    menu = str(cmds.menu(_MENU, label=shelf.NAME, parent=window, tearOff=True))
    for entry in shelf.ENTRIES:
        cmds.menuItem(label=entry.label, annotation=entry.tooltip, image=entry.icon, command=entry.command, sourceType="python", parent=menu)
    return menu


def add_shelf() -> str:
    """The AIM shelf; buttons that users added to it are kept."""
    top = str(mel.eval("$aimTemporary = $gShelfTopLevel"))
    if not cmds.shelfLayout(shelf.NAME, exists=True):
        cmds.shelfLayout(shelf.NAME, parent=top)
    for child in cmds.shelfLayout(shelf.NAME, query=True, childArray=True) or []:
        if not cmds.shelfButton(child, exists=True):
            continue  # a separator
        if str(cmds.shelfButton(child, query=True, command=True)) in {e.command for e in shelf.ENTRIES}:
            cmds.deleteUI(child)
    for entry in shelf.ENTRIES:
        if entry.on_shelf:
            cmds.shelfButton(label=entry.label, annotation=entry.tooltip, image=entry.icon, command=entry.command, sourceType="python", parent=shelf.NAME)
    return shelf.NAME
