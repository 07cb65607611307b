"""What a window remembers between sessions, in the user's own settings."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import QSettings


def settings() -> QSettings:
    """The one file of both windows, the same inside Maya and outside."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "AIM for Maya", "windows")


def load(window: str) -> dict[str, Any]:
    """What `keep` was given last; {} when there is nothing or it cannot be read."""
    try:
        found = json.loads(str(settings().value(window, "{}")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def keep(window: str, values: dict[str, Any]) -> None:
    """Remember plain values."""
    settings().setValue(window, json.dumps(values))
