"""Messages: those of evaluation are said on Maya's main thread, where alone its script editor may be written
to; all are kept in a file."""

from __future__ import annotations

import contextlib
import logging
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

from maya import cmds, utils

from aim_maya.core.dependencies import maya_app_folder

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


def install() -> None:
    """Called when the plug-in loads. In batch nothing is ever idle, and the log is a file: records go
    straight there."""
    if not cmds.about(batch=True):
        logger.addFilter(_filter)


def remove() -> None:
    """Called when the plug-in unloads."""
    logger.removeFilter(_filter)


def file() -> Path | None:
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


def keep() -> None:
    """Keep messages in <Maya folder>/aim_maya/aim_maya.log, a megabyte of them and one before; nothing where
    that cannot be written."""
    if file() is not None:
        return
    path = maya_app_folder() / "aim_maya" / "aim_maya.log"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _SharedFile(path, maxBytes=2**20, backupCount=1, encoding="utf-8")
        handler.setFormatter(logging.Formatter(_FORMAT))
        logger.addHandler(handler)
