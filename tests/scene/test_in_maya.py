"""The checks that run inside Maya, here on the stand-in: the same scenes, the same promises, and no contract
of the host broken."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PARTS = (
    "checks_session",
    "checks_node",
    "checks_inputs",
    "checks_performance",
    "checks_edit",
    "checks_attach",
    "checks_native",
    "checks_capture",
    "checks_scene",
    "checks_batch",
    "checks_host",
)


def _names() -> list[tuple[str, str]]:
    folder = Path(__file__).parents[1] / "in_maya"
    return [
        (part, line[4 : line.index("(")])
        for part in PARTS
        for line in (folder / f"{part}.py").read_text().splitlines()
        if line.startswith("def check_")
    ]


@pytest.fixture
def strict(maya: Any) -> Iterator[Any]:
    """The manager leaves hidden outputs alone that nothing is connected to, and shows what it evaluated."""
    maya.manager_skips_hidden = True
    yield maya
    maya.manager_skips_hidden = False


@pytest.mark.parametrize(("part", "name"), _names())
def test_check(maya: Any, part: str, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _hold(maya, part, name, tmp_path)
    assert "unexpected" not in caplog.text, "the node met an error of Python's, and passed its input through"


@pytest.mark.parametrize(
    ("part", "name"),
    [n for n in _names() if n[0] in ("checks_node", "checks_inputs", "checks_scene", "checks_performance")],
)
def test_check_under_a_manager_that_skips_hidden_outputs(
    strict: Any, part: str, name: str, tmp_path: Path
) -> None:
    _hold(strict, part, name, tmp_path)


def _hold(maya: Any, part: str, name: str, tmp_path: Path) -> None:
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
