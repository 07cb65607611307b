"""Controls, knots and combination poses: activations of targets, exact at every trained pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core.bake_back import control_weights
from aim_maya.core.controls import Control, Pose, Rig, hats, rig_from_json
from aim_maya.core.errors import AimError
from aim_maya.core.posing import JawMotion, pose_matrix, solve_displacements, solve_twists

RIG = Rig(
    (
        Control("blink", 0, ((0.5, "blink_half"), (1.0, "blink"))),
        Control("open", 3, ((1.0, "open"),)),
        Control("close", 7, ()),
    ),
    (Pose("open_close", {"open": 1.0, "close": 1.0}),),
)


def test_order_of_targets() -> None:
    assert RIG.names == ("blink", "open", "close")
    assert RIG.targets == ("blink_half", "blink", "open", "open_close")


@pytest.mark.parametrize(
    ("w", "expected"),
    [
        (0.0, [0, 0]),
        (0.25, [0.5, 0]),
        (0.5, [1, 0]),
        (0.75, [0.5, 0.5]),
        (1.0, [0, 1]),
        (1.5, [0, 1.5]),
        (-0.5, [-1, 0]),
    ],
)
def test_hats_between_and_beyond_the_knots(w: float, expected: list[float]) -> None:
    assert hats([0.5, 1.0], w) == pytest.approx(expected)


def test_knots_on_both_sides_of_zero() -> None:
    assert hats([-1.0, 1.0], -0.5) == pytest.approx([0.5, 0])
    assert hats([-1.0, 1.0], -2.0) == pytest.approx([2, 0])
    assert hats([-1.0, -0.5], 0.25) == pytest.approx([0, -0.5])


@given(
    st.lists(st.sampled_from([-1.0, -0.5, 0.25, 0.5, 1.0, 2.0]), unique=True, min_size=1, max_size=5),
    st.floats(-3, 3),
)
def test_hats_reproduce_a_straight_line(values: list[float], w: float) -> None:
    """Targets that lie on a line through the neutral give that line back, whatever the knots."""
    values = sorted(values)
    assert sum(a * v for a, v in zip(hats(values, w), values, strict=True)) == pytest.approx(w, abs=1e-12)


def test_a_combination_needs_all_its_controls() -> None:
    assert RIG.activations({"open": 1.0})[3] == 0
    assert RIG.activations({"open": 0.5, "close": 0.5})[3] == pytest.approx(0.25)
    assert RIG.activations({"open": -1.0, "close": -1.0})[3] == 0
    lowest = Rig(RIG.controls, (Pose("open_close", {"open": 1.0, "close": 1.0}, "lowest"),))
    assert lowest.activations({"open": 0.5, "close": 0.5})[3] == pytest.approx(0.5)


def test_plain_controls_at_other_values() -> None:
    rig = Rig((Control("a", 0, ((2.0, "a"),)), Control("b", 1, ((1.0, "b"),))))
    assert rig.activations([1.0, 0.25]) == pytest.approx([0.5, 0.25])


def test_solved_tables_are_right_at_every_trained_pose() -> None:
    rng = np.random.default_rng(3)
    rest, weight = rng.normal(size=(30, 3)) * 50, rng.uniform(0, 1, 30)
    shapes = rest + rng.normal(size=(4, 30, 3))
    from aim_maya.core import rigid
    from aim_maya.core.posing import skin

    motion = JawMotion(
        solve_twists(
            RIG, {"open": rigid.exp([0.3, 0, 0, 1, 0, 2]), "open_close": rigid.exp([0.25, 0, 0, 1, 1, 2])}
        )
    )
    centre = rest.mean(0)
    e = solve_displacements(RIG, shapes, rest, motion, weight, centre)
    for row, shape in zip(pose_matrix(RIG), shapes, strict=True):
        assert skin(rest + np.tensordot(row, e, 1), motion.transform(row), weight, centre) == pytest.approx(
            shape, abs=1e-9
        )
    assert not motion.twists[:2].any()  # still jaws are still to the last bit


def test_combination_jaw_follows_its_parents_unless_told() -> None:
    from aim_maya.core import rigid

    motion = JawMotion(solve_twists(RIG, {"open": rigid.exp([0.3, 0, 0, 1, 0, 2])}))
    assert motion.transform(RIG.activations({"open": 1, "close": 1})) == pytest.approx(
        motion.transform(RIG.activations({"open": 1}))
    )


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"blnk": 1.0}, "Did you mean 'blink'"),
        ([1.0], "3 weights are needed"),
        ([0, float("nan"), 0], "'open' is nan"),
        ([0, float("inf"), 0], "'open' is inf"),
    ],
)
def test_bad_weights(weights: object, says: str) -> None:
    with pytest.raises(AimError, match=says):
        RIG.activations(weights)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"controls": [{"name": "a"}]}, r"controls\[0\]: 'knots' is missing"),
        ({"controls": 5}, "'controls' is '5'; it should be a list"),
        ({"controls": [], "poses": 5}, "'poses' is '5'; it should be a list"),
        ({"controls": [7]}, r"controls\[0\] must be an object, not a number"),
        ({"controls": [{"name": 3, "knots": []}]}, "'name' is '3'; it should be a text"),
        ({"controls": [{"name": "a", "index": "x", "knots": []}]}, "'index' is 'x'"),
        (
            {"controls": [{"name": "a", "knots": [[10**400, "a"]]}]},
            r"it should be a list of \[value, target\]",
        ),
        (
            {
                "controls": [{"name": "a", "knots": [[1, "x"]]}],
                "poses": [{"target": "c", "weights": {"a": "b"}}],
            },
            r"poses\[0\]: 'weights': 'a' is 'b'",
        ),
        (
            {"controls": [{"name": "a", "knots": [[1, "x"]]}], "poses": [{"target": "c", "weights": [1]}]},
            "must be an object, not a list",
        ),
        ({"controls": [{"name": "a", "knots": [[0.0, "a"]]}]}, "knots at"),
        (
            {"controls": [{"name": "a", "knots": [[1, "x"]]}, {"name": "A", "knots": [[1, "y"]]}]},
            "'a' and 'A'",
        ),
        (
            {
                "controls": [{"name": "a", "knots": [[1, "x"]]}],
                "poses": [{"target": "c", "weights": {"b": 1}}],
            },
            "unknown control 'b'",
        ),
        (
            {
                "controls": [{"name": "a", "knots": [[1, "x"]]}],
                "poses": [{"target": "c", "weights": {"a": 1}, "method": "sum"}],
            },
            "method 'sum'",
        ),
    ],
)
def test_bad_rigs(data: dict, says: str) -> None:
    with pytest.raises(AimError, match=says):
        rig_from_json(data, "actor.json")


def test_a_pose_that_repeats_a_knot_is_refused() -> None:
    rig = Rig((Control("a", 0, ((1.0, "a"),)),), (Pose("c", {"a": 1.0}),))
    with pytest.raises(AimError, match="cannot be told apart"):
        pose_matrix(rig)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-0.5, 1.5), min_size=3, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["multiply", "lowest"]),
)
def test_weights_that_give_activations_are_found(frames: list[list[float]], method: str) -> None:
    """Whatever the sliders can show is found to the last digits; the weights may be others that show the
    same."""
    rig = Rig(RIG.controls, (Pose("open_close", {"open": 1.0, "close": 1.0}, method),))
    wanted = np.array([rig.activations(row) for row in frames])
    weights, left = control_weights(rig, wanted)
    assert left.max() < 1e-5
    assert np.array([rig.activations(row) for row in weights]) == pytest.approx(wanted, abs=1e-5)


def test_activations_that_no_slider_can_show_get_the_nearest() -> None:
    weights, left = control_weights(RIG, np.array([[1.0, 1.0, 0.5, 0.0]]))
    assert left[0] == pytest.approx(0.5)
    assert weights[0] == pytest.approx([0.75, 0.5, 0.0])
    plain = Rig((Control("a", 0, ((2.0, "a"),)),))
    assert control_weights(plain, np.array([[0.25], [-1.0]]))[0].ravel() == pytest.approx([0.5, -2.0])
    assert control_weights(Rig(()), np.zeros((2, 0)))[0].shape == (2, 0)
