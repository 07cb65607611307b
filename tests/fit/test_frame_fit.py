"""The parts of a 2D fit: derivatives against differences, the reduced space against the whole and small
motions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aim_maya.core import rigid
from tests.helpers.landmark_scene import HEAD, Scene
from trainer.fit.cameras.camera import Camera
from trainer.fit.cameras.frame_fit import Belief, FrameFit, away
from trainer.fit.cameras.observed import InPicture, InSpace, Noise
from trainer.fit.cameras.seen_space import State, seen_space, turned_about
from trainer.fit.cameras.sites import lay_out

pytest_plugins = ["tests.helpers.landmark_fixtures"]


def test_what_is_solved_for_is_the_whole_prior(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the plain solution in u, through the full precision matrix, for points in space and a still jaw
    and head."""
    monkeypatch.setattr("trainer.fit.cameras.seen_space._UNSEEN_MM", 1e-4)
    layout = lay_out(scene.model.mesh, {str(v): ((int(v), 1.0),) for v in scene.vertices[:7]}, (), 1.0)
    space = replace(scene.space, twists=np.zeros_like(scene.space.twists))
    seen = seen_space(space, layout, 1.0)
    rng = np.random.default_rng(0)
    points = space.rest[scene.vertices[:7]] + rng.normal(size=(7, 3))
    sd = 0.5
    still = Belief(np.zeros(seen.size + 6), 1.0, np.eye(4), np.full(6, 1e-9))
    stiff = replace(seen, jaw=np.zeros_like(seen.jaw))
    solved = FrameFit(stiff, 0.0, 1.0).solve(
        [InSpace(layout.homes, points, sd)], still, State(np.zeros(seen.size + 6), np.eye(4))
    )
    g = space.rows(scene.vertices[:7]).reshape(21, -1)
    u = np.linalg.solve(
        g.T @ g / sd**2 + space.precision, g.T @ (points - space.rest[scene.vertices[:7]]).ravel() / sd**2
    )
    np.testing.assert_allclose(seen.lift @ solved.state.q[: seen.size], u, atol=2e-3)


@pytest.mark.parametrize("slide", [False, True])
def test_derivatives_of_errors_are_what_differences_say(
    scene: Scene, two: tuple[Camera, ...], slide: bool
) -> None:
    sites = {str(i): ((int(v), 1.0),) for i, v in enumerate(scene.vertices[:9])}
    layout = lay_out(scene.model.mesh, sites, ("0", "1", "2") if slide else (), 1.0)
    seen = seen_space(scene.space, layout, 1.0)
    rng = np.random.default_rng(1)
    state = State(0.5 * rng.normal(size=seen.size + 6), HEAD)
    pixels = two[0].project(scene.frames[0][scene.vertices[:9]]).pixels
    picture = InPicture.of(layout, two[0], 0, np.arange(9), pixels, np.ones(9), Noise(slide=slide)).settled(
        seen.surface(state.q, state.head), 1.0
    )
    for observed in (picture, InSpace(layout.homes, scene.frames[1][scene.vertices[:9]], 0.5)):
        jacobian = observed.whitened(seen, state)[1]
        pivot = rigid.apply(state.head, seen.centre)
        for i in (0, 1, seen.size, seen.size + 3, *range(seen.size + 6, seen.size + 12)):
            step = 1e-4 * np.eye(seen.size + 12)[i]
            ahead, back = (observed.whitened(seen, state.stepped(s, pivot))[0] for s in (step, -step))
            np.testing.assert_allclose(jacobian[:, :, i], (ahead - back) / 2e-4, rtol=1e-3, atol=1e-3)


def test_small_motions(scene: Scene) -> None:
    twist, step = np.array([0.3, -0.2, 0.1, 30, -20, 10.0]), 1e-6 * np.array([1, 2, -1, 30, 20, 10.0])
    difference = rigid.log(rigid.exp(twist + step) @ np.linalg.inv(rigid.exp(twist)))
    np.testing.assert_allclose(rigid.left_jacobian(twist) @ step, difference, rtol=1e-4)
    pivot = np.array([5.0, 6, 7])
    moved_head = turned_about(twist, rigid.apply(HEAD, pivot)) @ HEAD
    np.testing.assert_allclose(away(moved_head, HEAD, pivot), twist, atol=1e-9)
