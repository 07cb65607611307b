"""Which process owns a folder, and whether it still runs; nothing here starts or ends one."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from .files import write_text

_QUERY, _STILL_ACTIVE = 0x1000, 259  # PROCESS_QUERY_LIMITED_INFORMATION, STILL_ACTIVE (winnt.h)


def write_owner(path: Path) -> None:
    """Name this process and its machine in a file. Raises AimError when it cannot be written."""
    write_text(path, f"{os.getpid()}\n{platform.node()}\n")


def read_owner(path: Path) -> tuple[int, bool]:
    """Process id and whether it is of this machine. Raises OSError or ValueError when the file names none."""
    pid, host = [*path.read_text(encoding="utf-8").split("\n"), "", ""][:2]
    return int(pid), host == platform.node()


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that has ended and waits to be collected by its parent does not."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True  # no /proc on macOS


def _is_alive_on_windows(pid: int) -> bool:
    """os.kill would end it there."""
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        return bool(kernel.GetLastError() == 5)  # access denied: it is there, and another user's
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return bool(known) and code.value == _STILL_ACTIVE
