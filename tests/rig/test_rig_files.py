"""`aimface rig` to USD and glTF: FaceModel's points by USD's own skinning and by glTF's plain arithmetic,
curves and performances, what is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.controls import Control, Rig
from aim_maya.core.curves import Curves, write_curves
from aim_maya.core.errors import AimError
from aim_maya.core.obj import write_obj
from aim_maya.core.performance import write_performance
from aim_maya.core.posing import tolerance
from aim_maya.runtime import Edit, FaceModel, Performance
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.native_rig import NativeRig
from tests.helpers.rig_read import Gltf, usd_points
from tests.in_maya.rich import random_weights, rich
from tests.in_maya.takes import global_performance, local_performance
from tests.in_maya.tiny import write_tiny
from trainer.__main__ import main
from trainer.rig import RigOptions, write_rig

COUNT = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rigs")


@pytest.fixture(scope="module")
def model(folder: Path) -> FaceModel:
    return FaceModel.load(write_tiny(folder / "rich.aim", rich()), "cpu")


@pytest.fixture(scope="module")
def weights(model: FaceModel) -> np.ndarray:
    return random_weights(model.data.rig, COUNT)


@pytest.fixture(scope="module")
def take(folder: Path, model: FaceModel, weights: np.ndarray) -> Path:
    path = folder / "take.csv"
    write_curves(path, Curves(model.targets, weights, np.arange(len(weights)) / 24.0, 24.0))
    return path


def written(model: FaceModel, out: Path, **options: Any) -> dict[str, Any]:
    return write_rig(model.data.path, out, RigOptions(**options), device="cpu", style="none")


@pytest.mark.parametrize("in_betweens", [True, False])
def test_usd_by_its_own_skinning(
    model: FaceModel, take: Path, weights: np.ndarray, tmp_path: Path, in_betweens: bool
) -> None:
    figures = written(model, tmp_path / "o.usdc", curves=take, scale=1.0, in_betweens=in_betweens)
    within = tolerance(model.mesh.points, model.mm_per_unit)
    assert figures["residual_max_mm"] <= within * model.mm_per_unit * 3**0.5
    found = usd_points(tmp_path / "o.usdc", [1.0 + i for i in range(COUNT)])
    for points, row in zip(found, weights, strict=True):
        assert np.abs(points - model.points(row)).max() <= within


def test_usd_at_rest_holds_sliders_units_and_names(model: FaceModel, tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom, UsdSkel

    written(model, tmp_path / "o.usda")
    stage = Usd.Stage.Open(str(tmp_path / "o.usda"))
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(0.01)
    assert not stage.HasAuthoredTimeCodeRange()
    animation = UsdSkel.Animation(stage.GetPrimAtPath("/tiny/skeleton/animation"))
    names = list(animation.GetBlendShapesAttr().Get())
    assert names == [c.name for c in model.data.rig.controls if c.knots] + [
        "jawOpenSmile",
        "blinkBrow",
        "mouthClose",
    ]
    blink = UsdSkel.BlendShape(stage.GetPrimAtPath("/tiny/skin/eyeBlink_L"))
    assert [b.GetWeight() for b in blink.GetInbetweens()] == pytest.approx([0.5, 2.0])
    assert len(blink.GetPointIndicesAttr().Get()) < len(model.mesh.points)


def test_gltf_by_its_definition(model: FaceModel, take: Path, weights: np.ndarray, tmp_path: Path) -> None:
    written(model, tmp_path / "o.glb", curves=take, scale=1.0)
    file = Gltf(tmp_path / "o.glb")
    vertex = file.vertex
    assert sorted(set(vertex)) == list(range(len(model.mesh.points)))
    worst = 0.0
    for points, row in zip(file.frames(), weights, strict=True):
        difference = points * 100 - model.points(row)[vertex]
        worst = max(worst, float(np.linalg.norm(difference, axis=1).max()) * model.mm_per_unit)
    assert worst <= 0.01, worst
    times = file.array(file.file.animations[0].samplers[0].input).ravel()
    assert times == pytest.approx(np.arange(COUNT) / 24)
    assert file.mesh.extras["targetNames"][:4] == ["jawOpen", "mouthSmile_L", "eyeBlink_L_050", "eyeBlink_L"]
    drives = file.mesh.extras["aim"]
    assert drives["controls"] == list(model.targets)
    assert sum("twist" in t for t in drives["targets"]) == int((NativeRig.of(model).twists != 0).any(1).sum())


def test_gltf_passes_the_validator(draft: Path, sample: Actor, tmp_path: Path) -> None:
    """Khronos' own; `npm install gltf-validator` puts it where node finds it."""
    found = shutil.which("node") and subprocess.run(
        ["node", "-e", "require.resolve('gltf-validator')"], capture_output=True, check=False
    )
    if not found or found.returncode:
        pytest.skip("gltf-validator is not installed: npm install gltf-validator, NODE_PATH=node_modules")
    assert sample.lower_teeth is not None
    for name in ("upper_teeth", "lower_teeth"):
        write_obj(tmp_path / f"{name}.obj", sample.lower_teeth)
    model = FaceModel.load(draft, "cpu")
    write_curves(
        tmp_path / "t.csv", Curves(("jawOpen",), np.linspace(0, 1, 5)[:, None], np.arange(5) / 24, 24)
    )
    written(model, tmp_path / "o.glb", actor=tmp_path, bones=True, curves=tmp_path / "t.csv")
    program = (
        "require('gltf-validator').validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))"
        ".then(r => console.log(JSON.stringify(r.issues)))"
    )
    said = subprocess.run(
        ["node", "-e", program, str(tmp_path / "o.glb")], capture_output=True, text=True, check=True
    )
    issues = json.loads(said.stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:5]


