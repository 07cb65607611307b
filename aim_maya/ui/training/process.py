"""The trainer as a process of its own: started with nothing of the host's environment, its silent endings
explained, its report written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.errors import AimError
from aim_maya.core.run_folder import RunFolder, RunReader, can_resume
from aim_maya.install import run_lines

# Starting the trainer as a process of its own: nothing of the host's environment, and nothing that ends with
# the host.

STAY = b"stay\n"  # on the standard input of a training that was started with_parent: see run_folder.md
_POISON = re.compile(
    r"^(PYTHON.*|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_.*|QT_.*|QML.*|MAYA_.*|VIRTUAL_ENV|__PYVENV_LAUNCHER__"
    r"|TCL_LIBRARY|TK_LIBRARY)$",
    re.IGNORECASE,
)
_LATER = (
    "import os, runpy, sys; n = int(sys.argv[1]); sys.path[:0] = sys.argv[2:2 + n]; del sys.argv[1:2 + n]; "
    # the host's windows come first
    "getattr(os, 'nice', int)(5); runpy.run_module('trainer', run_name='__main__')"
)
# CreateProcess flags (winbase.h)
_NEW_GROUP, _NO_WINDOW, _BELOW_NORMAL, _BREAKAWAY = (0x200, 0x8000000, 0x4000, 0x1000000)


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
    """The environment without what would bend another Python: its own variables, library paths, Qt's and
    Maya's, Maya's folders on PATH."""
    kept = {name: value for name, value in environment.items() if not _POISON.match(name)}
    maya = environment.get("MAYA_LOCATION", "")
    path = next((name for name in kept if name.upper() == "PATH"), None)
    if maya and path:
        inside = os.path.normcase(os.path.normpath(maya))
        kept[path] = os.pathsep.join(
            p
            for p in kept[path].split(os.pathsep)
            if not os.path.normcase(os.path.normpath(p or ".")).startswith(inside)
        )
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def sources() -> list[Path]:
    """Folders for sys.path that hold `trainer` and `aim_maya`, wherever this package lies: a module for Maya,
    a checkout, site-packages."""
    return [
        folder
        for folder in (MODULE_ROOT / "training", MODULE_ROOT)
        if (folder / "trainer" / "__main__.py").is_file() or folder == MODULE_ROOT
    ]


def trainer_command(python: Path, arguments: Sequence[str]) -> list[str]:
    """`aimface` with arguments, on another Python that need not have this package installed."""
    paths = [str(folder) for folder in sources()]
    return [str(python), "-c", _LATER, str(len(paths)), *paths, *arguments]


def detached(platform: str = sys.platform) -> dict[str, Any]:
    """What Popen is told so that the process outlives its parent, takes no Ctrl-C meant for it, and leaves it
    the processor."""
    if platform == "win32":
        return {"creationflags": _NEW_GROUP | _NO_WINDOW | _BELOW_NORMAL | _BREAKAWAY}
    return {"start_new_session": True}


def start(python: Path, arguments: Sequence[str], folder: Path, *, with_parent: bool = False) -> Started:
    """Start the trainer with its output in FOLDER/trainer.log. with_parent: it stops, with a checkpoint, when
    this process is gone.

    Raises AimError when the folder cannot be written or the Python cannot be started.
    """
    command = trainer_command(python, [*arguments, *(["--stop-with-parent"] if with_parent else [])])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        RunFolder(folder).cancel.unlink(missing_ok=True)
        log = RunFolder(folder).log.open("wb")
    except OSError as error:
        raise AimError(
            f"Cannot write {folder}: {error.strerror}.",
            "The folder is read-only, or the drive is full or gone.",
            "Choose another output.",
        ) from error
    with log:
        options = {
            "stdin": subprocess.PIPE if with_parent else subprocess.DEVNULL,
            "stdout": log,
            "stderr": subprocess.STDOUT,
            "env": clean_environment(os.environ),
        }
        try:
            process = _open(command, options | detached())
        except OSError as error:
            raise AimError(
                f"{python} cannot be started: {error.strerror}.",
                "It was moved or is not a Python.",
                "Choose the trainer's Python again, or make it.",
            ) from error
    return Started(folder, process)


def _open(command: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, **options)
    except PermissionError:
        if not options.get("creationflags", 0) & _BREAKAWAY:
            raise
        return subprocess.Popen(
            command, **options | {"creationflags": options["creationflags"] & ~_BREAKAWAY}
        )  # a job that lets nothing out


def last_lines(folder: Path, count: int = 12) -> list[str]:
    """The end of the process' own output."""
    try:
        with RunFolder(folder).log.open("rb") as stream:
            stream.seek(max(stream.seek(0, 2) - 8192, 0))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


