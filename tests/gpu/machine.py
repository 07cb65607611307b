"""The machine of a check: versions, the card, and where the nodes of each graph run, from the session's own
record."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.dependencies import driver_version, missing_libraries
from aim_maya.runtime.frame import _cuda_runtime
from aim_maya.runtime.graph_check import GRAPHS, NUMPY_TYPES
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.session import import_onnxruntime, on_card, open_session

OF_A_FRAME = ("full_frame.onnx", "pose_frame.onnx")
GRAPHS_OF_A_MODEL = (*OF_A_FRAME, "full.onnx", "pose.onnx", "fields.onnx")


def versions() -> dict[str, str]:
    """What is installed, in words."""
    runtime = import_onnxruntime()
    driver = driver_version()
    found = {
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "numpy": np.__version__,
        "onnxruntime": runtime.__version__,
        "providers": ", ".join(
            p.removesuffix("ExecutionProvider") for p in runtime.get_available_providers()
        ),
        "driver": "none" if driver is None else f"supports CUDA {driver[0]}.{driver[1]}",
        "card": ", ".join(asked("name,memory.total")) or "none",
        "torch": _torch(),
    }
    if "CUDA" in found["providers"]:
        found["CUDA libraries that do not load"] = ", ".join(missing_libraries(runtime)) or "none"
    return found


def _torch() -> str:
    try:
        import torch
    except ImportError:
        return "not installed"
    return f"{torch.__version__}, {'with' if torch.cuda.is_available() else 'without'} a card"


def asked(what: str) -> list[str]:
    """A row a card of what nvidia-smi says; nothing where it is not there."""
    if shutil.which("nvidia-smi") is None:
        return []
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip().splitlines() if done.returncode == 0 else []


def memory_mib() -> float | None:
    """MiB in use on the card, by all processes, as the CUDA runtime of this one knows it: nvidia-smi may take
    a second to answer. None where there is none."""
    runtime = _cuda_runtime()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    if runtime is None or on_card(lambda: runtime.cudaMemGetInfo(ctypes.byref(free), ctypes.byref(total))):
        return None
    return (total.value - free.value) / 2**20


def placement(data: ModelData, device: str) -> list[dict[str, Any]]:
    """A row a graph: nodes that ran on each provider, and which those on another than `device`'s were."""
    wanted, rows = {"cuda": "CUDA", "cpu": "CPU"}[device], []
    for name in GRAPHS_OF_A_MODEL:
        with tempfile.TemporaryDirectory() as folder:
            session = open_session(data.graph(name), device, profile=str(Path(folder) / "nodes"))
            given = _inputs(data, name)
            session.do(lambda session=session, given=given: session.handle.run(None, given))
            events = json.loads(Path(session.handle.end_profiling()).read_text())
        nodes = {
            event["name"]: (
                event["args"]["provider"].removesuffix("ExecutionProvider"),
                event["args"]["op_name"],
            )
            for event in events
            if event.get("cat") == "Node" and event.get("args", {}).get("provider")
        }
        counts = Counter(provider for provider, _ in nodes.values())
        elsewhere = Counter(operator for provider, operator in nodes.values() if provider != wanted)
        copies = sum(operator.startswith("Memcpy") for _, operator in nodes.values())
        rows.append(
            {
                "graph": name,
                "nodes": dict(counts),
                "elsewhere": dict(elsewhere),
                "copies": copies,
                "right": bool(nodes) and not elsewhere and not copies,
            }
        )
    return rows


def _inputs(data: ModelData, name: str) -> dict[str, Any]:
    sizes = {"V": len(data.neutral), "T": len(data.rig.targets), "3T": 3 * len(data.rig.targets)}
    return {
        key: np.zeros([n if isinstance(n, int) else sizes[n] for n in shape], NUMPY_TYPES[kind])
        for key, (kind, shape) in GRAPHS[name][0].items()
    }
