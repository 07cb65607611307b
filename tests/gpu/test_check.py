"""The check of a card on the CPU provider: its tables, its exit codes, and that it sees what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aim_maya.runtime import session

from . import frames
from .check import main


def test_the_whole_check_on_the_cpu(
    small_draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--device", "cpu", "--coarse", "--model", str(small_draft), "--out", str(tmp_path)]
    assert main(given) == 0
    text, figures = capsys.readouterr().out, json.loads((tmp_path / "gpu_check.json").read_text())
    assert (tmp_path / "gpu_check.md").read_text() == text
    assert figures["versions"]["onnxruntime"] in text
    assert {row["way"] for row in figures["parity"]} == set(frames.WAYS)
    assert all(row["mm"] < 1e-3 for row in [*figures["parity"], *figures["failing"]])
    assert [row["graph"] for row in figures["placement"] if row["nodes"].get("CPU", 0) > 5] == [
        "full_frame.onnx",
        "pose_frame.onnx",
        "full.onnx",
        "pose.onnx",
        "fields.onnx",
    ]
    assert all("719" in row["status"] for row in figures["failing"])
    coarse, fine = sorted({row["vertices"] for row in figures["times"]})
    assert fine > 3 * coarse
    assert all(0 < row["median_ms"] <= row["p99_ms"] for row in figures["times"])


def test_points_that_are_off_are_seen(
    small_draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Off(frames.PoseFrame):
        def points(self, *frame: object) -> np.ndarray:
            return super().points(*frame) + np.float32(0.01)  # type: ignore[arg-type]

    monkeypatch.setattr(frames, "WAYS", {"off": lambda data, device: Off(data, device, whole=True)})
    given = ["--device", "cpu", "--coarse", "--model", str(small_draft), "--out", str(tmp_path)]
    assert main(given) == 1
    assert "SOMETHING IS WRONG" in capsys.readouterr().out


def test_without_cuda_it_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = session.import_onnxruntime()
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert main(["--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "CUDA was asked for and cannot be used" in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out
    assert not (tmp_path / "out").exists()
