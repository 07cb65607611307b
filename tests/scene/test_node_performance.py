"""Performances on the node where the real host cannot be made to: what is shared, driven by NaN, without
onnxruntime, in scenes on a farm."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.performance import write_performance
from aim_maya.runtime import FaceModel, Performance
from tests.helpers.performances import neural_performance
from tests.in_maya.takes import global_performance, local_performance
from tests.scene.test_node import Bench


@pytest.fixture
def bench(maya: Any, tmp_path: Path) -> Bench:
    return Bench(maya, tmp_path)


def write(bench: Bench, folder: Path, made: Any = local_performance) -> tuple[FaceModel, Performance]:
    model = FaceModel.load(bench.model, "cpu")
    write_performance(folder / "take.aimperf", made(model))
    bench.set("performance", (folder / "take.aimperf").as_posix(), type="string")
    return model, Performance.load(folder / "take.aimperf")


def test_many_nodes_read_one_file_once(
    maya: Any, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, plain = [], Performance.load.__func__  # type: ignore[attr-defined]
    model, take = write(bench, tmp_path)
    monkeypatch.setattr(
        Performance, "load", classmethod(lambda cls, path: read.append(path) or plain(cls, path))
    )
    for i in range(20):
        mesh, node = bench.face(f"f{i}")
        bench.cmds.setAttr(f"{node}.performance", (tmp_path / "take.aimperf").as_posix(), type="string")
        assert np.abs(maya.points(mesh) - model.performance_points(take, 0, head=False)).max() < 2e-4
    assert len(read) == 1


@pytest.mark.parametrize("name", ["performanceFrame", "performanceBlend"])
def test_nan_leaves_the_sliders_and_is_said_once(
    bench: Bench, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.set("weight[0]", 0.5)
    slid = bench.points()
    model, take = write(bench, tmp_path)
    with caplog.at_level(logging.WARNING, "aim_maya"):
        for _ in range(3):
            bench.set(name, float("nan"))
            bench.set("weight[0]", 0.25)
            bench.set("weight[0]", 0.5)
            assert np.array_equal(bench.points(), slid)
    assert "performanceFrame or performanceBlend is nan" in bench.status()
    assert len(caplog.records) == 1
    bench.set(name, 1.0)
    assert (
        np.abs(
            bench.points()
            - model.performance_points(take, 1.0 if name == "performanceFrame" else 0.0, head=False)
        ).max()
        < 2e-4
    )
    assert "performance:" not in bench.status()


def test_a_network_plays_and_without_onnxruntime_the_sliders_go_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slid = bench.points()
    model, take = write(bench, tmp_path, neural_performance)
    bench.set("performanceFrame", 2.5)
    assert np.abs(bench.points() - model.performance_points(take, 2.5, head=False)).max() < 2e-4
    assert "a network: onnxruntime" in bench.status()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "other").mkdir()
    write(bench, tmp_path / "other", neural_performance)
    assert np.array_equal(bench.points(), slid)
    assert "performance: onnxruntime cannot be imported" in bench.status()


def test_a_background_context_plays_its_own_frame(maya: Any, bench: Bench, tmp_path: Path) -> None:
    model, take = write(bench, tmp_path)
    for frame in (1, 6):
        bench.cmds.setKeyframe(
            f"{bench.node}.performanceFrame",
            time=frame,
            value=frame - 1.0,
            inTangentType="linear",
            outTangentType="linear",
        )
    bench.cmds.currentTime(2)
    bench.points()
    geometry = maya.evaluate_background(f"{bench.node}.outputGeometry[0]", 5)
    assert np.abs(np.asarray(geometry.points) - model.performance_points(take, 4, head=False)).max() < 2e-4
    assert np.abs(bench.points() - model.performance_points(take, 1, head=False)).max() < 2e-4
    assert maya.violations == []


def test_a_scene_whose_performance_does_not_play_fails_its_check(
    maya: Any, bench: Bench, tmp_path: Path
) -> None:
    from aim_maya.scene.rig.meshes import examine

    write(bench, tmp_path, global_performance)
    found = examine(bench.node)
    assert found["problems"] == found["warnings"] == []
    assert Path(found["performance"]) == tmp_path / "take.aimperf"
    (tmp_path / "take.aimperf").unlink()
    bench.set("performance", (tmp_path / "gone.aimperf").as_posix(), type="string")
    assert "The performance" in examine(bench.node)["problems"][0]


def test_without_a_start_a_performance_begins_with_the_playback_range(bench: Bench, tmp_path: Path) -> None:
    from aim_maya.scene.actions.performances import _times

    _, take = write(bench, tmp_path)
    bench.cmds.playbackOptions(minTime=1001)
    assert _times(take, None)[0] == 1001
    assert _times(take, 5.0)[0] == 5
