"""USD and Alembic opened in Blender (bpy): every point of every sampled frame where the model has it, at the
right rate, unit and axis."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.curves import Curves, match_controls, read_curves, write_curves
from aim_maya.core.obj import write_obj
from aim_maya.runtime import FaceModel
from trainer.__main__ import main
from trainer.bake.bake import BakeOptions, bake

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("bpy") is None, reason='bpy is not installed: pip install -e ".[blender]"'
)


def in_blender(cache: Path, fps: float, frames: list[float]) -> dict[str, Any]:
    out = cache.with_suffix(".read.npz")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.helpers.blender_read",
            str(cache),
            str(out),
            str(fps),
            *map(str, frames),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as found:
        return {name: found[name] for name in found.files}


def y_up(points: np.ndarray) -> np.ndarray:
    """Blender's z-up world, turned back."""
    return points[:, [0, 2, 1]] * [1, 1, -1]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    t = np.arange(12) / 25
    path = tmp_path_factory.mktemp("take") / "take.csv"
    write_curves(
        path,
        Curves(("jawOpen", "jawLeft", "eyeBlink"), np.stack([2 * t, 0.5 * t, np.sin(9 * t) ** 2], 1), t, 25),
    )
    return path


@pytest.fixture(scope="module")
def actor(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("actor")
    assert sample.lower_teeth is not None
    write_obj(folder / "lower_teeth.obj", sample.lower_teeth)
    return folder


@pytest.mark.parametrize(
    ("name", "skel", "scale"), [("o.usdc", False, 0.001), ("o.usda", True, 0.001), ("o.abc", False, 1.0)]
)
def test_points_in_blender(
    draft: Path, take: Path, actor: Path, sample: Actor, tmp_path: Path, name: str, skel: bool, scale: float
) -> None:
    out = tmp_path / name
    bake(
        draft,
        take,
        out,
        BakeOptions(start=1001, actor=actor, skel=skel, material="hero"),
        device="cpu",
        style="none",
    )
    frames = [1001.0 + i for i in range(12)]
    found = in_blender(out, 25, frames)
    model = FaceModel.load(draft, "cpu")
    weights = match_controls(read_curves(take), model.targets)[0]
    assert sample.lower_teeth is not None
    for frame, row in zip(frames, weights, strict=True):
        jaw = model.jaw(row)
        lower = sample.lower_teeth.points @ jaw[:3, :3].T + jaw[:3, 3]
        assert y_up(found[f"skin@{frame:g}"]) / scale == pytest.approx(model.points(row), abs=1e-4)
        assert y_up(found[f"lower_teeth@{frame:g}"]) / scale == pytest.approx(lower, abs=1e-4)
    assert found["range"].tolist() == [1001, 1012]
    assert np.array_equal(found["skin.corners"], model.mesh.corners)
    assert "hero" in found["materials"]


def test_alembic_keeps_rate_and_sub_frames(draft: Path, take: Path, tmp_path: Path) -> None:
    """Blender places Alembic's seconds by the scene's rate: at twice the rate of the file the same frames
    have twice the numbers."""
    out = tmp_path / "o.abc"
    bake(draft, take, out, BakeOptions(start=10, frames="12-14", step="1/2"), device="cpu", style="none")
    model = FaceModel.load(draft, "cpu")
    weights = match_controls(read_curves(take), model.targets)[0]
    found = in_blender(out, 50, [24, 25, 28])
    assert found["range"].tolist() == [24, 28]
    assert y_up(found["skin@24"]) == pytest.approx(model.points(weights[2]), abs=1e-4)
    assert y_up(found["skin@25"]) == pytest.approx(model.points((weights[2] + weights[3]) / 2), abs=1e-4)
    assert y_up(found["skin@28"]) == pytest.approx(model.points(weights[4]), abs=1e-4)


def test_alembic_resumes_and_refuses(
    draft: Path, take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.abc"
    assert (
        main(
            [
                "bake",
                str(draft),
                str(take),
                "-o",
                str(out),
                "--frames",
                "1-3",
                "--bones",
                "--progress",
                "none",
            ]
        )
        == 0
    )
    assert sorted(f.name for f in tmp_path.iterdir()) == ["o.abc", "o.abc.bake.json"]
    assert (
        main(["bake", str(draft), str(take), "-o", str(out), "--frames", "1-3", "--bones", "--resume"]) == 0
    )
    assert "is finished" in capsys.readouterr().out
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / "x.abc"), "--step", "2"]) == 2
    assert "bake to USD" in capsys.readouterr().err
    assert not (tmp_path / "x.abc").exists()


def test_without_bpy(
    draft: Path,
    take: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "bpy" else found(name, *a)
    )
    assert main(["bake", str(draft), str(take), "-o", str(tmp_path / "o.abc")]) == 2
    assert "needs the package bpy" in capsys.readouterr().err
