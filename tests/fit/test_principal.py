"""The unknowns of local fits: few, the ones that matter, and with the strain that no target explains held
against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.runtime import FaceModel
from trainer.fit.equations import Seen
from trainer.fit.linear import PrincipalSpace, Strain, _alike, principal_space
from trainer.fit.space import FaceSpace, Prior, face_space

MODES = 9


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def space(model: FaceModel) -> FaceSpace:
    return face_space(model, local=True, modes=MODES, prior=Prior.fine())


@pytest.fixture(scope="module")
def all_of_it(model: FaceModel, space: FaceSpace) -> PrincipalSpace:
    return principal_space(space, model.mesh, space.count)


@pytest.fixture(scope="module")
def few(model: FaceModel, space: FaceSpace) -> PrincipalSpace:
    return principal_space(space, model.mesh, space.count // 3)


def test_with_every_unknown_kept_the_space_is_the_whole_one(
    model: FaceModel, space: FaceSpace, all_of_it: PrincipalSpace
) -> None:
    """The same most likely displacement as of all weights on the basis, under the same prior written out."""
    assert all_of_it.count == space.count
    strain = Strain(model.mesh, space)
    r, m = len(space.directions), MODES
    plain = np.block([[strain.gram(i, j) for j in range(r)] for i in range(r)]) + space.precision
    ids = np.arange(0, len(space.rest), 11)
    rows = space.rows(ids).reshape(-1, r * m)
    points = np.random.default_rng(0).normal(size=len(rows))
    u = np.linalg.solve(rows.T @ rows / 0.5**2 + plain, rows.T @ points / 0.5**2)
    own = all_of_it.rows(ids).reshape(-1, all_of_it.count)
    found = np.linalg.solve(own.T @ own / 0.5**2 + all_of_it.precision, own.T @ points / 0.5**2)
    assert np.allclose(all_of_it.displaced(found), space.displaced(u), atol=2e-3)


def test_what_is_left_out_moves_the_skin_less_than_what_is_kept(
    few: PrincipalSpace, all_of_it: PrincipalSpace
) -> None:
    assert few.count == all_of_it.count // 3
    for small, large, direction in zip(few.spreads, all_of_it.spreads, few.directions, strict=True):
        assert np.allclose(small, large[:, : small.shape[1]])
        moved = np.square(few.basis @ large[:, 1:]).T @ np.square(direction).sum(axis=1)
        assert (np.diff(moved) <= 1e-4 * moved.max()).all()
        assert small.shape[1] >= 1  # the weight over the whole face


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_gathering_is_the_transpose_of_the_table(few: PrincipalSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    u, table = rng.normal(size=few.count), rng.normal(size=(len(few.directions), MODES))
    assert np.isclose((few.table(u) * table).sum(), u @ few.gathered(table))
    assert np.allclose(few.table(np.stack([u, 2 * u]))[1], 2 * few.table(u))


def test_the_normal_equations_are_those_of_the_rows(few: PrincipalSpace) -> None:
    ids = np.arange(0, len(few.rest), 7)
    seen = Seen(few, ids, np.linspace(0.2, 1.0, len(ids)), 0.3)
    rows = seen.whitened(few.rows(ids).transpose(2, 0, 1)).reshape(few.count, -1)
    assert np.allclose(seen.data, rows @ rows.T / 0.09, rtol=1e-4, atol=1e-3 * np.abs(seen.data).max())
    u = np.random.default_rng(1).normal(size=few.count)
    assert np.allclose(
        few.displaced(u, ids), few.rows(ids) @ u, atol=1e-4 * np.abs(few.displaced(u, ids)).max()
    )
    assert np.allclose(
        seen.gathered(seen.predicted(u)), seen.data @ u, rtol=1e-3, atol=1e-3 * np.abs(seen.data @ u).max()
    )


def test_whole_weights_strain_nothing_and_targets_that_cancel_neither(
    model: FaceModel, space: FaceSpace
) -> None:
    two = replace(
        space, directions=np.stack([space.directions[0], -space.directions[0]]), twists=space.twists[:2]
    )
    strain = Strain(model.mesh, two)
    own, between = strain.gram(0, 0), strain.gram(0, 1)
    assert np.abs(own[0]).max() < 1e-6 * np.abs(own).max()  # the first mode is one everywhere
    varying = np.random.default_rng(2).normal(size=MODES)
    alone = varying @ own @ varying
    assert alone > 0
    assert abs(2 * varying @ (own + between) @ varying) < 1e-4 * alone


def test_strain_is_that_of_the_skin_whatever_the_unit(model: FaceModel, space: FaceSpace) -> None:
    half = replace(space, directions=space.directions / 10, mm_per_unit=space.mm_per_unit * 10)
    mesh = model.mesh.with_points(model.mesh.points / 10)
    assert np.allclose(Strain(mesh, half).gram(1, 1), Strain(model.mesh, space).gram(1, 1), rtol=1e-4)


def test_a_slide_counts_as_larger_where_points_are_dense(space: FaceSpace) -> None:
    every = np.arange(len(space.rest))
    assert _alike(space, every[:1]) == 1.0
    assert 1.0 <= _alike(space, every[::40]) < _alike(space, every)
