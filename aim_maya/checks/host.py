"""Python, the machine, the folders that Maya is told about, and whose copies of numpy and onnxruntime this
process has.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from aim_maya.core import dependencies
from aim_maya.ui.training.python import find

from . import Check, first_line

# Python, the machine, and the folders that Maya is told about.

# msvcp140: from here on std::mutex is initialised in another way, and newer libraries crash on older ones
_OLDEST_RUNTIME = (14, 40)
_LOW_DISK = 10**9


def python_checks() -> list[Check]:
    """Version, executable, and whether this package supports it."""
    version = platform.python_version()
    state, remedy = (
        ("ok", "")
        if sys.version_info >= (3, 11)
        else ("fail", "Use Maya 2025 or later, or Python 3.11 or later.")
    )
    return [
        Check("Python", state, f"{version}, {sys.executable or 'no executable'}", remedy),
        Check("platform", "info", f"{platform.platform()}, {dependencies.tag()}"),
    ]


def disk_checks() -> list[Check]:
    """Free space where dependencies and temporary files go."""
    checks = []
    for name, folder in (
        ("disk, dependencies", dependencies.install_folder()),
        ("disk, temporary", Path(tempfile.gettempdir())),
    ):
        at = folder
        while not at.exists() and at != at.parent:
            at = at.parent
        free = shutil.disk_usage(at).free
        low = free < _LOW_DISK
        checks.append(
            Check(
                name,
                "warn" if low else "ok",
                f"{free / 1e9:.1f} GB free at {at}",
                "Free some space: an installation needs 1 GB." if low else "",
            )
        )
    return checks


def maya_qt_checks() -> list[Check]:
    """Maya's own PySide6, which the windows need; elsewhere it is one of the optional parts."""
    try:
        import PySide6
        import PySide6.QtWidgets
    except Exception as error:  # noqa: BLE001 - a broken extension raises anything
        remedy = "Maya 2025 and later have it; this one was started without, or another Qt is in the way."
        return [Check("PySide6", "warn", f"cannot be imported ({first_line(error)})", remedy)]
    return [Check("PySide6", "ok", f"{getattr(PySide6, '__version__', 'unknown version')}, {_file(PySide6)}")]


def trainer_checks() -> list[Check]:
    """The Python that trains; it is looked for, not started."""
    found = find()
    return [
        Check(
            "trainer's Python",
            "info",
            str(found) if found else "none yet; Train on the AIM shelf, or aimface ui, offers to make it",
        )
    ]


def environment_checks() -> list[Check]:
    """Variables of this project and Maya's module path."""
    checks = [_model_path()]
    given = os.environ.get(dependencies.VARIABLE)
    if given:
        there = Path(given).expanduser().is_dir()
        checks.append(
            Check(
                dependencies.VARIABLE,
                "ok" if there else "warn",
                given if there else f"{given} does not exist",
                "" if there else "Mend or unset it.",
            )
        )
    checks += _copies("module path", "MAYA_MODULE_PATH", "aim_maya.mod") + _copies(
        "plug-in path", "MAYA_PLUG_IN_PATH", "aim_deformer.py"
    )
    return checks


def _model_path() -> Check:
    given = [p for p in os.environ.get("AIM_MODEL_PATH", "").split(os.pathsep) if p]
    gone = [p for p in given if not Path(p).expanduser().is_dir()]
    if gone:
        return Check(
            "AIM_MODEL_PATH",
            "warn",
            f"not there: {', '.join(gone)}",
            "Mount the drive or take it out of AIM_MODEL_PATH.",
        )
    return Check("AIM_MODEL_PATH", "ok" if given else "info", os.pathsep.join(given) or "not set")


def _copies(name: str, variable: str, file: str) -> list[Check]:
    """How often `file` lies on the search path in `variable`: once is right, twice is a conflict."""
    folders = dict.fromkeys(p for p in os.environ.get(variable, "").split(os.pathsep) if p.strip())
    found = [Path(p) / file for p in folders if (Path(p) / file).is_file()]
    if len(found) > 1:
        return [
            Check(
                name,
                "warn",
                f"{len(found)} copies: {', '.join(map(str, found))}",
                f"Keep one: two copies of {file} load in the order of {variable}.",
            )
        ]
    if found:
        return [Check(name, "ok", str(found[0]))]
    return [
        Check(
            name,
            "info",
            f"no {file} in {variable}" + (f" ({len(folders)} folders)" if folders else ", which is not set"),
        )
    ]


