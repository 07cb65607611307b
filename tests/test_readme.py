"""The Python blocks of README and docs run.

Their command lines: test_command_lines.py; links and pictures: test_docs.py.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALL_PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
BLOCKS = {path: re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.S) for path in ALL_PAGES}
PAGES = sorted(path for path, blocks in BLOCKS.items() if blocks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(
    page: Path,
    draft: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(draft, tmp_path / "actor.aim")
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS[page]:
        exec(compile(block, page.name, "exec"), {})
    assert capsys.readouterr().out


def test_the_notebook_runs(
    draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(draft, tmp_path / "actor.aim")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    (path,) = (ROOT / "docs").rglob("*.ipynb")
    names: dict[str, object] = {}
    for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # nothing of a machine is kept
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
            assert capsys.readouterr().out


def test_the_readme_shows_python() -> None:
    assert ROOT / "README.md" in PAGES
