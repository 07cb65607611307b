"""The host's small things: matrices in Maya's way and in ours; undo steps, one for each action of a user; and
messages, which are said on its main thread, where alone its script editor may be written to, and kept in a
file."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maya import OpenMaya, cmds, utils

from aim_maya.core.dependencies import maya_app_folder

if TYPE_CHECKING:
    from aim_maya.core.arrays import Floats

# Maya's matrices and ours: row vectors and MMatrix there, column vectors (p' = M p) and numpy here. The one
# place that converts. numpy is imported late: the node type is registered where it is missing, too.


def from_maya(matrix: Any) -> Floats:
    """MMatrix (row vectors, translation in the last row) -> (4, 4) float64 column vectors, centimetres."""
    import numpy as np

    return np.array([[matrix(column, row) for column in range(4)] for row in range(4)], np.float64)


def from_list(values: Any) -> Floats:
    """Sixteen numbers as cmds gives a matrix attribute -> (4, 4) float64 column vectors."""
    import numpy as np

    return np.asarray(values, np.float64).reshape(4, 4).T


def to_maya(matrix: Floats) -> Any:
    """(4, 4) column vectors -> MMatrix."""
    made = OpenMaya.MMatrix()
    OpenMaya.MScriptUtil.createMatrixFromList(to_list(matrix), made)
    return made


def to_list(matrix: Floats) -> list[float]:
    """(4, 4) column vectors -> sixteen numbers, row vectors, as cmds takes them."""
    import numpy as np

    return [float(x) for x in np.asarray(matrix, np.float64).T.ravel()]


# Undo.


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
