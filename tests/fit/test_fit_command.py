"""`aimface fit` from files to a file, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.curves.files import read_curves
from aim_maya.core.performance import read_performance
from aim_maya.runtime import FaceModel, Performance
from trainer.__main__ import main


@pytest.fixture(scope="module")
def frames(draft: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = FaceModel.load(draft, "cpu")
    folder = tmp_path_factory.mktemp("scans")
    np.savez(
        folder / "take.npz", frames=np.array([model.points({"jawOpen": 0.1 * f}) for f in range(4)]), fps=25.0
    )
    return folder / "take.npz"


def test_scans_to_a_performance(draft: Path, frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "take.aimperf"
    assert (
        main(
            [
                "fit",
                str(draft),
                str(frames),
                "-o",
                str(out),
                "--modes",
                "4",
                "--noise",
                "0.3",
                "--progress",
                "none",
                "--json",
                str(tmp_path / "fit.json"),
            ]
        )
        == 0
    )
    data, model = read_performance(out), FaceModel.load(draft, "cpu")
    assert (data.frame_count, data.fps, data.about["mode"]) == (4, 25.0, "local")
    miss = np.linalg.norm(
        model.performance_points(Performance(data), 3) - model.points({"jawOpen": 0.3}), axis=1
    )
    assert miss.mean() * model.mm_per_unit < 0.2
    assert json.loads((tmp_path / "fit.json").read_text())["frames"] == 4
    assert [p.name for p in tmp_path.glob("*.partial")] == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "nothing to fit"),
        (["--camera", "cameras.json"], "go together"),
        (["take.npz", "--landmarks", "points.json"], "go together"),
        (["gone.npz"], "no frames at"),
        (["take.npz", "--limits"], "global fits"),
        (
            ["--landmarks", "p.json", "--camera", "c.json", "--mode", "global", "--limits"],
            "fits to scans only",
        ),
    ],
)
def test_what_cannot_be_fitted_is_said(
    draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert (
        main(["fit", str(draft), *arguments, "-o", str(tmp_path / "take.aimperf"), "--progress", "none"]) == 2
    )
    assert word in capsys.readouterr().err
    assert not (tmp_path / "take.aimperf").exists()


def test_noisy_scans_become_curves_that_sliders_take(draft: Path, frames: Path, tmp_path: Path) -> None:
    with np.load(frames) as take:
        noisy = take["frames"] + np.random.default_rng(0).normal(0, 1.0, take["frames"].shape)
    np.savez(tmp_path / "noisy.npz", frames=noisy.astype(np.float32), fps=25.0)
    found = {}
    for limits in ([], ["--limits"]):
        out, csv = tmp_path / "take.aimperf", tmp_path / "take.csv"
        fitted = ["--mode", "global", "--jaw", "tied", *limits, "--progress", "none"]
        assert main(["fit", str(draft), str(tmp_path / "noisy.npz"), "-o", str(out), *fitted]) == 0
        assert main(["curves", str(out), "-o", str(csv)]) == 0
        found[bool(limits)] = read_curves(csv).values
    assert found[False].min() < 0
    assert found[True].min() >= 0
    assert found[True].max() <= 1


@pytest.mark.parametrize("where", ["below a file", "read-only"])
def test_an_output_that_cannot_be_written_is_said_before_the_work(
    draft: Path,
    frames: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    out = tmp_path / "folder" / "take.aimperf"
    if where == "below a file":
        out.parent.write_text("a file")
    else:
        out.parent.mkdir(mode=0o555)

        def refused(**_: object) -> None:  # as the system does: root may write everywhere
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("aim_maya.core.files.tempfile.mkstemp", refused)
    monkeypatch.setattr("trainer.fit.fit.fit_scans", lambda *_: pytest.fail("it began to work"))
    assert main(["fit", str(draft), str(frames), "-o", str(out), "--progress", "none"]) == 2
    assert f"Cannot write {out}" in capsys.readouterr().err


def test_a_damaged_file_of_a_stopped_fit_is_said(
    draft: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, options = tmp_path / "take.aimperf", ["--mode", "global", "--noise", "0.3", "--progress", "none"]
    np.savez(tmp_path / "x.npz", mark="of another fit")
    (tmp_path / "x.npz").rename(tmp_path / "take.aimperf.partial")
    assert main(["fit", str(draft), str(frames), "-o", str(out), "--resume", *options]) == 2
    assert "take.aimperf.partial" in capsys.readouterr().err
    assert main(["fit", str(draft), str(frames), "-o", str(out), *options]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["take.aimperf"]


def test_landmarks_and_scans_of_different_lengths_are_refused(
    draft: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"frames": [[[1, 2]]] * 3}))
    (tmp_path / "c.json").write_text(json.dumps({"width": 100, "height": 100}))
    both = ["--landmarks", str(tmp_path / "p.json"), "--camera", str(tmp_path / "c.json")]
    assert (
        main(["fit", str(draft), str(frames), *both, "-o", str(tmp_path / "t.aimperf"), "--progress", "none"])
        == 2
    )
    assert "has 4 frames" in capsys.readouterr().err


def test_the_output_is_a_performance(
    draft: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(draft), str(frames), "-o", str(tmp_path / "take.npz"), "--progress", "none"]) == 2
    assert ".aimperf" in capsys.readouterr().err
