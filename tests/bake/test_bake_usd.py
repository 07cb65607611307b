"""aimface bake to USD: every point of every frame, the scene around them, ranges, UsdSkel, resuming and
merging."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.container import read_aim, write_aim
from aim_maya.core.curves import Curves, match_controls, read_curves, write_curves
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from trainer.__main__ import main
from trainer.bake.bake import BakeOptions, bake
from trainer.bake.merge import merge
from trainer.usd.curves import read_usd_curves, write_usd_curves

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")

FPS = 30000 / 1001


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames at 29.97 of jaw, smile, a split control and one that the rig lacks."""
    t = np.arange(100) / FPS
    values = np.stack(
        [0.5 - 0.5 * np.cos(5 * t), np.clip(t - 0.5, 0, 1), 0.5 + 0.5 * np.sin(9 * t), t * 0], 1
    )
    path = tmp_path_factory.mktemp("take") / "take.csv"
    write_curves(path, Curves(("jawOpen", "mouthSmile", "eyeBlink", "nosuch"), values, t, FPS))
    return path


@pytest.fixture(scope="module")
def truth(draft: Path, take: Path) -> list[np.ndarray]:
    model = FaceModel.load(draft, "cpu")
    return [model.points(row) for row in match_controls(read_curves(take), model.targets)[0]]


def run(draft: Path, take: Path, out: Path, **options: Any) -> dict[str, Any]:
    resume = options.pop("resume", False)
    return bake(draft, take, out, BakeOptions(**options), device="cpu", resume=resume, style="none")


def stage_of(path: Path) -> Any:
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def skin_of(stage: Any) -> Any:
    from pxr import UsdGeom

    return UsdGeom.Mesh(stage.GetPrimAtPath(f"{stage.GetDefaultPrim().GetPath()}/skin"))


def world(prim: Any, code: float) -> np.ndarray:
    from pxr import UsdGeom

    matrix = np.array(UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(code))
    return np.array(UsdGeom.PointBased(prim).GetPointsAttr().Get(code)) @ matrix[:3, :3] + matrix[3, :3]


@pytest.mark.parametrize("ending", ["usd", "usdc", "usda"])
def test_points_and_scene(
    draft: Path, take: Path, truth: list[np.ndarray], tmp_path: Path, ending: str
) -> None:
    from pxr import Sdf, UsdGeom, UsdShade

    out = tmp_path / f"o.{ending}"
    figures = run(draft, take, out, start=1001, material="face skin")
    assert figures["frames"] == 100
    assert [f.name for f in tmp_path.iterdir()] == [out.name]
    model, stage = FaceModel.load(draft, "cpu"), stage_of(out)
    skin = skin_of(stage)
    assert skin.GetPointsAttr().GetTimeSamples() == [1001.0 + i for i in range(100)]
    for i, points in enumerate(truth):
        baked = np.array(skin.GetPointsAttr().Get(1001.0 + i))
        assert np.abs(baked - points).max() < 1e-4
        assert np.array_equal(np.array(skin.GetExtentAttr().Get(1001.0 + i)), [baked.min(0), baked.max(0)])
    assert np.array_equal(skin.GetFaceVertexIndicesAttr().Get(), model.mesh.corners)
    assert np.array_equal(skin.GetFaceVertexCountsAttr().Get(), model.mesh.counts)
    assert stage.GetTimeCodesPerSecond() == stage.GetFramesPerSecond() == pytest.approx(FPS)
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (1001, 1100)
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(model.mm_per_unit / 1000)
    assert UsdGeom.GetStageUpAxis(stage) == model.manifest["up"].upper()
    assert Sdf.Layer.FindOrOpen(str(out)).defaultPrim == str(stage.GetDefaultPrim().GetName())
    assert UsdShade.MaterialBindingAPI(skin).ComputeBoundMaterial()[0].GetPath().name == "face_skin"
    first = out.read_bytes()[:8]
    assert first == (b"#usda 1." if ending == "usda" else b"PXR-USDC")


