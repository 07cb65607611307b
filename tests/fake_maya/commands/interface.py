"""Menus, shelves and dialogs, recorded as data in session.ui; refused in batch mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core import Flags, command, flatten

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

SHELF_TOP = "MayaWindow|toolBar2|MainShelfLayout|formLayout17|ShelfLayout"
_CONTAINERS = ("window", "menu", "shelfLayout", "shelfTabLayout", "workspaceControl")
_WIDGETS = (*_CONTAINERS, "menuItem", "shelfButton")


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
            return _ask(session, need(session, kind, name or ""), next(f for f in flags if f != "query"))
        if flags.get("edit"):
            full = need(session, kind, name or "")
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
    kept = {k: v for k, v in flags.items() if k != "parent"}
    session.ui[full] = {"type": kind, "parent": parent or "", "flags": kept}
    if kind in _CONTAINERS:
        session.extras["ui_parent"] = full
    if kind == "workspaceControl" and flags.get("uiScript") and flags.get("loadImmediately"):
        exec(flags["uiScript"], {})  # Maya also runs it when the control is first shown: here nothing ever is
    return full


def _ask(session: Session, full: str, flag: str) -> Any:
    if flag in ("childArray", "itemArray"):
        return [n.rpartition("|")[2] for n, item in session.ui.items() if item["parent"] == full] or None
    return session.ui[full]["parent"] if flag == "parent" else session.ui[full]["flags"].get(flag)


for _kind in _WIDGETS:
    command(_kind, any_flag=True, undoable=False)(_body(_kind))


@command("deleteUI", any_flag=True, undoable=False)
def delete_ui(session: Session, args: list[Any], flags: Flags) -> None:
    """Delete controls with all below them."""
    start(session)
    for name in flatten(args):
        full = need(session, "deleteUI", name)
        for one in [n for n in session.ui if n == full or n.startswith(full + "|")]:
            del session.ui[one]


def _dialog(kind: str) -> Any:
    def body(session: Session, args: list[Any], flags: Flags) -> Any:
        if session.batch:
            raise RuntimeError(f"{kind}: there is no user interface in batch mode")
        session.dialogs.append({"kind": kind, **flags})
        if session.dialog_answers:
            return session.dialog_answers.pop(0)
        raise RuntimeError(f"the test gave no answer for {kind}: {flags} (session.dialog_answers)")

    body.__doc__ = "Answered by the test."
    return body


for _kind in ("confirmDialog", "fileDialog2"):
    command(_kind, any_flag=True, undoable=False)(_dialog(_kind))
