"""What the menu's *Sample face* ships is the sample actor, and is in the module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.obj import read_obj
from aim_maya.runtime import FaceModel
from tests.helpers import sample_face

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_model_is_of_the_sample_actor() -> None:
    actor, model = sample_face.actor(), FaceModel.load(sample_face.PLACE / "sample.aim", "cpu")
    assert model.data.mesh.topology_hash == actor.neutral.topology_hash
    assert model.mm_per_unit == sample_face.MM_PER_UNIT
    assert np.abs(model.data.neutral - actor.neutral.points).max() < 1e-4
    for target in actor.rig.targets:
        shown = model.points(actor.rig.trained_pose(target))
        assert np.abs(shown - actor.shapes[target]).max() < 1e-3, target
    assert actor.lower_teeth is not None
    teeth = read_obj(sample_face.PLACE / "lower_teeth.obj")
    assert np.abs(teeth.points - actor.lower_teeth.points).max() < 1e-4


def test_it_is_small_and_in_the_module() -> None:
    assert (sample_face.PLACE / "sample.aim").stat().st_size < 1.5e6
    spec = importlib.util.spec_from_file_location("aim_build", ROOT / "mod" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    for name in ("sample.aim", "lower_teeth.obj"):
        assert f"aim_maya/aim_maya/sample/{name}" in build.contents(ROOT)


def test_a_failure_half_way_leaves_the_scene_as_it_was(maya: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from maya import cmds

    from aim_maya.core.errors import AimError
    from aim_maya.scene.actions import native

    def refuses(*_: object) -> None:
        raise AimError("no teeth")

    before = set(cmds.ls())
    monkeypatch.setattr(native, "drive", refuses)
    with pytest.raises(AimError, match="no teeth"):
        native.sample_face()
    assert set(cmds.ls()) == before
    monkeypatch.undo()
    first, second = native.sample_face(), native.sample_face()  # twice in one scene
    assert first.mesh != second.mesh
    assert maya.violations == []
