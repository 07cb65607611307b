"""Results as they come, one JSON line each, so that a comparison that was stopped goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError


class Results:
    """Lines of one file: {"key": ..., "made_from": ..., figures}. A line that is cut off is not read."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if resume and path.exists():
                self._known = dict(filter(None, map(_parsed, path.read_text(encoding="utf-8").splitlines())))
            path.write_text("".join(json.dumps(line) + "\n" for line in self._known.values()), encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AimError(f"Cannot keep results in {path} ({error}).", "The folder is read-only, or a file stands in its place.", "Choose another --out.") from error

    def find(self, key: str, made_from: Mapping[str, Any]) -> dict[str, Any] | None:
        """The line of this key, when it was made from the same."""
        line = self._known.get(key)
        return line if line is not None and line["made_from"] == digest(made_from) else None

    def add(self, key: str, made_from: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a result."""
        line = {"key": key, "made_from": digest(made_from), **figures}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        self._known[key] = line
        return line


def _parsed(text: str) -> tuple[str, dict[str, Any]] | None:
    try:
        line = json.loads(text)
        return (line["key"], line) if "made_from" in line else None
    except (ValueError, TypeError, KeyError):
        return None


def digest(values: Mapping[str, Any]) -> str:
    """A short hash of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
