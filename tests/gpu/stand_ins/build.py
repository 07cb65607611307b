"""Builds the stand-ins for CUDA's libraries: what the C files beside this say, and for every other call that
the installed binaries want of those libraries one that is only written down."""

from __future__ import annotations

import mmap
import re
import shutil
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = {
    "libcudart": "runtime.c",
    "libcuda": "driver.c",
    "libcublas": "blas.c",
    "libcublasLt": "blas.c",
    "libcusolver": "blas.c",
    "libcudnn": "dnn.c",
}
"""The file of each library, which is known by its name before `.so`."""

COMPILE = ("gcc", "-Wall", "-Werror", "-O2", "-fPIC", "-shared")
_RUNTIME = "libcudart.so.13"
_DRIVER = "libcuda.so.1"
_BINARIES = {
    "onnxruntime": ("capi/libonnxruntime_providers_cuda.so",),
    "torch": ("lib/libtorch_cuda*.so", "lib/libtorch_python.so", "lib/libc10_cuda.so", "lib/libcaffe2*.so"),
    "nvidia": ("*/lib/libcublas*.so*", "*/lib/libcusolver.so*", "*/lib/libcudnn.so*"),
}
_ASKED_FOR_WHILE_RUNNING = re.compile(rb"\0(cudnn[A-Z]\w*)(?=\0)")


def missing() -> list[str]:
    """What is needed to build them and is not there."""
    lacking = [name for name in ("gcc", "nm") if shutil.which(name) is None]
    found = binaries()
    if not lacking and not (found and _RUNTIME in wanted(_undefined(found[0]))):
        lacking.append("onnxruntime-gpu for CUDA 13")
    return lacking


def binaries() -> list[Path]:
    """Installed files that call CUDA's libraries: of onnxruntime, of torch, and CUDA's own. Nothing where
    onnxruntime is not the one for CUDA."""
    found: list[Path] = []
    for module, patterns in _BINARIES.items():
        spec = find_spec(module)
        folders = [Path(place) for place in (spec and spec.submodule_search_locations) or []]
        files = [path for folder in folders for pattern in patterns for path in folder.glob(pattern)]
        if module == "onnxruntime" and not files:
            return []
        found += sorted(files)
    return found


def wanted(listed: str) -> dict[str, set[str]]:
    """The calls that a listing of `nm -D --undefined-only` wants of each library that a stand-in is for; the
    driver's have no library's name with them."""
    calls: dict[str, set[str]] = {}
    for name, _, library in re.findall(r"\b[Uw] (\w+)(@+([\w.]+))?", listed):
        if not library and re.match(r"cu(?!File)[A-Z]", name):
            library = _DRIVER
        if library.split(".so")[0] in SOURCES:
            calls.setdefault(library, set()).add(name)
    return calls


def written(source: str) -> set[str]:
    """The calls that a C file holds."""
    return set(re.findall(r"^(?!static)\w[\w *]*?\b((?:__)?cu\w+)\(", source, re.MULTILINE))


def stubs(names: Iterable[str]) -> str:
    """C: calls that are only written down."""
    calls = "".join(
        f'\nint {name}(void)\n{{\n    return card_stub("{name}");\n}}\n' for name in sorted(names)
    )
    return f'#include "card.h"\n{calls}'


def build(folder: Path) -> list[Path]:
    """The libraries, in the order in which they are to be loaded before all others. Raises
    subprocess.CalledProcessError with what a tool said."""
    calls: dict[str, set[str]] = {_DRIVER: set()}
    for path in binaries():
        for name, names in wanted(_undefined(path)).items():
            calls.setdefault(name, set()).update(names)
    provider = binaries()[0]
    with provider.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        calls.setdefault("libcudnn.so.9", set()).update(
            name.decode() for name in _ASKED_FOR_WHILE_RUNNING.findall(content)
        )
    order = sorted(calls, key=lambda name: (name != _RUNTIME, name))
    return [library(folder, name, calls[name]) for name in order]


def library(folder: Path, name: str, asked: set[str]) -> Path:
    """One of them, with the calls of its C file and those that are wanted besides."""
    source = HERE / SOURCES[name.split(".so")[0]]
    made, others, versions = (folder / f"{name}{ending}" for ending in ("", ".c", ".map"))
    others.write_text(stubs(asked - written(source.read_text())))
    versions.write_text(f"{name} {{ global: *; }};\n")
    script = [] if name == _DRIVER else [f"-Wl,--version-script={versions}"]
    flags = [f"-I{HERE}", f"-Wl,-soname,{name}", *script]
    _said(*COMPILE, *flags, str(source), str(others), "-o", str(made), "-lpthread")
    return made


def _undefined(path: Path) -> str:
    return _said("nm", "-D", "--undefined-only", str(path))


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
