"""Where numpy and onnxruntime for Maya's Python are kept, how they get onto sys.path, and which of CUDA's
libraries are there; where a model file named in a scene is looked for. Standard library only.

A dependency folder belongs to one Python and one platform, for example `deps/cp311-linux`: Maya 2025 and 2026
share Python 3.11, 2027 has 3.13. It is looked for in `AIM_MAYA_DEPS`, then in the module, then in the user's
Maya folder (for a module that is read-only). It is *appended* to sys.path, and only when something is absent
otherwise: one process has one numpy, and the host's own comes first.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.metadata
import importlib.util
import io
import os
import platform
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from .errors import AimError

# Where numpy and onnxruntime for Maya's Python are kept, and how they get onto sys.path. Standard library
# only.

VARIABLE = "AIM_MAYA_DEPS"
NEEDED = ("numpy", "onnxruntime")
# not resolve(): a mapped drive keeps the name under which Maya knows it
MODULE_ROOT = Path(__file__).absolute().parents[2]


def tag() -> str:
    """Name of this interpreter's dependency folder: cp311-win64, cp313-linux, cp313-mac-arm64."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{platform_name()}"


def platform_name() -> str:
    """win64, linux, mac-arm64 or mac-x86_64: Maya's own names, with the processor where wheels differ by
    it.
    """
    if sys.platform == "win32":
        return "win64"
    if sys.platform == "darwin":  # the processor Python was started for: under Rosetta a Mac is an Intel
        return "mac-arm64" if platform.machine() == "arm64" else "mac-x86_64"
    return "linux" if "linux" in sysconfig.get_platform() else sys.platform


def maya_app_folder() -> Path:
    """The user's Maya folder: MAYA_APP_DIR, or the platform's default."""
    given = os.environ.get("MAYA_APP_DIR")
    if given:
        return Path(given).expanduser()
    home = Path(os.environ.get("HOME") or os.environ.get("USERPROFILE") or Path.home())
    if sys.platform == "win32":
        return home / "Documents" / "maya"
    if sys.platform == "darwin":
        return home / "Library" / "Preferences" / "Autodesk" / "maya"
    return home / "maya"


def module_folder() -> Path:
    """The dependency folder inside the module."""
    return MODULE_ROOT / "deps" / tag()


def user_folder() -> Path:
    """The dependency folder of this user."""
    return maya_app_folder() / "aim_maya" / "deps" / tag()


def candidates() -> list[Path]:
    """Dependency folders in the order they are looked for; they need not exist."""
    given = os.environ.get(VARIABLE)
    named = [Path(given).expanduser() / tag(), Path(given).expanduser()] if given else []
    return [*named, module_folder(), user_folder()]


def found_folder() -> Path | None:
    """The first candidate that holds one of the packages, or None."""
    for folder in candidates():
        if any((folder / name / "__init__.py").is_file() for name in NEEDED):
            return folder
    return None


def install_folder() -> Path:
    """Where an installation belongs: `AIM_MAYA_DEPS` when set, the module when it can be written, else the
    user's folder."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser() / tag()
    inside = module_folder()
    # a plain `pip install` has no plug-ins beside the package: keep out of site-packages
    is_module = (MODULE_ROOT / "plug-ins").is_dir()
    return inside if is_module and can_write(inside) else user_folder()


def can_write(folder: Path) -> bool:
    """Whether `folder` exists and takes a file, or could be made; found by trying, since access bits lie on
    network drives."""
    at = folder
    while not os.path.lexists(at) and at != at.parent:
        at = at.parent
    try:
        with tempfile.TemporaryFile(dir=at):
            return True
    except OSError:
        return False


def how_to_install(extra: str, packages: str) -> str:
    """What to type where `packages`, which an extra of this project brings, are missing: in a checkout with
    its pins, after `pip install aim-maya` by the extra, in Maya's module the packages themselves."""
    if (MODULE_ROOT / "pyproject.toml").is_file():
        return f'In the project\'s folder: pip install -e ".[{extra}]" -c constraints.txt'
    try:
        importlib.metadata.version("aim-maya")
    except importlib.metadata.PackageNotFoundError:
        return f"pip install {packages}"
    return f'pip install "aim-maya[{extra}]"'


# Maya 2027 on Linux ends with code 255, and says nothing, where this library of Autodesk's desktop analytics
# is not there, with MAYA_DISABLE_ADP set, too (seen by aws-deadline/deadline-cloud-for-maya and others).
ADP_LIBRARY = Path("/opt/Autodesk/AdpDesktopSDK/bin/AdpSDKCore.so")
ADP_REMEDY = f"Install the ADP Desktop SDK of Maya's own installer, so that {ADP_LIBRARY} is there."


def adp_missing() -> bool:
    """Whether this is a Linux without that library."""
    return sys.platform.startswith("linux") and not ADP_LIBRARY.is_file()


def missing() -> list[str]:
    """Which of the needed packages this interpreter cannot find, without importing any."""
    return [name for name in NEEDED if not is_found(name)]


