"""On the real heads beside the repository (skipped without them): the draft of ict_rig, exact poses, and a
combination on a copy of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import read_actor
from aim_maya.core.mesh import Mesh
from aim_maya.core.obj import read_points, write_obj
from aim_maya.core.posing import tolerance
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from aim_maya.runtime.edit import PRESETS
from tests.helpers.once import made_once
from tests.helpers.real_heads import real_head
from trainer.train import train

DRAFT = TrainConfig(preset="draft", device="cpu")


@pytest.fixture(scope="module")
def combined(ict_rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Actor:
    """A copy of ict_rig whose mouthClose.obj is neutral + jawOpen + mouthClose, named as a pose in
    actor.json."""
    return read_actor(
        made_once(tmp_path_factory, "combined", lambda folder: _combine(ict_rig, folder / "ict")) / "ict"
    )


def _combine(ict_rig: Path, folder: Path) -> None:
    shutil.copytree(ict_rig, folder)
    rest = real_head("ict_rig").neutral
    opened, corrective = (
        read_points(folder / f"shapes/{t}.obj") - rest.points for t in ("jawOpen", "mouthClose")
    )
    write_obj(folder / "shapes/mouthClose.obj", rest.with_points(rest.points + opened + corrective))
    names = sorted((f.stem for f in (folder / "shapes").glob("*.obj")), key=str.encode)
    controls = [
        {"name": n, "index": i, "knots": [] if n == "mouthClose" else [[1.0, n]]} for i, n in enumerate(names)
    ]
    poses = [{"target": "mouthClose", "weights": {"jawOpen": 1.0, "mouthClose": 1.0}}]
    (folder / "actor.json").write_text(
        json.dumps({"name": "ict_combined", "controls": controls, "poses": poses})
    )
    (
        folder / "lower_teeth/mouthClose.obj"
    ).unlink()  # the corrective alone moves nothing rigid: the jaw is jawOpen's


@pytest.fixture(scope="module")
def trained(combined: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The draft of it; what its training measured is in run/metrics.json beside it."""
    return made_once(tmp_path_factory, "real", lambda folder: _draft(combined, folder)) / "ict.aim"


def _draft(actor: Actor, folder: Path) -> None:
    train(actor, folder / "ict.aim", DRAFT, RunFolder(folder / "run"), style="none")


def test_every_trained_pose_is_exact_and_so_is_rest(combined: Actor, trained: Path) -> None:
    model = FaceModel.load(trained)
    assert np.array_equal(model.points({}), combined.neutral.points.astype(np.float32))
    within = tolerance(combined.neutral.points, 1.0)
    worst = {
        t: float(np.abs(model.points(combined.rig.trained_pose(t)) - combined.shapes[t]).max())
        for t in combined.rig.targets
    }
    assert max(worst.values()) <= within, max(worst, key=worst.__getitem__)


def test_lips_at_the_combination_and_half_way(
    combined: Actor, trained: Path, ict_rig: Path, record_property
) -> None:
    """ICT's own combination over-closes the lips by 7 mm; half way of both, the product of the two ratios
    leaves them apart."""
    ids = json.loads((ict_rig / "landmarks68.json").read_text())["vertex_ids"]
    model = FaceModel.load(trained)

    def gap(**weights: float) -> float:
        return float(np.linalg.norm(np.subtract(*model.points(weights)[[ids[62], ids[66]]])))

    truth = combined.shapes["mouthClose"][[ids[62], ids[66]]]
    assert gap(jawOpen=1.0, mouthClose=1.0) == pytest.approx(np.linalg.norm(truth[0] - truth[1]), abs=2e-3)
    assert gap(jawOpen=0.5, mouthClose=0.5) < 0.6 * gap(jawOpen=0.5)
    record_property("lip_gap_mm_at_half_of_both", gap(jawOpen=0.5, mouthClose=0.5))


def test_draft_is_good_enough_to_look_at(trained: Path) -> None:
    """A regression guard far above what is measured (docs/research/benchmarks.md), not a claim."""
    m = json.loads((trained.parent / "run/metrics.json").read_text())
    assert m["skin"]["mean"] < 0.2
    assert m["neutral"]["mean"] < 0.15
    assert m["anatomy"]["unseen_surface_median"] < 1.0
    assert 0.05 <= m["anatomy"]["used_share"] <= 0.10
    assert trained.stat().st_size < 25e6


