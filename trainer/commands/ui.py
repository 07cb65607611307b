"""Open the training window, without Maya: choose an actor, train it, watch it, stop and resume it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro


@dataclass
class Options:
    """What `aimface ui` takes."""

    path: tyro.conf.Positional[Path | None] = None
    """An actor folder to train, or the RUN folder of a training to follow."""
    light: bool = False
    """The system's colours instead of dark ones."""
    screenshot: Path | None = None
    """Save a picture of the window as PNG and close it."""
    after_s: float = 0.5
    """Seconds to wait before the picture."""
    json: Path | None = None
    """Write the exit code here as JSON."""


def run(options: Options) -> dict[str, Any]:
    """Show the window until it is closed."""
    from aim_maya.ui.app import check_writable
    from aim_maya.ui.training.window import train_window

    check_writable(options.screenshot)
    return {
        "exit_code": train_window(options.path, options.screenshot, options.after_s, dark=not options.light)
    }
