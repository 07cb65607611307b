"""The jaw from the skin alone: against the truth on made-up and real heads, blind to names and units, and
still where muscle pulls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor, default_rig
from aim_maya.core.mesh import Mesh
from tests.conftest import turned
from tests.helpers.real_heads import real_constraints, real_head
from trainer.actor import jaw_estimate
from trainer.actor.constraints import Constraints, find_constraints
from trainer.actor.jaw import find_jaw
from trainer.actor.jaw_estimate import Mandible, bone_motion, find_mandible, fit_target, transform
from trainer.evaluate.score import jaw_accuracy, jaw_estimate_accuracy


@pytest.fixture(scope="module")
def constraints(sample: Actor) -> Constraints:
    return find_constraints(sample)


@pytest.fixture(scope="module")
def mandible(sample: Actor, constraints: Constraints) -> Mandible:
    found = find_mandible(sample, constraints)
    assert found is not None
    return found


def posed(sample: Actor, at: Mandible, values: list[float]) -> np.ndarray:
    """Skin that follows the given motion of the bone as skin does: in full at the chin, less along the jaw
    line, fading out above."""
    rest = sample.neutral.points
    assert sample.jaw is not None
    low, high = sample.jaw.points.min(0), sample.jaw.points.max(0)
    forward = (rest[:, 2] - low[2]) / (high[2] - low[2])
    follow = np.interp(forward, [0.4, 0.7], [0.1, 1.0]) / (1 + np.exp((rest[:, 1] - at.centre[1] + 30) / 8))
    moved: np.ndarray = rest + follow[:, None] * jaw_estimate._skin_motion(
        np.array(values), at, sample.mm_per_unit, rest
    )
    return moved


@pytest.mark.parametrize("values", [[0.3, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, -5.0], [0.15, 0.0, 4.0]])
def test_a_motion_that_the_model_knows_is_found(
    sample: Actor, mandible: Mandible, values: list[float]
) -> None:
    fit = fit_target(sample, mandible, posed(sample, mandible, values))
    assert fit.moves, fit
    assert fit.values == pytest.approx(values, abs=0.15)
    found, true = (transform(np.array(v), mandible, 1.0) for v in (fit.values, values))
    chin = sample.neutral.points[mandible.chin]
    assert np.linalg.norm(rigid.apply(found, chin) - rigid.apply(true, chin), axis=1).mean() < 0.5


def test_skin_that_follows_in_full_gives_the_bone_s_motion(sample: Actor, constraints: Constraints) -> None:
    """The made-up head: about any hinge, whatever the anatomical model thinks of hinges."""
    scores = jaw_estimate_accuracy(sample, constraints)
    assert scores["estimate"]["moving_share"] < 0.1
    assert scores["estimate"]["still_max"] == 0.0


def test_closing_beyond_the_bite_is_no_motion_of_the_jaw(sample: Actor, mandible: Mandible) -> None:
    fit = fit_target(sample, mandible, posed(sample, mandible, [-0.1, 0.0, 0.0]))
    assert not fit.moves
    assert fit.values[0] >= 0


def test_muscle_on_the_chin_alone_is_no_motion_of_the_jaw(sample: Actor, mandible: Mandible) -> None:
    """The front of the chin goes down as if the jaw opened, and nothing below or beside it does."""
    rest, shape = sample.neutral.points, sample.neutral.points.copy()
    shape[mandible.chin] = posed(sample, mandible, [0.1, 0.0, 0.0])[mandible.chin]
    elsewhere = np.setdiff1d(np.union1d(mandible.below, mandible.along), mandible.chin)
    assert np.array_equal(shape[elsewhere], rest[elsewhere])
    assert not fit_target(sample, mandible, shape).moves


def test_a_still_chin_asks_nothing(sample: Actor, mandible: Mandible) -> None:
    fit = fit_target(sample, mandible, sample.neutral.points)
    assert not fit.moves
    assert np.array_equal(bone_motion(fit, mandible, 1.0), np.eye(4))


def test_too_little_skin_over_the_chin_falls_back_and_says_so(
    sample: Actor, constraints: Constraints
) -> None:
    away = np.isin(constraints.covered, constraints.covered[constraints.which == 1][5:])
    few = Constraints(
        *(
            getattr(constraints, n)[~away]
            for n in ("covered", "bone", "thickness", "normal", "which", "used")
        ),
        constraints.surface,
        constraints.skull_faces,
    )
    assert find_mandible(sample, few) is None
    assert "millimetres of error" in find_jaw(sample, few, "estimate").report


def scaled(mesh: Mesh | None, scale: float) -> Mesh | None:
    return None if mesh is None else mesh.with_points(mesh.points * scale)


@pytest.mark.parametrize("name", ["ict_rig", "actor_a", "actor_b"])
def test_real_heads(name: str) -> None:
    scores = jaw_estimate_accuracy(real_head(name), real_constraints(name))
    estimate = scores["estimate"]
    assert estimate["moving_share"] <= 0.20
    assert estimate["moving_worst"] <= 0.40
    assert estimate["still_mean"] <= 0.3
    assert estimate["still_max"] <= 1.5
    assert estimate["mean"] < 0.25 * min(scores["no motion"]["mean"], scores["rigid fits"]["mean"])


def test_names_and_units_play_no_part() -> None:
    actor = real_head("actor_a")
    plain = find_jaw(actor, real_constraints("actor_a"), "estimate").poses
    names = {target: f"shape_{i}" for i, target in enumerate(sorted(actor.shapes, key=hash))}
    shapes = {names[t]: p * 0.001 for t, p in actor.shapes.items()}
    metres = replace(
        actor,
        neutral=actor.neutral.with_points(actor.neutral.points * 0.001),
        shapes=shapes,
        rig=default_rig(shapes),
        mm_per_unit=1000.0,
        skull=scaled(actor.skull, 0.001),
        jaw=scaled(actor.jaw, 0.001),
        lower_teeth=None,
        lower_teeth_shapes={},
    )
    poses = find_jaw(metres, find_constraints(metres), "estimate").poses
    for target, pose in plain.items():
        other = poses[names[target]].copy()
        other[:3, 3] *= 1000
        assert other == pytest.approx(pose, abs=2e-3), target


def test_the_score_tells_moving_from_still(sample: Actor) -> None:
    truth = {"jawOpen": rigid.exp([0.2, 0, 0, 0, 0, 0])}
    points = np.array([[0.0, -20.0, 80.0]])
    right = jaw_accuracy(sample, truth, truth, points)
    assert right["moving"] == 1
    assert right["moving_share"] == 0
    wrong = jaw_accuracy(sample, {"browDown_L": truth["jawOpen"]}, truth, points)
    assert wrong["moving_share"] == pytest.approx(1.0)
    assert wrong["still_max"] == pytest.approx(
        next(r["motion"] for r in wrong["targets"] if r["target"] == "jawOpen")
    )


def test_the_command_needs_an_actor(capsys: pytest.CaptureFixture[str]) -> None:
    from trainer.__main__ import main

    assert main(["jaw"]) == 2
    assert "No actor was named" in capsys.readouterr().err


def test_a_head_with_z_up_has_the_jaw_of_one_with_y_up(sample: Actor, constraints: Constraints) -> None:
    """Plain rigid fits were taken for it."""
    motion = rigid.exp([np.pi / 2, 0, 0, 0, 0, 0])
    lying = replace(
        turned(sample, [np.pi / 2, 0, 0, 0, 0, 0]),
        up="z",
        shapes={name: rigid.apply(motion, points) for name, points in sample.shapes.items()},
    )
    before = find_jaw(sample, constraints, "estimate")
    after = find_jaw(lying, find_constraints(lying), "estimate")
    assert after.report == before.report
    for name, pose in before.poses.items():
        back = rigid.inverse(motion) @ after.poses[name] @ motion
        assert back == pytest.approx(pose, abs=2e-3), name
