"""Messages of evaluation: said on Maya's main thread, since its script editor may be written to from nowhere else."""

from __future__ import annotations

import logging
import threading

from maya import cmds, utils

_logger = logging.getLogger("aim_maya")


class _OnMainThread(logging.Filter):
    """Holds back what other threads say until Maya is idle; the node's status has it at once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a record that will come again on the main thread."""
        if threading.current_thread() is threading.main_thread():
            return True
        utils.executeDeferred(_logger.handle, record)
        return False


_filter = _OnMainThread()


def install() -> None:
    """Called when the plug-in loads. In batch nothing is ever idle, and the log is a file: records go straight there."""
    if not cmds.about(batch=True):
        _logger.addFilter(_filter)


def remove() -> None:
    """Called when the plug-in unloads."""
    _logger.removeFilter(_filter)