def is_found(name: str) -> bool:
    """Whether top-level package `name` is imported or could be; never imports it."""
    if sys.modules.get(name) is not None:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # an import hook that refuses, or a module without a spec
        return False


def add_dependency_folder() -> Path | None:
    """Append the dependency folder to sys.path when numpy or onnxruntime is absent without it; returns the
    folder in use, or None.

    Cheap to call again: nothing is appended twice. Call it before anything imports numpy.
    """
    folder = found_folder()
    if folder is None:
        return None
    name = str(folder)
    if name in sys.path:
        return folder
    if not missing():
        return None
    sys.path.append(name)
    importlib.invalidate_caches()
    return folder


# Which of CUDA's libraries are there for onnxruntime, by name: the difference between a GPU that works and
# one that only seems to.


def missing_libraries(runtime: Any) -> list[str]:
    """Libraries that do not load, each with the loader's reason when it says more than 'not found'."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(Exception):
        runtime.preload_dlls()
    found = dict(re.findall(r"^Failed to load (\S.*?): (.*)$", said.getvalue(), re.M))
    missing = [
        name if "cannot open shared object" in why or "Could not find module" in why else f"{name} ({why})"
        for name, why in found.items()
    ]
    if not missing and sys.platform == "linux":  # the provider names the first library that it lacks itself
        provider = Path(runtime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"
        try:
            ctypes.CDLL(str(provider))
        except OSError as error:
            lacks = re.match(r"(lib\S+): cannot open shared object", str(error))
            missing += [lacks[1]] if lacks else []
    return missing


def driver_version() -> tuple[int, int] | None:
    """The newest CUDA that the NVIDIA driver supports; None without a driver."""
    name = {"win32": "nvcuda.dll", "linux": "libcuda.so.1"}.get(sys.platform)
    if name is None:
        return None
    try:
        version = ctypes.c_int()
        if ctypes.CDLL(name).cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


PATH_VARIABLE = "AIM_MODEL_PATH"


@dataclass(frozen=True)
class SearchContext:
    """folders: beside the scene and its references, then the project. mapped: (from, to) prefixes, the host's
    dirmap. own: beside the file that the asking node came with, then beside the files that hold that one."""

    folders: tuple[str, ...] = ()
    mapped: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()


def expand(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Replace $NAME, ${NAME}, %NAME% and a leading ~; unknown variables stay as written."""
    known = os.environ if environment is None else environment

    def value(match: re.Match[str]) -> str:
        return known.get(next(g for g in match.groups() if g), match.group(0))

    return os.path.expanduser(re.sub(r"\$(\w+)|\$\{(\w+)\}|%(\w+)%", value, text.strip()))


def resolve(
    text: str,
    context: SearchContext,
    environment: Mapping[str, str] | None = None,
    what: str = "model",
    *,
    meant: Callable[[Path], bool] | None = None,
) -> Path:
    """The file that `text` names: an absolute path that exists wins, or what it is mapped to; then it is
    looked for in the node's own folders, the others, and those of AIM_MODEL_PATH.

    meant: whether a file is the very one that was asked for. Of several found in folders the first such is
    taken, and only where there is none the first. Raises AimError that lists every place tried, and says
    `what` was looked for.
    """
    known = os.environ if environment is None else environment
    name = expand(text, known).replace("\\", "/")
    if not name:
        raise AimError(f"No {what} file is named.", remedy=f"Set the node's '{what}'.")
    named, places = _named(name, context), _places(name, context, known)
    for place in named:
        if place.is_file():
            return place
    found = [place for place in places if place.is_file()]
    if found:
        return next((place for place in found if meant is not None and meant(place)), found[0])
    places = list(dict.fromkeys(named + places))
    listed = "; ".join(str(p) for p in places)
    raise AimError(
        f"The {what} '{text}' was not found. Tried: {listed}.",
        "It was moved, the drive is not mounted, or the scene came from another machine.",
        f"Set the path anew, put the file beside the scene, or name its folder in {PATH_VARIABLE}.",
    )


def is_absolute(name: str) -> bool:
    """Whether a path names its drive or root, in either system's way."""
    return Path(name).is_absolute() or PureWindowsPath(name).is_absolute()


def _named(name: str, context: SearchContext) -> list[Path]:
    """The absolute path itself, and what the host's dirmap makes of a path."""
    named = [Path(name)] if is_absolute(name) else []
    for source, target in context.mapped:
        prefix = source.replace("\\", "/").rstrip("/")
        if name == prefix or name.startswith(prefix + "/"):
            named.append(Path(target + name[len(prefix) :]))
    return named


def _places(name: str, context: SearchContext, known: Mapping[str, str]) -> list[Path]:
    """Where a file of that name may lie."""
    variable = (f for f in known.get(PATH_VARIABLE, "").split(os.pathsep) if f)
    last = name.rsplit("/", 1)[-1]
    tails = [last] if is_absolute(name) else list(dict.fromkeys([name, last]))
    folders = dict.fromkeys([*context.own, *context.folders, *variable])
    return list(dict.fromkeys(Path(folder) / tail for folder in folders for tail in tails))
