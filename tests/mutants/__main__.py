"""`python -m tests.mutants [--only WORD] [--json FILE] [--limit SECONDS]`: plant every fault in a copy of the
tree and say which test notices. Seconds a fault; nothing of it is part of the suite. Exit code 1 when fewer
than 95 in a hundred are noticed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import TESTS, Fault, faults

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 0.95
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "docs", "runs", "*.pyc")
_PROCESSES = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
_WARM = ("numpy", "onnxruntime", "pytest", "hypothesis", "pytestqt.plugin")  # once, not in each process


def copied(to: Path) -> Path:
    """The tree without history and caches."""
    tree = to / "tree"
    shutil.copytree(ROOT, tree, ignore=_LEFT_OUT, symlinks=True)
    for kept in ("docs/reference", "docs/guide"):  # tests read these
        shutil.copytree(ROOT / kept, tree / kept)
    return tree


def noticed_by(tree: Path, tests: tuple[str, ...], limit: float) -> str:
    """The first test that fails, 'time: ...' where a group does not end, '' where all pass."""
    for name in tests:
        answers: Any = _PROCESSES.Queue()
        process = _PROCESSES.Process(target=_run, args=(str(tree), TESTS[name], answers))
        process.start()
        process.join(limit)
        if process.is_alive():
            process.kill()
            process.join()
            return f"time: {name} did not end in {limit:g} s"
        code, failed = answers.get() if not answers.empty() else (process.exitcode, "")
        if code == 5:
            raise SystemExit(f"no test is called by '{name}': {' '.join(TESTS[name])}")
        if code:
            return failed or f"its process, which ended with {code}"
    return ""


class _First:
    """Remembers the first test that fails."""

    name = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Called by pytest for every phase of a test."""
        if report.failed and not self.name:
            self.name = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        """Called by pytest for every file."""
        if report.failed and not self.name:
            self.name = f"{report.nodeid} (import)"


def _run(tree: str, words: list[str], answers: Any) -> None:
    """In a process of its own: pytest on the copy, with nothing of this tree."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("tests", "aim_maya", "trainer")]:
        del sys.modules[name]
    sys.path[:] = [tree, *(p for p in sys.path if p and Path(p).resolve() != ROOT)]
    # nothing compiled is kept: a fault may be as long as what it replaces, and planted within the same second
    os.environ |= {"PYTHONPATH": tree, "QT_QPA_PLATFORM": "offscreen", "PYTHONDONTWRITEBYTECODE": "mutants"}
    os.chdir(tree)
    sys.dont_write_bytecode = True
    import pytest

    first = _First()
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "-x", "--tb=no"]
        code = int(pytest.main([*options, *words], plugins=[first]))
    answers.put((code, first.name))


def plant(tree: Path, fault: Fault, limit: float) -> str:
    """What notices the fault."""
    path = tree / fault.file
    text = path.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, (
        f"{fault.name}: its text is {text.count(fault.old)} times in {fault.file}"
    )
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    try:
        return noticed_by(tree, fault.tests, limit)
    finally:
        path.write_text(text, encoding="utf-8")


def table(found: dict[str, str], chosen: list[Fault]) -> list[str]:
    """Markdown: a line a fault; those that change nothing observable apart; the share."""
    lines = ["| fault | file | noticed by |", "| --- | --- | --- |"]
    counted = [f for f in chosen if not f.same and f.name in found]
    lines += [
        f"| {f.name} | {f.file} | {found[f.name].replace('|', ' ') or 'NOT NOTICED'} |" for f in counted
    ]
    lines += ["", "| changes nothing observable | why |", "| --- | --- |"]
    lines += [f"| {f.name} | {f.same} |" for f in chosen if f.same]
    seen = sum(_is_noticed(found[f.name]) for f in counted)
    return [*lines, "", f"{seen} of {len(counted)} noticed ({100 * seen / max(len(counted), 1):.1f} %)."]


def _is_noticed(by: str) -> bool:
    return bool(by) and not by.startswith("time: ")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name or file holds this word")
    parser.add_argument("--json", type=Path, help="keep what was found here, and go on from it")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one group of tests may take")
    options = parser.parse_args()
    chosen = [f for f in faults() if options.only in f.name or options.only in f.file]
    found: dict[str, str] = (
        json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    )
    with tempfile.TemporaryDirectory(prefix="aim_mutants_") as folder:
        tree = copied(Path(folder))
        for name in _WARM:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        for fault in (f for f in chosen if not f.same and f.name not in found):
            begin = time.perf_counter()
            found[fault.name] = plant(tree, fault, options.limit)
            sys.stdout.write(
                f"{time.perf_counter() - begin:6.1f} s  {fault.name}: {found[fault.name] or 'NOT NOTICED'}\n"
            )
            sys.stdout.flush()
            if options.json:
                options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    sys.stdout.write("\n".join(table(found, chosen)) + "\n")
    counted = [f for f in chosen if not f.same]
    return 0 if sum(_is_noticed(found[f.name]) for f in counted) >= ENOUGH * len(counted) else 1


if __name__ == "__main__":
    sys.exit(main())
