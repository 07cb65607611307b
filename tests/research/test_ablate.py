"""Ablations: what is changed, one thing at a time, and a table with a figure for every variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.errors import AimError
from aim_maya.core.training_options import TrainConfig, config_from_json
from trainer import train as train_module
from trainer.commands import trainings as command
from trainer.commands.trainings import variants
from trainer.learn.problem import prepare


def test_one_thing_changes_at_a_time() -> None:
    config = TrainConfig(seed=3)
    rows = variants(config)
    assert rows["as configured"] is config
    for name, changed in rows.items():
        different = [k for k, v in changed.to_json().items() if v != config.to_json()[k]]
        assert len(different) == (0 if name == "as configured" else 1), (name, different)
    assert {
        "ReLU",
        "GELU",
        "template closed",
        "jaw: estimate",
        "jaw: free",
        "prior: smooth",
        "without inside",
        "without gentle",
        "without thickness_smooth",
        "without normal_skin",
        "without skinning_fit",
    } <= set(rows)
    assert rows["without normal_skin"].weights.normal_skin == 0.0
    assert rows["without normal_skin"].weights.skinning_fit == config.weights.skinning_fit
    assert not any("symmetry" in name for name in rows)  # not a term of ours


def test_a_term_that_does_not_exist() -> None:
    with pytest.raises(AimError, match="Did you mean 'symmetry'"):
        TrainConfig(without=("symmetri",))


def test_configurations_survive_their_file() -> None:
    config = TrainConfig(without=("normal_skin",), open_template=False)
    assert config_from_json(__import__("json").loads(__import__("json").dumps(config.to_json()))) == config


def test_a_closed_template_is_the_neutral(small: Actor) -> None:
    closed = prepare(small, TrainConfig(preset="draft", open_template=False)).template
    opened = prepare(small, TrainConfig(preset="draft")).template
    assert np.abs(closed.points - small.neutral.points).max() == 0
    assert np.abs(opened.points - small.neutral.points).max() > 0.5


def test_the_table_has_every_row_and_names_what_failed(
    small: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_actor(small, tmp_path / "actor")
    config = TrainConfig(preset="draft", device="cpu")
    chosen: dict[str, Any] = {
        "as configured": config,
        "jaw: poses": TrainConfig(preset="draft", device="cpu", jaw="poses"),
        "refused": config,
        "not asked for": config,
    }
    wanted = ("as configured", "jaw: poses", "refused")
    plain = train_module.export

    def strict(problem: Any, networks: Any, jaw: Any, path: Path, training: Any) -> Any:
        if path.stem == "refused":
            raise AimError("Export stopped: they differ.")
        return plain(problem, networks, jaw, path, training)

    monkeypatch.setattr(train_module, "export", strict)
    monkeypatch.setattr(command, "variants", lambda _: chosen)
    actor, out = tmp_path / "actor", tmp_path / "out"
    with pytest.raises(AimError, match="Did you mean 'as configured'"):
        command.run_ablate(command.AblateOptions(actor, out, "none", None, config, ("as configurd",)))
    figures = command.run_ablate(command.AblateOptions(actor, out, "none", None, config, wanted))
    assert tuple(figures) == wanted
    assert figures["as configured"]["jaw_mean"] < 1e-6
    assert "jaw_poses.json" in figures["jaw: poses"]["error"]
    assert figures["refused"]["skin_mean"] == figures["as configured"]["skin_mean"]
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert "as configured" in table
    assert "jaw: poses" in table
    assert "refused (not exported)" in table
    assert table in capsys.readouterr().out
