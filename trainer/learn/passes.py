"""Forward and backward passes. A step of ours is hundreds of kernels of microseconds each, which on a card
take longer to start one by one than to run: those of one kind are recorded as a CUDA graph, and replayed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from aim_maya.core.errors import first_line

Evaluated = tuple[Tensor | None, Tensor | None]
WARM = 3  # steps of a kind before it is recorded: what is made at first is made by then
_log = logging.getLogger("aim_maya")


class Passes:
    """Evaluates losses and their gradients on one device. Whatever a step draws is drawn on the processor by
    `place`, in the same order whether recorded or not."""

    def __init__(self, device: torch.device, forget: Callable[[], None]) -> None:
        """forget: lets go of all gradients."""
        self._device, self._forget, self._stream = device, forget, _stream_aside(device)
        self._kind: tuple[object, ...] = ()
        self._seen, self._next, self._drawn = 0, 0, False
        self._placed: list[tuple[Callable[[], Tensor], Tensor]] = []
        self._given: Evaluated = (None, None)
        self._replay: Callable[[], None] | None = None

    def place(self, draw: Callable[[], Tensor]) -> Tensor:
        """What `draw` gives, where the networks are. While a step is recorded it was drawn already; replayed,
        it is drawn again and written to the same place."""
        if self._drawn:
            self._next += 1
            return self._placed[self._next - 1][1]
        there = draw().to(self._device)
        if self._stream is not None:
            self._placed.append((draw, there))
        return there

    def run(self, kind: tuple[object, ...], evaluate: Callable[[], Evaluated]) -> Evaluated:
        """The loss that `evaluate` gives, None where it has no terms, and what it gives beside it, without
        gradients; those of the loss are with the parameters. kind: tensors, by identity, and values, on which
        the kernels of a step depend besides the parameters and the draws."""
        if self._stream is None:
            return self._passed(evaluate)
        if not _alike(kind, self._kind):
            self._kind, self._seen, self._given, self._replay = kind, 0, (None, None), None
        self._seen += 1
        if self._replay is None and self._seen <= WARM:
            self._placed = []
            with aside(self._stream):
                given = self._passed(evaluate)
            self._seen *= given[0] is not None
            return given
        for draw, there in self._placed:
            there.copy_(draw())
        if self._replay is None:
            self._record(evaluate)
            if self._replay is None:
                return self._again(evaluate)
        self._replay()
        return self._given

    def _passed(self, evaluate: Callable[[], Evaluated]) -> Evaluated:
        self._forget()
        loss, beside = evaluate()
        if loss is None:
            return None, beside
        loss.backward()
        return loss.detach(), beside

    def _again(self, evaluate: Callable[[], Evaluated]) -> Evaluated:
        """With what is drawn already."""
        self._drawn, self._next = True, 0
        try:
            return self._passed(evaluate)
        finally:
            self._drawn = False

    def _record(self, evaluate: Callable[[], Evaluated]) -> None:
        self._forget()
        try:
            self._given, self._replay = captured(lambda: self._again(evaluate), self._stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is a way without
            self._stream = None
            _log.warning("Steps start their kernels one by one: recording failed (%s)", first_line(error))


def _alike(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(
        a is b or (not (isinstance(a, Tensor) or isinstance(b, Tensor)) and a == b)
        for a, b in zip(one, other, strict=True)
    )


def _stream_aside(device: torch.device) -> Any:
    """A stream to record on; None where nothing is recorded."""
    if device.type != "cuda":
        return None
    try:
        return torch.cuda.Stream(device)
    except Exception:  # noqa: BLE001 - a torch without CUDA, for example
        return None


@contextlib.contextmanager
def aside(stream: Any) -> Iterator[None]:
    """Work inside the block is done on a stream of its own, in order with what is before and after it."""
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)


def captured(work: Callable[[], Evaluated], stream: Any) -> tuple[Evaluated, Callable[[], None]]:
    """What `work` gives, not computed yet, and what computes it into the same memory each time."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        given = work()
    return given, graph.replay
