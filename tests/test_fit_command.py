"""`aimface fit` from files to a file, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.performance_file import read_performance
from aim_maya.runtime import FaceModel, Performance
from trainer.__main__ import main


@pytest.fixture(scope="module")
def frames(draft: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = FaceModel.load(draft, "cpu")
    folder = tmp_path_factory.mktemp("scans")
    np.savez(folder / "take.npz", frames=np.array([model.points({"jawOpen": 0.1 * f}) for f in range(4)]), fps=25.0)
    return folder / "take.npz"


def test_scans_to_a_performance(draft: Path, frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "take.aimperf"
    assert main(["fit", str(draft), str(frames), "-o", str(out), "--modes", "4", "--noise", "0.3", "--progress", "none", "--json", str(tmp_path / "fit.json")]) == 0
    data, model = read_performance(out), FaceModel.load(draft, "cpu")
    assert (data.frame_count, data.fps, data.about["mode"]) == (4, 25.0, "local")
    miss = np.linalg.norm(model.performance_points(Performance(data), 3) - model.points({"jawOpen": 0.3}), axis=1)
    assert miss.mean() * model.mm_per_unit < 0.2
    assert json.loads((tmp_path / "fit.json").read_text())["frames"] == 4
    assert [p.name for p in tmp_path.glob("*.partial")] == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "nothing to fit"), (["--camera", "cameras.json"], "go together"), (["take.npz", "--landmarks", "points.json"], "go together"),
        (["gone.npz"], "no frames at"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said(draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    assert main(["fit", str(draft), *arguments, "-o", str(tmp_path / "take.aimperf"), "--progress", "none"]) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "take.aimperf").exists()


def test_the_output_is_a_performance(draft: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(draft), str(frames), "-o", str(tmp_path / "take.npz"), "--progress", "none"]) == 2
    assert ".aimperf" in capsys.readouterr().err
