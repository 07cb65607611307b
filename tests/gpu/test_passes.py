"""Steps recorded and replayed, as on a card: every bit is that of steps started kernel by kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from aim_maya.core.actor import Actor
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from trainer.learn import loop, passes
from trainer.train import train

CONFIG = TrainConfig(device="cpu", anatomy_steps=24, steps=40, check_every=10, batch=256, restarts=0)


class Tape(TorchDispatchMode):
    """What a CUDA graph is, on the processor: operations with the tensors that they read and write, whatever
    these hold when they are replayed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, list[Any]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, tree_flatten(result)[0]))
        return result

    def replay(self) -> None:
        with torch.no_grad():
            for function, args, kwargs, written in self.calls:
                for there, new in zip(written, tree_flatten(function(*args, **kwargs))[0], strict=True):
                    if isinstance(there, torch.Tensor) and there.data_ptr() != new.data_ptr():
                        there.copy_(new)


def taped(work: Callable[[], Any], stream: object) -> tuple[Any, Callable[[], None]]:
    tape = Tape()
    with tape:
        given = work()
    for tensor in given:  # a card has computed nothing yet
        if tensor is not None:
            tensor.fill_(torch.nan)
    return given, tape.replay


def learned(small: Actor, folder: Path) -> list[torch.Tensor]:
    networks = train(small, folder / "face.aim", CONFIG, RunFolder(folder / "run"), style="none").networks
    return [value.detach().clone() for value in networks.state_dict().values()]


def test_recorded_steps_are_those_started_one_by_one(
    small: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "SOLVE", 6)
    monkeypatch.setattr(loop, "WEIGH", 12)
    plain = learned(small, tmp_path / "plain")
    recorded = list[object]()

    def counted(work: Callable[[], Any], stream: object) -> tuple[Any, Callable[[], None]]:
        recorded.append(stream)
        return taped(work, stream)

    monkeypatch.setattr(passes, "_stream_aside", lambda device: object())
    monkeypatch.setattr(passes, "aside", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(passes, "captured", counted)
    replayed = learned(small, tmp_path / "recorded")
    assert len(recorded) == 4  # K; D and N; the skin with few points; with all, worst pairs told twice
    assert all(torch.equal(a, b) for a, b in zip(plain, replayed, strict=True))

    def fails(work: Callable[[], Any], stream: object) -> tuple[Any, Callable[[], None]]:
        work()
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(passes, "captured", fails)
    assert all(torch.equal(a, b) for a, b in zip(plain, learned(small, tmp_path / "failing"), strict=True))
    assert "recording failed (operation not permitted" in caplog.text
