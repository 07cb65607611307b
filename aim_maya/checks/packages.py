"""numpy and onnxruntime: which copy this process has, whose it is, and whether another one is in the way."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from aim_maya.core import dependencies

from . import Check, first_line

INSTALL = "In Maya: bin/aim-mayapy install (or drop install_aim_maya.py again). Elsewhere: pip install {0}."
_OLDEST = {"numpy": (1, 26), "onnxruntime": (1, 20)}


def imported_files() -> dict[str, str]:
    """{package: file} of what the host had imported before us."""
    return {name: str(getattr(sys.modules[name], "__file__", None) or "?") for name in dependencies.NEEDED if sys.modules.get(name) is not None}


def package_checks(before: dict[str, str]) -> list[Check]:
    """Both packages; `before` is imported_files() from before anything was imported."""
    return [check for name in dependencies.NEEDED for check in (_package(name, before), *_others(name, before))] + _both_variants()


def _package(name: str, before: dict[str, str]) -> Check:
    needed = name == "numpy"
    try:
        module = importlib.import_module(name)
        version = str(module.__version__)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken extension raises anything
        absent = isinstance(error, ModuleNotFoundError) and error.name == name and not dependencies.is_found(name)
        if absent:
            without = "nothing can be evaluated without it" if needed else "cached evaluation works without it, all networks every frame does not"
            return Check(name, "fail" if needed else "warn", f"is not installed; {without}", INSTALL.format(name))
        return Check(name, "fail", f"is there and cannot be imported: {first_line(error)}", _broken(name, str(error)))
    old = tuple(int(n) for n in version.split(".")[:2] if n.isdigit()) < _OLDEST[name]
    remedy = f"{name} {'.'.join(map(str, _OLDEST[name]))} or later is needed; another tool brought this one." if old else ""
    host = ", imported by the host before us" if name in before else ""
    return Check(name, ("fail" if needed else "warn") if old else "ok", f"{version}, {whose(module)}{host}, {module.__file__}", remedy)


def whose(module: Any) -> str:
    """'ours' for a copy from a dependency folder, 'this Python's' for its own site-packages, else 'another tool's'."""
    file = os.path.realpath(getattr(module, "__file__", None) or "")
    if any(file.startswith(os.path.realpath(folder) + os.sep) for folder in dependencies.candidates()):
        return "ours"
    return "this Python's" if any(file.startswith(os.path.realpath(p) + os.sep) for p in (sys.prefix, sys.base_prefix)) else "another tool's"


def _broken(name: str, message: str) -> str:
    if "DLL load failed" in message:
        return "Install the latest Microsoft Visual C++ Redistributable; see msvcp140.dll below. A library loaded first by the host may be older."
    return f"Its wheel may be of another Python or platform, or cut short: install it again. {INSTALL.format(name)}"


def _others(name: str, before: dict[str, str]) -> list[Check]:
    """Further copies on sys.path. One process has one: the first found, or what the host imported."""
    copies = {os.path.realpath(p): p for entry in sys.path for p in [os.path.join(entry or ".", name, "__init__.py")] if os.path.isfile(p)}
    used = os.path.realpath(str(getattr(sys.modules.get(name), "__file__", None) or ""))
    further = [shown for real, shown in copies.items() if real != used]
    if not further:
        return []
    if name in before and used not in copies:
        found = f"the host imported {before[name]}; this Python would find {further[0]}"
        return [Check(f"{name}, other copies", "warn", found, "If evaluation fails, start Maya without the tool that brings it, to see whose fault it is.")]
    return [Check(f"{name}, other copies", "info", f"not used: {', '.join(further)}")]


def _both_variants() -> list[Check]:
    """onnxruntime and onnxruntime-gpu in one folder overwrite each other's files."""
    checks = []
    for folder in dict.fromkeys(Path(p) for p in sys.path if p and os.path.isdir(p)):
        kinds = [kind for kind in ("onnxruntime", "onnxruntime_gpu") if any(folder.glob(f"{kind}-*.dist-info"))]
        if len(kinds) == 2:
            remedy = "pip uninstall onnxruntime onnxruntime-gpu, then install the one you want."
            checks.append(Check("onnxruntime, variants", "warn", f"{folder} holds onnxruntime and onnxruntime-gpu, which share their files", remedy))
    return checks


def folder_checks() -> list[Check]:
    """The dependency folder in use, and where an installation would go."""
    found, target = dependencies.found_folder(), dependencies.install_folder()
    if found is None:
        text = "none" + ("" if dependencies.missing() else ", and none is needed: this Python has what it takes")
        checks = [Check("dependency folder", "info", text)]
    else:
        used = str(found) in sys.path
        checks = [Check("dependency folder", "ok", f"{found}, " + ("on sys.path" if used else "not needed: this Python has its own"))]
    writable = dependencies.can_write(target)
    remedy = "" if writable else f"Set {dependencies.VARIABLE} to a folder of yours."
    return [*checks, Check("installation goes to", "ok" if writable else "warn", f"{target}{'' if writable else ', which cannot be written'}", remedy)]
