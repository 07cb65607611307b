"""What an output was made from, in OUTPUT.json beside it: --resume skips what would come out the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aim_maya import __version__
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json, write_json

from .plan import Item, Plan

_IRRELEVANT = {"scenes", "out", "report", "resume", "timeout", "in_process", "in_place"}


def stamp_path(output: str) -> Path:
    """Beside the output."""
    return Path(f"{output}.json")


def write_stamp(plan: Plan, item: Item, sources: Iterable[str]) -> None:
    """Note what the output was made from: scene, `sources` (references and models), options, version."""
    files = [_file(item.scene), *(_file(s) for s in sorted(set(sources)))]
    write_json(stamp_path(item.output), _request(plan) | {"sources": files, "output": _file(item.output)})


def is_finished(plan: Plan, item: Item) -> bool:
    """Whether the output is there as it was written, from sources that are as they were, with the same options and version."""
    if not item.output:
        return False
    try:
        noted = read_json(stamp_path(item.output))
        known = [*noted["sources"], noted["output"]]
        return {k: noted[k] for k in ("version", "command", "options")} == _request(plan) and all(_file(f["path"]) == f for f in known)
    except (AimError, KeyError, TypeError):  # none, or not ours
        return False


def _request(plan: Plan) -> dict[str, Any]:
    return {"version": __version__, "command": plan.command, "options": {k: v for k, v in plan.options.items() if k not in _IRRELEVANT}}


def _file(path: str) -> dict[str, Any]:
    try:
        state = Path(path).stat()
    except OSError:
        return {"path": path, "bytes": None, "modified": None}
    return {"path": path, "bytes": state.st_size, "modified": state.st_mtime_ns}
