"""The optional parts: what each is for, and whether what is installed of it works, tried in a process of its
own.

A process each, since a broken library may end the one that imports it, and since in Maya the trainer's parts
are in another Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import how_to_install

from . import Check

_WAIT_S = 120.0
_NO_WINDOW = 0x8000000  # CreateProcess flag (winbase.h)
_ABSENT = 77
_TRY = """
import importlib.util as u, sys
name, code = sys.argv[1:]
spec = u.find_spec(name)
if spec is None or spec.origin is None: sys.exit(77)
exec(code)
sys.stdout.write("\\n" + str(globals().get("version", "")))
sys.stdout.flush()
"""
_QT = """
import os, sys, PySide6
screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in screens):
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6 import QtCore, QtGui, QtWidgets
app = QtWidgets.QApplication(["aimface"])
version = PySide6.__version__
"""
_QT_LIBRARIES = (
    "Linux: apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 "
    "libxcb-cursor0. Elsewhere: pip install --force-reinstall PySide6-Essentials."
)
_GL_LIBRARIES = (
    "Linux: apt-get install libegl1 libgl1 libgl1-mesa-dri. Elsewhere: update the graphics driver."
)


@dataclass(frozen=True)
class Part:
    """package: what is imported; pip: what brings it; extra: of this project, that names it; purpose: what it
    is for.

    code: what is tried, setting `version`. mend: what to do about one that fails, when installing it again is
    not the first thing.
    """

    name: str
    package: str
    pip: str
    extra: str
    purpose: str
    code: str
    mend: str = ""


def _plain(package: str, work: str = "") -> str:
    return f"import {package} as m\n{work}\nversion = getattr(m, '__version__', '')"


_TORCH = _plain("torch", "float((m.ones(8, 8) @ m.ones(8, 8)).sum())")
_VTK = """
from vtkmodules.vtkCommonCore import vtkVersion
import vtkmodules.vtkIOImage, vtkmodules.vtkRenderingOpenGL2
version = vtkVersion.GetVTKVersion()
"""
_USD = """
from pxr import Usd, UsdGeom, UsdSkel
Usd.Stage.CreateInMemory()
version = ".".join(map(str, Usd.GetVersion()))
"""
_FFMPEG = _plain("imageio_ffmpeg", "m.get_ffmpeg_exe()")
PARTS = (
    Part("PyTorch", "torch", "torch", "train", "training, fits by networks", _TORCH),
    Part("libigl", "igl", "libigl", "train", "training: rays to the bones", _plain("igl")),
    Part(
        "SciPy",
        "scipy",
        "scipy",
        "train",
        "training, fits, retargets",
        _plain("scipy", "import scipy.sparse.linalg"),
    ),
    Part(
        "ONNX",
        "onnx",
        "onnx",
        "train",
        "training: writing the .aim file",
        _plain("onnx", "import onnx.helper"),
    ),
    Part(
        "Matplotlib",
        "matplotlib",
        "matplotlib",
        "train",
        "reports",
        _plain("matplotlib", "import matplotlib.figure"),
    ),
    Part("Pillow", "PIL", "pillow", "train", "pictures of reports", _plain("PIL", "import PIL.Image")),
    Part(
        "tyro, rich",
        "tyro",
        "tyro rich",
        "cli",
        "the command aimface",
        _plain("tyro", "import rich.progress"),
    ),
    Part(
        "PySide6",
        "PySide6",
        "PySide6-Essentials",
        "ui",
        "the training window and the viewer",
        _QT,
        _QT_LIBRARIES,
    ),
    Part("VTK", "vtkmodules", "vtk", "view", "the viewer", _VTK, _GL_LIBRARIES),
    Part("USD", "pxr", "usd-core", "usd", "USD actors, curves and caches", _USD),
    Part("glTF", "pygltflib", "pygltflib", "gltf", "rigs as .glb", _plain("pygltflib")),
    Part("ffmpeg", "imageio_ffmpeg", "imageio-ffmpeg", "movie", "movies of the viewer", _FFMPEG),
    Part("PyYAML", "yaml", "PyYAML", "farm", "farm templates", _plain("yaml")),
    Part(
        "Blender",
        "bpy",
        "bpy",
        "blender",
        "Alembic caches without Maya",
        "import bpy\nversion = bpy.app.version_string",
    ),
)
IN_MAYA = ("train", "cli", "usd")  # the extras that belong to the trainer's Python; Maya has a Qt of its own


def part_checks(python: Path | None, environment: dict[str, str], parts: Sequence[Part]) -> list[Check]:
    """A finding a part, each with its `purpose`: ok, info where it is not installed, fail where it is and
    does not work."""
    if python is None:
        absent = "not looked for: there is no Python for the trainer yet"
        return [Check(part.name, "info", absent, purpose=part.purpose) for part in parts]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda part: _tried(part, python, environment), parts))


def _tried(part: Part, python: Path, environment: dict[str, str]) -> Check:
    flags = {"creationflags": _NO_WINDOW} if sys.platform == "win32" else {}
    command = [str(python), "-P", "-c", _TRY, part.package, part.code]
    remedy = part.mend or f"Install it again: pip install --force-reinstall {part.pip}"
    told = partial(Check, part.name, purpose=part.purpose)
    how: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL, "check": False, **flags}
    try:
        done = subprocess.run(command, timeout=_WAIT_S, env=environment, **how)
    except subprocess.TimeoutExpired:
        return told("fail", f"is installed and does not answer within {_WAIT_S:g} s", remedy)
    except OSError as error:
        what = f"{python} cannot be started: {error.strerror}"
        return told("fail", what, "Choose the trainer's Python again.")
    if done.returncode == _ABSENT:
        return told("info", "not installed", how_to_install(part.extra, part.pip))
    if done.returncode:
        return told("fail", f"is installed and does not work: {_last_words(done)}", remedy)
    version = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return told("ok", version[-1] if version else "works")


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """The telling line of what a process that failed had said, or how it ended."""
    said = done.stderr.decode("utf-8", "replace").strip()
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
    loader = next(
        (line for line in lines if "cannot open shared object" in line or "DLL load failed" in line), ""
    )
    telling = (loader or (lines or [""])[-1]).strip()[:300]
    if done.returncode < 0 or not telling:
        how = (
            f"its process ended by signal {-done.returncode}"
            if done.returncode < 0
            else f"its process ended with {done.returncode}"
        )
        return f"{how}{': ' + (lines[0][:300]) if lines else ''}"
    return telling
