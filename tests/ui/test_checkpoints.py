"""--resume with a checkpoint that is damaged, another program's or another actor's: one sentence, exit code
2, nothing touched."""

from __future__ import annotations

import copy
import io
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from aim_maya.core.run_folder import RunFolder
from tests.helpers.once import made_once
from tests.helpers.short_training import short
from trainer.__main__ import main as aimface
from trainer.learn.run import RunInputs


def train(actor: Path, out: Path, *more: str) -> int:
    return aimface(["train", str(actor), "-o", str(out), "--progress", "none", *short(40), *more])


@pytest.fixture(scope="module")
def whole(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a short training."""

    def make(folder: Path) -> None:
        assert train(small_folder, folder / "a.aim") == 0

    return (made_once(tmp_path_factory, "checkpoint", make) / "a.run" / "checkpoint.pt").read_bytes()


def saved(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """A checkpoint with something of its state changed; what `change` returns, if anything, takes the state's
    place."""

    def make(data: bytes) -> bytes:
        state = copy.deepcopy(torch.load(io.BytesIO(data), weights_only=True))
        other = change(state)
        stream = io.BytesIO()
        torch.save(state if other is None else other, stream)
        return stream.getvalue()

    return make


def entry(*path: Any) -> Callable[[bytes], bytes]:
    """The last of `path` put at the place that the others name."""

    def change(state: dict[str, Any]) -> None:
        *way, last, value = path
        for key in way:
            state = state[key]
        state[last] = value

    return saved(change)


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "it is empty"),
    "half": (lambda data: data[: len(data) // 2], "it is not whole"),
    "holes": (lambda data: data[:2000] + bytes(500) + data[2500:], "it is not whole"),
    "text": (lambda data: b"epoch 3\n", "it is another kind of file"),
    "zip of nothing": (lambda data: b"PK\x05\x06" + bytes(18), "it is not whole"),
    "a pickle": (lambda data: pickle.dumps(os.getcwd), "it is another kind of file"),
    "a list": (saved(lambda state: [1, 2]), "it holds list"),
    "another program's": (
        saved(lambda state: {"model": {"a": torch.zeros(2)}, "epoch": 3}),
        "no configuration",
    ),
    "another configuration": (entry("config", {"lr": 0.1}), "unknown key 'lr'"),
    "text for a number": (entry("config", "batch", "many"), "its configuration"),
    "an unknown preset": (entry("config", "preset", "huge"), "has 'preset' of another kind"),
    "no step": (entry("step", None), "no configuration and step"),
    "a step beyond": (entry("step", 10**9), "step 1000000000 of"),
    "no networks": (saved(lambda state: state.pop("networks") and None), "lacks the networks of step"),
    "no optimisers": (saved(lambda state: state.pop("optimisers") and None), "lacks 'optimisers'"),
    "other networks": (entry("networks", {"a": torch.zeros(2)}), "its networks do not fit"),
    "another table": (entry("hardness", torch.zeros(3)), "a sampling table of shape (3,)"),
    "no tissue": (saved(lambda state: state.pop("tissue") and None), "lacks 'tissue'"),
    "other pairs": (entry("pairs", torch.zeros(3)), "pairs of vertex and target of shape (3,)"),
    "an actor that is none": (entry("actor", [1]), "its actor is not understood"),
    "another actor": (entry("actor", "topology", "another"), "is of 'sample', not of 'sample'"),
    "another unit": (
        saved(lambda state: state["actor"].update(neutral=10 * state["actor"]["neutral"])),
        "is 0.1 times as large",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_checkpoint(
    small_folder: Path, whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage, said = DAMAGED[name]
    run = RunFolder(tmp_path / "a.run")
    run.path.mkdir()
    run.checkpoint.write_bytes(damage(whole))
    before = run.checkpoint.read_bytes()
    assert train(small_folder, tmp_path / "a.aim", "--resume") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "What to do:" in error
    assert run.checkpoint.read_bytes() == before
    assert not (tmp_path / "a.aim").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_a_pipe_is_not_waited_for(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.run").mkdir()
    os.mkfifo(tmp_path / "a.run" / "checkpoint.pt")
    assert train(small_folder, tmp_path / "a.aim", "--resume") == 2
    assert "is not a file" in capsys.readouterr().err


def test_a_task_that_comes_again_begins_anew_where_the_checkpoint_is_damaged(
    tmp_path: Path, whole: bytes
) -> None:
    run = RunFolder(tmp_path / "a.run")
    run.path.mkdir()
    made = RunInputs(run, "inputs")
    made.begin()
    run.checkpoint.write_bytes(whole)
    assert made.can_resume()
    run.checkpoint.write_bytes(whole[:100])
    assert not made.can_resume()
