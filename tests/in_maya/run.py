"""`aim-mayapy selftest [--out FOLDER] [--only WORD]`: every check in a fresh scene, times measured in this
Maya, a readable report.

Exit code 0 when everything held, 1 when something did not. A check that hangs is ended by a watchdog, which
names it.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LIMIT_S = 120


def main(argv: Sequence[str]) -> int:
    """Start Maya without interface, run the checks, write report.md and leave without Maya's own clean-up,
    which may crash."""
    parser = argparse.ArgumentParser(prog="aim-mayapy selftest", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=None, help="folder for report.md; a temporary one when not given"
    )
    parser.add_argument("--only", default="", help="run the checks whose name holds this word")
    options = parser.parse_args(argv)
    try:
        import maya.standalone
    except ImportError as error:
        sys.stderr.write(
            f"Error: {sys.executable} is not Maya's Python ({error}).\n  What to do: run "
            "bin/aim-mayapy selftest, or mayapy -m aim_maya.selftest.\n"
        )
        return 2
    folder = options.out or Path(tempfile.mkdtemp(prefix="aim_selftest_"))
    folder.mkdir(parents=True, exist_ok=True)
    _find_plug_ins()
    maya.standalone.initialize(name="python")
    from maya import cmds

    version, about = str(cmds.about(version=True)), installation()
    rows: list[tuple[str, str, float, str]] = []

    def write(running: str, times: list[str]) -> list[str]:
        lines = [*report(rows, version, times, running), "", "## This installation", "", *about]
        (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return lines

    for check in (check for check in all_checks() if options.only in check.__name__):
        write(check.__name__, [])  # before: a check that ends Maya leaves a report that names it
        rows.append(_run_one(check, folder))
    from . import timing

    lines = write("", timing.measure(folder) if not options.only else [])
    sys.stdout.write("\n".join(lines) + f"\n\nThe whole report, to be sent: {folder / 'report.md'}\n")
    sys.stdout.flush()
    os._exit(1 if any(row[1] for row in rows) else 0)


def _find_plug_ins() -> None:
    """Put the module's plug-ins on Maya's path, where its .mod file is not installed yet; nothing is
    loaded."""
    folder = str(Path(__file__).absolute().parents[2] / "plug-ins")
    known = [f for f in os.environ.get("MAYA_PLUG_IN_PATH", "").split(os.pathsep) if f]
    if folder not in known:
        os.environ["MAYA_PLUG_IN_PATH"] = os.pathsep.join([*known, folder])


def all_checks() -> list[Callable[[Any], None]]:
    """Every check, in order."""
    from . import (
        checks_attach,
        checks_batch,
        checks_capture,
        checks_edit,
        checks_host,
        checks_inputs,
        checks_native,
        checks_node,
        checks_performance,
        checks_scene,
        checks_session,
    )

    on_node = [*checks_node.CHECKS, *checks_inputs.CHECKS, *checks_performance.CHECKS, *checks_edit.CHECKS]
    return [
        *checks_session.CHECKS,  # first: nobody has loaded the plug-in yet
        *on_node,
        *checks_attach.CHECKS,
        *checks_native.CHECKS,
        *checks_capture.CHECKS,
        *checks_scene.CHECKS,
        *checks_batch.CHECKS,
        *checks_host.CHECKS,
    ]


def _run_one(check: Callable[[Any], None], folder: Path) -> tuple[str, str, float, str]:
    """name, what went wrong ('' when it held), seconds, what it checks."""
    from .lab import Lab

    faulthandler.dump_traceback_later(_LIMIT_S, exit=True)
    begin, wrong = time.perf_counter(), ""
    sys.stdout.write(f"{check.__name__} ...\n")
    sys.stdout.flush()
    try:
        place = folder / check.__name__
        place.mkdir(exist_ok=True)
        check(Lab(place, fresh=check.__module__.endswith("session")))
    except Exception:  # noqa: BLE001 - one check that fails must not stop the rest
        wrong = traceback.format_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()
    return check.__name__, wrong, time.perf_counter() - begin, (check.__doc__ or "").strip()


def installation() -> list[str]:
    """What the doctor finds in this Maya, as a block of markdown."""
    from aim_maya.checks import as_text
    from aim_maya.doctor import examine

    return ["```", as_text(examine()).rstrip(), "```"]


def report(
    rows: list[tuple[str, str, float, str]], version: str, times: list[str], running: str = ""
) -> list[str]:
    """Markdown: a line a check, what no document settles and this Maya does, what went wrong, times. running:
    the check that has not ended yet."""
    from .doubts import settled

    failed = [row for row in rows if row[1]]
    lines = [
        f"# AIM for Maya in Maya {version}",
        "",
        f"{len(rows) - len(failed)} of {len(rows)} checks held.",
        *([f"Maya ended, or was ended, during {running}."] if running else []),
        "",
        *settled({name[6:]: not wrong for name, wrong, _, _ in rows}),
        "",
        "| check | result | s | what |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name[6:]} | {'FAILED' if wrong else 'held'} | {seconds:.2f} | {what} |"
        for name, wrong, seconds, what in rows
    ]
    for name, wrong, _, _ in failed:
        lines += ["", f"## {name}", "", "```", wrong.rstrip(), "```"]
    return [*lines, *(["", "## Times", "", *times] if times else [])]
