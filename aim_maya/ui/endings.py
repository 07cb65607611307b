"""Why a training ended without a word: from its exit code, its last lines and the disk, as what / why / what to do."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

from aim_maya.core.errors import AimError

from .process import last_lines

_FULL = 32 * 2**20  # bytes free below which a checkpoint no longer fits
_REASONS = (
    (r"No space left|disk may be full|File too large|Errno 28", "The disk is full.", "Free some space, then Resume."),
    (r"CUDA out of memory|CUDA error: out of memory", "The GPU's memory is full.", "Close other programs that use the GPU, or choose device: cpu; then Resume."),
    (r"MemoryError|DefaultCPUAllocator: not enough memory", "The memory is full.", "Close other programs, then Resume."),
    (r"No module named '?([\w.]+)", "The trainer's Python lacks a package.", "Make the trainer's environment again."),
    (r"CUDA error|cuDNN error|NVIDIA driver", "The GPU or its driver failed.", "Choose device: cpu, or update the driver; then Resume."),
    (r"DLL load failed|cannot open shared object file", "A library of the trainer's Python does not load.", "Make the trainer's environment again."),
)
_TOLD = re.compile(r"^Error: (?P<what>.*?)$(?:\n  Likely cause: (?P<cause>.*?)$)?(?:\n  What to do:   (?P<remedy>.*?)$)?", re.MULTILINE)


def explain(folder: Path, code: int | None = None) -> AimError:
    """What happened to a training that ended without saying so. code: its exit code when this process started it, negative for a signal."""
    lines = last_lines(folder)
    text = "\n".join(lines)
    told = _TOLD.search(text)
    if told is not None:  # it said so before it had a RUN folder to say it in
        return AimError(told["what"], told["cause"] or "", told["remedy"] or "")
    what = f"The training in {folder} ended {_how(code)}." + (f" Its last lines:\n{chr(10).join(lines)}" if lines else "")
    cause, remedy = next(((c, r) for pattern, c, r in _REASONS if re.search(pattern, text)), ("", ""))
    if not cause and _free(folder) < _FULL:
        _, cause, remedy = _REASONS[0]
    if not cause:
        cause = (
            "It was killed: by hand, by the system for want of memory, or with the machine."
            if code is None or code < 0
            else "A fault of the trainer, or of its packages."
        )
        remedy = "Resume goes on from the last checkpoint." if (folder / "checkpoint.pt").is_file() else "Train again."
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
