"""numpy's BLAS held to one thread while the host evaluates.

A public Maya deformer reports crashes of threaded OpenBLAS on the host's evaluation threads, and the cores are
the host's: it evaluates other nodes meanwhile. OpenBLAS counts its threads for the whole process, so that the
count is put back when the last evaluation ends. Of the libraries in the process only numpy's own is touched,
by the functions that OpenBLAS documents for it, never by environment variables. A numpy on MKL or Accelerate is
left as it is. `numpy.linalg`, which is LAPACK, is not called while deforming (tests/scene/test_node.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

_NAMES = [(prefix, ending) for prefix in ("scipy_", "") for ending in ("64_", "", "_64")]
_lock = threading.Lock()
_held = {"by": 0, "before": 0}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """BLAS calls inside the block, and those of other threads meanwhile, run on one thread."""
    found = library()
    if found is None:
        yield
        return
    get, put = found
    with _lock:
        if not _held["by"]:
            _held["before"] = get()
            put(1)
        _held["by"] += 1
    try:
        yield
    finally:
        with _lock:
            _held["by"] -= 1
            if not _held["by"]:
                put(_held["before"])


@cache
def library() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """What reads and what sets the number of threads of numpy's OpenBLAS; None where it has another BLAS."""
    for path in _candidates():
        with contextlib.suppress(OSError):
            loaded = ctypes.CDLL(str(path))  # it is in the process: this is another handle of the same
            for prefix, ending in _NAMES:
                with contextlib.suppress(AttributeError):
                    get = getattr(loaded, f"{prefix}openblas_get_num_threads{ending}")
                    put = getattr(loaded, f"{prefix}openblas_set_num_threads{ending}")
                    get.restype, put.argtypes, put.restype = ctypes.c_int, [ctypes.c_int], None
                    return get, put
    return None


def _candidates() -> list[Path]:
    """numpy's own extension, through which Linux and macOS find what it was linked with; and the libraries
    that its wheels bring, for Windows."""
    names = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
    modules = [sys.modules[name] for name in names if name in sys.modules]
    own = [Path(str(module.__file__)) for module in modules[:1] if getattr(module, "__file__", None)]
    folder = Path(np.__file__).parent
    places = (folder.parent / "numpy.libs", folder / ".dylibs", folder / ".libs")
    return own + [path for place in places for path in sorted(place.glob("*openblas*"))]
