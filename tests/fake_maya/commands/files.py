"""The file command and questions about references."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.fake_maya.graph import Node
from tests.fake_maya.ma_reader import Reader
from tests.fake_maya.ma_text import load_text
from tests.fake_maya.ma_writer import Writer
from tests.fake_maya.references import Reference, add_reference

from .core import Flags, command, flatten, need_node, short_name

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_FLAGS = (
    "newFile force open save rename type reference namespace i importReference removeReference unloadReference loadReference referenceNode sceneName expandName list modified exists"
    " location returnNewNodes ignoreVersion prompt exportSelected exportAll shortName mergeNamespacesOnClash preserveReferences options executeScriptNodes withoutCopyNumber"
    " renameToSave unresolvedName defaultNamespace groupReference deferReference lastTempFile strict constructionHistory channels expressions constraints shader"
)


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
    """New, open, save, import, reference; and questions."""
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
    if flags.get("exportSelected") or flags.get("exportAll"):
        return _export(session, path, flags)
    for flag in ("removeReference", "unloadReference", "importReference", "loadReference"):
        if flags.get(flag):
            return _change_reference(session, flag, path or flags[flag], flags)
    if flags.get("reference"):
        return _reference(session, path, flags)
    if flags.get("i"):
        return _import(session, path, flags)
    if flags.get("modified") is not None:
        session.modified = bool(flags["modified"])
        return None
    if "type" in flags:
        session.file_type = flags["type"]
        return None
    raise RuntimeError(f"file: nothing to do with {sorted(flags)}")


def _may_lose(session: Session, flags: Flags) -> None:
    if session.modified and not flags.get("force"):
        raise RuntimeError("Unsaved changes.")


def _query(session: Session, path: str, flags: Flags) -> Any:
    if path and (flags.get("namespace") or flags.get("referenceNode") or flags.get("exists")):
        if flags.get("exists"):
            return os.path.exists(path)
        reference = need_reference(session, path)
        return reference.namespace if flags.get("namespace") else reference.name
    answers = {
        "sceneName": session.scene_name if not flags.get("shortName") else os.path.basename(session.scene_name), "expandName": session.scene_name or os.path.join(os.getcwd(), "untitled"),
        "location": session.scene_name or "unknown", "modified": session.modified, "type": [session.file_type], "reference": [r.path for r in session.references] or [],
        "list": [session.scene_name or "untitled", *(r.path for r in session.references)], "exists": bool(session.scene_name) and os.path.exists(session.scene_name),
    }  # fmt: skip
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


def _export(session: Session, path: str, flags: Flags) -> str:
    nodes = [n for n in session.graph if not n.default_node]
    if flags.get("exportSelected"):
        chosen: dict[Node, None] = {}

        def take(node: Node) -> None:
            if node in chosen or node.default_node:
                return
            chosen[node] = None
            for other in [*node.children, *node.parents, *(end[0] for end in node.inputs.values())]:
                take(other)

        for name in session.selection:
            take(need_node(session, name.partition(".")[0]))
        nodes = [n for n in nodes if n in chosen]
    with open(path, "w", encoding="utf-8") as out:
        out.write(Writer(session, nodes, path=path).text())
    return path


def _import(session: Session, path: str, flags: Flags) -> Any:
    if not os.path.isfile(path):
        raise RuntimeError(f"File not found: {path}")
    session.fire(("scene", 3))
    namespace = flags.get("namespace", "").strip(":")
    if namespace:
        session.graph.namespaces[namespace] = None
    with reading(session):
        reader = Reader(session, namespace="" if namespace in ("", ":") else namespace)
        made = reader.read(load_text(path))
    session.journal.flush()
    session.modified = True
    session.fire(("scene", 4))
    return [short_name(session, n) for n in made] if flags.get("returnNewNodes") else path


def _reference(session: Session, path: str, flags: Flags) -> Any:
    if not os.path.isfile(path):
        raise RuntimeError(f"File not found: {path}")
    session.fire(("scene", 14))
    namespace = flags.get("namespace") or os.path.splitext(os.path.basename(path))[0]
    with reading(session):
        reference = add_reference(session, path, namespace, name="", parent=None, load=not flags.get("deferReference"), node=None)
        reference.node = session.graph.create("reference", reference.name)
        reference.name = reference.node.name
    session.journal.flush()
    session.modified = True
    session.fire(("scene", 15))
    return [short_name(session, n) for n in reference.nodes] if flags.get("returnNewNodes") else path


def need_reference(session: Session, what: str) -> Reference:
    """A reference by file, reference node, namespace or one of its nodes."""
    for reference in session.references:
        if what in (reference.path, reference.name, reference.namespace):
            return reference
    found = session.graph.find(what.partition(".")[0])
    for reference in session.references:
        if found and found[0][-1] in reference.nodes:
            return reference
    raise RuntimeError(f"'{what}' is not from a reference")


def _change_reference(session: Session, flag: str, what: Any, flags: Flags) -> None:
    name = flags.get("referenceNode") or what
    reference = need_reference(session, name if isinstance(name, str) else "")
    with reading(session):
        if flag == "importReference":
            reference.become_own()
        elif flag == "loadReference":
            if not reference.loaded:
                reference.load()
                reader = Reader(session)
                reference.apply(reader)
        else:
            if reference.loaded:
                reference.unload()
            if flag == "removeReference":
                session.references.remove(reference)
                if reference.node is not None:
                    session.graph.remove(reference.node)
    session.journal.flush()
    session.modified = True


_REFERENCE = (
    "isNodeReferenced filename namespace nodes referenceNode isLoaded editStrings shortName unresolvedName withoutCopyNumber editNodes topReference dagPath parent"
)


@command("referenceQuery", _REFERENCE, undoable=False)
def reference_query(session: Session, args: list[Any], flags: Flags) -> Any:
    """One question about a reference."""
    name = flatten(args)[0]
    if flags.get("isNodeReferenced"):
        return need_node(session, name.partition(".")[0]).reference is not None
    reference = need_reference(session, name)
    if flags.get("editStrings"):
        if not reference.loaded:
            return []
        texts, _ = reference.edits(lambda node, key: node.name)
        return texts
    answers = {
        "filename": os.path.basename(reference.path) if flags.get("shortName") else reference.path, "unresolvedName": reference.path, "referenceNode": reference.name,
        "nodes": [short_name(session, n) for n in reference.nodes if n.alive] or None, "isLoaded": reference.loaded,
        "namespace": ":" + reference.namespace if not flags.get("shortName") else reference.namespace.rpartition(":")[2], "topReference": reference.name,
    }  # fmt: skip
    return next(answers[f] for f in flags if f in answers)


__all__ = ["file", "new_scene", "open_scene", "reference_query", "save_scene"]
