"""The check of a card on the CPU provider: its tables, its exit codes, and that it sees what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aim_maya.runtime import FaceModel, session

from . import check, frames, stages
from .check import main
from .stages import Stages, report

TIMES = ["times", "times, fine"]
PARTS = {"copies_in_ms", "run_ms", "copy_out_ms", "rest_ms"}


def test_the_whole_check_on_the_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "cpu", "--coarse", "--out", str(tmp_path)]) == 0
    said, figures = capsys.readouterr(), json.loads((tmp_path / "gpu_check.json").read_text())
    text = said.out
    assert (tmp_path / "gpu_check.md").read_text() == text
    assert [line.split(":")[0] for line in said.err.splitlines()] == [*figures["stages"]]
    assert list(figures["stages"]) == [
        "versions",
        "model",
        "placement",
        "parity",
        "failing",
        *TIMES,
        "training",
    ]
    assert figures["training"]["mean_mm"] < 1 > 1e3 * figures["training"]["parity_mm"]
    assert "draft" in text
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
    coarse, fine = ({row["vertices"] for row in figures[name]} for name in TIMES)
    assert min(fine) > 3 * max(coarse)
    for row in figures["times"]:
        assert 0 < row["median_ms"] <= row["p99_ms"]
        parts = [value for key, value in row.items() if key in PARTS]
        assert len(parts) == (0 if "numpy" in row["way"] or "portable" in row["way"] else 4)
        assert all(part > 0 for part in parts)


def test_a_stage_that_fails_leaves_the_others_their_figures(
    small_draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA failure 2: out of memory")

    monkeypatch.setattr(frames, "parity", lost)
    monkeypatch.setattr(stages, "train", lost)
    monkeypatch.setattr(Stages, "_model", lambda self: FaceModel.load(small_draft, "cpu"))
    assert main(["--device", "cpu", "--coarse", "--out", str(tmp_path)]) == 1
    text, figures = capsys.readouterr().out, json.loads((tmp_path / "gpu_check.json").read_text())
    wrong = "RuntimeError: CUDA failure 2: out of memory"
    assert figures["errors"] == {"parity": wrong, "training": wrong}
    assert "SOMETHING IS WRONG" in text
    assert wrong in text
    assert len(figures["placement"]) == 5
    assert len(figures["failing"]) == 2
    assert figures["times, fine"]


def test_a_goal_that_is_missed_says_where_the_time_goes() -> None:
    frame = {"vertices": 44_786, "way": "full", "median_ms": 1.3, "p99_ms": 1.4, "frames": 500}
    frame |= {"first_s": 0.5, "opened_s": 0.4, "memory_mib": 300.0}
    frame |= {"copies_in_ms": 0.05, "run_ms": 0.9, "copy_out_ms": 0.1, "rest_ms": 0.25}
    laps = {"prepare_s": 4.0, "linear_s": 1.0, "train_s": 18.0, "score_export_s": 2.0, "total": 25.0}
    training = {"actor": "ict", "preset": "standard", "device": "cuda", "seconds": 25.0, "parts": laps}
    training |= {"mean_mm": 0.03, "max_mm": 0.5, "parity_mm": 1e-4}
    figures = {"device": "cuda", "errors": {}, "stages": {"times": 3.0}, "right": True, "times": [frame]}
    lines = report(figures | {"training": training}).splitlines()
    missed = [line for line in lines if "| NO " in line]
    assert len(missed) == 2
    assert "run 0.9 ms, rest 0.25 ms, copy out 0.1 ms, copies in 0.05 ms" in missed[0]
    assert "train 18 s, prepare 4 s, score and export 2 s, linear 1 s" in missed[1]


def test_a_missing_package_is_named_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "NEEDED", {"numpy": "numpy", "igl_of_nobody": "libigl"})
    assert main(["--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "libigl not installed" in said
    assert said.endswith("pip install libigl.\n")
    assert len(said.splitlines()) == 1


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
