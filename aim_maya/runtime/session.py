"""onnxruntime sessions: imported late, CUDA only when it is really there, and always a sentence that says
what was got; numpy's BLAS held to one thread while a host evaluates."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.dependencies import add_dependency_folder, driver_version, missing_libraries
from aim_maya.core.errors import AimError, first_line

DEVICES = ("auto", "cpu", "cuda")
_Got = TypeVar("_Got")


@dataclass(frozen=True)
class Session:
    """An onnxruntime session, the device it runs on ('cpu' or 'cuda') and a sentence on how that came
    about; captures: whether its runs become a CUDA graph.
    """

    handle: Any
    device: str
    report: str
    captures: bool = False

    def do(self, work: Callable[[], _Got]) -> _Got:
        """What `work` gives, which talks to the session's device: on CUDA in the thread that does so."""
        return on_card(work) if self.device == "cuda" else work()


# One thread of the process talks to CUDA, whoever asks. For every thread that runs a session onnxruntime
# keeps handles of cuBLAS and cuDNN, with memory of the card, and a recording of its own, and a host evaluates
# a node in another thread every frame; and while one records, what another allocates or copies spoils the
# recording (docs/research/benchmarks.md).

_CARD = "aim_cuda"
_open: weakref.WeakSet[Any] = weakref.WeakSet()  # onnxruntime's sessions on CUDA


# Not an executor: on idle cores its locks take 0.1 to 0.2 ms there and back, and queues half of it, of a frame
# of 0.3.
_asked: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Any]]] = SimpleQueue()
_first = threading.Lock()  # taken for good by who starts the thread


def _serve() -> None:
    while True:
        work, answer = _asked.get()
        try:
            answer.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised where it was asked
            answer.put((None, error))
        del work, answer  # nothing is kept until the next question


def on_card(work: Callable[[], _Got]) -> _Got:
    """What `work` gives, done in the thread that talks to CUDA. It must not wait for a lock that a caller
    may hold. Raises what it raises."""
    if threading.current_thread().name == _CARD:
        return work()
    if _first.acquire(blocking=False):
        threading.Thread(target=_serve, name=_CARD, daemon=True).start()
    answer: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    _asked.put((work, answer))
    given, error = answer.get()
    if error is not None:
        try:
            raise error
        finally:
            del error  # which knows this frame, so that what failed would stay until a collection
    got: _Got = given
    return got


@atexit.register
def keep_for_good() -> None:
    """Never take down what is open on CUDA now. Once the device has failed, or its libraries are on their way
    out, onnxruntime ends the process in the destructor of a session with a recorded graph; the driver frees
    what a process leaves."""
    for handle in list(_open):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))
        _open.discard(handle)


def import_onnxruntime() -> Any:
    """The onnxruntime module. Raises AimError with the remedy when it is absent or broken."""
    add_dependency_folder()
    try:
        import onnxruntime
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime"
        raise AimError(
            f"onnxruntime cannot be imported ({error}).",
            "It is not installed in this Python."
            if absent
            else "It is installed, and one of its libraries does not load in this process.",
            "pip install onnxruntime (or onnxruntime-gpu; in Maya: bin/aim-mayapy install). The doctor "
            "tells more. Cached evaluation works without it.",
        ) from error
    return onnxruntime


