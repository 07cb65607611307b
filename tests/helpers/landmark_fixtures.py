"""Fixtures of the tests of fits to 2D landmarks, as a plug-in of pytest."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.posing import JawMotion, skin, solve_displacements, solve_twists
from tests.helpers.landmark_scene import HEAD, Scene
from tests.helpers.stand_in_space import GlobalSpace
from tests.helpers.synthetic_cameras import cameras_round
from trainer.fit.cameras.camera import Camera
from trainer.geometry.surface import spread
from trainer.sample.actor import true_jaw_poses


@pytest.fixture(scope="session")
def scene(sample: Actor, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    rest, rig = sample.neutral.points, sample.rig
    motion = JawMotion(solve_twists(rig, true_jaw_poses()))
    weight = np.clip((-rest[:, 1] - 35) / 20, 0, 1)
    space = GlobalSpace(
        rest,
        solve_displacements(rig, sample.stack, rest, motion, weight, rest.mean(axis=0)),
        weight,
        rest.mean(axis=0),
        motion.twists,
    )
    front = np.flatnonzero((rest[:, 2] > 45) & (np.abs(rest[:, 1] + 15) < 75))
    vertices = front[spread(rest[front], 60)]
    sites = tmp_path_factory.mktemp("sites") / "sites.json"
    sites.write_text(json.dumps({str(i): int(v) for i, v in enumerate(vertices)}))
    weights = np.zeros((6, len(rig.targets)))
    for name, values in {
        "jawOpen": (0, 0.1, 0.3, 0.5, 0.6, 0.6),
        "mouthSmile_L": (0.6, 0.5, 0.4, 0.2, 0, 0),
        "browInnerUp": (0, 0, 0.2, 0.5, 0.8, 0.8),
    }.items():
        weights[:, rig.targets.index(name)] = values
    jaws = np.array([motion.transform(row) for row in weights])
    inside = [
        skin(rest + np.tensordot(row, space.displacements, 1), jaw, weight, space.centre)
        for row, jaw in zip(weights, jaws, strict=True)
    ]
    frames = np.array([rigid.apply(HEAD, points) for points in inside])
    manifest = {"name": "sample", "up": "y", "topology_hash": "0" * 64, "mm_per_unit": 1.0}
    model = SimpleNamespace(
        mesh=sample.neutral,
        mm_per_unit=1.0,
        manifest=manifest,
        data=SimpleNamespace(rig=rig, neutral=rest, path=Path("sample.aim"), manifest=manifest),
    )
    return Scene(model, space, sites, vertices, weights, frames, jaws)


@pytest.fixture(scope="session")
def two(scene: Scene) -> tuple[Camera, ...]:
    """Cameras at 25 degrees to both sides."""
    return cameras_round(scene.space.rest, (-25.0, 25.0), away=900.0)