def test_jaw_follows_the_teeth(combined: Actor, trained: Path) -> None:
    model = FaceModel.load(trained)
    assert combined.lower_teeth is not None
    jaw = model.jaw({"jawOpen": 1.0})
    moved = combined.lower_teeth.points @ jaw[:3, :3].T + jaw[:3, 3]
    assert (
        np.linalg.norm(moved - combined.lower_teeth_shapes["jawOpen"], axis=1).mean() < 0.1
    )  # these teeth shrink by half a per cent in jawOpen: no rigid motion does better


def test_edits_on_a_real_head(trained: Path, ict_rig: Path) -> None:
    """Regions lie where the 68 landmarks are, and a jaw that is 5 mm longer moves the chin by that in every
    pose of the jaw."""
    ids = json.loads((ict_rig / "landmarks68.json").read_text())["vertex_ids"]
    model = FaceModel.load(trained)
    for name, marks in {
        "nose": range(27, 31),
        "lips": range(48, 60),
        "eyes": range(36, 48),
        "chin": [8],
        "brow": [19, 24],
    }.items():
        assert model.data.regions[name][[ids[i] for i in marks]].mean() > 0.5, name
    longer = model.edited({"bones": {"jaw_longer_mm": 5}})
    assert longer.edit_notes == ()
    rest = (longer.points({}) - model.points({}))[ids[8]]
    for weights in (
        {},
        {"jawOpen": 0.3},
        {"jawOpen": 1.0},
        {"jawOpen": 0.6, "jawLeft": 0.7},
        {"jawForward": 1.0},
    ):
        moved = (longer.points(weights) - model.points(weights))[ids[8]]
        assert np.linalg.norm(moved) == pytest.approx(5.0, abs=0.5)
        assert moved == pytest.approx(model.jaw(weights)[:3, :3] @ rest, abs=0.4)
    for name, (_, recipe) in PRESETS.items():
        lids = np.abs(model.edited(recipe).points({}) - model.points({}))[[ids[i] for i in range(36, 48)]]
        assert lids.max() < 0.3, name


def test_capture_of_a_real_head_in_centimetres(maya: Any) -> None:
    """A scene made of the head, its blendShape and its teeth; capture gives back every target and the teeth's
    motion."""
    from maya import cmds

    from aim_maya.scene.actions.capture import Parts, capture

    head = real_head("ict_rig")
    scale = 0.1 * head.mm_per_unit

    def mesh(name: str, of: Mesh, points: np.ndarray | None = None) -> str:
        made: str = maya.add_mesh(
            name, (of.points if points is None else points) * scale, of.counts, of.corners
        )
        return made

    def blend_shape(base: str, of: Mesh, shapes: dict[str, np.ndarray]) -> str:
        node = str(cmds.blendShape(base, name=f"{base}_shapes")[0])
        for i, (target, points) in enumerate(shapes.items()):
            made = mesh(f"{base}_{target}", of, points)
            cmds.blendShape(node, edit=True, target=(base, 2 * i, made, 1.0))  # every other index: sparse
            cmds.delete(made)
            cmds.aliasAttr(target, f"{node}.weight[{2 * i}]")
        return node

    assert head.skull is not None
    assert head.jaw is not None
    assert head.lower_teeth is not None
    face, skull, jaw, teeth = (
        mesh("face", head.neutral),
        mesh("skull", head.skull),
        mesh("jaw", head.jaw),
        mesh("teeth", head.lower_teeth),
    )
    blend_shape(face, head.neutral, head.shapes)
    blend_shape(teeth, head.lower_teeth, head.lower_teeth_shapes)
    actor = capture(face, parts=Parts(skull, jaw, teeth)).actor
    assert [c.index for c in actor.rig.controls] == list(range(0, 2 * len(head.shapes), 2))
    for target, points in head.shapes.items():
        assert np.abs(actor.shapes[target] - points * scale).max() < 1e-5, target
    for target, points in head.lower_teeth_shapes.items():
        assert np.abs(actor.lower_teeth_shapes[target] - points * scale).max() < 1e-5, target
    assert actor.mm_per_unit == 10.0
    assert maya.violations == []
