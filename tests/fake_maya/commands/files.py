"""Scene files: new, open, save, reference."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.fake_maya.ma_reader import Reader
from tests.fake_maya.ma_text import load_text
from tests.fake_maya.ma_writer import Writer
from tests.fake_maya.references import add_reference

from .core import Flags, command, flatten, need_node

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_FLAGS = "newFile force open save rename type reference namespace sceneName list modified"


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """MFileIO.isReadingFile is true meanwhile; nothing is undoable and names are free to change."""
    session.reading = session.graph.reading = True
    enabled, session.journal.enabled = session.journal.enabled, False
    try:
        yield
    finally:
        session.reading = session.graph.reading = False
        session.journal.enabled = enabled
        session.evaluator.dirty_all()


@command("file", _FLAGS, undoable=False)
def file(session: Session, args: list[Any], flags: Flags) -> Any:
    """New, open, save, reference; and questions."""
    path = str(flatten(args)[0]) if args else ""
    if flags.get("query"):
        return _query(session, flags)
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
    raise RuntimeError(f"file: nothing to do with {sorted(flags)}")


def _may_lose(session: Session, flags: Flags) -> None:
    if session.modified and not flags.get("force"):
        raise RuntimeError("Unsaved changes.")


def _query(session: Session, flags: Flags) -> Any:
    answers = {"sceneName": session.scene_name, "modified": session.modified}
    answers["reference"] = [r.path for r in session.references]
    answers["list"] = [session.scene_name or "untitled", *answers["reference"]]
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
        session.fire(("scene", 7))
        reader = Reader(session, main=True)
        reader.read(load_text(path))
        session.extras["unread"] = reader.unread
    session.modified = False
    session.fire(("scene", 8))
    session.fire(("scene", 6))
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
    if not os.path.isfile(path):
        raise RuntimeError(f"File not found: {path}")
    session.fire(("scene", 14))
    namespace = flags.get("namespace") or os.path.splitext(os.path.basename(path))[0]
    with reading(session):
        reference = add_reference(session, path, namespace, name="", parent=None, load=True, node=None)
        reference.node = session.graph.create("reference", reference.name)
        reference.name = reference.node.name
    session.journal.flush()
    session.modified = True
    session.fire(("scene", 15))
    return path


@command("referenceQuery", "isNodeReferenced", undoable=False)
def reference_query(session: Session, args: list[Any], flags: Flags) -> bool:
    """Whether a node came with a reference."""
    return need_node(session, flatten(args)[0].partition(".")[0]).reference is not None