def adp_checks() -> list[Check]:
    """A Maya 2027 on this Linux that cannot start: it would end without a word."""
    named = [os.environ.get("MAYA_LOCATION", ""), os.environ.get("AIM_MAYAPY", "")]
    roots = [Path(os.environ.get("AIM_AUTODESK") or "/nowhere"), Path("/usr/autodesk")]
    installed = [n for n in named if "maya2027" in n.lower()]
    installed += [str(p) for root in roots for p in (root / "maya2027",) if p.is_dir()]
    if not installed or not dependencies.adp_missing():
        return []
    found = f"{installed[0]} ends with code 255 when it starts: {dependencies.ADP_LIBRARY} is not there"
    return [Check("Maya 2027", "warn", found, dependencies.ADP_REMEDY)]


def gil_check(mode: object) -> Check:
    """How the scene is evaluated, and whether Python gives its lock away meanwhile. mode: as
    cmds.evaluationManager answers."""
    words = ", ".join(map(str, mode)) if isinstance(mode, list | tuple) else str(mode or "unknown")
    held = os.environ.get("MAYA_RETAIN_PYTHON_GIL", "") not in ("", "0")
    if not held:
        return Check("evaluation mode", "info", words)
    remedy = (
        "Unset it. A Python command that evaluates (currentTime, an export) keeps the lock, and a "
        "worker that "
        "evaluates a Python node waits for it for ever; inside aim_maya.scene.batch.safe_publish() it cannot."
    )
    state = "warn" if "parallel" in words else "info"
    return Check("evaluation mode", state, f"{words}, and MAYA_RETAIN_PYTHON_GIL is set", remedy)


def windows_checks() -> list[Check]:
    """The C++ runtime that this process has loaded: an older one than onnxruntime was built with makes its
    import fail."""
    if sys.platform != "win32":
        return []
    loaded = _loaded_library("msvcp140.dll")
    if loaded is None:
        return [Check("msvcp140.dll", "info", "not loaded by this process")]
    path, version = loaded
    old = version[:2] < _OLDEST_RUNTIME
    remedy = (
        "If onnxruntime does not load: install the latest Microsoft Visual C++ Redistributable; "
        "when the file is Maya's own, update Maya."
    )
    return [
        Check(
            "msvcp140.dll",
            "warn" if old else "ok",
            f"{'.'.join(map(str, version))}, {path}",
            remedy if old else "",
        )
    ]


def _loaded_library(name: str) -> tuple[str, tuple[int, ...]] | None:
    """Path and version of a DLL that is loaded here; None when it is not."""
    windows: Any = ctypes
    kernel, versions = windows.WinDLL("kernel32"), windows.WinDLL("version")
    kernel.GetModuleHandleW.restype = ctypes.c_void_p
    handle = kernel.GetModuleHandleW(ctypes.c_wchar_p(name))
    if not handle:
        return None
    buffer = ctypes.create_unicode_buffer(1024)
    kernel.GetModuleFileNameW(ctypes.c_void_p(handle), buffer, len(buffer))
    size = versions.GetFileVersionInfoSizeW(buffer, None)
    data = ctypes.create_string_buffer(size)
    versions.GetFileVersionInfoW(buffer, 0, size, data)
    fixed, length = ctypes.c_void_p(), ctypes.c_uint()
    versions.VerQueryValueW(data, ctypes.c_wchar_p("\\"), ctypes.byref(fixed), ctypes.byref(length))
    words = ctypes.cast(fixed, ctypes.POINTER(ctypes.c_uint32))
    return buffer.value, (words[2] >> 16, words[2] & 0xFFFF, words[3] >> 16, words[3] & 0xFFFF)


def _file(module: Any) -> str:
    return str(getattr(module, "__file__", None) or "no file")


# numpy and onnxruntime: which copy this process has, whose it is, and whether another one is in the way.

INSTALL = "In Maya: bin/aim-mayapy install (or drop install_aim_maya.py again). Elsewhere: pip install {0}."
_OLDEST = {"numpy": (1, 26), "onnxruntime": (1, 20)}


def imported_files() -> dict[str, str]:
    """{package: file} of what the host had imported before us."""
    return {
        name: str(getattr(sys.modules[name], "__file__", None) or "?")
        for name in dependencies.NEEDED
        if sys.modules.get(name) is not None
    }


def package_checks(before: dict[str, str]) -> list[Check]:
    """Both packages; `before` is imported_files() from before anything was imported."""
    return [
        check for name in dependencies.NEEDED for check in (_package(name, before), *_others(name, before))
    ] + _both_variants()


