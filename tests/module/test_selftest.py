"""The command that users run in their Maya, on the stand-in: a report, an exit code, and one failure that
does not stop the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.in_maya.doubts import DOUBTS

ROOT = Path(__file__).resolve().parents[2]

_RUN = """
import sys
sys.path.insert(0, ".")
from tests import fake_maya
fake_maya.install()
sys.path.insert(0, "tests")
from in_maya import checks_node, run
{extra}
run.main(["--out", {out!r}, "--only", {only!r}])
"""


def run(out: Path, only: str, extra: str = "") -> subprocess.CompletedProcess[str]:
    code = _RUN.format(out=str(out), only=only, extra=extra)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_report_says_what_held(tmp_path: Path) -> None:
    done = run(tmp_path / "my report", "bit_for_bit")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "my report" / "report.md").read_text(encoding="utf-8")
    assert "1 of 1 checks held" in text
    assert "rest_is_the_input_bit_for_bit | held" in text
    assert "Maya ended" not in text
    for part in (
        "## This installation",
        "evaluation mode",
        "numpy",
        "| what no document says | in this Maya |",
    ):
        assert part in text, part
    assert text.count("| not tried |") == len(DOUBTS)


def test_a_check_that_ends_maya_is_named(tmp_path: Path) -> None:
    deadly = (
        "def check_bit_for_bit_deadly(lab):\n    'Ends Maya.'\n    import os; os._exit(9)\n"
        "checks_node.CHECKS.append(check_bit_for_bit_deadly)"
    )
    assert run(tmp_path, "bit_for_bit", deadly).returncode == 9
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Maya ended, or was ended, during check_bit_for_bit_deadly" in text
    assert "rest_is_the_input_bit_for_bit | held" in text


def test_a_failure_is_shown_and_the_rest_goes_on(tmp_path: Path) -> None:
    broken = (
        "def check_bit_for_bit_broken(lab):\n    'Fails.'\n    raise AssertionError('it moved by "
        "3 cm')\nchecks_node.CHECKS.insert(0, check_bit_for_bit_broken)"
    )
    done = run(tmp_path, "bit_for_bit", broken)
    assert done.returncode == 1, done.stderr
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "1 of 2 checks held" in text
    assert "it moved by 3 cm" in text


def test_it_begins_in_a_session_where_nothing_is_loaded(tmp_path: Path) -> None:
    """The three checks of a session that has just begun; with the plug-in loaded before them they fail."""
    done = run(tmp_path, "first_thing_done")
    assert done.returncode == 0, done.stdout
    done = run(tmp_path, "loads_the_plug_in")
    assert done.returncode == 0, done.stdout
    loaded = "import maya.cmds\nmaya.cmds.loadPlugin('plug-ins/aim_deformer.py')"
    done = run(tmp_path, "first_thing_done", loaded)
    assert done.returncode == 1
    assert "was to begin without the plug-in" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_outside_maya_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aim_maya.selftest"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is not Maya's Python" in done.stderr
    assert "Traceback" not in done.stderr
