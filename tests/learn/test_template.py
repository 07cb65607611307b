"""Template space: what touches comes apart, by the shape that does it best, whatever its name; symmetric;
pushed where none does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aim_maya.core.actor import Actor, default_rig
from trainer.geometry.surface import facial_plane, mirror_map
from trainer.learn.template import clusters, open_template, relative_motion, separation, touching_pairs


def lips(actor: Actor) -> np.ndarray:
    mesh = actor.neutral
    pairs = touching_pairs(mesh, actor.stack - mesh.points, float(np.ptp(mesh.points, axis=0).max()))
    return clusters(mesh, pairs)[0]


def with_targets(actor: Actor, **names: str) -> Actor:
    shapes = {ours: actor.shapes[theirs] for ours, theirs in names.items()}
    return replace(actor, shapes=shapes, rig=default_rig(shapes), lower_teeth_shapes={})


def template(actor: Actor):
    return open_template(actor, mirror_map(actor.neutral, facial_plane(actor.neutral.points)))


def test_lips_touch_and_are_found(sample: Actor) -> None:
    pairs = lips(sample)
    middle = sample.neutral.points[np.unique(pairs)].mean(0)
    assert separation(sample.neutral.points, pairs).min() < 0.01
    assert middle == pytest.approx([0, -46, 90], abs=12)


def test_lips_come_apart_whatever_the_targets_are_called(sample: Actor) -> None:
    actor = with_targets(sample, A037="mouthSmile_L", Z001="jawOpen", K9="browInnerUp", Close="mouthClose")
    made = template(actor)
    assert any("Z001" in words for words in made.openings)
    apart = separation(made.points, lips(actor))
    assert np.median(apart) > 6
    assert np.quantile(apart, 0.05) > 1.0


def test_opening_is_mirror_symmetric(sample: Actor) -> None:
    """From a shape that opens to one side only."""
    actor = with_targets(sample, lopsided="jawOpen", smile="mouthSmile_L")
    rest = actor.neutral.points
    actor.shapes["lopsided"] = actor.shapes["lopsided"] + np.where(
        np.abs(rest[:, 1:2] + 60) < 40, [6.0, 0, 0], 0
    ) * (actor.shapes["lopsided"] != rest)
    made = template(actor)
    mirror = mirror_map(actor.neutral, facial_plane(rest))
    front = rest[:, 2] > 40
    difference = np.linalg.norm(mirror.carry_vectors(made.offset) - made.offset, axis=1)[front]
    assert np.quantile(difference, 0.99) < 0.25 * np.linalg.norm(made.offset, axis=1).max()


def test_pushed_apart_where_no_shape_opens(sample: Actor) -> None:
    """Lips that only slide along each other."""
    actor = with_targets(sample, smile="mouthSmile_L")
    rest = actor.neutral.points
    lower = np.unique(lips(sample)[:, 0])
    slide = np.zeros_like(rest)
    below = lower[actor.neutral.points[lower, 1] < -46.5]
    slide[below, 0] = 9.0
    actor.shapes["smile"] = rest + slide
    made = template(actor)
    assert any("pushed apart" in words for words in made.openings)
    pairs = lips(actor)
    assert np.median(separation(made.points, pairs)) > 1.4 * np.median(separation(rest, pairs)) + 0.5


def test_normalised_isotropically(sample: Actor) -> None:
    made = template(sample)
    c = made.coordinates
    assert np.abs(c).max() == pytest.approx(1.0)
    assert np.ptp(c, axis=0) * made.scale == pytest.approx(np.ptp(made.points, axis=0))


def test_facial_plane_of_a_turned_head(sample: Actor) -> None:
    from aim_maya.core import rigid

    motion = rigid.exp([0.02, 0.06, 0.04, 40.0, -20, 300])
    plane = facial_plane(rigid.apply(motion, sample.neutral.points))
    assert abs(plane.normal @ motion[:3, 0]) > np.cos(np.radians(1.5))
    assert abs(plane.normal @ rigid.apply(motion, np.zeros(3)) - plane.offset) < 2.0


def test_how_far_pairs_part_is_found_where_something_moves() -> None:
    """Pairs that are passed over, since neither of theirs moves far enough, would have changed nothing."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 300, (5000, 2))
    deltas = [
        rng.normal(size=(300, 3)) * (rng.random(300) < 0.2)[:, None] * size for size in (1, 3, 0, 0.5, 3)
    ]
    plain = np.max([np.linalg.norm(d[pairs[:, 0]] - d[pairs[:, 1]], axis=1) for d in deltas], axis=0)
    assert np.array_equal(relative_motion(deltas, pairs), plain)
