"""Bones under the wrong name and heads that look the wrong way are told apart, with what to do; teeth that
bend are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from tests.conftest import turned
from tests.helpers.real_heads import real_constraints, real_head
from trainer.actor.constraints import check_bones, find_constraints
from trainer.actor.jaw import find_jaw
from trainer.evaluate.score import trained_jaw_accuracy


def test_a_head_as_it_should_be(sample: Actor) -> None:
    check_bones(sample)
    check_bones(
        turned(sample, [0.3, 0.4, 0.2, 5, 5, 5])
    )  # tilted and turned, and still a head that looks forward


@pytest.mark.parametrize("name", ["ict_rig", "actor_a", "actor_b"])
def test_real_heads(name: str) -> None:
    check_bones(real_head(name))


def test_swapped_bones(sample: Actor) -> None:
    with pytest.raises(AimError, match="swapped"):
        find_constraints(replace(sample, skull=sample.jaw, jaw=sample.skull))


def test_a_head_that_looks_backwards(sample: Actor) -> None:
    with pytest.raises(AimError, match="looks along -z"):
        find_constraints(turned(sample, [0, np.pi, 0, 0, 0, 0]))


@pytest.mark.parametrize(("angle", "axis"), [(np.pi / 2, "+x"), (-np.pi / 2, "-x")])
def test_a_head_that_looks_aside(sample: Actor, angle: float, axis: str) -> None:
    """It was trained, without landmarks: regions and handles lay anywhere."""
    with pytest.raises(AimError, match="lies aside of its jaw joints") as error:
        find_constraints(turned(sample, [0, angle, 0, 0, 0, 0]))
    assert f"looks along {axis}" in error.value.cause


@pytest.mark.parametrize(("angle", "says"), [(0.0, ""), (np.pi / 2, "looks along +x"), (np.pi, "along +y")])
def test_heads_with_z_up_are_looked_at_as_well(sample: Actor, angle: float, says: str) -> None:
    lying = replace(turned(turned(sample, [0, angle, 0, 0, 0, 0]), [np.pi / 2, 0, 0, 0, 0, 0]), up="z")
    if not says:
        check_bones(lying)
        return
    with pytest.raises(AimError) as error:
        check_bones(lying)
    assert says in error.value.cause
    assert "about z" in error.value.remedy
    assert "along -y" in error.value.remedy


@pytest.mark.parametrize(
    "twist", [[-np.pi / 2, 0, 0, 0, 0, 0], [np.pi / 2, 0, 0, 0, 0, 0], [np.pi, 0, 0, 0, 0, 0]]
)
def test_a_head_that_lies_down_or_hangs(sample: Actor, twist: list[float]) -> None:
    with pytest.raises(AimError, match="y up"):
        check_bones(turned(sample, twist))


def test_teeth_that_bend(sample: Actor) -> None:
    constraints = find_constraints(sample)
    teeth = {t: p.copy() for t, p in sample.lower_teeth_shapes.items()}
    teeth["jawOpen"][:20] += 6.0
    bent = replace(sample, lower_teeth_shapes=teeth)
    with pytest.raises(AimError, match="do not move rigidly: in 'jawOpen'"):
        find_jaw(bent, constraints)
    assert find_jaw(bent, constraints, loose_teeth=True).source == "teeth"
    assert find_jaw(bent, constraints, "estimate").source == "estimate"


def test_jaw_figures_of_a_training(sample: Actor) -> None:
    constraints = find_constraints(sample)
    figures = trained_jaw_accuracy(sample, constraints, find_jaw(sample, constraints).poses)
    assert figures is not None
    assert figures["mean"] < 1e-6
    assert max(r["degrees"] for r in figures["targets"]) < 1e-4
    assert (
        trained_jaw_accuracy(replace(sample, lower_teeth=None, lower_teeth_shapes={}), constraints, {})
        is None
    )


def test_half_an_opening_lies_on_the_arc() -> None:
    """The jaw given by the teeth: at weight 0.5 within 0.3 mm of the screw that leads to the full opening."""
    actor = real_head("ict_rig")
    jaw = find_jaw(actor, real_constraints("ict_rig"))
    assert actor.lower_teeth is not None
    half = jaw.motion(actor).transform(
        0.5 * (np.arange(len(actor.rig.targets)) == actor.rig.targets.index("jawOpen"))
    )
    true = rigid.exp(
        0.5 * rigid.log(rigid.kabsch(actor.lower_teeth.points, actor.lower_teeth_shapes["jawOpen"]))
    )
    apart = rigid.apply(half, actor.lower_teeth.points) - rigid.apply(true, actor.lower_teeth.points)
    assert np.linalg.norm(apart, axis=1).max() * actor.mm_per_unit < 0.3
