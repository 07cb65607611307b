"""Where a node's files are looked for: what Maya says of its scene, references, project and dirmap, asked
outside evaluation only.

Evaluation may not call commands, so the answers are kept here and on the nodes, and refreshed whenever a
scene or a reference comes or goes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from maya import OpenMaya, cmds

from aim_maya.core.dependencies import SearchContext, resolve
from aim_maya.core.errors import AimError

# kAfterReference is deprecated, and not told for a load. kAfterSceneReadAndRecordEdits comes last of all,
# once a file operation, when nothing is being read any more (MSceneMessage.h).
_EVENTS = [
    "kAfterOpen",
    "kAfterNew",
    "kAfterSave",
    "kAfterImport",
    "kAfterCreateReference",
    "kAfterLoadReference",
    "kAfterUnloadReference",
    "kAfterRemoveReference",
    "kAfterImportReference",
    "kAfterSceneReadAndRecordEdits",
]
FILES = ("model", "edit", "performance")
_log = logging.getLogger("aim_maya")


@dataclass(eq=False)
class Place:
    """Where one node stands. own: the folders beside the referenced file that it came with, and beside those
    that hold that file. missed: it was asked for something while a file was read, and gave what it could."""

    own: tuple[str, ...] = ()
    missed: bool = False


class _State:
    context = SearchContext()
    scene: tuple[str, ...] = ()
    version = 0
    callbacks: tuple[Any, ...] = ()
    places: tuple[tuple[Any, Place], ...] = ()  # by MObjectHandle: it knows when Maya has deleted its node


def follow(node: Any, place: Place) -> None:
    """Keep the place of a node (MObject) up to date for as long as Maya has the node."""
    kept = tuple(entry for entry in _State.places if entry[0].isAlive())
    _State.places = (*kept, (OpenMaya.MObjectHandle(node), place))


def version() -> int:
    """Changes whenever a path may resolve to another file."""
    return _State.version


def scene_folders() -> tuple[str, ...]:
    """Beside the scene, where it has been saved, then the project."""
    return _State.scene


def find(text: str, what: str = "model", own: tuple[str, ...] = (), wanted: str = "") -> Path:
    """The file that the attribute `what` of a node with these folders names. Safe during evaluation.

    wanted: the modelHash; of several models of that name the one that has it is taken. Raises AimError that
    lists every place tried.
    """
    return _find(_State.context, text, what, own, wanted)


def file_of(node: str, what: str = "model") -> Path:
    """The file that a node of the scene uses. Outside evaluation. Raises AimError."""
    wanted = (cmds.getAttr(f"{node}.modelHash") or "") if what == "model" else ""
    return find(cmds.getAttr(f"{node}.{what}") or "", what, own_folders(node), wanted)


def _find(context: SearchContext, text: str, what: str, own: tuple[str, ...], wanted: str) -> Path:
    return resolve(
        text,
        replace(context, own=own),
        what=what,
        meant=(lambda path: hash_of(path) == wanted) if wanted else None,
    )


def hash_of(path: Path) -> str:
    """The modelHash of a file; '' for one that cannot be read."""
    try:
        about = os.stat(path)
    except OSError:
        return ""
    return _hash(str(path), about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _hash(path: str, _modified: int, _size: int) -> str:
    from aim_maya.core.container import AIM, model_hash, read_manifest  # numpy: not there in every Maya

    try:
        return model_hash(read_manifest(AIM, path))
    except AimError:
        return ""


def refresh() -> None:
    """Ask Maya where things are; nodes that now mean other files than before are evaluated again. Called
    before every action: a project may be set at any time."""
    try:
        context, parents = _ask()
        named = [(name, place, own_folders(name, parents)) for name, place in _living()]
    except RuntimeError as error:  # in the middle of a file operation: the next event asks again
        _log.debug("scene paths not refreshed: %s", error)
        return
    before, moved = _State.context, []
    for name, place, own in named:
        if (context, own) != (before, place.own):
            if _files(name, before, place.own) != _files(name, context, own):
                moved.append(name)
            place.own = own
            _State.version += 1
    if context != before:
        _State.context = context
        _State.version += 1
    if moved:
        cmds.dgdirty(moved)


def _files(name: str, context: SearchContext, own: tuple[str, ...]) -> list[str]:
    """What a node's files resolve to; '' for what cannot be found."""
    wanted, found = str(cmds.getAttr(f"{name}.modelHash") or ""), []
    for what in FILES:
        try:
            text = str(cmds.getAttr(f"{name}.{what}") or "")
            found.append(str(_find(context, text, what, own, wanted if what == "model" else "")))
        except (AimError, RuntimeError, ValueError):  # not there, or Maya does not answer just now
            found.append("")
    return found


