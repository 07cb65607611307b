"""The checks that run inside Maya, here on the stand-in: the same scenes, the same promises, and no contract
of the host broken."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

PARTS = (
    "checks_session",
    "checks_node",
    "checks_performance",
    "checks_edit",
    "checks_attach",
    "checks_capture",
    "checks_scene",
    "checks_batch",
)


def _names() -> list[tuple[str, str]]:
    folder = Path(__file__).parents[1] / "in_maya"
    return [
        (part, line[4 : line.index("(")])
        for part in PARTS
        for line in (folder / f"{part}.py").read_text().splitlines()
        if line.startswith("def check_")
    ]


@pytest.mark.parametrize(("part", "name"), _names())
def test_check(maya: Any, part: str, name: str, tmp_path: Path) -> None:
    lab = importlib.import_module("tests.in_maya.lab")
    check = getattr(importlib.import_module(f"tests.in_maya.{part}"), name)
    assert inspect.getdoc(check), "a check says what it promises"
    fresh = part == "checks_session"
    if fresh:
        importlib.import_module("maya.cmds").unloadPlugin("aim_deformer")
    check(lab.Lab(tmp_path, fresh=fresh))
    assert maya.violations == []
    unexpected = [e for e in maya.errors if "expected" not in str(e)]
    assert unexpected == []
