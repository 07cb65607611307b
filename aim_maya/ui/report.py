"""The report of a model, written by the trainer's Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from aim_maya.core.errors import AimError
from aim_maya.install import run_lines

from .process import clean_environment, trainer_command


def write_report(python: Path, model: Path, actor: str, report: Callable[[str], None], cancelled: Callable[[], bool]) -> Path:
    """Write MODEL.html and return it; takes seconds. actor: its shapes are compared, '' for those in the file.

    Raises AimError with the trainer's own words, Cancelled when asked to stop.
    """
    page = model.with_suffix(".html")
    arguments = ["report", str(model), "-o", str(page), *(["--actor", actor] if actor else [])]
    code, lines = run_lines(trainer_command(python, arguments), report, cancelled, clean_environment(os.environ))
    if code:
        raise AimError(f"The report could not be written: {' '.join(lines[-3:])}", "", "Open the model with the viewer, or train it again.")
    return page
