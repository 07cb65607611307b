"""What one batch command makes of one open scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aim_maya.core.errors import AimError

from .attributes import TYPE_NAME


@dataclass
class Outcome:
    """faces: a row each for the report; sources: files besides the scene that went in; skipped: there was nothing to do."""

    faces: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    skipped: bool = False


class NoFaces(AimError):
    """A scene with nothing in it to work on: --allow-none passes over it."""

    def __init__(self, what: str = f"The scene has no {TYPE_NAME}.", cause: str = "No model is attached in it, or the reference that has it is not loaded.") -> None:
        super().__init__(what, cause, "Attach one, or name the mesh with --nodes; --allow-none passes over such scenes.")
