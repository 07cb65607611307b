"""`aimface bake` of a performance: every output against the model, motions and teeth true, moments between
frames, and what is refused."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.obj import read_obj, write_obj
from aim_maya.core.performance import write_performance
from aim_maya.runtime import FaceModel, Performance
from tests.helpers.performances import neural_performance
from tests.in_maya.takes import global_performance, local_performance
from trainer.__main__ import main
from trainer.bake.bake import BakeOptions, bake
from trainer.bake.merge import merge

pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
KINDS = {"global": global_performance, "local": local_performance, "neural": neural_performance}


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def takes(model: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("takes")
    for name, made in KINDS.items():
        write_performance(folder / f"{name}.aimperf", made(model, 80 if name == "local" else 6))
    return {name: folder / f"{name}.aimperf" for name in KINDS}


@pytest.fixture(scope="module")
def actor(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("actor")
    assert sample.lower_teeth is not None
    for name in ("upper_teeth", "lower_teeth"):
        write_obj(folder / f"{name}.obj", sample.lower_teeth)
    return folder


def run(draft: Path, take: Path, out: Path, **options: Any) -> dict[str, Any]:
    resume = options.pop("resume", False)
    return bake(draft, take, out, BakeOptions(**options), device="cpu", resume=resume, style="none")


@pytest.mark.parametrize("kind", KINDS)
def test_npz_is_the_model_s_points_and_true_motions(
    draft: Path, model: FaceModel, takes: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    take = Performance.load(takes[kind])
    figures = run(draft, takes[kind], tmp_path / "o.npz")
    with np.load(tmp_path / "o.npz") as found:
        assert found["fps"] == take.fps
        assert found["times"] == pytest.approx(np.arange(take.frame_count) / 30)
        assert np.array_equal(found["head_matrices"], take.data.head)
        assert np.array_equal(found["jaw_matrices"], take.data.jaw)
        assert figures["frames"] == len(found["frames"]) == take.frame_count
        for i, points in enumerate(found["frames"]):
            assert np.array_equal(points, model.performance_points(take, i))


def test_moments_between_frames(
    draft: Path, model: FaceModel, takes: dict[str, Path], tmp_path: Path
) -> None:
    take = Performance.load(takes["local"])
    for options, wanted in (
        ({"frames": "1003-1004", "start": 1001, "step": "0.25"}, [2, 2.25, 2.5, 2.75, 3]),
        ({"fps": 24.0, "frames": "1-4"}, [0, 1.25, 2.5, 3.75]),
        ({"fps": 120.0, "frames": "1-4"}, [0, 0.25, 0.5, 0.75]),
        ({"curve_fps": 60.0, "fps": 30.0, "frames": "1-3"}, [0, 2, 4]),
    ):
        run(draft, takes["local"], tmp_path / "o.npz", **options)
        with np.load(tmp_path / "o.npz") as found:
            assert len(found["frames"]) == len(wanted)
            for points, jaw, f in zip(found["frames"], found["jaw_matrices"], wanted, strict=True):
                assert np.abs(points - model.performance_points(take, f)).max() < 1e-4
                assert np.abs(jaw - take.jaw(f)).max() < 1e-9


def test_usd_teeth_follow_jaw_and_head(
    draft: Path, model: FaceModel, takes: dict[str, Path], actor: Path, sample: Actor, tmp_path: Path
) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    from tests.bake.test_bake_usd import skin_of, stage_of, world

    take = Performance.load(takes["local"])
    run(draft, takes["local"], tmp_path / "o.usdc", actor=actor, bones=True, start=1001)
    stage = stage_of(tmp_path / "o.usdc")
    root = str(stage.GetDefaultPrim().GetPath())
    assert sample.lower_teeth is not None
    for i in (0, 3, 79):
        points = model.performance_points(take, i)
        assert np.array_equal(np.array(skin_of(stage).GetPointsAttr().Get(1001 + i)), points)
        assert np.array(skin_of(stage).GetExtentAttr().Get(1001 + i)) == pytest.approx(
            np.stack([points.min(0), points.max(0)])
        )
        for name, motion in (("upper_teeth", take.head(i)), ("lower_teeth", take.head(i) @ take.jaw(i))):
            assert (
                np.abs(
                    world(stage.GetPrimAtPath(f"{root}/{name}"), 1001 + i)
                    - rigid.apply(motion, sample.lower_teeth.points)
                ).max()
                < 1e-3
            )
        skull = model.anatomy.bone_points[model.anatomy.skinning_weight < 0.5]
        assert (
            np.abs(
                world(stage.GetPrimAtPath(f"{root}/skull_points"), 1001 + i)
                - rigid.apply(take.head(i), skull)
            ).max()
            < 1e-3
        )


def test_a_head_that_is_left_where_it_is(
    draft: Path, model: FaceModel, takes: dict[str, Path], actor: Path, sample: Actor, tmp_path: Path
) -> None:
    take = Performance.load(takes["global"])
    run(draft, takes["global"], tmp_path / "o.npz", head=False)
    run(draft, takes["global"], tmp_path / "objs", head=False, actor=actor, frames="3-3")
    assert sample.lower_teeth is not None
    with np.load(tmp_path / "o.npz") as found:
        assert np.array_equal(found["head_matrices"], np.broadcast_to(np.eye(4), (6, 4, 4)))
        assert np.array_equal(found["frames"][2], model.performance_points(take, 2, head=False))
    assert (
        np.abs(
            read_obj(tmp_path / "objs/frame_0003.obj").points - model.performance_points(take, 2, head=False)
        ).max()
        < 1e-4
    )
    assert (
        np.abs(
            read_obj(tmp_path / "objs/lower_teeth/frame_0003.obj").points
            - rigid.apply(take.jaw(2), sample.lower_teeth.points)
        ).max()
        < 1e-4
    )
    assert (
        np.abs(
            read_obj(tmp_path / "objs/upper_teeth/frame_0003.obj").points - sample.lower_teeth.points
        ).max()
        < 1e-4
    )


def test_skel_of_a_global_performance(
    draft: Path, model: FaceModel, takes: dict[str, Path], actor: Path, sample: Actor, tmp_path: Path
) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    from pxr import UsdSkel

    from tests.bake.test_bake_usd import skin_of, stage_of, world

    take = Performance.load(takes["global"])
    assert run(draft, takes["global"], tmp_path / "o.usdc", skel=True, actor=actor)["residual_max_mm"] < 1e-3
    stage = stage_of(tmp_path / "o.usdc")
    root = stage.GetDefaultPrim()
    assert UsdSkel.BakeSkinning(UsdSkel.Root(root))
    assert sample.lower_teeth is not None
    for i in range(6):
        assert (
            np.abs(
                np.array(skin_of(stage).GetPointsAttr().Get(1 + i)) - model.performance_points(take, i)
            ).max()
            < 1e-3
        )
        for name, motion in (("upper_teeth", take.head(i)), ("lower_teeth", take.head(i) @ take.jaw(i))):
            assert (
                np.abs(
                    world(stage.GetPrimAtPath(f"{root.GetPath()}/{name}"), 1 + i)
                    - rigid.apply(motion, sample.lower_teeth.points)
                ).max()
                < 1e-3
            )
    with pytest.raises(AimError, match="cannot be baked as UsdSkel: its coefficients vary over the face"):
        run(draft, takes["local"], tmp_path / "l.usdc", skel=True)
    assert not (tmp_path / "l.usdc").exists()


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
def test_in_blender(
    draft: Path, model: FaceModel, takes: dict[str, Path], actor: Path, sample: Actor, tmp_path: Path
) -> None:
    from tests.bake.test_bake_blender import in_blender, y_up

    take = Performance.load(takes["global"])
    assert sample.lower_teeth is not None
    for name, scale, skel in (("o.abc", 1.0, False), ("s.usdc", 0.001, True)):
        run(draft, takes["global"], tmp_path / name, actor=actor, start=1001, skel=skel)
        found = in_blender(tmp_path / name, 30.0, [1001.0 + i for i in range(6)])
        for i in range(6):
            assert (
                np.abs(y_up(found[f"skin@{1001 + i}"]) / scale - model.performance_points(take, i)).max()
                < 5e-3
            )
            for part, motion in (("upper_teeth", take.head(i)), ("lower_teeth", take.head(i) @ take.jaw(i))):
                assert (
                    np.abs(
                        y_up(found[f"{part}@{1001 + i}"]) / scale
                        - rigid.apply(motion, sample.lower_teeth.points)
                    ).max()
                    < 5e-3
                )


def test_chunks_merge_and_resume_knows_its_own(
    draft: Path, model: FaceModel, takes: dict[str, Path], tmp_path: Path
) -> None:
    for name, frames in (("whole", None), ("a", "1-30"), ("b", "31-80")):
        run(draft, takes["local"], tmp_path / f"{name}.npz", frames=frames)
    merge([tmp_path / "b.npz", tmp_path / "a.npz"], tmp_path / "merged.npz")
    with np.load(tmp_path / "whole.npz") as one, np.load(tmp_path / "merged.npz") as other:
        for name in one.files:
            assert np.array_equal(one[name], other[name]), name
    assert run(draft, takes["local"], tmp_path / "whole.npz", resume=True)["skipped"]
    changed = tmp_path / "local.aimperf"
    data = Performance.load(takes["local"]).data
    write_performance(changed, replace(data, coefficients=data.coefficients * np.float32(0.5)))
    assert not run(draft, changed, tmp_path / "whole.npz", resume=True)["skipped"]


def test_what_is_refused(
    draft: Path, model: FaceModel, takes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Performance.load(takes["local"]).data
    write_performance(
        tmp_path / "bob.aimperf",
        replace(data, about=dict(data.about) | {"topology_hash": "0" * 64, "model": "bob"}),
    )
    (tmp_path / "cut.aimperf").write_bytes(takes["local"].read_bytes()[:5000])
    for take, options, says in (
        ("bob.aimperf", [], "was fitted with 'bob'"),
        ("cut.aimperf", [], "cannot be read as a .aimperf file"),
        ("none.aimperf", [], "There is no performance at"),
        (str(takes["local"]), ["--frames", "70-99"], "are not all in the take, which has 1-80"),
    ):
        assert (
            main(
                [
                    "bake",
                    str(draft),
                    str(tmp_path / take),
                    "-o",
                    str(tmp_path / "o.npz"),
                    "--progress",
                    "none",
                    *options,
                ]
            )
            == 2
        )
        assert says in capsys.readouterr().err
        assert not (tmp_path / "o.npz").exists()


def test_another_name_is_said(draft: Path, takes: dict[str, Path], tmp_path: Path) -> None:
    data = Performance.load(takes["global"]).data
    write_performance(tmp_path / "bob.aimperf", replace(data, about=dict(data.about) | {"model": "bob"}))
    assert "fitted with 'bob'" in run(draft, tmp_path / "bob.aimperf", tmp_path / "o.npz")["notes"][0]
