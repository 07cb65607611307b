"""Rigid motion and skinning: the conventions on one asymmetric example, and the laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.posing import skin, unskin

vectors = st.tuples(*[st.floats(-1.5, 1.5)] * 3, *[st.floats(-100, 100)] * 3)


def test_thirty_degrees_and_a_translation() -> None:
    """Column vectors, translation in the last column: x turns towards y about z."""
    matrix = rigid.exp([0, 0, np.pi / 6, 0, 0, 0])
    matrix[:3, 3] = [1, 2, 3]
    assert rigid.apply(matrix, np.array([1.0, 0, 0])) == pytest.approx([1 + np.sqrt(3) / 2, 2.5, 3])


@settings(max_examples=200, deadline=None)
@given(vectors)
def test_log_undoes_exp(twist: tuple[float, ...]) -> None:
    assert rigid.log(rigid.exp(twist)) == pytest.approx(np.array(twist), abs=1e-8)


@given(st.floats(1e-12, 1e-2))
def test_small_turns_keep_their_precision(angle: float) -> None:
    twist = np.array([angle, 0, 0, 0, 1.0, 0])
    assert rigid.log(rigid.exp(twist)) == pytest.approx(twist, rel=1e-9, abs=1e-13)


def test_zero_is_the_identity_to_the_last_bit() -> None:
    assert np.array_equal(rigid.exp(np.zeros(6)), np.eye(4))
    assert np.array_equal(rigid.log(np.eye(4)), np.zeros(6))


@pytest.mark.parametrize("angle", [np.pi - 1e-6, np.pi - 1e-4, 3.0])
def test_nearly_half_a_turn(angle: float) -> None:
    w = angle * np.array([0.36, 0.48, 0.8])
    assert rigid.exp(rigid.log(rigid.exp([*w, 1, 2, 3]))) == pytest.approx(rigid.exp([*w, 1, 2, 3]), abs=1e-7)


def test_half_of_a_screw_is_on_the_screw() -> None:
    full = rigid.exp([0.4, 0, 0, 0, 3.0, -2.0])
    half = rigid.exp(0.5 * rigid.log(full))
    assert half @ half == pytest.approx(full, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(vectors, st.integers(0, 100))
def test_kabsch_finds_the_motion(twist: tuple[float, ...], seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(12, 3)) * 30
    assert rigid.kabsch(points, rigid.apply(rigid.exp(twist), points)) == pytest.approx(
        rigid.exp(twist), abs=1e-8
    )


@settings(max_examples=60, deadline=None)
@given(vectors, st.integers(0, 100), st.floats(-2000, 2000))
def test_unskin_undoes_skin_far_from_the_origin(twist: tuple[float, ...], seed: int, height: float) -> None:
    rng = np.random.default_rng(seed)
    centre = np.array([0, height, 0])
    points, weight = rng.normal(size=(20, 3)) * 80 + centre, rng.uniform(0, 1, 20)
    motion = rigid.exp(twist)
    assert unskin(skin(points, motion, weight, centre), motion, weight, centre) == pytest.approx(
        points, abs=1e-6
    )


def test_weight_one_follows_the_jaw_and_zero_stays() -> None:
    motion, points = rigid.exp([0.3, 0.1, 0, 1, 2, 3]), np.array([[1.0, 2, 3], [4, 5, 6]])
    moved = skin(points, motion, np.array([0.0, 1.0]), np.zeros(3))
    assert np.array_equal(moved[0], points[0])
    assert moved[1] == pytest.approx(rigid.apply(motion, points[1]))


def test_a_scaled_matrix_is_not_rigid() -> None:
    assert rigid.is_rigid(rigid.exp([0.4, 0.2, 0, 1, 2, 3]))
    assert not rigid.is_rigid(np.diag([1.01, 1.01, 1.01, 1]))
    assert not rigid.is_rigid(np.diag([-1.0, 1, 1, 1]))