def open_session(
    graph: bytes, device: str, *, threads: int = 0, capture: bool = False, profile: str = ""
) -> Session:
    """A session on `device`; 'auto' takes CUDA when a session on it really comes up, else the CPU.

    threads: of one run on the CPU, 0 for one a core. capture: on CUDA the first run is recorded and later
    ones replay it, for which everything has to be bound to memory of the device that stays. profile: the
    beginning of a file's name, into which onnxruntime writes where each node ran and for how long. Raises
    AimError when 'cuda' was asked for and cannot be had.
    """
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    why = "the CPU was asked for"
    if device != "cpu":
        why = f"onnxruntime {runtime.__version__} has no CUDA provider (onnxruntime-gpu has)"
        if "CUDAExecutionProvider" in runtime.get_available_providers():
            session, why = on_card(lambda: _cuda_session(runtime, graph, options, capture))
            options.enable_mem_pattern = True
            if session is not None:
                replayed = ", frames replayed as a CUDA graph" if capture else ""
                return Session(
                    session, "cuda", f"onnxruntime {runtime.__version__} on CUDA{replayed}", capture
                )
        if device == "cuda":
            raise AimError(
                f"CUDA was asked for and cannot be used: {why}.",
                remedy="Install onnxruntime-gpu with CUDA and cuDNN, or use device='auto'.",
            )
    try:
        session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own untyped exceptions for a graph it cannot read
        raise AimError(
            f"onnxruntime {runtime.__version__} cannot open this graph ({first_line(error)}).",
            "It is empty or damaged, or needs a newer onnxruntime.",
            "Export the model again, or install the newest onnxruntime.",
        ) from error
    return Session(session, "cpu", f"onnxruntime {runtime.__version__} on the CPU ({why})")


def _cuda_session(runtime: Any, graph: bytes, options: Any, capture: bool) -> tuple[Any, str]:
    if driver_version() is None:  # tried all the same, onnxruntime would print its own errors in red
        return None, "the CUDA provider is installed and there is no NVIDIA driver"
    # loads CUDA and cuDNN from pip packages, which are found only after this
    missing = missing_libraries(runtime)
    # TF32 alone would break parity; the arena takes what a frame needs and not the next power of two
    cuda = {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}
    if capture:
        cuda["enable_cuda_graph"] = "1"
        # its one large block would be allocated by a later run than the first, beside the first one's
        options.enable_mem_pattern = False
    providers = [("CUDAExecutionProvider", cuda), "CPUExecutionProvider"]
    try:
        # on the CPU it is opened by open_session, without what onnxruntime prints when it falls back
        session = runtime.InferenceSession(graph, options, providers=providers, enable_fallback=0)
    # onnxruntime raises its own untyped exceptions for a driver or library that is missing
    except Exception as error:  # noqa: BLE001
        return None, f"opening a CUDA session failed ({told(error)})"
    if "CUDAExecutionProvider" in session.get_providers():  # a failed CUDA falls back silently
        _open.add(session)
        return session, ""
    lacks = f"missing: {', '.join(missing)}" if missing else "its libraries load, and no session came up"
    return None, f"the CUDA provider is installed and did not load ({lacks})"


def told(error: Exception) -> str:
    """What an exception of onnxruntime says, without the places in its source that stand before it."""
    found = re.search(r"\b(CUDA|CUDNN|CUBLAS|CURAND|CUFFT) (failure|error) [^;\n]*", str(error))
    return first_line(found[0].strip() if found else error)


def finite(answer: Any, shape: tuple[int, ...]) -> Floats:
    """What a graph gave. Raises AimError unless it is finite float32 numbers of that shape."""
    given = np.asarray(answer)
    if given.shape != shape or given.dtype != np.float32:
        raise AimError(f"the graph gave {given.dtype} {given.shape}, not float32 {shape}")
    if not np.isfinite(given).all():
        raise AimError("the graph gave NaN or infinity")
    return given


# numpy's BLAS held to one thread while the host evaluates: a public Maya deformer reports crashes of threaded
# OpenBLAS on the host's evaluation threads, and the cores are the host's, which evaluates other nodes
# meanwhile. OpenBLAS counts its threads for the whole process, so that the count is put back when the last
# evaluation ends. Of the libraries in the process only numpy's own is touched, by the functions that OpenBLAS
# documents, never by environment variables; a numpy on MKL or Accelerate is left as it is. `numpy.linalg`,
# which is LAPACK, is not called while deforming (tests/scene/test_node.py).

_NAMES = [(prefix, ending) for prefix in ("scipy_", "") for ending in ("64_", "", "_64")]
_blas_lock = threading.Lock()
_held = {"by": 0, "before": 0}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """BLAS calls inside the block, and those of other threads meanwhile, run on one thread."""
    found = library()
    if found is None:
        yield
        return
    get, put = found
    with _blas_lock:
        if not _held["by"]:
            _held["before"] = get()
            put(1)
        _held["by"] += 1
    try:
        yield
    finally:
        with _blas_lock:
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
