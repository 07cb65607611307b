"""A global performance as weight curves: they show what it shows; motions as angles; local ones refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.curves import match_controls, read_curves
from aim_maya.core.performance import write_performance
from aim_maya.core.rigid import translations_rotations
from aim_maya.runtime import FaceModel, Performance
from tests.in_maya.takes import global_performance, local_performance
from trainer.__main__ import main


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


def turned(row: np.ndarray) -> np.ndarray:
    """R = Rz Ry Rx and the translation, by three exponentials."""
    parts = [rigid.exp(np.eye(6)[i] * np.radians(row[3 + i])) for i in range(3)]
    matrix = parts[2] @ parts[1] @ parts[0]
    matrix[:3, 3] = row[:3]
    return matrix


@given(st.lists(st.lists(st.floats(-3, 3), min_size=6, max_size=6), min_size=1, max_size=5))
def test_angles_give_the_motions_back(twists: list[list[float]]) -> None:
    motions = np.stack([rigid.exp(t) for t in twists])
    for row, matrix in zip(translations_rotations(motions), motions, strict=True):
        assert np.abs(turned(row) - matrix).max() < 1e-6


def test_angles_do_not_jump() -> None:
    motions = np.stack([rigid.exp([0.3 * a, a, 0.1 * a, 0, 0, 0]) for a in np.linspace(0, 3 * np.pi, 400)])
    steps = np.abs(np.diff(translations_rotations(motions), axis=0))[:, 3:]
    assert np.median(steps) < 3
    assert np.count_nonzero(steps.max(1) > 60) == 0


def test_a_tied_performance_stands_alone_as_curves(
    draft: Path, model: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 1, (5, len(model.targets))) * (rng.random(len(model.targets)) < 0.4)
    activations = np.stack([model.data.rig.activations(row) for row in weights])
    data = global_performance(model, 5, jaw="tied")
    jaw = np.stack([model.data.motion.transform(a.astype(np.float32)) for a in activations])
    write_performance(
        tmp_path / "t.aimperf", replace(data, coefficients=activations[..., None].astype(np.float32), jaw=jaw)
    )
    assert (
        main(["curves", str(tmp_path / "t.aimperf"), "-o", str(tmp_path / "t.csv"), "--model", str(draft)])
        == 0
    )
    said = capsys.readouterr().out
    assert "cannot show all of it" not in said
    assert "head's motion is not in the curves" in said
    curves, take = read_curves(tmp_path / "t.csv"), Performance.load(tmp_path / "t.aimperf")
    assert curves.names == model.targets
    assert curves.fps == 30
    for i, row in enumerate(match_controls(curves, model.targets)[0]):
        assert np.abs(model.points(row) - model.performance_points(take, i, head=False)).max() < 1e-2


def test_a_free_jaw_goes_along(model: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_performance(tmp_path / "f.aimperf", global_performance(model))
    take = Performance.load(tmp_path / "f.aimperf")
    assert main(["curves", str(tmp_path / "f.aimperf"), "-o", str(tmp_path / "f.csv"), "--step", "1/2"]) == 0
    assert "a column a target" in capsys.readouterr().out
    curves = read_curves(tmp_path / "f.csv")
    column = {name: curves.values[:, i] for i, name in enumerate(curves.names)}
    assert len(curves.times) == 11
    for part, at in (("jaw", take.jaw), ("head", take.head)):
        rows = np.stack([column[f"{part}_{c}"] for c in ("tx", "ty", "tz", "rx", "ry", "rz")], 1)
        for i, row in enumerate(rows):
            assert np.abs(turned(row) - at(i / 2)).max() < 1e-6
    assert column[model.data.rig.targets[0]][::2] == pytest.approx(take.data.coefficients[:, 0, 0])


def test_what_varies_over_the_face_is_refused(
    model: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_performance(tmp_path / "l.aimperf", local_performance(model))
    assert main(["curves", str(tmp_path / "l.aimperf"), "-o", str(tmp_path / "l.csv")]) == 2
    assert "has no weight curves: its coefficients vary over the face" in capsys.readouterr().err
    assert not (tmp_path / "l.csv").exists()


def test_info_says_what_a_performance_holds(
    model: FaceModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = replace(
        local_performance(model),
        residual_mm=np.array([0.1, 0.3, np.nan, 0.2, 0.2, 0.2]),
        flags=np.array([0, 2, 1, 0, 6, 0], np.uint8),
    )
    write_performance(tmp_path / "l.aimperf", data)
    assert main(["info", str(tmp_path / "l.aimperf"), "--json", str(tmp_path / "l.json")]) == 0
    said = capsys.readouterr().out
    for words in (
        "6 at 30 frames a second, 0.20 s",
        "local, linear: 38 targets on 4 spatial functions and offsets",
        "0.200 mm mean, 0.300 mm in the worst frame (1)",
        "1 empty (first 2); 2 partly (first 1); 1 large residual (first 4)",
        "mean_mm 0.2",
    ):
        assert words in said, said
    assert json.loads((tmp_path / "l.json").read_text())["residual_mm"][2] is None
    (tmp_path / "cut.aimperf").write_bytes((tmp_path / "l.aimperf").read_bytes()[:999])
    assert main(["info", str(tmp_path / "cut.aimperf")]) == 2