def _living() -> Iterator[tuple[str, Place]]:
    """Name and place of every node in the scene; not of those that only undo would bring back."""
    for handle, place in _State.places:
        if handle.isValid():
            yield str(OpenMaya.MFnDependencyNode(handle.object()).name()), place


def _after_file(*_: object) -> None:
    """A scene or a reference has come or gone, or was saved: nodes that were asked for points while it was
    read, and those whose files are others now, are evaluated again. The rest keep what they have: a save must
    not fill a playback cache anew."""
    refresh()
    if OpenMaya.MFileIO.isReadingFile():
        return  # of a file inside another: the outer one's end is told, too
    missed = [(name, place) for name, place in _living() if place.missed]
    for _name, place in missed:
        place.missed = False
    if missed:
        cmds.dgdirty([name for name, _place in missed])


def _ask() -> tuple[SearchContext, dict[str, str]]:
    """Where Maya looks, and {reference: the reference that holds it, '' for the scene}, as Maya lists
    them."""
    parents: dict[str, str] = {}
    left: list[tuple[str, str]] = [(str(p), "") for p in cmds.file(query=True, reference=True) or []]
    while left:  # Maya lists one level at a time
        path, parent = left.pop(0)
        if path not in parents:
            parents[path] = parent
            with contextlib.suppress(RuntimeError):  # one that is not loaded, or not there, holds nothing
                left += [(str(p), path) for p in cmds.file(path, query=True, reference=True) or []]
    scene = os.path.dirname(str(cmds.file(query=True, sceneName=True)))
    project = cmds.workspace(query=True, rootDirectory=True) or ""
    _State.scene = tuple(p for p in (scene, project) if p)
    places = [scene, *(os.path.dirname(without_copy_number(path)) for path in parents), project]
    pairs = cmds.dirmap(getAllMappings=True) or []
    return (
        SearchContext(
            tuple(dict.fromkeys(p for p in places if p)), tuple(zip(pairs[::2], pairs[1::2], strict=False))
        ),
        parents,
    )


def own_folders(node: str, parents: dict[str, str] | None = None) -> tuple[str, ...]:
    """Beside the referenced file that a node of the scene came with, then beside the files that hold that
    one; () for a node of the scene itself."""
    if not cmds.referenceQuery(node, isNodeReferenced=True):
        return ()
    parents = _ask()[1] if parents is None else parents
    path, found = str(cmds.referenceQuery(node, filename=True)), []
    while path:
        found.append(os.path.dirname(without_copy_number(path)))
        path = parents.get(path, "")
    return tuple(dict.fromkeys(found))


def without_copy_number(path: str) -> str:
    """A rig referenced twice is listed as rig.ma and rig.ma{1}."""
    return re.sub(r"\{\d+\}$", "", path)


def install() -> None:
    """Start listening; called when the plug-in loads."""
    remove()
    for event in _EVENTS:
        number = OpenMaya.MSceneMessage.addCallback(getattr(OpenMaya.MSceneMessage, event), _after_file)
        _State.callbacks = (*_State.callbacks, number)
    refresh()


def remove() -> None:
    """Stop listening; called when the plug-in unloads: Maya does not survive a callback that is left."""
    for callback in _State.callbacks:
        OpenMaya.MMessage.removeCallback(callback)
    _State.callbacks = ()