def test_uvs_come_along(draft: Path, take: Path, tmp_path: Path) -> None:
    from pxr import UsdGeom

    from trainer.bake.formats.usd import add_mesh

    model = FaceModel.load(draft, "cpu")
    from aim_maya.core.mesh import Mesh

    mesh = Mesh(
        np.eye(3),
        np.array([3], np.int32),
        np.array([0, 1, 2], np.int32),
        np.array([[0.1, 0.2], [0.3, 0.4]]),
        np.array([1, 0, -1], np.int32),
    )
    stage = stage_of(tmp_path / "o.usda") if run(draft, take, tmp_path / "o.usda", frames="1") else None
    st = UsdGeom.PrimvarsAPI(add_mesh(stage, "/x", mesh, mesh.points)).GetPrimvar("st")
    assert st.GetInterpolation() == "faceVarying"
    assert np.array(st.ComputeFlattened()) == pytest.approx(np.array([[0.3, 0.4], [0.1, 0.2], [0, 0]]))
    if model.mesh.uvs is not None and model.mesh.uv_corners is not None:
        baked = np.array(UsdGeom.PrimvarsAPI(skin_of(stage)).GetPrimvar("st").ComputeFlattened())
        assert baked == pytest.approx(model.mesh.uvs[model.mesh.uv_corners], abs=1e-6)


def test_points_become_usd_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied in one piece and number by number: the same values, memory of their own."""
    from trainer.usd import stage

    assert stage._shows_its_memory()  # with the usd-core that is pinned
    wide = np.random.default_rng(0).normal(size=(9, 4))
    given = [
        np.zeros((0, 3), np.float32),
        wide[:, :3].astype(np.float32),
        wide[:, 1:],
        np.asfortranarray(wide[:, :3]),
        np.full((1, 3), np.nan),
    ]
    fast = [stage.vec3f(points) for points in given]
    monkeypatch.setattr(stage, "_shows_its_memory", lambda: False)
    for points, one, other in zip(given, fast, map(stage.vec3f, given), strict=True):
        assert np.array(one).tobytes() == np.array(other).tobytes() == points.astype(np.float32).tobytes()
    given[1][:] = 0
    assert np.array(fast[1]).all()


def test_teeth_bones_and_normals(draft: Path, take: Path, sample: Actor, tmp_path: Path) -> None:
    """The lower teeth and the jaw's bone points move with the jaw, about no axis of the scene; the upper
    teeth stay."""
    from aim_maya.core.obj import write_obj

    assert sample.lower_teeth is not None
    write_obj(tmp_path / "actor/lower_teeth.obj", sample.lower_teeth)
    write_obj(tmp_path / "actor/upper_teeth.obj", sample.lower_teeth)
    out = tmp_path / "o.usdc"
    run(draft, take, out, actor=tmp_path / "actor", bones=True, normals=True, frames="1-20")
    model, stage = FaceModel.load(draft, "cpu"), stage_of(out)
    weights = match_controls(read_curves(take), model.targets)[0]
    root = stage.GetDefaultPrim().GetPath()
    of_jaw = model.anatomy.skinning_weight >= 0.5
    for frame in (1, 20):
        jaw = model.jaw(weights[frame - 1])
        lower = sample.lower_teeth.points @ jaw[:3, :3].T + jaw[:3, 3]
        assert world(stage.GetPrimAtPath(f"{root}/lower_teeth"), frame) == pytest.approx(lower, abs=1e-4)
        assert world(stage.GetPrimAtPath(f"{root}/upper_teeth"), frame) == pytest.approx(
            sample.lower_teeth.points, abs=1e-4
        )
        bone = model.anatomy.bone_points[of_jaw] @ jaw[:3, :3].T + jaw[:3, 3]
        assert world(stage.GetPrimAtPath(f"{root}/jaw_points"), frame) == pytest.approx(bone, abs=1e-4)
    assert len(world(stage.GetPrimAtPath(f"{root}/skull_points"), 1)) == (~of_jaw).sum()
    normals = np.array(skin_of(stage).GetNormalsAttr().Get(20.0))
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-5)
    assert skin_of(stage).GetNormalsInterpolation() == "vertex"


def test_skel_keeps_the_arc(
    draft: Path, take: Path, truth: list[np.ndarray], sample: Actor, tmp_path: Path
) -> None:
    """usd-core's own skinning of the UsdSkel form gives the model's points."""
    from pxr import Usd, UsdSkel

    from aim_maya.core.obj import write_obj

    assert sample.lower_teeth is not None
    write_obj(tmp_path / "actor/lower_teeth.obj", sample.lower_teeth)
    out = tmp_path / "o.usdc"
    figures = run(draft, take, out, skel=True, start=1001, actor=tmp_path / "actor")
    assert figures["residual_max_mm"] < 1e-3
    stage = stage_of(out)
    root = stage.GetDefaultPrim()
    assert UsdSkel.BakeSkinning(UsdSkel.Root(root))
    for i in (0, 37, 99):
        assert np.array(skin_of(stage).GetPointsAttr().Get(Usd.TimeCode(1001.0 + i))) == pytest.approx(
            truth[i], abs=1e-4
        )
    model = FaceModel.load(draft, "cpu")
    jaw = model.jaw(match_controls(read_curves(take), model.targets)[0][37])
    lower = sample.lower_teeth.points @ jaw[:3, :3].T + jaw[:3, 3]
    assert world(stage.GetPrimAtPath(f"{root.GetPath()}/lower_teeth"), 1038.0) == pytest.approx(
        lower, abs=1e-4
    )


NAMES = ("007", "Lächeln", "Löcheln", "mouth-smile", "mouth smile", "mouth_smile", "口を開く", "目を閉じ")


@pytest.fixture(scope="module")
def renamed(draft: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The draft model with eight of its targets under names that are no prim's."""
    manifest, members = read_aim(draft)
    text = json.dumps(
        {key: value for key, value in manifest.items() if key not in ("format", "schema", "members")}
    )
    chosen = [name for name in FaceModel.load(draft, "cpu").targets if "eyeBlink" not in name][-len(NAMES) :]
    for old, new in zip(chosen, NAMES, strict=True):
        text = text.replace(f'"{old}"', json.dumps(new))
    path = tmp_path_factory.mktemp("renamed") / "renamed.aim"
    write_aim(path, json.loads(text), members)
    return path