def _package(name: str, before: dict[str, str]) -> Check:
    needed = name == "numpy"
    try:
        module = importlib.import_module(name)
        version = str(module.__version__)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken extension raises anything
        absent = (
            isinstance(error, ModuleNotFoundError) and error.name == name and not dependencies.is_found(name)
        )
        if absent:
            without = (
                "nothing can be evaluated without it"
                if needed
                else "cached evaluation works without it, all networks every frame does not"
            )
            return Check(
                name, "fail" if needed else "warn", f"is not installed; {without}", INSTALL.format(name)
            )
        return Check(
            name, "fail", f"is there and cannot be imported: {first_line(error)}", _broken(name, str(error))
        )
    old = tuple(int(n) for n in version.split(".")[:2] if n.isdigit()) < _OLDEST[name]
    remedy = (
        f"{name} {'.'.join(map(str, _OLDEST[name]))} or later is needed; another tool brought this one."
        if old
        else ""
    )
    host = ", imported by the host before us" if name in before else ""
    return Check(
        name,
        ("fail" if needed else "warn") if old else "ok",
        f"{version}, {whose(module)}{host}, {module.__file__}",
        remedy,
    )


def whose(module: Any) -> str:
    """'ours' for a copy from a dependency folder, 'this Python's' for its own site-packages, else 'another
    tool's'."""
    file = os.path.realpath(getattr(module, "__file__", None) or "")
    if any(file.startswith(os.path.realpath(folder) + os.sep) for folder in dependencies.candidates()):
        return "ours"
    return (
        "this Python's"
        if any(file.startswith(os.path.realpath(p) + os.sep) for p in (sys.prefix, sys.base_prefix))
        else "another tool's"
    )


def _broken(name: str, message: str) -> str:
    if "DLL load failed" in message:
        return (
            "Install the latest Microsoft Visual C++ Redistributable; see msvcp140.dll below. A "
            "library loaded first by the host may be older."
        )
    return (
        "Its wheel may be of another Python or platform, or cut short: install it again. "
        f"{INSTALL.format(name)}"
    )


def _others(name: str, before: dict[str, str]) -> list[Check]:
    """Further copies on sys.path. One process has one: the first found, or what the host imported."""
    copies = {
        os.path.realpath(p): p
        for entry in sys.path
        for p in [os.path.join(entry or ".", name, "__init__.py")]
        if os.path.isfile(p)
    }
    used = os.path.realpath(str(getattr(sys.modules.get(name), "__file__", None) or ""))
    further = [shown for real, shown in copies.items() if real != used]
    if not further:
        return []
    if name in before and used not in copies:
        found = f"the host imported {before[name]}; this Python would find {further[0]}"
        return [
            Check(
                f"{name}, other copies",
                "warn",
                found,
                "If evaluation fails, start Maya without the tool that brings it, to see whose fault it is.",
            )
        ]
    return [Check(f"{name}, other copies", "info", f"not used: {', '.join(further)}")]


def _both_variants() -> list[Check]:
    """onnxruntime and onnxruntime-gpu in one folder overwrite each other's files."""
    checks = []
    for folder in dict.fromkeys(Path(p) for p in sys.path if p and os.path.isdir(p)):
        kinds = [
            kind for kind in ("onnxruntime", "onnxruntime_gpu") if any(folder.glob(f"{kind}-*.dist-info"))
        ]
        if len(kinds) == 2:
            remedy = "pip uninstall onnxruntime onnxruntime-gpu, then install the one you want."
            checks.append(
                Check(
                    "onnxruntime, variants",
                    "warn",
                    f"{folder} holds onnxruntime and onnxruntime-gpu, which share their files",
                    remedy,
                )
            )
    return checks


def folder_checks() -> list[Check]:
    """The dependency folder in use, and where an installation would go."""
    found, target = dependencies.found_folder(), dependencies.install_folder()
    if found is None:
        text = "none" + (
            "" if dependencies.missing() else ", and none is needed: this Python has what it takes"
        )
        checks = [Check("dependency folder", "info", text)]
    else:
        used = str(found) in sys.path
        checks = [
            Check(
                "dependency folder",
                "ok",
                f"{found}, " + ("on sys.path" if used else "not needed: this Python has its own"),
            )
        ]
    writable = dependencies.can_write(target)
    remedy = "" if writable else f"Set {dependencies.VARIABLE} to a folder of yours."
    return [
        *checks,
        Check(
            "installation goes to",
            "ok" if writable else "warn",
            f"{target}{'' if writable else ', which cannot be written'}",
            remedy,
        ),
    ]
