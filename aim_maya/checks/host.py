"""Python, the machine, and the folders that Maya is told about."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from aim_maya.core import dependencies
from aim_maya.ui.training_python import find

from . import Check, first_line

_OLDEST_RUNTIME = (14, 40)  # msvcp140: from here on std::mutex is initialised in another way, and newer libraries crash on older ones
_LOW_DISK = 10**9


def python_checks() -> list[Check]:
    """Version, executable, and whether this package supports it."""
    version = platform.python_version()
    state, remedy = ("ok", "") if sys.version_info >= (3, 11) else ("fail", "Use Maya 2025 or later, or Python 3.11 or later.")
    return [Check("Python", state, f"{version}, {sys.executable or 'no executable'}", remedy), Check("platform", "info", f"{platform.platform()}, {dependencies.tag()}")]


def disk_checks() -> list[Check]:
    """Free space where dependencies and temporary files go."""
    checks = []
    for name, folder in (("disk, dependencies", dependencies.install_folder()), ("disk, temporary", Path(tempfile.gettempdir()))):
        at = folder
        while not at.exists() and at != at.parent:
            at = at.parent
        free = shutil.disk_usage(at).free
        low = free < _LOW_DISK
        checks.append(Check(name, "warn" if low else "ok", f"{free / 1e9:.1f} GB free at {at}", "Free some space: an installation needs 1 GB." if low else ""))
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
    return [Check("trainer's Python", "info", str(found) if found else "none yet; Train on the AIM shelf, or aimface ui, offers to make it")]


def environment_checks() -> list[Check]:
    """Variables of this project and Maya's module path."""
    checks = [_model_path()]
    given = os.environ.get(dependencies.VARIABLE)
    if given:
        there = Path(given).expanduser().is_dir()
        checks.append(Check(dependencies.VARIABLE, "ok" if there else "warn", given if there else f"{given} does not exist", "" if there else "Mend or unset it."))
    checks += _copies("module path", "MAYA_MODULE_PATH", "aim_maya.mod") + _copies("plug-in path", "MAYA_PLUG_IN_PATH", "aim_deformer.py")
    return checks


def _model_path() -> Check:
    given = [p for p in os.environ.get("AIM_MODEL_PATH", "").split(os.pathsep) if p]
    gone = [p for p in given if not Path(p).expanduser().is_dir()]
    if gone:
        return Check("AIM_MODEL_PATH", "warn", f"not there: {', '.join(gone)}", "Mount the drive or take it out of AIM_MODEL_PATH.")
    return Check("AIM_MODEL_PATH", "ok" if given else "info", os.pathsep.join(given) or "not set")


def _copies(name: str, variable: str, file: str) -> list[Check]:
    """How often `file` lies on the search path in `variable`: once is right, twice is a conflict."""
    folders = dict.fromkeys(p for p in os.environ.get(variable, "").split(os.pathsep) if p.strip())
    found = [Path(p) / file for p in folders if (Path(p) / file).is_file()]
    if len(found) > 1:
        return [Check(name, "warn", f"{len(found)} copies: {', '.join(map(str, found))}", f"Keep one: two copies of {file} load in the order of {variable}.")]
    if found:
        return [Check(name, "ok", str(found[0]))]
    return [Check(name, "info", f"no {file} in {variable}" + (f" ({len(folders)} folders)" if folders else ", which is not set"))]


def windows_checks() -> list[Check]:
    """The C++ runtime that this process has loaded: an older one than onnxruntime was built with makes its import fail."""
    if sys.platform != "win32":
        return []
    loaded = _loaded_library("msvcp140.dll")
    if loaded is None:
        return [Check("msvcp140.dll", "info", "not loaded by this process")]
    path, version = loaded
    old = version[:2] < _OLDEST_RUNTIME
    remedy = "If onnxruntime does not load: install the latest Microsoft Visual C++ Redistributable; when the file is Maya's own, update Maya."
    return [Check("msvcp140.dll", "warn" if old else "ok", f"{'.'.join(map(str, version))}, {path}", remedy if old else "")]


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
