"""Scene files: new, open, save, reference."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.fake_maya.ma_reader import Reader
from tests.fake_maya.ma_text import load_text
from tests.fake_maya.ma_writer import Writer
from tests.fake_maya.references import add_reference, every_reference, listed_path, reference_named

from .core import Flags, command, flatten, need_node

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_FLAGS = (
    "newFile force open save rename type reference namespace sceneName list modified"
    " loadReference unloadReference"
)


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """MFileIO.isReadingFile is true meanwhile; nothing is undoable and names are free to change.

    Events 7 and 8 (kBeforeFileRead, kAfterFileRead) come "while reading state is true" (MSceneMessage.h).
    What the Evaluation Manager pulled meanwhile stays clean when reading ends: nothing dirties it but what
    changed afterwards (facts: mpynode's compute.py guards for it).
    """
    session.reading = session.graph.reading = True
    enabled, session.journal.enabled = session.journal.enabled, False
    try:
        session.fire(("scene", 7))
        yield
        if session.pull_while_reading:
            session.player.refresh()
        session.fire(("scene", 8))
    finally:
        session.reading = session.graph.reading = False
        session.journal.enabled = enabled


def _told(session: Session, event: int) -> None:
    """The end of a file operation: its own event, then the one of every read (9: isReadingFile is false) and
    kSceneUpdate (0)."""
    for number in (event, 9, 0):
        session.fire(("scene", number))


@command("file", _FLAGS, undoable=False)
def file(session: Session, args: list[Any], flags: Flags) -> Any:
    """New, open, save, reference; and questions."""
    path = str(flatten(args)[0]) if args else ""
    if flags.get("query"):
        return _query(session, path, flags)
    if flags.get("newFile"):
        _may_lose(session, flags)
        return new_scene(session)
    if flags.get("rename"):
        session.scene_name = os.path.abspath(flags["rename"]).replace("\\", "/")
        return session.scene_name
    if flags.get("open"):
        _may_lose(session, flags)
        return open_scene(session, path)
    if flags.get("save"):
        return save_scene(session, flags)
    if flags.get("reference"):
        return _reference(session, path, flags)
    for flag, act in (("loadReference", _load), ("unloadReference", _unload)):
        if flag in flags:
            return act(session, path if flags[flag] is True else str(flags[flag]))
    raise RuntimeError(f"file: nothing to do with {sorted(flags)}")


def _may_lose(session: Session, flags: Flags) -> None:
    if session.modified and not flags.get("force"):
        raise RuntimeError("Unsaved changes.")


def _query(session: Session, path: str, flags: Flags) -> Any:
    """`reference` lists what the scene, or the reference named, holds itself: not what those hold."""
    if flags.get("reference"):
        held = reference_named(session, path).inner if path else session.references
        return [listed_path(session, r) for r in held]
    answers = {"sceneName": session.scene_name, "modified": session.modified}
    answers["list"] = [
        session.scene_name or "untitled",
        *(listed_path(session, r) for r in every_reference(session)),
    ]
    return next(answers[f] for f in flags if f in answers)


def new_scene(session: Session) -> str:
    """An empty scene."""
    session.fire(("scene", 1))
    session.reset_scene()
    session.fire(("scene", 2))
    session.fire(("event", "NewSceneOpened"))
    return "untitled"


def open_scene(session: Session, path: str) -> str:
    """Open a Maya ASCII file."""
    if not os.path.isfile(path):
        raise RuntimeError(f"File not found: {path}")
    session.fire(("scene", 5))
    session.reset_scene()
    session.scene_name = os.path.abspath(path).replace("\\", "/")
    with reading(session):
        reader = Reader(session, main=True)
        reader.read(load_text(path))
        session.extras["unread"] = reader.unread
    session.modified = False
    _told(session, 6)
    session.fire(("event", "SceneOpened"))
    return session.scene_name


def save_scene(session: Session, flags: Flags) -> str:
    """Save under the scene's name."""
    if not session.scene_name:
        raise RuntimeError("The scene has no name: rename it first")
    kind = flags.get("type", session.file_type)
    if kind != "mayaAscii":
        raise NotImplementedError(f"the stand-in writes mayaAscii only, not {kind}")
    session.fire(("scene", 12))
    session.extras["writing"] = True
    text = Writer(session, list(session.graph), path=session.scene_name).text()
    with open(session.scene_name, "w", encoding="utf-8") as out:
        out.write(text)
    session.extras["writing"] = False
    session.modified = False
    session.fire(("scene", 13))
    session.fire(("event", "SceneSaved"))
    return session.scene_name


def _reference(session: Session, path: str, flags: Flags) -> Any:
    """Create a reference. kAfterReference (15) is deprecated: what counts is kAfterCreateReference (45)."""
    if not os.path.isfile(path):
        raise RuntimeError(f"File not found: {path}")
    session.fire(("scene", 44))
    namespace = flags.get("namespace") or os.path.splitext(os.path.basename(path))[0]
    with reading(session):
        reference = add_reference(session, path, namespace, name="", parent=None, load=True, node=None)
        reference.node = session.graph.create("reference", reference.name)
        reference.name = reference.node.name
    session.journal.flush()
    session.modified = True
    _told(session, 45)
    return path


def _load(session: Session, name: str) -> str:
    """Load a reference; one that is loaded is read again (kBeforeLoadReference 36, kAfterLoadReference
    37)."""
    reference = reference_named(session, name)
    session.fire(("scene", 36))
    with reading(session):
        if reference.loaded:
            reference.unload()
        reference.load_again()
    session.journal.flush()
    _told(session, 37)
    return listed_path(session, reference)


def _unload(session: Session, name: str) -> str:
    reference = reference_named(session, name)
    session.fire(("scene", 22))
    session.graph.reading = True
    try:
        reference.unload()
    finally:
        session.graph.reading = False
    session.journal.flush()
    for number in (23, 0):
        session.fire(("scene", number))
    return listed_path(session, reference)


@command("referenceQuery", "isNodeReferenced filename withoutCopyNumber referenceNode", undoable=False)
def reference_query(session: Session, args: list[Any], flags: Flags) -> Any:
    """Whether a node came with a reference; the file it came from (the innermost), with its copy number
    unless told; the reference node."""
    name = flatten(args)[0].partition(".")[0]
    node = need_node(session, name)
    if flags.get("isNodeReferenced"):
        return node.reference is not None
    if node.reference is None and node.type.name != "reference":
        raise RuntimeError(f"Object {name} is not a referenced object")
    reference = node.reference or reference_named(session, node.name)
    if flags.get("referenceNode"):
        return reference.name
    return reference.path if flags.get("withoutCopyNumber") else listed_path(session, reference)