# Why a training ended without a word: from its exit code, its last lines and the disk, as what / why / what
# to do.

_FULL = 32 * 2**20  # bytes free below which a checkpoint no longer fits
_REASONS = (
    (
        r"No space left|disk may be full|File too large|Errno 28",
        "The disk is full.",
        "Free some space, then Resume.",
    ),
    (
        r"CUDA out of memory|CUDA error: out of memory",
        "The GPU's memory is full.",
        "Close other programs that use the GPU, or choose device: cpu; then Resume.",
    ),
    (
        r"MemoryError|DefaultCPUAllocator: not enough memory",
        "The memory is full.",
        "Close other programs, then Resume.",
    ),
    (
        r"No module named '?([\w.]+)",
        "The trainer's Python lacks a package.",
        "Make the trainer's environment again.",
    ),
    (
        r"CUDA error|cuDNN error|NVIDIA driver",
        "The GPU or its driver failed.",
        "Choose device: cpu, or update the driver; then Resume.",
    ),
    (
        r"DLL load failed|cannot open shared object file",
        "A library of the trainer's Python does not load.",
        "Make the trainer's environment again.",
    ),
)
_TOLD = re.compile(
    r"^Error: (?P<what>.*?)$(?:\n  Likely cause: (?P<cause>.*?)$)?(?:\n  What to do:   (?P<remedy>.*?)$)?",
    re.MULTILINE,
)


def explain(folder: Path, code: int | None = None) -> AimError:
    """What happened to a training that ended without saying so. code: its exit code when this process started
    it, negative for a signal."""
    lines = last_lines(folder)
    text = "\n".join(lines)
    told = _TOLD.search(text)
    if told is not None:  # it said so before it had a RUN folder to say it in
        return AimError(told["what"], told["cause"] or "", told["remedy"] or "")
    what = f"The training in {folder} ended {_how(code)}." + (
        f" Its last lines:\n{chr(10).join(lines)}" if lines else ""
    )
    cause, remedy = next(((c, r) for pattern, c, r in _REASONS if re.search(pattern, text)), ("", ""))
    if not cause and _free(folder) < _FULL:
        _, cause, remedy = _REASONS[0]
    if not cause:
        cause = (
            "It was killed: by hand, by the system for want of memory, or with the machine."
            if code is None or code < 0
            else "A fault of the trainer, or of its packages."
        )
        remedy = "Resume goes on from the last checkpoint." if can_resume(folder) else "Train again."
    return AimError(what, cause, remedy)


def _how(code: int | None) -> str:
    if code is None:
        return "without a word"
    if code >= 0:
        return f"with exit code {code}"
    names = {s.value: s.name for s in signal.Signals}
    return f"by signal {names.get(-code, -code)}"


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return _FULL


# The report of a model, written by the trainer's Python.


def write_report(
    python: Path, model: Path, actor: str, report: Callable[[str], None], cancelled: Callable[[], bool]
) -> Path:
    """Write MODEL.html and return it; takes seconds. actor: its shapes are compared, '' for those in the
    file.

    Raises AimError with the trainer's own words, Cancelled when asked to stop.
    """
    page = model.with_suffix(".html")
    arguments = ["report", str(model), "-o", str(page), *(["--actor", actor] if actor else [])]
    code, lines = run_lines(
        trainer_command(python, arguments), report, cancelled, clean_environment(os.environ)
    )
    if code:
        raise AimError(
            f"The report could not be written: {' '.join(lines[-3:])}",
            "",
            "Open the model with the viewer, or train it again.",
        )
    return page


# What a training from the start would replace: a finished model, or one that can be resumed. It is asked for
# first.


def in_the_way(out: Path, folder: Path) -> list[str]:
    """In sentences, what is at the output and in its RUN folder; [] where nothing would be lost."""
    found = []
    if out.exists():
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(out.stat().st_mtime))
        found.append(f"{out} is a finished model, written {written}.")
    if can_resume(folder):
        reader = RunReader(folder)
        reader.look()
        s = reader.snapshot
        who = f" of '{s.actor}'" if s.actor else ""
        step = f" (step {s.step} of {s.steps})" if s.steps else ""
        if s.state == "done":
            found.append(f"{folder} holds the finished training{who}.")
        else:
            found.append(f"{folder} holds a training{who} that Resume would go on with{step}.")
    return found


def free_output(out: Path) -> Path:
    """The first of NAME_2.aim, NAME_3.aim ... that neither a model nor a training has."""
    number = 2
    while True:
        other = out.with_name(f"{out.stem}_{number}.aim")
        if not other.exists() and not other.with_suffix(".run").exists():
            return other
        number += 1
