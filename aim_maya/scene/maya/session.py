"""What a session of Maya keeps of ours: undo steps, one for each action of a user; and messages, which are
said on its main thread, where alone its script editor may be written to, and kept in a file."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from maya import cmds, utils

from aim_maya.core.dependencies import maya_app_folder


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
        # an empty chunk leaves no step: the last one is the user's
        if cmds.undoInfo(query=True, undoName=True) == name:
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


# Messages.

logger = logging.getLogger("aim_maya")
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class _OnMainThread(logging.Filter):
    """Holds back what other threads say until Maya is idle; the node's status has it at once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a record that will come again on the main thread."""
        if threading.current_thread() is threading.main_thread():
            return True
        utils.executeDeferred(logger.handle, record)
        return False


_filter = _OnMainThread()


def begin_log() -> None:
    """Called when the plug-in loads. In batch nothing is ever idle, and the log is a file: records go
    straight there."""
    if not cmds.about(batch=True):
        logger.addFilter(_filter)


def end_log() -> None:
    """Called when the plug-in unloads."""
    logger.removeFilter(_filter)


def log_file() -> Path | None:
    """Where messages are kept, or None: in batch, or when the user's Maya folder cannot be written."""
    return next((Path(h.baseFilename) for h in logger.handlers if isinstance(h, RotatingFileHandler)), None)


class _SharedFile(RotatingFileHandler):
    """The log of all Mayas of this user. On Windows a file that another one has open cannot be renamed: then
    it grows on, and the next megabyte is tried again."""

    def doRollover(self) -> None:
        """Rename the file, if it can be renamed."""
        try:
            super().doRollover()
        except OSError:
            self.maxBytes += 2**20
            self.stream = self._open()


def keep_log() -> None:
    """Keep messages in <Maya folder>/aim_maya/aim_maya.log, a megabyte of them and one before; nothing where
    that cannot be written."""
    if log_file() is not None:
        return
    path = maya_app_folder() / "aim_maya" / "aim_maya.log"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _SharedFile(path, maxBytes=2**20, backupCount=1, encoding="utf-8")
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger.addHandler(handler)
