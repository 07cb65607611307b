"""The trainer's own Python: found by setting, variable or place, examined, or made with one call, offline
from wheels too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from aim_maya.core.dependencies import MODULE_ROOT, can_write, is_found, maya_app_folder
from aim_maya.core.errors import AimError
from aim_maya.install import explained, find_python, run_lines

from .process import clean_environment

VARIABLE = "AIM_TRAINER_PYTHON"
FOLDER = "trainer_python"
# What pyproject.toml's extra `train` names, and a test compares; the module for Maya has no pyproject.toml.
REQUIREMENTS = (
    "numpy",
    "onnxruntime",
    "tyro",
    "rich",
    "threadpoolctl",
    "torch",
    "libigl",
    "scipy",
    "onnx",
    "matplotlib",
    "pillow",
)
_IMPORTED = ("numpy", "onnxruntime", "tyro", "rich", "torch", "igl", "scipy", "onnx", "matplotlib", "PIL")
_EXAMINE = (
    "import importlib.util as u, json, sys; print(json.dumps([list(sys.version_info[:2]), [n "
    "for n in sys.argv[1:] if u.find_spec(n) is None]]))"
)
_OLDEST = (3, 11)
_NAMES = ("python3.13", "python3.12", "python3.11", "python3", "python")


def places() -> list[Path]:
    """Folders where the environment is looked for: beside this package, then the user's; the first that can
    be written is where it is made."""
    return [MODULE_ROOT / "deps" / FOLDER, maya_app_folder() / "aim_maya" / FOLDER]


def new_place() -> Path:
    """Where an environment belongs: the module, or the user's folder when that is read-only or is no
    module.
    """
    beside, own = places()
    return beside if (MODULE_ROOT / "plug-ins").is_dir() and can_write(beside) else own


def executable(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return (
        environment / "Scripts" / "python.exe" if sys.platform == "win32" else environment / "bin" / "python"
    )


def find(setting: str = "") -> Path | None:
    """The trainer's Python: the window's setting, AIM_TRAINER_PYTHON, an environment in `places()`, or this
    Python when it can train."""
    named = [Path(name).expanduser() for name in (setting, os.environ.get(VARIABLE, "")) if name]
    for candidate in [*named, *(executable(folder) for folder in places())]:
        if candidate.is_file():
            return candidate
    return (
        Path(sys.executable)
        if sys.executable
        and "python" in Path(sys.executable).stem.lower()
        and not is_found("maya")
        and is_found("torch")
        else None
    )


def lacking(python: Path) -> list[str]:
    """Packages that the trainer needs and this Python lacks; takes a moment. Raises AimError for one that
    does not answer or is too old."""
    command = [str(python), "-c", _EXAMINE, *_IMPORTED]
    flags = {"creationflags": 0x8000000} if sys.platform == "win32" else {}  # no console window
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            env=clean_environment(os.environ),
            check=True,
            **flags,
        )  # type: ignore[call-overload]
        version, missing = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        raise AimError(
            f"{python} does not work as a Python: {' '.join(said)}.",
            "It was moved, removed or damaged.",
            "Choose another, or make the environment again.",
        ) from error
    if tuple(version) < _OLDEST:
        raise AimError(
            f"{python} is Python {version[0]}.{version[1]}; 3.11 or later is needed.",
            remedy="Choose another, or make the environment.",
        )
    return list(missing)


def base_pythons() -> list[Path]:
    """Pythons that an environment can be made with, best first: this one outside Maya, those on PATH, at last
    mayapy."""
    in_maya = is_found("maya")
    own = [] if in_maya or not sys.executable else [Path(sys.executable)]
    found = [Path(path) for path in (shutil.which(name) for name in _NAMES) if path]
    try:
        last = [find_python()] if in_maya else []
    except AimError:
        last = []
    return list(dict.fromkeys([*own, *found, *last]))


def make(
    folder: Path,
    report: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
    *,
    wheels: Path | None = None,
    base: Path | None = None,
    packages: Iterable[str] = REQUIREMENTS,
    imported: Iterable[str] = _IMPORTED,
) -> Path:
    """Make a virtual environment with the trainer's packages; returns its interpreter. wheels: a folder,
    instead of the package index.

    Raises AimError in words for every failure, Cancelled when asked to stop; the folder is then what it was
    before.
    """
    if wheels is not None and not any(wheels.glob("*.whl")):
        raise AimError(
            f"{wheels} holds no wheels.",
            "The path is misspelt, or the files are one folder further down.",
            "Choose the folder that `pip download` wrote.",
        )
    bases = [base] if base else base_pythons()
    with _put_back(folder) as put:
        _make_bare(bases, folder, report, cancelled)
        _install(executable(folder), tuple(packages), wheels, report, cancelled)
        missing = [name for name in lacking(executable(folder)) if name in set(imported)]
        if missing:
            raise AimError(
                f"The environment was made and lacks {', '.join(missing)}.",
                "A wheel did not fit this Python.",
                "See the lines above.",
            )
        put.keep = True
    report(f"Done: {executable(folder)}")
    return executable(folder)


class _put_back:
    """Move a folder aside; bring it back unless `keep` was set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keep, self._aside = folder, False, Path()

    def __enter__(self) -> _put_back:
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._aside = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.", dir=self.folder.parent))
            if self.folder.exists():
                os.replace(self.folder, self._aside / "was")
        except OSError as error:
            raise AimError(
                f"Cannot write {self.folder}: {error.strerror}.",
                "It is read-only, or a training uses it now.",
                "Stop trainings, or choose another folder.",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
            if (self._aside / "was").exists():
                os.replace(self._aside / "was", self.folder)
        shutil.rmtree(self._aside, ignore_errors=True)


def _make_bare(
    bases: list[Path], folder: Path, report: Callable[[str], None], cancelled: Callable[[], bool]
) -> None:
    """The environment with pip alone, by the first Python that is able to make one."""
    said: list[str] = []
    for python in bases:
        report(f"Making {folder} with {python} ...")
        for arguments in (
            ["-c", f"import sys; sys.exit(sys.version_info < {_OLDEST} and 'older than 3.11')"],
            ["-m", "venv", "--clear", str(folder)],
        ):
            try:
                code, lines = run_lines(
                    [str(python), *arguments], report, cancelled, clean_environment(os.environ)
                )
            except AimError as error:
                code, lines = 1, [error.what]
            if code:
                said.append(f"{python}: {(lines or ['it says nothing'])[-1]}")
                break
        else:
            return
    tried = "; ".join(said) or "there is no Python on PATH"
    raise AimError(
        f"No environment could be made ({tried}).",
        "No Python 3.11 or later with `venv` was found.",
        "Install Python 3.11 to 3.13 from python.org, or your system.",
    )


def _install(
    python: Path,
    packages: tuple[str, ...],
    wheels: Path | None,
    report: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    pins = next(
        (
            f
            for f in (MODULE_ROOT / "training" / "constraints.txt", MODULE_ROOT / "constraints.txt")
            if f.is_file()
        ),
        None,
    )
    source = ["--no-index", "--find-links", str(wheels)] if wheels else []
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        *source,
    ]
    code, lines = run_lines(
        [*command, *(["-c", str(pins)] if pins else []), *packages],
        report,
        cancelled,
        clean_environment(os.environ),
    )
    if code:
        raise explained(code, lines)
