"""Every solver's result goes through its file to its use: written, read, played and baked."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.performance import read_performance
from aim_maya.runtime import FaceModel, Performance
from tests.helpers.once import made_once
from trainer.__main__ import main

QUIET = ("--progress", "none")
CAMERAS = (
    "--landmarks",
    "points.json",
    "--camera",
    "cameras.json",
    "--sites",
    "sites.json",
    "--contour",
    "fixed",
)
FEW = ("--modes", "6", "--unknowns", "60")
NEURAL = (
    "--solver",
    "neural",
    "--device",
    "cpu",
    "--neural.iterations",
    "20",
    "--neural.width",
    "16",
    "--neural.points",
    "64",
)
SOLVERS = {
    "scans, global": (["fit", "m.aim", "scans.npz", "--mode", "global"], 0.1),
    "scans, tied": (["fit", "m.aim", "scans.npz", "--mode", "global", "--jaw", "tied"], 0.1),
    "scans, local": (["fit", "m.aim", "scans.npz", *FEW], 0.2),
    "scans, folder": (["fit", "m.aim", "objs", *FEW], 0.2),
    "cameras, global": (["fit", "m.aim", *CAMERAS, "--mode", "global"], 1.5),
    "cameras, tied": (["fit", "m.aim", *CAMERAS, "--mode", "global", "--jaw", "tied"], 1.5),
    "cameras, local": (["fit", "m.aim", *CAMERAS, *FEW], 2.0),
    "cameras and scans": (["fit", "m.aim", "scans.npz", *CAMERAS, *FEW], 1.0),
    "networks": (["fit", "m.aim", "scans.npz", *NEURAL], 40.0),
    "retarget of curves": (["retarget", "curves.csv", "--source", "m.aim", "--target", "m.aim"], 0.1),
    "retarget of a fit": (
        ["retarget", "fitted.aimperf", "--source", "m.aim", "--target", "m.aim", "--scans", "scans.npz"],
        0.2,
    ),
}  # each with the distance (mm) from the truth that it has to reach


def _make(aim: Path, folder: Path) -> None:
    """Four frames of a smile and a jaw that opens: as curves, scans, OBJs, and as two cameras see 68 of their
    points."""
    (folder / "m.aim").write_bytes(aim.read_bytes())
    model = FaceModel.load(aim, "cpu")
    curves = [(0.2 * f, smile) for f, smile in enumerate((0.0, 0.3, 0.7, 0.4))]
    (folder / "curves.csv").write_text(
        "frame,jawOpen,mouthSmile_L\n" + "".join(f"{f},{a},{b}\n" for f, (a, b) in enumerate(curves))
    )
    frames = np.array([model.points({"jawOpen": a, "mouthSmile_L": b}) for a, b in curves], np.float64)
    np.savez(folder / "scans.npz", frames=frames, fps=30.0)
    from aim_maya.core.obj import write_obj

    for number, points in enumerate(frames):
        write_obj(folder / "objs" / f"f_{number}.obj", model.mesh.with_points(points))
    rest = model.mesh.points
    front = np.flatnonzero(rest[:, 2] > np.percentile(rest[:, 2], 75))
    sites = front[np.linspace(0, len(front) - 1, 68).astype(int)]
    cameras, seen = [], {}
    for name, turn in (("left", -0.4), ("right", 0.4)):
        c, s = np.cos(turn), np.sin(turn)
        rotation, t = np.array([[c, 0, -s], [0, -1, 0], [-s, 0, -c]]), np.array([0.0, 0.0, 900.0])
        camera = frames[:, sites] @ rotation.T + t
        pixels = 2000 * camera[..., :2] / camera[..., 2:] + [960, 540]
        seen[name] = {"frames": pixels.tolist()}
        intrinsics = [[2000, 0, 960], [0, 2000, 540], [0, 0, 1]]
        cameras.append(
            {
                "name": name,
                "width": 1920,
                "height": 1080,
                "K": intrinsics,
                "R": rotation.tolist(),
                "t": t.tolist(),
            }
        )
    (folder / "cameras.json").write_text(json.dumps({"cameras": cameras}))
    (folder / "points.json").write_text(json.dumps({"convention": "multipie68", "fps": 30, "cameras": seen}))
    (folder / "sites.json").write_text(json.dumps(sites.tolist()))
    fit = [
        "fit",
        str(folder / "m.aim"),
        str(folder / "scans.npz"),
        "-o",
        str(folder / "fitted.aimperf"),
        *FEW,
        *QUIET,
    ]
    assert main(fit) == 0


@pytest.fixture(scope="module")
def folder(small_draft: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "solvers", partial(_make, small_draft))


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_a_solver_finds_is_written_read_and_baked(
    solver: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, near = SOLVERS[solver]
    monkeypatch.chdir(folder)
    take, cache, figures = (str(tmp_path / name) for name in ("take.aimperf", "take.npz", "figures.json"))
    assert main([*words, "-o", take, "--json", figures, *QUIET]) == 0
    assert main(["info", take]) == 0
    assert main(["bake", "m.aim", take, "-o", cache, *QUIET]) == 0
    model, data = FaceModel.load("m.aim", "cpu"), read_performance(take)
    about = data.about
    assert (about["topology_hash"], about["targets"]) == (
        model.manifest["topology_hash"],
        list(model.data.rig.targets),
    )
    assert about["mode"] == ("global" if data.is_global else "local")
    assert about["solver"] == ("neural" if data.network else "linear")
    assert about["jaw"] == ("tied" if "tied" in words or words[1] == "curves.csv" else "free")
    if about["jaw"] == "tied":
        follows = [model.data.motion.transform(row) for row in data.coefficients[:, :, 0]]
        np.testing.assert_allclose(data.jaw, follows, atol=1e-4)
    assert json.loads(Path(figures).read_text())
    with np.load(cache) as baked, np.load("scans.npz") as truth:
        played = [model.performance_points(Performance(data), f) for f in range(data.frame_count)]
        np.testing.assert_allclose(baked["frames"], played, atol=2e-3)
        missed = np.linalg.norm(baked["frames"] - truth["frames"], axis=2).mean() * model.mm_per_unit
    assert missed < near


def test_figures_of_a_fit_to_landmarks_name_cameras_and_warnings(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    out, figures = str(tmp_path / "take.aimperf"), tmp_path / "fit.json"
    assert (
        main(["fit", "m.aim", *CAMERAS, "--mode", "global", "-o", out, "--json", str(figures), *QUIET]) == 0
    )
    said = json.loads(figures.read_text())
    assert set(said["landmarks"]["cameras"]) == {"left", "right"}
    assert said["warnings"] == []
    assert said["residual_mean_mm"] < 1.0