def test_a_performance_with_its_free_jaw_and_head(model: FaceModel, tmp_path: Path) -> None:
    data = global_performance(model, 6)
    write_performance(tmp_path / "t.aimperf", data)
    performance = Performance.load(tmp_path / "t.aimperf")
    within = tolerance(model.mesh.points, model.mm_per_unit)
    written(model, tmp_path / "o.usdc", curves=tmp_path / "t.aimperf")
    for f, points in enumerate(usd_points(tmp_path / "o.usdc", [1.0 + f for f in range(6)])):
        assert np.abs(points - model.performance_points(performance, f)).max() <= 2 * within
    written(model, tmp_path / "o.glb", curves=tmp_path / "t.aimperf")
    file = Gltf(tmp_path / "o.glb")
    vertex = file.vertex
    for f, points in enumerate(file.frames()):
        shown = model.performance_points(performance, f)[vertex]
        assert np.abs(points * 100 - shown).max() * model.mm_per_unit <= 0.01


def test_an_edited_face_with_its_preset(draft: Path, tmp_path: Path) -> None:
    EditRecipe(jaw_gain=1.3, expression_gain=0.7).write(tmp_path / "e.json")
    take = tmp_path / "t.csv"
    write_curves(
        take, Curves(("jawOpen", "mouthSmile_L"), np.array([[0.0, 0.5], [1.0, 0.0]]), np.arange(2.0) / 24, 24)
    )
    out = tmp_path / "o.usdc"
    figures = tmp_path / "f.json"
    line = ["rig", str(draft), "-o", str(out), "--curves", str(take), "--preset", "heavier", "--edit"]
    assert main([*line, str(tmp_path / "e.json"), "--json", str(figures), "--progress", "none"]) == 0
    from trainer.rig.rig import edited_model

    model = edited_model(FaceModel.load(draft, "cpu"), tmp_path / "e.json", "heavier")
    assert np.abs(usd_points(out, [2.0])[0] - model.points({"jawOpen": 1.0})).max() < 1e-3
    assert json.loads(figures.read_text())["residual_max_mm"] < 1e-3


# What is refused, in one sentence, with nothing half-written.


def refused(model: FaceModel, out: Path, words: str, **options: Any) -> None:
    before = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    with pytest.raises(AimError, match=words):
        written(model, out, **options)
    assert (sorted(out.parent.iterdir()) if out.parent.is_dir() else []) == before


def test_what_is_refused(model: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_performance(tmp_path / "l.aimperf", local_performance(model))
    for ending in ("usdc", "glb", "blend"):
        refused(
            model, tmp_path / f"o.{ending}", "vary over the face.*Bake points", curves=tmp_path / "l.aimperf"
        )
    EditRecipe(jaw_arc=0.0).write(tmp_path / "arc.json")
    refused(model, tmp_path / "o.glb", r"jaw_arc 0.*no linear look", edit=tmp_path / "arc.json")
    refused(model, tmp_path / "o.obj", "of no known kind.*glb")
    (tmp_path / "folder.glb").mkdir()
    refused(model, tmp_path / "folder.glb", "a folder has that name")
    refused(model, tmp_path / "l.aimperf" / "o.usdc", "Cannot write|cannot be written|Not a directory")
    for package, ending, words in (
        ("bpy", "fbx", r"bpy.*\[blender\]"),
        ("pygltflib", "glb", r"pygltflib.*\[gltf\]"),
    ):
        find = importlib.util.find_spec
        with monkeypatch.context() as patch:
            patch.setattr(
                importlib.util, "find_spec", lambda n, *a, p=package, f=find: None if n == p else f(n, *a)
            )
            refused(model, tmp_path / f"o.{ending}", words)


def test_names_that_collide_are_refused(tmp_path: Path) -> None:
    """A knot that is called as another control is."""
    head = rich()
    smile = head.rig.controls[1]
    clash = Control("eyeBlink_L_050", 20, ((1.0, "mouthSmile_L"),))
    rig = Rig(tuple(clash if c is smile else c for c in head.rig.controls), head.rig.poses[1:])
    model = FaceModel.load(write_tiny(tmp_path / "c.aim", replace(head, rig=rig)), "cpu")
    for ending in ("glb", "fbx"):
        refused(model, tmp_path / f"o.{ending}", "would be called 'eyeBlink_L_050'")


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
def test_a_name_that_blender_would_shorten_is_refused(tmp_path: Path) -> None:
    head, long = rich(), "x" * 300
    brow = head.rig.controls[3]
    knots = tuple((v, long if t == "browDown" else t) for v, t in brow.knots)
    rig = replace(
        head.rig, controls=tuple(replace(c, knots=knots) if c is brow else c for c in head.rig.controls)
    )
    shapes = {long if name == "browDown" else name: points for name, points in head.shapes.items()}
    model = FaceModel.load(write_tiny(tmp_path / "c.aim", replace(head, rig=rig, shapes=shapes)), "cpu")
    refused(model, tmp_path / "o.blend", "Blender would call 'xxx.*Rename")


def test_the_edit_at_rest_is_the_rest(model: FaceModel) -> None:
    edited = model.edited(Edit(thickness=1.2))
    assert np.array_equal(NativeRig.of(edited).rest, edited.points({}))
