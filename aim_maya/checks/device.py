"""onnxruntime at work: a real session, the providers asked for and got, CUDA's libraries and driver; and one
actor.aim on them.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import driver_version, missing_libraries
from aim_maya.core.errors import AimError

from . import Check, first_line

_LIBRARIES = (
    "Install CUDA and cuDNN: bin/aim-mayapy install --cuda, or the CUDA toolkit and cuDNN 9; "
    "the CPU is used meanwhile."
)


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)


def _field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field: a varint, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def tiny_model() -> bytes:
    """An ONNX model, y = x @ x for x (2, 2) float32, opset 17, IR 8; written by hand, since the onnx package
    is not in Maya."""
    shape = _field(1, _field(1, 2)) * 2
    tensor = _field(2, _field(1, _field(1, 1) + _field(2, shape)))
    node = _field(1, "x") * 2 + _field(2, "y") + _field(4, "MatMul")
    graph = (
        _field(1, node)
        + _field(2, "tiny")
        + _field(11, _field(1, "x") + tensor)
        + _field(12, _field(1, "y") + tensor)
    )
    return _field(1, 8) + _field(2, "aim_maya") + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


def session_checks(device: str = "auto") -> list[Check]:
    """Providers available, a session on `device`, and what keeps CUDA from being used. Empty when onnxruntime
    is not importable."""
    try:
        import onnxruntime
    except Exception:  # noqa: BLE001 - said already, by the packages' check
        return []
    available = list(onnxruntime.get_available_providers())
    checks = [Check("providers available", "ok", ", ".join(available))]
    got, check = _session(device)
    checks.append(check)
    if "CUDAExecutionProvider" in available:
        checks += _cuda_checks(onnxruntime, device, got)
    elif sys.platform != "darwin":
        has = driver_version() is not None
        found = "this onnxruntime is built without it" + (", and there is an NVIDIA driver" if has else "")
        remedy = "Install onnxruntime-gpu in its place for CUDA." if has else ""
        checks.append(Check("CUDA", "info", found, remedy))
    return checks


def _session(device: str) -> tuple[str, Check]:
    """The device that a session gets ('' for none), and the finding."""
    from aim_maya.runtime.session import open_session

    try:
        # onnxruntime prints what it does not find; it is asked for below
        with contextlib.redirect_stdout(io.StringIO()):
            session = open_session(tiny_model(), device)
        import numpy as np

        x = np.array([[1, 2], [3, 4]], np.float32)
        (y,) = session.do(lambda: session.handle.run(None, {"x": x}))
    except AimError as error:
        return "", Check("session", "fail", f"asked for {device}: {error.what}", error.remedy)
    except Exception as error:  # noqa: BLE001 - onnxruntime's own untyped exceptions
        remedy = "Use cached evaluation, or install onnxruntime again."
        return "", Check("session", "fail", f"asked for {device}: {first_line(error)}", remedy)
    right = bool(np.array_equal(y, x @ x))
    got = ", ".join(session.handle.get_providers())
    found = f"asked for {device}, got {session.device} ({got}); {session.report}"
    if right:
        return session.device, Check("session", "ok", found)
    remedy = "Update the graphics driver, or use device='cpu'."
    return session.device, Check("session", "fail", f"{found}; it computes nonsense: {y.tolist()}", remedy)


def _cuda_checks(runtime: Any, device: str, got: str) -> list[Check]:
    """Driver and libraries. Without a driver the CPU is what one expects, unless CUDA was asked for."""
    driver, needed, missing = driver_version(), cuda_major(runtime), missing_libraries(runtime)
    listed = "missing: " + "; ".join(missing) if missing else "all load"
    if driver is None:
        wanted = device == "cuda"
        remedy = "Install the NVIDIA driver, if there is such a card." if wanted else ""
        return [
            Check("CUDA driver", "warn" if wanted else "info", "no NVIDIA driver: the CPU is used", remedy),
            Check("CUDA libraries", "info", listed),
        ]
    has = f"supports CUDA {driver[0]}.{driver[1]}"
    old = needed is not None and driver[0] < needed
    checks = [
        Check(
            "CUDA driver",
            "warn" if old else "ok",
            has + (f", onnxruntime needs {needed}" if old else ""),
            "Update the NVIDIA driver." if old else "",
        )
    ]
    if got == "cuda":  # a session that came up has found what it needs
        return [*checks, Check("CUDA libraries", "info" if missing else "ok", listed)]
    if missing:
        return [*checks, Check("CUDA libraries", "warn", listed, _LIBRARIES)]
    return [
        *checks,
        Check(
            "CUDA libraries",
            "warn",
            "all load, and no session came up on CUDA",
            "Look at the session's report above; update the NVIDIA driver.",
        ),
    ]


def cuda_major(runtime: Any) -> int | None:
    """The CUDA version that onnxruntime was built for; None when it does not say."""
    try:
        from onnxruntime.capi import build_and_package_info as built

        return int(str(built.cuda_version).split(".")[0])
    except Exception:  # noqa: BLE001 - not in every build
        del runtime
        return None


# One actor.aim: whether it is whole, which evaluation and device it gets here, and the time of a frame.

_FRAMES = 5


def model_checks(path: Path, device: str = "auto") -> list[Check]:
    """Load `path` both ways and time frames."""
    from aim_maya.runtime import FaceModel

    try:
        model = FaceModel.load(path, device)
    except AimError as error:
        return [Check("model", "fail", error.what, error.remedy)]
    size = f"{len(model.mesh.points)} vertices, {len(model.targets)} controls"
    checks = [
        Check("model", "ok", f"{path}: whole, {size}, written by {model.manifest.get('writer', 'unknown')}")
    ]
    checks.append(Check("model, cached", "ok", f"{model.status}; a frame takes {_frame_ms(model):.2f} ms"))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            full = FaceModel.load(path, device, evaluation="full")
        checks.append(Check("model, full", "ok", f"{full.status}; a frame takes {_frame_ms(full):.2f} ms"))
    except AimError as error:
        checks.append(Check("model, full", "fail" if device == "cuda" else "warn", error.what, error.remedy))
    return checks


def _frame_ms(model: Any) -> float:
    """Median milliseconds of a frame with up to ten active controls, after one that fills the caches."""
    weights = dict.fromkeys(model.targets[:10], 0.5)
    model.points(weights)
    times = []
    for _ in range(_FRAMES):
        begin = time.perf_counter()
        model.points(weights)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)