@pytest.mark.parametrize("ending", ["usda", "usdc"])
def test_names_that_are_no_prims_stay_apart(renamed: Path, tmp_path: Path, ending: str) -> None:
    """CSV to UsdSkel and back: the controls keep their names as tokens, every shape has its prim, and moves
    as the model's."""
    from pxr import UsdSkel

    curves = Curves(NAMES, np.eye(len(NAMES)), np.arange(len(NAMES)) / 24, 24)
    write_curves(tmp_path / "take.csv", curves)
    out = tmp_path / f"o.{ending}"
    given = [
        "bake",
        str(renamed),
        str(tmp_path / "take.csv"),
        "-o",
        str(out),
        "--skel",
        "--json",
        str(tmp_path / "o.json"),
    ]
    assert main([*given, "--device", "cpu", "--progress", "none"]) == 0
    assert json.loads((tmp_path / "o.json").read_text())["residual_max_mm"] < 1e-3
    stage, model = stage_of(out), FaceModel.load(renamed, "cpu")
    prims = [prim.GetName() for prim in skin_of(stage).GetPrim().GetChildren()]
    assert len({name.lower() for name in prims}) == len(prims) == len(model.data.rig.targets)
    assert "mouth_smile" in prims
    assert set(NAMES) <= set(UsdSkel.BindingAPI(skin_of(stage)).GetBlendShapesAttr().Get())
    assert set(NAMES) <= set(read_usd_curves(out).names)
    assert UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetDefaultPrim()))
    for i, name in enumerate(NAMES):
        assert np.array(skin_of(stage).GetPointsAttr().Get(1.0 + i)) == pytest.approx(
            model.points({name: 1.0}), abs=1e-4
        )


