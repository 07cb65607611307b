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
    """A scene without any aimDeformer."""

    def __init__(self) -> None:
        super().__init__(
            f"The scene has no {TYPE_NAME}.",
            "No model is attached in it, or the reference that has it is not loaded.",
            "Attach one; --allow-none passes over such scenes.",
        )
