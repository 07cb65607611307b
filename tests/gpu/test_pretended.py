"""Training and neural fits on a card that is only pretended: nothing of them mixes devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.progress import Progress
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from trainer.fit.neural.fit import fit_neural
from trainer.fit.options import FitOptions, NeuralOptions
from trainer.fit.scans import Frames
from trainer.learn import fields, loop, solvers
from trainer.learn.loop import Training
from trainer.train import train

from .pretended import OnCard, pretended_card

SHORT = TrainConfig(device="cuda", anatomy_steps=6, steps=12, check_every=6, batch=256, restarts=0)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, few in (("ROUNDS", 2), ("STEPS", 4), ("RECOVERY", 4)):  # of what brings bones inside
        monkeypatch.setattr(fields, name, few)
    monkeypatch.setattr(loop, "SOLVE", 6)  # so that the worst pairs count more in so few steps, too
    with pretended_card(monkeypatch):
        yield


@pytest.mark.usefixtures("card")
def test_what_would_fail_on_a_card_fails_here() -> None:
    there, here = torch.arange(3, device="cuda"), torch.arange(3)
    assert there.device.type == (there + 1).device.type == (there * torch.tensor(2.0)).device.type == "cuda"
    assert there.cpu().device.type == there.to("cpu").device.type == here.device.type == "cpu"
    assert torch.nn.Linear(3, 3).to("cuda")(there.float()).device.type == here.to(there).device.type == "cuda"
    assert there[here].device.type == "cuda"
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    with pytest.raises(RuntimeError, match="same device"):
        here[there]
    with pytest.raises(RuntimeError, match="same device"):
        torch.cat([there, here])
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, device="cuda", generator=torch.Generator())
    with pytest.raises(TypeError, match="numpy"):
        there.numpy()


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(
    "config",
    [SHORT, replace(SHORT, bones="none"), replace(SHORT, losses="paper", jaw="free")],
    ids=["all targets", "principal columns, no bones", "the paper's, its jaw learned"],
)
def test_a_training_keeps_to_the_card(
    small: Actor, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if config.bones == "none":
        monkeypatch.setattr(solvers, "WIDTH", 32)  # fewer columns than the targets have, counted on the card
    seen = list[type]()
    one_step = Training._one_step

    def watched(training: Training) -> float:
        seen.extend(type(p.data) for p in training.networks.parameters())
        return one_step(training)

    monkeypatch.setattr(Training, "_one_step", watched)
    run = RunFolder(tmp_path / "run")
    train(small, tmp_path / "face.aim", config, run, style="none")
    if config is SHORT:
        train(small, tmp_path / "again.aim", config, run, style="none", resume=True)  # what the card saved
    assert set(seen) == {OnCard}
    assert np.isfinite(FaceModel.load(tmp_path / "face.aim", "cpu").points({"jawOpen": 1.0})).all()


@pytest.mark.usefixtures("card")
def test_a_neural_fit_keeps_to_the_card(small_draft: Path) -> None:
    model = FaceModel.load(small_draft, "cpu")
    some = np.linspace(0, 1, 4)[:, None] * np.eye(len(model.targets))[0]
    frames = np.array([model.points(weights) for weights in some], np.float32)
    quick = NeuralOptions(iterations=6, code_size=4, width=16, points=64, frames=2, check_every=3)
    with Progress("none") as progress:
        scans = Frames.of(frames, np.arange(frames.shape[1]))
        fit_neural(model, scans, FitOptions(solver="neural"), quick, progress, device="cuda")
