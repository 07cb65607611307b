"""One user action, one undo step; and quiet stretches that leave no undo step at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from maya import cmds


@contextlib.contextmanager
def undo_chunk(name: str) -> Iterator[None]:
    """Everything inside is one step; after an error the step is undone, so that the scene is as it was.

    Where undo is off, as in mayapy, it is on meanwhile: an action that fails half-way has to be taken back
    there, too.
    """
    was_on = bool(cmds.undoInfo(query=True, state=True))
    if not was_on:
        cmds.undoInfo(stateWithoutFlush=True)
    cmds.undoInfo(openChunk=True, chunkName=name)
    try:
        yield
    except BaseException:
        cmds.undoInfo(closeChunk=True)
        if (
            cmds.undoInfo(query=True, undoName=True) == name
        ):  # an empty chunk leaves no step: the last one is the user's
            cmds.undo()
        raise
    else:
        cmds.undoInfo(closeChunk=True)
    finally:
        if not was_on:
            cmds.undoInfo(stateWithoutFlush=False)


@contextlib.contextmanager
def without_undo() -> Iterator[None]:
    """For changes that are put back by hand: they would only litter the queue. What is in it stays."""
    before = bool(cmds.undoInfo(query=True, state=True))
    cmds.undoInfo(stateWithoutFlush=False)
    try:
        yield
    finally:
        cmds.undoInfo(stateWithoutFlush=before)
