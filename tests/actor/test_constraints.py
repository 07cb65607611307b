"""Constraints, jaw and labels on the sample head, whose bones and jaw are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import joined, vertex_normals
from tests.conftest import grid_mesh
from trainer.actor.constraints import JAW, SKULL, find_constraints
from trainer.actor.jaw import find_jaw
from trainer.evaluate.anatomy import roughness
from trainer.geometry.smooth import extend, slope_below, slope_limited, smooth_directions
from trainer.geometry.surface import Surface, spread, ways_out
from trainer.learn.problem import skinning_labels
from trainer.sample import true_jaw_poses


def test_equation_and_sides(sample: Actor) -> None:
    c = find_constraints(sample)
    s0 = sample.neutral.points[c.covered]
    assert (s0 - c.bone) / c.thickness[:, None] == pytest.approx(c.normal, abs=1e-5)
    assert Surface.of(c.surface).closest(c.bone).distance.max() < 1e-2
    assert 1 < np.median(c.thickness) < 15
    chin, forehead = s0[:, 1] < -72, s0[:, 1] > 50
    assert (c.which[chin & (s0[:, 2] > 60)] == JAW).mean() > 0.95
    assert (c.which[forehead] == SKULL).all()


def test_subset_is_sparse_and_balanced(sample: Actor) -> None:
    c = find_constraints(sample)
    assert 0.05 <= c.used.sum() / len(sample.neutral.points) <= 0.10
    points = sample.neutral.points[c.covered]
    from scipy.spatial import cKDTree

    reach = cKDTree(points[c.used]).query(points)[0]
    assert reach.max() < 15  # every covered vertex has a used one near


def test_spread_starts_anywhere_and_covers() -> None:
    points = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0), [0.0]), -1).reshape(-1, 3)
    chosen = spread(points, 25)
    assert len(set(chosen.tolist())) == 25
    gaps = np.linalg.norm(points[:, None] - points[None, chosen], axis=2).min(1)
    assert gaps.max() <= 2.0


def test_bones_turned_inside_out_are_understood(sample: Actor) -> None:
    def flipped(mesh):
        return replace(mesh, corners=mesh.corners.reshape(-1, 4)[:, ::-1].ravel().copy())

    assert sample.skull is not None
    assert sample.jaw is not None
    turned = find_constraints(replace(sample, skull=flipped(sample.skull), jaw=flipped(sample.jaw)))
    assert len(turned.covered) == pytest.approx(len(find_constraints(sample).covered), rel=0.01)


def test_missing_bones_are_named(sample: Actor) -> None:
    with pytest.raises(AimError, match=r"no jaw.obj"):
        find_constraints(replace(sample, jaw=None))
    with pytest.raises(AimError, match=r"no skull.obj and jaw.obj"):
        find_constraints(replace(sample, jaw=None, skull=None))


def test_skull_outside_the_skin(sample: Actor) -> None:
    assert sample.skull is not None
    big = sample.skull.with_points(sample.skull.points * 1.25)
    with pytest.raises(AimError, match="outside the skin, by up to"):
        find_constraints(replace(sample, skull=big))


def test_eyes_and_teeth_of_the_same_mesh_are_not_the_skin(sample: Actor) -> None:
    """They lie deeper than the bones: measured against them, bones stood outside, for another unit."""
    assert sample.skull is not None
    assert sample.jaw is not None
    sheet = grid_mesh(7, 13)
    up, round_ = np.pi * sheet.points[:, 1] / 6, 2 * np.pi * sheet.points[:, 0] / 12
    ball = 7 * np.stack([np.sin(up) * np.cos(round_), np.cos(up), np.sin(up) * np.sin(round_)], 1)
    bones, neutral = joined(sample.skull, sample.jaw).points, sample.neutral
    for at in bones[:: len(bones) // 60]:
        neutral = joined(neutral, sheet.with_points(ball + at - [0, 0, 11]))
    alone, beside = find_constraints(sample), find_constraints(replace(sample, neutral=neutral))
    assert len(beside.covered) > 0.9 * len(alone.covered)
    assert beside.covered.max() < len(sample.neutral.points)


def test_skull_in_another_place(sample: Actor) -> None:
    assert sample.skull is not None
    assert sample.jaw is not None
    away = [m.with_points(m.points * 0.05) for m in (sample.skull, sample.jaw)]
    with pytest.raises(AimError, match="skin vertices have bone within"):
        find_constraints(replace(sample, skull=away[0], jaw=away[1]))


def test_jaw_from_teeth_is_the_truth(sample: Actor) -> None:
    jaw = find_jaw(sample, find_constraints(sample))
    assert jaw.source == "teeth"
    for target, truth in true_jaw_poses().items():
        assert jaw.poses[target] == pytest.approx(truth, abs=1e-9), target
    still = [t for t, m in true_jaw_poses().items() if np.array_equal(m, np.eye(4))]
    assert all(np.array_equal(jaw.poses[t], np.eye(4)) for t in still)


def test_jaw_sources(sample: Actor) -> None:
    c = find_constraints(sample)
    bare = replace(sample, lower_teeth=None, lower_teeth_shapes={})
    given = replace(bare, jaw_poses=true_jaw_poses())
    assert find_jaw(given, c).source == "poses"
    estimated = find_jaw(bare, c)
    assert estimated.source == "estimate"
    assert sample.lower_teeth is not None
    truth, found = (
        rigid.apply(m, sample.lower_teeth.points)
        for m in (true_jaw_poses()["jawOpen"], estimated.poses["jawOpen"])
    )
    assert np.linalg.norm(truth - found, axis=1).mean() < 4  # of about 20 mm of motion: a start
    with pytest.raises(AimError, match="no lower_teeth"):
        find_jaw(bare, c, "teeth")
    with pytest.raises(AimError, match=r"no jaw_poses.json"):
        find_jaw(bare, c, "poses")


def test_skinning_labels_know_jaw_from_skull(sample: Actor) -> None:
    c = find_constraints(sample)
    k = skinning_labels(sample, c, find_jaw(sample, c))
    p = sample.neutral.points
    assert k[(p[:, 1] < -65) & (p[:, 1] > -85) & (p[:, 2] > 80)].mean() > 0.9
    assert k[p[:, 1] > 20].max() < 0.05
    assert k.min() >= 0
    assert k.max() <= 1


def test_extension_fills_in_smoothly() -> None:
    """A third of a grid's values are known; a constant comes back exactly, a slope closely away from the
    border."""
    mesh = grid_mesh(9, 9)
    sure = (np.arange(81) % 3 == 0).astype(float)
    assert extend(mesh, 4.0 * sure, sure, 1e-3) == pytest.approx(np.full(81, 4.0), abs=1e-4)
    slope = 2.0 + 0.5 * mesh.points[:, 0] - 0.25 * mesh.points[:, 1]
    found = extend(mesh, slope * sure, sure, 1e-3)
    inside = ((mesh.points[:, :2] > 1) & (mesh.points[:, :2] < 7)).all(1)
    assert np.abs(found - slope)[inside].max() < 0.25


def test_a_cliff_becomes_a_slope_on_both_sides() -> None:
    mesh = grid_mesh(9, 21)
    x = mesh.points[:, 0]
    everywhere, cliff = np.ones(len(x), bool), np.where(x < x.mean(), 2.0, 10.0)
    gentle = slope_limited(mesh, cliff, 1.0, everywhere)
    slope = np.abs(np.diff(gentle[mesh.edges], axis=1)[:, 0])  # edges of length 1
    assert slope.max() <= 1 + 1e-9
    assert gentle[x == x.min()] == pytest.approx(2.0)
    assert gentle[x == x.max()] == pytest.approx(10.0)
    assert gentle[x == 9] == pytest.approx(5.5)  # half of it on either side
    assert gentle[x == 10] == pytest.approx(6.5)
    assert slope_limited(mesh, 0.9 * x, 1.0, everywhere) == pytest.approx(0.9 * x)


def test_a_ceiling_lowers_what_is_near_it_within_the_skin_asked_for() -> None:
    mesh = grid_mesh(9, 21)
    x = mesh.points[:, 0]
    ceiling = np.where(x == x.max(), 1.0, 30.0)
    below = slope_below(mesh, np.minimum(12.0, ceiling), 1.0, np.ones(len(x), bool))
    assert (below <= np.minimum(12.0, ceiling) + 1e-9).all()
    assert below[x == x.max() - 4] == pytest.approx(5.0)
    assert below[x == x.min()] == pytest.approx(12.0)
    inside = x < x.max()  # what lies outside holds nothing down
    assert slope_below(mesh, np.minimum(12.0, ceiling), 1.0, inside)[inside] == pytest.approx(12.0)


def test_directions_turn_gently_over_an_edge_and_keep_elsewhere() -> None:
    mesh = grid_mesh(9, 21)
    x = mesh.points[:, 0]
    right = x > x.mean()
    given = np.where(right[:, None], [0.6, 0.0, 0.8], [-0.6, 0.0, 0.8])  # a roof: 74 degrees at one edge
    found = smooth_directions(mesh, given, np.ones(len(x), bool), 0.5, np.radians(12), np.radians(45))
    turn = 2 * np.degrees(np.arcsin(np.linalg.norm(np.diff(found[mesh.edges], axis=1)[:, 0], axis=1) / 2))
    assert turn.max() < 16
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    assert found[x == x.min()] == pytest.approx(given[x == x.min()], abs=0.03)
    kept = smooth_directions(mesh, given, right, 0.5, np.radians(12), np.radians(45))
    assert np.array_equal(kept[~right], given[~right])


def test_rays_go_in_along_smooth_ways(sample: Actor) -> None:
    c = find_constraints(sample)
    outer, normals = ways_out(sample.neutral, sample.mm_per_unit)
    assert np.array_equal(c.normal, normals[c.covered])
    rough = roughness(sample.neutral, np.ones(len(normals)), normals, sample.mm_per_unit)
    own = roughness(sample.neutral, np.ones(len(normals)), vertex_normals(sample.neutral), sample.mm_per_unit)
    assert rough["turn_p99"] < 15 < own["turn_p99"]
    turned = (vertex_normals(sample.neutral) * normals).sum(1)
    assert turned[outer].min() > 0
    assert np.median(turned[outer]) > np.cos(np.radians(5))
    assert turned[~outer] == pytest.approx(1.0)


@pytest.mark.parametrize("source", ["teeth", "poses"])
def test_an_in_between_without_teeth_lies_on_the_jaw_s_way(sample: Actor, source: str) -> None:
    """It kept the jaw still: half the slider did nothing, the other half opened it twice as fast."""
    truth = true_jaw_poses()
    knots = [
        Control("jawOpen", 0, ((0.4, "part"), (1.0, "jawOpen"), (1.5, "wide"))),
        Control("x", 1, ((1.0, "x"),)),
    ]
    rig = Rig(tuple(knots), (Pose("both", {"jawOpen": 1.0, "x": 1.0}),))
    shapes = dict.fromkeys(rig.targets, sample.neutral.points)
    assert sample.lower_teeth is not None
    teeth = {"jawOpen": rigid.apply(truth["jawOpen"], sample.lower_teeth.points)}
    given = {"jawOpen": truth["jawOpen"]}
    actor = replace(sample, rig=rig, shapes=shapes, lower_teeth_shapes=teeth, jaw_poses=given)
    jaw = find_jaw(actor, find_constraints(sample), source)
    assert jaw.poses["part"] == pytest.approx(rigid.part(truth["jawOpen"], 0.4), abs=1e-9)
    assert set(jaw.poses) == {"jawOpen", "part"}  # what lies beyond, and what has nothing, is still
    assert "1 in-between(s) without lie on the way; 2 target(s) without keep the jaw still" in jaw.report
