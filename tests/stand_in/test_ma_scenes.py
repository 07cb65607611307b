"""Scenes as Maya writes them, in both layouts: opened, captured, attached to, restored, saved and opened
again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import ma_scenes

SCENES = {"2020": ma_scenes.scene_2020, "2025": ma_scenes.scene_2025}


@pytest.fixture(params=list(SCENES))
def opened(request: pytest.FixtureRequest, maya: Any, tmp_path: Path) -> ma_scenes.Known:
    from maya import cmds

    path = tmp_path / f"face_{request.param}.ma"
    path.write_text(SCENES[request.param](), encoding="utf-8")
    cmds.file(path.as_posix(), open=True, force=True)
    assert maya.errors == []
    return ma_scenes.known()


def expected_shapes(known: ma_scenes.Known) -> dict[str, np.ndarray]:
    """What capture has to find: paint in the shapes, in-betweens absolute, the combination on top of its
    parents.
    """
    smile = known.deltas["smile"].copy()
    for vertex, weight in known.painted.items():
        smile[vertex] *= weight
    shapes = {name: known.points + known.deltas[name] for name in ("open", "blink", "blink_050")}
    shapes["smile"] = known.points + smile
    shapes["openSmile"] = known.points + known.deltas["open"] + smile + known.deltas["openSmile"]
    return shapes


def test_capture_reads_what_the_scene_holds(opened: ma_scenes.Known) -> None:
    from aim_maya.scene.actions.capture import capture

    result = capture("face", any_size=True)
    actor = result.actor
    assert [(c.name, c.index) for c in actor.rig.controls] == [("open", 0), ("smile", 2), ("blink", 3)]
    assert actor.rig.controls[2].knots == ((0.5, "blink_050"), (1.0, "blink"))
    assert [dict(p.weights) for p in actor.rig.poses] == [{"open": 1.0, "smile": 1.0}]
    assert np.abs(actor.neutral.points - opened.points).max() < 1e-4
    assert actor.neutral.counts.tolist() == [len(f) for f in opened.faces]
    assert actor.neutral.corners.tolist() == [v for f in opened.faces for v in f]
    for name, points in expected_shapes(opened).items():
        assert np.abs(actor.shapes[name] - points).max() < 1e-4, name
    assert result.painted is not None
    assert result.painted[7] == 0.75


def test_capture_leaves_the_scene_alone(opened: ma_scenes.Known, tmp_path: Path) -> None:
    from maya import cmds

    from aim_maya.scene.actions.capture import capture

    def saved(name: str) -> list[str]:
        cmds.file(rename=(tmp_path / name).as_posix())
        cmds.file(save=True, type="mayaAscii")
        return [line for line in (tmp_path / name).read_text().splitlines() if not line.startswith("//")]

    before = saved("before.ma")
    capture("face", any_size=True)
    assert saved("after.ma") == before
