"""The stand-ins for CUDA's libraries: they compile, refuse what CUDA refuses, and what they write down is
read."""

from __future__ import annotations

import _ctypes
import ctypes
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .stand_ins import build, calls
from .without_card import main

gcc = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None, reason="no gcc: the stand-ins are not compiled"
)
GLOBAL, OF_ITS_THREAD, RELAXED = 0, 1, 2
LISTED = """
                 U cudaMalloc@libcudart.so.13
                 U cudaStreamQuery@libcudart.so.13
0000000000000000 T cudaFree@@libcudart.so.13
                 U cublasSgemm_v2@libcublas.so.13
                 U cusparseCreate@libcusparse.so.12
                 U cuTensorMapEncodeTiled
                 U cuFileBufRegister
                 w __gmon_start__
"""
LOG = """\
7 cudaMalloc 256
7 mark frame
8 cudaMemcpy HtoD 12 stream (nil)
8 cudaStreamSynchronize (nil)
8 cudaMemcpy HtoD 36 stream (nil)
8 cudaStreamSynchronize (nil)
8 cudaStreamBeginCapture 0x1 mode 0
8 launch stream 0x1
9 product cublasSgemm 3x3x3 math 0
8 cudaStreamEndCapture 0x1
8 cudaGraphLaunch 0x1
"""


def test_calls_that_are_wanted_are_made() -> None:
    wanted = build.wanted(LISTED)
    assert wanted == {
        "libcudart.so.13": {"cudaMalloc", "cudaStreamQuery"},
        "libcublas.so.13": {"cublasSgemm_v2"},
        "libcuda.so.1": {"cuTensorMapEncodeTiled"},
    }
    held = build.written((build.HERE / "runtime.c").read_text())
    assert {"cudaMalloc", "__cudaRegisterFunction", "cudaGetErrorString", "cudaMemcpy2DAsync"} <= held
    assert held.isdisjoint({"card_say", "copy", "forbidden"})
    text = build.stubs(wanted["libcudart.so.13"] - held)
    assert "cudaStreamQuery" in text
    assert "cudaMalloc" not in text


def test_what_was_written_down_is_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    sections = calls.read(tmp_path / "log")
    frame = sections["frame"]
    assert [len(sections[""]), len(frame), calls.threads(frame), calls.kernels(frame)] == [1, 9, 2, 2]
    assert [call.name for call in calls.recorded(frame)[0]] == ["launch", "product"]
    assert calls.in_words(frame[:4]) == "2 (cudaMemcpy HtoD, cudaStreamSynchronize)"
    setting = [calls.Call(1, "cublasSetStream_v2", ""), calls.Call(1, "cublasSgemmBatched", "")]
    assert calls.kernels(setting) == 1


def test_without_onnxruntime_for_cuda_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "binaries", list)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert main([]) == 2
    assert capsys.readouterr().err == "Nothing can be rehearsed: onnxruntime-gpu for CUDA 13 not there.\n"


@gcc
@pytest.mark.parametrize("name", sorted(set(build.SOURCES) - {"libcudart", "libcublasLt", "libcusolver"}))
def test_every_file_compiles(name: str, tmp_path: Path) -> None:
    made = build.library(tmp_path, f"{name}.so.1", {"cudnnSetStream"})
    assert made.stat().st_size > 0


@pytest.fixture
def cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    """The stand-in for the runtime, which leaves the process again: other tests look whether one is there."""
    monkeypatch.setenv("CARD_LOG", str(tmp_path / "log"))
    library = ctypes.CDLL(str(build.library(tmp_path, "libcudart.so.13", {"cudaStreamQuery"})))
    yield library
    _ctypes.dlclose(library._handle)
    with pytest.raises(OSError, match=r"dlopen|libcudart"):
        ctypes.CDLL("libcudart.so.13", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)


@gcc
def test_what_cuda_refuses_while_a_stream_is_captured(cuda: ctypes.CDLL, tmp_path: Path) -> None:
    place, stream, graph = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()

    def allocate() -> int:
        return int(cuda.cudaMalloc(ctypes.byref(place), ctypes.c_size_t(64)))

    def allocated_elsewhere() -> int:
        got: list[int] = []
        thread = threading.Thread(target=lambda: got.append(allocate()))
        thread.start()
        thread.join()
        return got[0]

    def captured(mode: int, work: Callable[[], int]) -> tuple[int, int]:
        assert cuda.cudaStreamBeginCapture(stream, mode) == 0
        return work(), int(cuda.cudaStreamEndCapture(stream, ctypes.byref(graph)))

    assert cuda.cudaStreamCreateWithFlags(ctypes.byref(stream), 1) == 0
    assert allocate() == 0
    assert captured(GLOBAL, lambda: 0) == (0, 0)
    assert captured(GLOBAL, allocate) == (900, 901)
    assert captured(GLOBAL, allocated_elsewhere) == (900, 901)
    assert captured(OF_ITS_THREAD, allocated_elsewhere) == (0, 0)
    assert captured(OF_ITS_THREAD, allocate) == (900, 901)
    assert captured(RELAXED, allocate) == (0, 0)
    assert captured(GLOBAL, lambda: int(cuda.cudaStreamSynchronize(stream))) == (900, 901)
    assert cuda.cudaGetLastError() == 901
    assert cuda.cudaGetLastError() == 0
    blocking = ctypes.c_void_p()
    assert cuda.cudaStreamCreate(ctypes.byref(blocking)) == 0
    assert cuda.cudaStreamBeginCapture(blocking, GLOBAL) == 0
    assert cuda.cudaMemsetAsync(place, 0, ctypes.c_size_t(4), None) == 906
    assert cuda.cudaStreamEndCapture(blocking, ctypes.byref(graph)) == 901
    how = (ctypes.c_void_p * 5)(0, 0, 0, 0, stream.value)  # sizes of the launch, then its stream
    cuda.card_refuse_launch(1)
    assert captured(GLOBAL, lambda: int(cuda.cudaLaunchKernelExC(how, None, None))) == (0, 0)
    assert captured(GLOBAL, lambda: int(cuda.cudaLaunchKernelExC(how, None, None))) == (900, 901)
    cuda.card_fail(719)
    assert cuda.cudaStreamQuery(stream) == 719
    refused = calls.of(calls.read(tmp_path / "log")[""], "refused")
    assert {call.rest for call in refused} >= {"cudaMalloc 900", "cudaStreamEndCapture 901"}
