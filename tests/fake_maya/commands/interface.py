"""Windows, menus and shelves, recorded as data in session.ui; refused in batch mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core import FLAGS, Flags, command, flatten

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

SHELF_TOP = "MayaWindow|toolBar2|MainShelfLayout|formLayout17|ShelfLayout"
_WIDGETS = [
    "window",
    "menu",
    "menuItem",
    "shelfLayout",
    "shelfTabLayout",
    "shelfButton",
    "columnLayout",
    "rowLayout",
    "formLayout",
    "paneLayout",
    "tabLayout",
    "text",
    "button",
    "separator",
    "workspaceControl",
    "progressWindow",
    "menuBarLayout",
    "iconTextButton",
]
_CONTAINERS = {"window", "menu", "shelfLayout", "shelfTabLayout", "columnLayout", "rowLayout", "formLayout", "paneLayout", "tabLayout", "workspaceControl"}


def start(session: Session) -> None:
    """What Maya shows by itself."""
    if session.batch or session.ui:
        return
    session.ui["MayaWindow"] = {"type": "window", "parent": "", "flags": {}}
    session.ui[SHELF_TOP] = {"type": "shelfTabLayout", "parent": "", "flags": {}}
    for name in ("General", "Curves"):
        session.ui[f"{SHELF_TOP}|{name}"] = {"type": "shelfLayout", "parent": SHELF_TOP, "flags": {}}


def find(session: Session, name: str) -> str | None:
    """Full name of a control given by full or short name."""
    if name in session.ui:
        return name
    return next((full for full in session.ui if full.rpartition("|")[2] == name), None)


def need(session: Session, kind: str, name: str) -> str:
    """Full name, or Maya's error."""
    found = find(session, name)
    if found is None:
        raise RuntimeError(f"{kind}: Object '{name}' not found.")
    return found


def children(session: Session, full: str) -> list[str]:
    """Short names of the children."""
    return [name.rpartition("|")[2] for name, item in session.ui.items() if item["parent"] == full]


def _body(kind: str) -> Any:
    def body(session: Session, args: list[Any], flags: Flags) -> Any:
        start(session)
        name = flatten(args)[0] if args else None
        if "exists" in flags:
            found = find(session, name) if name else None
            return found is not None and session.ui[found]["type"] == kind
        if session.batch:
            raise RuntimeError(f"{kind}: there is no user interface in batch mode")
        if flags.get("query"):
            full = need(session, kind, name or "")
            return _ask(session, full, next(f for f in flags if f != "query"))
        if flags.get("edit"):
            full = need(session, kind, name or "")
            if flags.get("deleteAllItems"):
                for child in [n for n, i in session.ui.items() if i["parent"] == full]:
                    remove(session, child)
            session.ui[full]["flags"].update({k: v for k, v in flags.items() if k != "edit"})
            return full
        return _create(session, kind, name, flags)

    body.__doc__ = f"A {kind} as data."
    return body


def _create(session: Session, kind: str, name: str | None, flags: Flags) -> str:
    parent = find(session, flags["parent"]) if flags.get("parent") else session.extras.get("ui_parent", "")
    if flags.get("parent") and parent is None:
        raise RuntimeError(f"{kind}: Object '{flags['parent']}' not found.")
    if kind == "window":
        parent = ""
    number = 1
    short = name or f"{kind}1"
    while find(session, f"{parent}|{short}" if parent else short) is not None:
        if name and kind in ("window", "workspaceControl"):
            raise RuntimeError(f"Object's name '{name}' is not unique.")
        number += 1
        short = f"{name or kind}{number}"
    full = f"{parent}|{short}" if parent else short
    session.ui[full] = {"type": kind, "parent": parent or "", "flags": {k: v for k, v in flags.items() if k != "parent"}}
    if kind in _CONTAINERS or flags.get("subMenu"):
        session.extras["ui_parent"] = full
    if kind == "workspaceControl" and flags.get("uiScript") and flags.get("loadImmediately"):
        exec(flags["uiScript"], {})  # Maya runs it when the control is first shown, too: here nothing is ever shown
    return full


def _ask(session: Session, full: str, flag: str) -> Any:
    item = session.ui[full]
    if flag in ("childArray", "itemArray", "menuArray"):
        return children(session, full) or None
    if flag in ("numberOfChildren", "numberOfItems"):
        return len(children(session, full))
    if flag == "parent":
        return item["parent"]
    if flag == "fullPathName":
        return full
    return item["flags"].get(flag)


for _kind in _WIDGETS:
    if _kind in FLAGS:
        command(_kind, any_flag=True, undoable=False)(_body(_kind))


def remove(session: Session, full: str) -> None:
    """A control with all below it."""
    for name in [n for n in session.ui if n == full or n.startswith(full + "|")]:
        del session.ui[name]


@command("deleteUI", any_flag=True, undoable=False)
def delete_ui(session: Session, args: list[Any], flags: Flags) -> None:
    """Delete controls."""
    start(session)
    for name in flatten(args):
        remove(session, need(session, "deleteUI", name))


def _any(kind: str) -> Any:
    def body(session: Session, args: list[Any], flags: Flags) -> Any:
        start(session)
        full = find(session, flatten(args)[0]) if args else None
        if "exists" in flags:
            return full is not None
        if full is None:
            raise RuntimeError(f"{kind}: Object '{args}' not found.")
        return _ask(session, full, next(f for f in flags if f != "query"))

    body.__doc__ = f"Questions about any {kind}."
    return body


command("control", any_flag=True, undoable=False)(_any("control"))
command("layout", any_flag=True, undoable=False)(_any("layout"))


@command("showWindow", undoable=False)
def show_window(session: Session, args: list[Any], flags: Flags) -> None:
    """Show a window."""
    session.ui[need(session, "showWindow", flatten(args)[0])]["flags"]["visible"] = True


def _dialog(session: Session, kind: str, flags: Flags) -> Any:
    if session.batch:
        raise RuntimeError(f"{kind}: there is no user interface in batch mode")
    session.dialogs.append({"kind": kind, **flags})
    if session.dialog_answers:
        return session.dialog_answers.pop(0)
    raise RuntimeError(f"the test gave no answer for {kind}: {flags} (session.dialog_answers)")


@command("confirmDialog", any_flag=True, undoable=False)
def confirm_dialog(session: Session, args: list[Any], flags: Flags) -> Any:
    """Answered by the test."""
    return _dialog(session, "confirmDialog", flags)


@command("fileDialog2", any_flag=True, undoable=False)
def file_dialog(session: Session, args: list[Any], flags: Flags) -> Any:
    """Answered by the test with a list of paths, or None."""
    return _dialog(session, "fileDialog2", flags)
