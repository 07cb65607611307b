"""Bones estimated from the skin alone, the thickness prior, and no bone point outside the skin."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.files import read_json
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.core.obj import read_obj
from aim_maya.core.progress import Progress
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from tests.helpers.real_heads import real_head
from tests.helpers.short_training import short
from trainer.__main__ import main
from trainer.actor.bones import (
    BONE_REGIONS,
    DEPTHS_MM,
    EXPECTED_MM,
    EstimatedBones,
    bone_regions,
    estimate_bones,
    place_sites,
    with_bones,
)
from trainer.actor.constraints import find_constraints
from trainer.actor.landmarks import find_landmarks
from trainer.evaluate.anatomy import (
    anatomy_accuracy,
    bone_accuracy,
    nearest_bone,
    outside_skin,
    region_of,
    roughness,
    write_bones,
)
from trainer.evaluate.score import jaw_estimate_accuracy
from trainer.geometry.surface import facial_plane, inward_room, outside
from trainer.learn.fields import neutral_fields
from trainer.learn.loop import Training
from trainer.learn.problem import prepare
from trainer.learn.tissue import find_tissue


def without_bones(actor: Actor) -> Actor:
    return replace(actor, skull=None, jaw=None)


@cache
def estimated(name: str) -> tuple[Actor, EstimatedBones | None]:
    """A real head with bones estimated from its skin, and what is known of them."""
    return with_bones(without_bones(real_head(name)))


@pytest.mark.parametrize("name", ["ict_rig", "actor_a", "actor_b"])
def test_estimated_bones_lie_near_the_real_ones(name: str) -> None:
    bones = estimated(name)[1]
    assert bones is not None
    judged = bone_accuracy(real_head(name), bones)
    assert judged is not None
    assert judged["skull"]["median"] < 1.5
    assert judged["jaw"]["median"] < 3.0
    for region, median in judged["regions"].items():
        assert median <= 1.1 * bones.expected_mm[region], region  # as rough as it says, not rougher
    assert not outside(np.concatenate([bones.skull.points, bones.jaw.points]), real_head(name).neutral).any()


def test_the_sample_head_without_bones(sample: Actor) -> None:
    bones = estimate_bones(without_bones(sample))
    judged = bone_accuracy(sample, bones)
    assert judged is not None
    assert judged["skull"]["median"] < 3.0
    assert judged["jaw"]["median"] < 4.0
    assert bone_accuracy(without_bones(sample), bones) is None
    assert bones.landmarks.guessed
    assert (
        bones.expected_mm["vault"] > EXPECTED_MM["vault"]
    )  # landmarks placed by proportion make everything rougher
    assert bones.jaw.points[:, 1].mean() < bones.skull.points[:, 1].mean()


def test_only_what_lacks_is_estimated(sample: Actor, tmp_path: Path) -> None:
    assert with_bones(sample) == (sample, None)
    mended, bones = with_bones(replace(sample, jaw=None))
    assert bones is not None
    assert mended.skull is sample.skull
    assert mended.jaw is bones.jaw
    assert bones.report.startswith("jaw estimated from the skin")
    assert ", skull given; error to expect" in bones.report
    assert "forehead" not in bones.report
    assert "chin" in bones.report
    write_bones(tmp_path / "bones", sample, bones)
    assert {file.name for file in (tmp_path / "bones").iterdir()} == {"jaw.obj", "bones.json", "bones.png"}


@pytest.mark.parametrize("name", ["ict_rig", "actor_a", "actor_b"])
def test_the_jaw_s_motion_without_any_mesh_inside_the_skin(name: str) -> None:
    """Neither skull, jaw nor teeth known: the estimate stands on estimated bones; the teeth only judge."""
    actor = estimated(name)[0]
    score = jaw_estimate_accuracy(actor, find_constraints(actor))["estimate"]
    assert score["moving_share"] <= 0.20
    assert score["moving_worst"] <= 0.40
    assert score["still_max"] <= 1.5


def test_the_table_s_sites_lie_where_they_are_said_to(sample: Actor) -> None:
    at = find_landmarks(sample)
    sites: dict[str, list[np.ndarray]] = {}
    for name, point in place_sites(at):
        sites.setdefault(name, []).append(point)
    assert set(sites) == set(DEPTHS_MM)
    assert all(len(points) in (1, 2) for points in sites.values())
    assert sites["zygion"][0][0] > 0 > sites["zygion"][1][0]
    labels = {name: str(bone_regions(points[0][None], at)[0]) for name, points in sites.items()}
    assert labels["pogonion"] == "chin"
    assert labels["glabella"] in ("brow", "nose")
    assert labels["frontal eminence"] in ("forehead", "vault")
    assert labels["mid-masseter"] == "ramus"


def test_the_prior_guesses_a_missing_chin_better_than_smoothness() -> None:
    actor = real_head("actor_a")
    constraints, plane = find_constraints(actor), facial_plane(actor.neutral.points)
    known = SimpleNamespace(actor=actor, constraints=constraints, mirror=SimpleNamespace(plane=plane))
    inside = region_of(known, "chin")
    thinned = constraints.without(inside)
    truth = constraints.thickness[inside]
    errors = {}
    for prior in ("depth", "smooth"):
        label = find_tissue(actor, thinned, prior, plane).label[constraints.covered[inside]]
        errors[prior] = float(np.median(np.abs(label - truth)))
    assert errors["depth"] < 2.0
    assert errors["depth"] < 0.7 * errors["smooth"]


def test_a_face_without_landmarks_keeps_the_smooth_prior(sample: Actor) -> None:
    blunt = sample.neutral.points.copy()
    blunt[:, 2] = np.minimum(blunt[:, 2], 60.0)  # no nose, no lips, no chin
    actor = replace(sample, neutral=sample.neutral.with_points(blunt))
    tissue = find_tissue(actor, find_constraints(sample), "depth")
    assert tissue.expected is None
    assert "were not found" in tissue.note


def test_room_in_a_thin_plate_and_a_cube() -> None:
    cube = _box([100.0, 100.0, 4.0])
    room = inward_room(cube, np.array([[50.0, 50.0, 4.0]]), np.array([[0.0, 0.0, 1.0]]), 30.0)
    assert room == pytest.approx([2.0], rel=0.3)  # half of the plate, so that both sides have room
    thick = _box([100.0, 100.0, 100.0])
    assert inward_room(
        thick, np.array([[50.0, 50.0, 100.0]]), np.array([[0.0, 0.0, 1.0]]), 30.0
    ) == pytest.approx([30.0])
    assert outside(np.array([[50.0, 50.0, 104.0], [50.0, 50.0, 50.0]]), thick).tolist() == [True, False]


def _box(size: list[float]) -> Mesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) * size
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    box = Mesh(corners, np.full(6, 4, np.int32), np.array(quads, np.int32).ravel())
    middle = corners.mean(0)
    if (vertex_normals(box) * (corners - middle)).sum() < 0:
        box = Mesh(corners, box.counts, np.array([q[::-1] for q in quads], np.int32).ravel())
    return box


def test_learned_anatomy_stays_inside_and_on_its_own_bone(sample: Actor) -> None:
    config = TrainConfig(anatomy_steps=150, batch=512)
    problem = prepare(sample, config)
    training = Training(problem, config, float("inf"), torch.device("cpu"))
    with Progress("none") as progress:
        training.learn_anatomy(progress, "anatomy")
    at = neutral_fields(problem, training.networks, problem.template.points)
    at = replace(at, bone=sample.neutral.points - at.thickness[:, None] * at.normals)
    score = anatomy_accuracy(problem, at)
    assert score["outside_skin"] == 0
    assert score["wrong_bone_share"] < 0.03
    assert score["steep_share"] < 0.015  # after a tenth of the steps
    label = roughness(sample.neutral, problem.tissue.label, problem.tissue.normals, sample.mm_per_unit)
    assert label["slope_max"] < 1
    assert label["turn_p99"] < 15
    assert set(score["regions"]) <= set(BONE_REGIONS)
    assert score["sites"]["pogonion"]["table"] == DEPTHS_MM["pogonion"]
    pushed = replace(at, bone=sample.neutral.points + 2 * at.normals)
    assert outside_skin(sample, pushed.bone) > 0.9 * len(pushed.bone)


def test_roughness_counts_cliffs_and_turns_of_the_outer_skin(sample: Actor) -> None:
    mesh = sample.neutral
    normals = np.tile([0.0, 0.0, 1.0], (len(mesh.points), 1))
    even = roughness(mesh, np.full(len(mesh.points), 8.0), normals, sample.mm_per_unit)
    assert even["steep_share"] == even["slope_max"] == even["turn_max"] == 0.0
    assert 0.5 * len(mesh.edges) < even["outer_edges"] < len(mesh.edges)  # the mouth bag is not asked
    left = mesh.points[:, 0] < 0
    cliff = roughness(mesh, np.where(left, 8.0, 60.0), normals, sample.mm_per_unit)
    ramp = roughness(mesh, 20 + 0.5 * mesh.points[:, 0], normals, sample.mm_per_unit)
    assert 0 < cliff["steep_share"] < 0.05
    assert ramp["slope_max"] <= 0.5 + 1e-6
    bent = np.where(left[:, None], [0.0, np.sin(0.5), np.cos(0.5)], normals)
    assert roughness(mesh, mesh.points[:, 0], bent, sample.mm_per_unit)["turn_max"] == pytest.approx(
        np.degrees(0.5)
    )


def test_a_point_on_the_jaw_is_on_the_jaw(sample: Actor) -> None:
    constraints = find_constraints(sample)
    distance, which = nearest_bone(constraints.bone, constraints)
    assert distance.max() < 0.1
    assert (which == constraints.which).mean() > 0.999


def test_train_estimates_says_so_and_leaves_the_meshes(
    sample: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_actor(without_bones(sample), tmp_path / "actor")
    words = ["train", str(tmp_path / "actor"), "-o", str(tmp_path / "a.aim"), "--progress", "lines"]
    assert main([*words, *short(20)]) == 0
    said = capsys.readouterr()
    assert "No skull or jaw given" in said.out + said.err
    assert "error to expect" in FaceModel.load(tmp_path / "a.aim", "cpu").manifest["bones"]
    jaw = read_obj(tmp_path / "a.run" / "bones" / "jaw.obj")
    assert len(jaw.counts) > 200


def test_the_command(sample: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_actor(sample, tmp_path / "actor")
    assert main(["bones", str(tmp_path / "actor"), "--json", str(tmp_path / "figures.json")]) == 0
    assert "error to expect" in capsys.readouterr().out
    made = tmp_path / "actor" / "estimated_bones"
    assert sorted(p.name for p in made.iterdir()) == ["bones.json", "bones.png", "jaw.obj", "skull.obj"]
    about = read_json(made / "bones.json")
    assert about["landmarks"]["pronasale"][2] == pytest.approx(sample.neutral.points[:, 2].max(), abs=0.5)
    assert read_json(tmp_path / "figures.json")["compared"]["skull"]["median"] < 3
    (tmp_path / "actor" / "landmarks.json").write_text("[1, 2]")
    assert main(["bones", str(tmp_path / "actor")]) == 2
    assert "lists 2 points" in capsys.readouterr().err
