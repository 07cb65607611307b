"""Native rigs opened in Blender (bpy), all in one process of it: live drivers in the .blend, played animation
in the others, every point where FaceModel has it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.curves import Curves, write_curves
from aim_maya.core.obj import write_obj
from aim_maya.core.performance import write_performance
from aim_maya.core.posing import tolerance
from aim_maya.runtime import FaceModel
from tests.in_maya.rich import random_weights, rich
from tests.in_maya.takes import global_performance
from tests.in_maya.tiny import write_tiny
from trainer.rig import RigOptions, write_rig

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("bpy") is None, reason='bpy is not installed: pip install -e ".[blender]"'
)
ROWS = 16
FIRST = {"glb": 0, "fbx": 2, "usdc": 1}  # where Blender's importers put frame 1 of a take


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FaceModel:
    return FaceModel.load(write_tiny(tmp_path_factory.mktemp("rich") / "rich.aim", rich()), "cpu")


@pytest.fixture(scope="module")
def weights(model: FaceModel) -> np.ndarray:
    return random_weights(model.data.rig, 4 * ROWS, 5)[-2 * ROWS :]


def within_one(model: FaceModel, rows: np.ndarray) -> np.ndarray:
    """Rows whose activations lie within 0 and 1: importers of glTF and USD hold shape keys there."""
    return np.array([r for r in rows if (a := model.data.rig.activations(r)).min() >= 0 and a.max() <= 1])


@pytest.fixture(scope="module")
def seen(
    model: FaceModel, weights: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """{file: what Blender sees}; one process writes nothing and opens them all."""
    folder = tmp_path_factory.mktemp("blender")
    plain = within_one(model, weights)
    write_curves(folder / "t.csv", Curves(model.targets, plain, np.arange(len(plain)) / 24.0, 24.0))
    write_performance(folder / "p.aimperf", global_performance(model, 4))
    for name in ("upper_teeth", "lower_teeth"):
        write_obj(folder / f"{name}.obj", model.mesh)
    for name, options in (
        ("live.blend", RigOptions(actor=folder)),
        ("free.blend", RigOptions(curves=folder / "p.aimperf")),
        *((f"played.{e}", RigOptions(curves=folder / "t.csv", scale=1.0, in_betweens=False)) for e in FIRST),
    ):
        write_rig(model.data.path, folder / name, options, style="none")
    sliders = [dict(zip(model.targets, row.tolist(), strict=True)) for row in weights]
    for row in sliders:
        row["sneer"] /= 10  # its knots go to 10, more than Blender's sliders do: 1 is 10 there
    jobs: list[dict[str, Any]] = [
        {"file": str(folder / "live.blend"), "rows": sliders},
        {"file": str(folder / "free.blend"), "frames": [1, 2, 3, 4]},
    ]
    for ending, first in FIRST.items():
        frames = [first + i for i in range(len(plain))]
        jobs.append({"file": str(folder / f"played.{ending}"), "frames": frames, "fps": 24.0})
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    line = [
        sys.executable,
        "-m",
        "tests.helpers.blender_rig",
        str(folder / "jobs.json"),
        str(folder / "f.npz"),
    ]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "f.npz") as found:
        arrays = {name: found[name] for name in found.files}
    names = [Path(job["file"]).name for job in jobs]
    return {
        name: {k.split(".", 1)[1]: v for k, v in arrays.items() if k.startswith(f"{n}.")}
        for n, name in enumerate(names)
    }


def model_points(seen: dict[str, Any], row: int) -> np.ndarray:
    """Blender's world, metres, z up -> centimetres, y up."""
    return seen[str(row)][:, [0, 2, 1]] * [100, 100, -100]


def worst_mm(seen: dict[str, Any], expected: list[np.ndarray]) -> float:
    order = seen.get("vertex", slice(None))
    return max(
        float(np.linalg.norm(model_points(seen, r) - points[order], axis=1).max()) * 10
        for r, points in enumerate(expected)
    )


def test_live_sliders_drive_shapes_and_jaw(
    model: FaceModel, weights: np.ndarray, seen: dict[str, dict[str, Any]]
) -> None:
    """Drivers that need no Python, on a head that stands 1.5 m above the floor."""
    found = seen["live.blend"]
    assert worst_mm(found, [model.points(row) for row in weights]) <= 1e-3
    assert found["bad_drivers"] == 0
    assert found["drivers"] > 20
    centre = np.append(model.data.centre, 1.0)
    for row, sliders in enumerate(weights):
        jaw = model.jaw(sliders) @ centre
        place = found[f"jaw.{row}"][:3, 3][[0, 2, 1]] * [100, 100, -100]
        assert place == pytest.approx(jaw[:3], abs=1e-4)
    names = found["names"].tolist()
    assert names[:5] == ["jawOpen", "mouthSmile_L", "eyeBlink_L", "eyeBlink_L_050", "eyeBlink_L at 1"]


def test_a_free_jaw_and_head_are_keyed(model: FaceModel, seen: dict[str, dict[str, Any]]) -> None:
    """A performance's jaw is not what the sliders give: it is keyed on its bone, and the head's on skull."""
    data = global_performance(model, 4)
    centre = np.append(model.data.centre, 1.0)
    for f in range(4):
        expected = data.head[f] @ data.jaw[f] @ centre
        place = seen["free.blend"][f"jaw.{f}"][:3, 3][[0, 2, 1]] * [100, 100, -100]
        assert place == pytest.approx(expected[:3], abs=1e-4)


@pytest.mark.parametrize("ending", FIRST)
def test_played_animation(
    model: FaceModel, weights: np.ndarray, seen: dict[str, dict[str, Any]], ending: str
) -> None:
    within = 1e-3 + 10 * tolerance(model.mesh.points, 1e9)  # four units in the last place of 150 cm
    limit = 0.01 if ending == "glb" else within
    expected = [model.points(row) for row in within_one(model, weights)]
    assert worst_mm(seen[f"played.{ending}"], expected) <= limit
    assert {"jawOpen", "jawOpenSmile", "eyeBlink_L_050"} <= set(seen[f"played.{ending}"]["names"].tolist())


def test_teeth_ride_on_their_bones(
    model: FaceModel, weights: np.ndarray, seen: dict[str, dict[str, Any]]
) -> None:
    for row, sliders in enumerate(weights):
        for name, motion in (("lower_teeth", model.jaw(sliders)), ("upper_teeth", np.eye(4))):
            found = seen["live.blend"][f"{name}.{row}"][:, [0, 2, 1]] * [100, 100, -100]
            assert found == pytest.approx(rigid.apply(motion, model.mesh.points), abs=1e-4)
