"""Starting the trainer as a process of its own: nothing of the host's environment, and nothing that ends with the host."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.errors import AimError

LOG = "trainer.log"
STAY = b"stay\n"  # on the standard input of a training that was started with_parent: see run_folder.md
_POISON = re.compile(r"^(PYTHON.*|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_.*|QT_.*|QML.*|MAYA_.*|VIRTUAL_ENV|__PYVENV_LAUNCHER__|TCL_LIBRARY|TK_LIBRARY)$", re.IGNORECASE)
_LATER = (
    "import os, runpy, sys; n = int(sys.argv[1]); sys.path[:0] = sys.argv[2:2 + n]; del sys.argv[1:2 + n]; "
    "getattr(os, 'nice', int)(5); runpy.run_module('trainer', run_name='__main__')"  # the host's windows come first
)
_NEW_GROUP, _NO_WINDOW, _BELOW_NORMAL, _BREAKAWAY = 0x200, 0x8000000, 0x4000, 0x1000000  # CreateProcess flags (winbase.h)


@dataclass
class Started:
    """A process that was started here; `folder` is its RUN folder."""

    folder: Path
    process: subprocess.Popen[bytes]

    def let_go(self) -> None:
        """It goes on when this process ends, although it was started to stop then."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self.process.stdin.write(STAY)
                self.process.stdin.flush()


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would bend another Python: its own variables, library paths, Qt's and Maya's, Maya's folders on PATH."""
    kept = {name: value for name, value in environment.items() if not _POISON.match(name)}
    maya = environment.get("MAYA_LOCATION", "")
    path = next((name for name in kept if name.upper() == "PATH"), None)
    if maya and path:
        inside = os.path.normcase(os.path.normpath(maya))
        kept[path] = os.pathsep.join(p for p in kept[path].split(os.pathsep) if not os.path.normcase(os.path.normpath(p or ".")).startswith(inside))
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def sources() -> list[Path]:
    """Folders for sys.path that hold `trainer` and `aim_maya`, wherever this package lies: a module for Maya, a checkout, site-packages."""
    return [folder for folder in (MODULE_ROOT / "training", MODULE_ROOT) if (folder / "trainer" / "__main__.py").is_file() or folder == MODULE_ROOT]


def trainer_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """`aimface` with arguments, on another Python that need not have this package installed."""
    paths = [str(folder) for folder in sources()]
    return [str(python), "-c", _LATER, str(len(paths)), *paths, *arguments]


def detached(platform: str = sys.platform) -> dict[str, Any]:
    """What Popen is told so that the process outlives its parent, takes no Ctrl-C meant for it, and leaves it the processor."""
    if platform == "win32":
        return {"creationflags": _NEW_GROUP | _NO_WINDOW | _BELOW_NORMAL | _BREAKAWAY}
    return {"start_new_session": True}


def start(python: Path, arguments: Sequence[str], folder: Path, *, with_parent: bool = False) -> Started:
    """Start the trainer with its output in FOLDER/trainer.log. with_parent: it stops, with a checkpoint, when this process is gone.

    Raises AimError when the folder cannot be written or the Python cannot be started.
    """
    command = trainer_command(python, [*arguments, *(["--stop-with-parent"] if with_parent else [])])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cancel").unlink(missing_ok=True)
        log = (folder / LOG).open("wb")
    except OSError as error:
        raise AimError(f"Cannot write {folder}: {error.strerror}.", "The folder is read-only, or the drive is full or gone.", "Choose another output.") from error
    with log:
        options = {"stdin": subprocess.PIPE if with_parent else subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT, "env": clean_environment(os.environ)}
        try:
            process = _open(command, options | detached())
        except OSError as error:
            raise AimError(
                f"{python} cannot be started: {error.strerror}.", "It was moved or is not a Python.", "Choose the trainer's Python again, or make it."
            ) from error
    return Started(folder, process)


def _open(command: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, **options)
    except PermissionError:
        if not options.get("creationflags", 0) & _BREAKAWAY:
            raise
        return subprocess.Popen(command, **options | {"creationflags": options["creationflags"] & ~_BREAKAWAY})  # a job that lets nothing out


def last_lines(folder: Path, count: int = 12) -> list[str]:
    """The end of the process' own output."""
    try:
        with (folder / LOG).open("rb") as stream:
            stream.seek(max(stream.seek(0, 2) - 8192, 0))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
