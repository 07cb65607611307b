"""Which of CUDA's libraries are there for onnxruntime, by name: the difference between a GPU that works and one that only seems to."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
import sys
from pathlib import Path
from typing import Any


def missing_libraries(runtime: Any) -> list[str]:
    """Libraries that do not load, each with the loader's reason when it says more than 'not found'."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(Exception):
        runtime.preload_dlls()
    found = dict(re.findall(r"^Failed to load (\S.*?): (.*)$", said.getvalue(), re.M))
    missing = [name if "cannot open shared object" in why or "Could not find module" in why else f"{name} ({why})" for name, why in found.items()]
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
