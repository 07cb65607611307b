"""Where model files are looked for: what Maya says of its scene, references, project and dirmap, asked
outside evaluation only.

Evaluation may not call commands, so the answers are kept here and refreshed whenever a scene or a reference
comes or goes.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from maya import OpenMaya, cmds

from aim_maya.core.model_paths import SearchContext, resolve

from .attributes import TYPE_NAME

_EVENTS = ("kAfterOpen", "kAfterNew", "kAfterSave", "kAfterReference", "kAfterImport")
_log = logging.getLogger("aim_maya")


class _State:
    context = SearchContext()
    version = 0
    callbacks: tuple[Any, ...] = ()


def version() -> int:
    """Changes whenever a path may resolve to another file."""
    return _State.version


def folders() -> tuple[str, ...]:
    """Beside the scene and its references, then the project."""
    return _State.context.folders


def find(text: str, what: str = "model") -> Path:
    """The file that the attribute `what` names. Raises AimError that lists every place tried. Safe during
    evaluation."""
    return resolve(text, _State.context, what=what)


def refresh() -> None:
    """Ask Maya where things are. Called before every action: a project may be set at any time."""
    try:
        context = _ask()
    except (
        RuntimeError
    ) as error:  # in the middle of a file operation Maya refuses some questions: the next event asks again
        _log.debug("scene paths not refreshed: %s", error)
        return
    if context != _State.context:
        _State.context = context
        _State.version += 1


def _after_file(*_: object) -> None:
    """A scene or a reference has come: nodes that were asked for points while it was read are evaluated
    again."""
    refresh()
    nodes = cmds.ls(type=TYPE_NAME)
    if nodes:
        cmds.dgdirty(nodes)


def _ask() -> SearchContext:
    references = cmds.file(query=True, reference=True) or []
    files = [str(cmds.file(query=True, sceneName=True)), *(without_copy_number(str(f)) for f in references)]
    folders = [os.path.dirname(f) for f in files if f]
    folders.append(cmds.workspace(query=True, rootDirectory=True) or "")
    pairs = cmds.dirmap(getAllMappings=True) or []
    return SearchContext(
        tuple(dict.fromkeys(f for f in folders if f)), tuple(zip(pairs[::2], pairs[1::2], strict=False))
    )


def without_copy_number(path: str) -> str:
    """A rig referenced twice is listed as rig.ma and rig.ma{1}."""
    return path.split("{")[0]


def install() -> None:
    """Start listening; called when the plug-in loads."""
    remove()
    add = OpenMaya.MSceneMessage.addCallback
    _State.callbacks = tuple(add(getattr(OpenMaya.MSceneMessage, event), _after_file) for event in _EVENTS)
    refresh()


def remove() -> None:
    """Stop listening; called when the plug-in unloads."""
    for callback in _State.callbacks:
        OpenMaya.MMessage.removeCallback(callback)
    _State.callbacks = ()
