"""Examine an installation and say what to do: in Maya, in mayapy, in any Python.

    bin/aim-mayapy doctor            python -m aim_maya.doctor [FILE.aim] [--device cuda] [--json FILE]

Never raises: whatever is broken becomes a line. Exit code 1 only when something that is installed does not
work, or what everything needs is missing (numpy; in Maya the plug-in): an optional part that is not installed
is no failure.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aim_maya import __version__
from aim_maya.checks import Check, as_figures, as_text, guarded, worst
from aim_maya.checks.device import model_checks, session_checks
from aim_maya.checks.host import (
    adp_checks,
    disk_checks,
    environment_checks,
    folder_checks,
    gil_check,
    imported_files,
    maya_qt_checks,
    package_checks,
    python_checks,
    trainer_checks,
    windows_checks,
)
from aim_maya.checks.parts import IN_MAYA, PARTS, part_checks
from aim_maya.core.dependencies import add_dependency_folder, is_found
from aim_maya.ui.training.process import clean_environment
from aim_maya.ui.training.python import find

PLUGIN = "aim_deformer"
SUPPORTED = ("2025", "2026", "2027")


def examine(model: str | Path | None = None, device: str = "auto") -> list[Check]:
    """Every finding, in reading order. `model` is a .aim file to try as well."""
    before = imported_files()  # first of all: the checks themselves import
    add_dependency_folder()
    in_maya = is_found("maya")
    probes: list[tuple[str, Callable[[], list[Check]]]] = [
        ("AIM for Maya", lambda: [Check("AIM for Maya", "info", f"{__version__}, {Path(__file__).parent}")]),
        ("Python", python_checks),
        ("dependency folder", folder_checks),
        ("packages", lambda: package_checks(before)),
        ("session", lambda: session_checks(device)),
        ("msvcp140.dll", windows_checks),
        ("Maya 2027", adp_checks),
        ("disk", disk_checks),
        ("PySide6", lambda: maya_qt_checks() if in_maya else []),
        ("trainer's Python", trainer_checks),
        ("environment", environment_checks),
        ("Maya", lambda: maya_checks() if in_maya else [Check("Maya", "info", "this is not Maya's Python")]),
    ]
    probes.append(("optional parts", lambda: optional_checks(in_maya)))
    if model is not None:
        probes.append(("model", lambda: model_checks(Path(model), device)))
    return [check for name, probe in probes for check in guarded(name, probe)]


def optional_checks(in_maya: bool) -> list[Check]:
    """The optional parts: of this Python, or in Maya those of the trainer's."""
    if in_maya:
        return part_checks(
            find(), clean_environment(os.environ), [part for part in PARTS if part.extra in IN_MAYA]
        )
    return part_checks(Path(sys.executable) if sys.executable else None, dict(os.environ), PARTS)


def maya_checks() -> list[Check]:
    """Version, plug-in and evaluation of the running Maya. The only place of the doctor that calls it."""
    from maya import cmds

    if not hasattr(cmds, "about"):  # mayapy: commands come with initialize
        import maya.standalone

        maya.standalone.initialize(name="python")

    def ask(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception:  # noqa: BLE001 - a question that this Maya does not know is no reason to stop
            return None

    version = str(ask(lambda: cmds.about(version=True)) or "unknown")
    known = version.startswith(SUPPORTED)
    mode = "batch" if ask(lambda: cmds.about(batch=True)) else "interactive"
    found = f"{version}, API {ask(lambda: cmds.about(apiVersion=True))}, {mode}"
    checks = [
        Check(
            "Maya",
            "ok" if known else "warn",
            found,
            "" if known else f"Made for Maya {', '.join(SUPPORTED)}; this one is untried.",
        )
    ]
    evaluation = ask(lambda: cmds.evaluationManager(query=True, mode=True))
    checks.append(gil_check(evaluation))
    loaded = ask(lambda: cmds.pluginInfo(PLUGIN, query=True, loaded=True))
    return [
        *checks,
        _plugin_check(bool(loaded), str(ask(lambda: cmds.pluginInfo(PLUGIN, query=True, path=True)) or "")),
    ]


def _plugin_check(loaded: bool, path: str) -> Check:
    """From what Maya says of the plug-in and what lies on its search path."""
    folders = [p for p in os.environ.get("MAYA_PLUG_IN_PATH", "").split(os.pathsep) if p]
    on_path = [str(Path(p) / f"{PLUGIN}.py") for p in folders if (Path(p) / f"{PLUGIN}.py").is_file()]
    own = Path(__file__).parents[1] / "plug-ins" / f"{PLUGIN}.py"
    if loaded and own.is_file() and path and os.path.realpath(path) != os.path.realpath(own):
        remedy = (
            "Unload it and load the right one; remove the other copy from MAYA_PLUG_IN_PATH or "
            "MAYA_MODULE_PATH."
        )
        return Check("plug-in", "warn", f"loaded from {path}, this package belongs to {own}", remedy)
    if loaded:
        return Check("plug-in", "ok", f"loaded from {path or 'an unknown place'}")
    if on_path:
        return Check("plug-in", "ok", f"found at {on_path[0]}, not loaded")
    return Check(
        "plug-in",
        "fail",
        f"{PLUGIN}.py is not on MAYA_PLUG_IN_PATH",
        "Check that aim_maya.mod is in a folder of MAYA_MODULE_PATH and names this Maya; restart Maya.",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command: 0 nothing fails, 1 something does, 2 the JSON file cannot be written."""
    parser = argparse.ArgumentParser(
        prog="aim_maya.doctor", description="Examine this installation and say what to do."
    )
    parser.add_argument("model", nargs="?", help="an actor.aim to try as well")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", help="write the findings here as JSON")
    options = parser.parse_args(argv)
    checks = examine(options.model, options.device)
    text = as_text(checks)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # a farm's log may be plain ASCII, paths are not
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    if options.json:
        from aim_maya.core.errors import AimError
        from aim_maya.core.files import write_json

        try:
            write_json(options.json, as_figures(checks))
        except AimError as error:
            sys.stderr.write(f"Error: {error}\n")
            return 2
    return 1 if worst(checks) == "fail" else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    if "maya.standalone" in sys.modules:
        os._exit(code)  # Maya's own clean-up at exit changes the exit code, or crashes
    sys.exit(code)
