"""The anatomical local model: its gradient, what it can express, the jaw it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from trainer.research.alm import Alm, AlmOptions
from trainer.research.alm_energy import Energy, Weights, make_patches
from trainer.research.method import Anatomy, Face, Observed
from trainer.research.take import make_face


@pytest.fixture(scope="module")
def face(sample: Actor, draft: Path) -> Face:
    whole = make_face(sample, FaceModel.load(draft, device="cpu"))
    chosen = [whole.targets.index(t) for t in whole.targets if t in ("jawOpen", *whole.targets[::6])]
    assert whole.anatomy is not None
    anatomy = replace(whole.anatomy, jaws=whole.anatomy.jaws[chosen])
    return replace(
        whole,
        deltas=np.ascontiguousarray(whole.deltas[:, :, chosen]),
        targets=tuple(whole.targets[i] for i in chosen),
        anatomy=anatomy,
    )


def anatomy_of(face: Face) -> Anatomy:
    assert face.anatomy is not None
    return face.anatomy


def test_the_gradient_is_that_of_the_energy(face: Face) -> None:
    seen = np.arange(len(face.neutral)) % 3 > 0
    patches = make_patches(face, anatomy_of(face), 6, 1.5, 3, 2)
    energy = Energy(face, patches, Weights(0.3, 0.05, 1.0, 0.2), seen, head_moves=True)
    state = energy.moved(
        energy.begun(np.full(len(face.targets), 0.2), np.eye(4)),
        0.02 * np.random.default_rng(0).normal(size=energy.count),
    )
    points = face.neutral + face.deltas[:, :, 0]
    gradient = energy.at(state, points)[1]
    for i in (*range(12), energy.count - 10, energy.count - 8, energy.count - 5, energy.count - 1):
        step = np.zeros(energy.count)
        step[i] = 1e-5
        ahead, behind = (
            energy.at(energy.moved(state, step), points)[0],
            energy.at(energy.moved(state, -step), points)[0],
        )
        assert (ahead - behind) / 2e-5 == pytest.approx(
            gradient[i], rel=2e-2, abs=1e-3 * np.abs(gradient).max()
        )


def test_it_finds_shapes_the_jaw_and_a_moving_head(face: Face) -> None:
    anatomy, open_jaw = anatomy_of(face), face.targets.index("jawOpen")
    head = rigid.exp([0.01, 0.02, 0.0, 1.0, -2.0, 0.5])
    shape = face.neutral + face.deltas[:, :, open_jaw]
    method = Alm(face, AlmOptions(20, 6, 2, 1.5, 1e-3, 0.3, 0.1))
    seen = np.random.default_rng(0).random(len(shape)) < 0.6
    method.prepare(seen, True)
    found = method.fit(
        Observed(
            lambda f: np.where(seen[:, None], rigid.apply(head, shape), np.nan),
            seen,
            np.zeros(1, int),
            30.0,
            True,
        )
    )
    error = np.linalg.norm(found.points(0) - rigid.apply(head, shape), axis=1)
    assert error.mean() < 0.1 * np.linalg.norm(face.deltas[:, :, open_jaw], axis=1).mean()
    assert found.jaw is not None
    chin = anatomy.bone[np.argmax(anatomy.share)]
    assert np.linalg.norm(rigid.apply(found.jaw[0], chin) - rigid.apply(anatomy.jaws[open_jaw], chin)) < 2.0
    assert found.unknowns == 20 * 14 + 12


def test_the_energy_never_rises(face: Face) -> None:
    method = Alm(face, AlmOptions(10, 4, 2, 1.5, 0.1, 0.1, 0.1))
    seen = np.ones(len(face.neutral), bool)
    method.prepare(seen, False)
    points = face.neutral + face.deltas.sum(axis=2) * 0.5
    begun = method._energy.begun(np.zeros(len(face.targets)), np.eye(4))
    assert (
        method._energy.at(method._solve(points, begun), points)[0] < 0.5 * method._energy.at(begun, points)[0]
    )


def test_without_an_anatomy_it_says_what_to_give(face: Face) -> None:
    with pytest.raises(AimError, match="--model"):
        Alm(replace(face, anatomy=None))