def test_the_residual_is_that_of_the_file(
    draft: Path, take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in what is written shows in the residual: here two shapes are written over each other."""
    from trainer.bake.formats import skel

    def colliding(names: Any) -> list[str]:
        valid = [str(name) for name in names]
        valid[valid.index("mouthSmile_R")] = "mouthSmile_L"
        return valid

    out = tmp_path / "o.usdc"
    assert run(draft, take, out, skel=True, frames="90-95")["residual_max_mm"] < 1e-3
    whole = out.read_bytes()
    monkeypatch.setattr(skel, "valid_names", colliding)
    try:
        assert run(draft, take, out, skel=True, frames="90-95")["residual_max_mm"] > 0.1
    except AimError:
        assert out.read_bytes() == whole


def test_prim_names_are_valid_and_differ() -> None:
    from pxr import Sdf

    from trainer.usd.stage import valid_names

    given = ["a b", "a-b", "a_b", "a_b_2", "", "_", "1", "Ä", "Ö", "A_B_3", "ok"]
    made = valid_names(given)
    assert all(Sdf.Path.IsValidIdentifier(name) and name.isascii() for name in made)
    assert len({name.lower() for name in made}) == len(made)
    assert [name for name, old in zip(made, given, strict=True) if name == old] == [
        "a_b",
        "a_b_2",
        "_",
        "A_B_3",
        "ok",
    ]


def test_ranges_steps_and_sub_frames(
    draft: Path, take: Path, truth: list[np.ndarray], tmp_path: Path
) -> None:
    run(draft, take, tmp_path / "a.usdc", start=1001, frames="1011-1020", step="3")
    stage = stage_of(tmp_path / "a.usdc")
    points = skin_of(stage).GetPointsAttr()
    assert points.GetTimeSamples() == [1011, 1014, 1017, 1020]
    assert np.abs(np.array(points.Get(1014.0)) - truth[13]).max() < 1e-4
    run(draft, take, tmp_path / "b.npz", start=1001, frames="1011-1012", step="0.5")
    with np.load(tmp_path / "b.npz") as baked:
        assert baked["frame_numbers"].tolist() == [1011, 1011.5, 1012]
        assert np.abs(baked["frames"][0] - truth[10]).max() < 1e-4
        assert baked["times"] == pytest.approx((np.array([10, 10.5, 11])) / FPS)
        assert float(baked["fps"]) == pytest.approx(2 * FPS)


@pytest.mark.parametrize("ending", ["npz", "usdc", "usda"])
def test_merged_chunks_are_one_run(draft: Path, take: Path, tmp_path: Path, ending: str) -> None:
    """Four chunks, baked apart and given in disorder: the same bytes of points, and the same fingerprint."""
    chunks = []
    for a, b in ((51, 75), (1, 25), (76, 100), (26, 50)):
        chunks.append(tmp_path / f"c{a}.{ending}")
        run(draft, take, chunks[-1], frames=f"{a}-{b}")
    figures = merge(chunks, tmp_path / f"merged.{ending}")
    assert (figures["frames"], figures["first"], figures["last"]) == (100, 1, 100)
    run(draft, take, tmp_path / f"one.{ending}")
    if ending == "npz":
        with np.load(tmp_path / "merged.npz") as merged, np.load(tmp_path / "one.npz") as one:
            assert merged.files == one.files
            assert all(np.array_equal(merged[name], one[name]) for name in one.files)
    else:
        merged, one = stage_of(tmp_path / f"merged.{ending}"), stage_of(tmp_path / f"one.{ending}")
        assert merged.GetRootLayer().customLayerData == one.GetRootLayer().customLayerData
        assert merged.GetEndTimeCode() == one.GetEndTimeCode() == 100
        codes = skin_of(one).GetPointsAttr().GetTimeSamples()
        assert skin_of(merged).GetPointsAttr().GetTimeSamples() == codes
        for code in codes:
            assert (
                np.array(skin_of(merged).GetPointsAttr().Get(code)).tobytes()
                == np.array(skin_of(one).GetPointsAttr().Get(code)).tobytes()
            )
    assert run(draft, take, tmp_path / f"merged.{ending}", resume=True)["skipped"]


def test_what_does_not_merge(draft: Path, take: Path, tmp_path: Path) -> None:
    for name, options in (
        ("a", {"frames": "1-5"}),
        ("b", {"frames": "6-9"}),
        ("c", {"frames": "10-12"}),
        ("other", {"frames": "6-9", "detail": False}),
    ):
        run(draft, take, tmp_path / f"{name}.npz", **options)
    for names, says in (
        ([], "no chunks"),
        (["a", "c"], "Frames between are missing"),
        (["a", "a"], "Frames are there twice"),
        (["a", "other"], "are not of one shot"),
        (["a", "none"], "is missing"),
    ):
        with pytest.raises(AimError) as error:
            merge([tmp_path / f"{name}.npz" for name in names], tmp_path / "m.npz")
        assert says in str(error.value)
    np.savez(tmp_path / "x.npz", frames=np.zeros((1, 2, 3)))
    with pytest.raises(AimError, match="no chunk that `aimface bake` wrote"):
        merge([tmp_path / "x.npz"], tmp_path / "m.npz")
    with pytest.raises(AimError, match="cannot be merged to"):
        merge([tmp_path / "a.npz"], tmp_path / "m.abc")
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize("name", ["o.npz", "o.usdc", "o.usda", "seq"])
def test_resume_skips_what_is_finished_and_nothing_else(
    draft: Path, take: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name

    def stamps() -> dict[str, int]:
        files = out.iterdir() if out.is_dir() else [out]
        return {file.name: file.stat().st_mtime_ns for file in files}

    assert run(draft, take, out, frames="1-6", resume=True)["frames"] == 6
    before = stamps()
    left = tmp_path / (f"seq/.frame_0003.obj.{1}.obj" if name == "seq" else f".{name}.killed{out.suffix}")
    left.write_text("half")
    again = run(draft, take, out, frames="1-6", resume=True)
    assert again.get("skipped") or again["kept"] == 6
    assert stamps() == before
    assert not left.exists()
    assert run(draft, take, out, frames="1-6", resume=True, detail=False)["frames"] == 6
    assert stamps() != before


def test_a_process_of_its_own_changes_nothing(
    draft: Path, take: Path, truth: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 frames go through a worker process where it is of use, and else not: the same bytes."""
    from trainer.bake import shot

    frames = {}
    for name, forks in (("worker", True), ("here", False)):
        monkeypatch.setattr(
            shot, "can_use_worker", lambda forks=forks: forks and hasattr(__import__("os"), "fork")
        )
        run(draft, take, tmp_path / f"{name}.npz")
        with np.load(tmp_path / f"{name}.npz") as baked:
            frames[name] = baked["frames"]
        assert np.abs(frames[name] - truth).max() < 1e-4
    assert frames["worker"].tobytes() == frames["here"].tobytes()


def test_a_failing_evaluation_is_raised(
    draft: Path, take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"n": 0}
    points = FaceModel.posed

    def failing(self: FaceModel, *given: Any, **options: Any) -> Any:
        calls["n"] += 1
        if calls["n"] > 40:
            raise MemoryError("no memory left")
        return points(self, *given, **options)

    monkeypatch.setattr(FaceModel, "posed", failing)
    with pytest.raises((AimError, MemoryError), match="no memory left"):
        run(draft, take, tmp_path / "o.usdc")
    assert list(tmp_path.iterdir()) == []


def test_usd_curves_round_trip(tmp_path: Path) -> None:
    curves = Curves(
        ("jawOpen", "eyeBlink_L"),
        np.random.default_rng(0).random((9, 2)).astype(np.float32).astype(np.float64),
        np.arange(9) / FPS,
        FPS,
    )
    write_usd_curves(tmp_path / "c.usdc", curves, start=1001)
    read = read_usd_curves(tmp_path / "c.usdc")
    assert read.names == curves.names
    assert read.fps == pytest.approx(FPS)
    assert np.array_equal(read.values, curves.values)
    assert np.diff(read.times) == pytest.approx(np.diff(curves.times))


def test_a_skel_bake_is_read_as_curves(draft: Path, take: Path, tmp_path: Path) -> None:
    run(draft, take, tmp_path / "s.usda", skel=True, frames="1-10")
    curves = read_usd_curves(tmp_path / "s.usda")
    assert curves.values[:, curves.names.index("jawOpen")] == pytest.approx(
        read_curves(take).values[:10, 0], abs=1e-6
    )


def test_usd_curves_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none.usda").write_text("#usda 1.0\n")
    anim = (
        'def SkelAnimation "{0}" {{\nuniform token[] blendShapes = ["a", "b"]\nfloat[] '
        "blendShapeWeights.timeSamples = {{\n1: [0, {1}],\n2: {2},\n}}\n}}\n"
    )
    (tmp_path / "two.usda").write_text(
        "#usda 1.0\n" + anim.format("x", 1, "[1, 1]") + anim.format("y", 1, "[1, 1]")
    )
    (tmp_path / "short.usda").write_text("#usda 1.0\n" + anim.format("x", 1, "[1]"))
    (tmp_path / "nan.usda").write_text("#usda 1.0\n" + anim.format("x", "nan", "[1, 1]"))
    for name, says in (
        ("none", "no SkelAnimation"),
        ("two", "They are /x, /y. Name one with --prim"),
        ("short", "time code 2 has 1 weights for 2"),
        ("nan", "'b' is not finite at time code 1"),
    ):
        with pytest.raises(AimError) as error:
            read_usd_curves(tmp_path / f"{name}.usda")
        assert says in str(error.value)
    assert len(read_usd_curves(tmp_path / "two.usda", "/y").times) == 2
    with pytest.raises(AimError, match="There are no curves at"):
        read_usd_curves(tmp_path / "missing.usd")


def weights_text(weights: str, about: str = "timeCodesPerSecond = 24", names: str = '["jawOpen"]') -> str:
    return (
        f'#usda 1.0\n( {about}\n)\ndef SkelAnimation "a" {{\n uniform token[] blendShapes = '
        f"{names}\n {weights}\n}}\n"
    )


SAMPLES = "float[] blendShapeWeights.timeSamples = { 1: [0], 2: [1], 4: [0.5] }"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            weights_text("float[] blendShapeWeights.timeSamples = { 1: [0], 2: None, 3: [1] }"),
            "/a.blendShapeWeights is blocked at time code 2",
        ),
        (weights_text("float[] blendShapeWeights"), "(/a has none). No weights were exported"),
        (weights_text("float[] blendShapeWeights = []"), "(/a has none). No weights were exported"),
        (
            weights_text("float[] blendShapeWeights.timeSamples = { 1: [0], 1e300: [1] }"),
            "has a sample at time code 1e+300",
        ),
        (weights_text(SAMPLES, "timeCodesPerSecond = nan"), "timeCodesPerSecond is nan"),
        (weights_text(SAMPLES, "timeCodesPerSecond = 0"), "timeCodesPerSecond is 0"),
        (weights_text(SAMPLES, "timeCodesPerSecond = -24"), "timeCodesPerSecond is -24"),
        (weights_text(SAMPLES, "timeCodesPerSecond = inf"), "timeCodesPerSecond is inf"),
        (weights_text(SAMPLES, "timeCodesPerSecond = 24\n framesPerSecond = 0"), "framesPerSecond"),
        (weights_text(SAMPLES, names='["jawOpen", "jawOpen"]'), "Two blend shapes of /a are named 'jawOpen'"),
        (
            weights_text(SAMPLES, names='["jawOpen", "smile"]'),
            "/a at time code 1 has 1 weights for 2 blend shapes",
        ),
        (weights_text('string[] blendShapeWeights.timeSamples = { 1: ["x"] }'), ""),
        (weights_text(SAMPLES).replace("token[]", "double").replace('["jawOpen"]', "1"), ""),
    ],
)
def test_usd_curves_of_others_that_have_no_meaning(
    tmp_path: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.usda").write_text(text)
    assert main(["curves", str(tmp_path / "a.usda"), "-o", str(tmp_path / "o.csv")]) == 2
    assert says in capsys.readouterr().err.replace("\n  Likely cause: ", " ")
    assert not (tmp_path / "o.csv").exists()


def test_usd_curves_as_others_write_them(tmp_path: Path) -> None:
    """One value and no samples, a rate that only one entry tells, an animation under an instance; names stay
    as they are."""
    (tmp_path / "still.usda").write_text(weights_text("float[] blendShapeWeights = [0.25]"))
    assert read_usd_curves(tmp_path / "still.usda").values.tolist() == [[0.25]]
    (tmp_path / "a.usda").write_text(
        weights_text(SAMPLES, 'timeCodesPerSecond = 30\n defaultPrim = "a"', '["head/jawOpen"]')
    )
    curves = read_usd_curves(tmp_path / "a.usda")
    assert (curves.names, curves.fps) == (("head/jawOpen",), 30)
    assert curves.times == pytest.approx(np.array([1, 2, 4]) / 30)
    about = "#usda 1.0\n( timeCodesPerSecond = 30\n)\n"
    (tmp_path / "shot.usda").write_text(
        about + 'def Xform "hero" ( instanceable = true\n references = @./b.usda@ ) {}\n'
    )
    (tmp_path / "b.usda").write_text(
        '#usda 1.0\n( defaultPrim = "x" )\ndef Xform "x" {\n def "face" ( references = @./a.usda@ ) {}\n}\n'
    )
    read = read_usd_curves(tmp_path / "shot.usda", "/hero/face")
    assert np.array_equal(read.values, curves.values)


@pytest.mark.parametrize("ending", ["usda", "usdc"])
def test_names_of_curves_come_back(tmp_path: Path, ending: str) -> None:
    """CSV to USD to CSV on the command line: any text stays as it is, and two names stay two."""
    names = (
        "Lächeln",
        "L-cheln",
        "mouth smile",
        "口を開く",
        "head:jaw",
        "a/b",
        "it's",
        "back\\slash",
        "A",
        "a",
    )
    write_curves(
        tmp_path / "a.csv",
        Curves(names, np.arange(2.0 * len(names)).reshape(2, -1) / 32, np.array([0, 1 / 24]), 24),
    )
    assert main(["curves", str(tmp_path / "a.csv"), "-o", str(tmp_path / f"b.{ending}")]) == 0
    assert main(["curves", str(tmp_path / f"b.{ending}"), "-o", str(tmp_path / "c.csv")]) == 0
    first, last = read_curves(tmp_path / "a.csv"), read_curves(tmp_path / "c.csv")
    assert last.names == names
    assert np.array_equal(last.values, first.values)


def test_curves_command(draft: Path, take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c.usda"
    assert (
        main(
            [
                "curves",
                str(take),
                "--model",
                str(draft),
                "-o",
                str(out),
                "--fps",
                "24",
                "--json",
                str(tmp_path / "c.json"),
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "'eyeBlink' drives eyeBlink_L and eyeBlink_R" in said
    assert "column 'nosuch' matches no control" in said
    assert "stay at 0" in said
    assert json.loads((tmp_path / "c.json").read_text())["fps"] == 24
    assert main(["curves", str(out), "-o", str(tmp_path / "l.csv"), "--kind", "live-link"]) == 0
    assert main(["bake", str(draft), str(out), "-o", str(tmp_path / "o.npz"), "--progress", "none"]) == 0
    assert main(["curves", str(take), "-o", str(tmp_path / "o.mov")]) == 2
    assert Fraction(24) == Fraction(read_usd_curves(out).fps)
