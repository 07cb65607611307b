"""What happens to a training when the window that started it goes."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .run_state import ask_to_stop


class LastWill:
    """Stops the training of a window that goes, closed or deleted; holds nothing of the window, which is gone by then."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def carry_out(self) -> None:
        """Ask it to stop, if that was wanted."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                ask_to_stop(self.folder)
