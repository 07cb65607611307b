"""Frames from a fork: all of them, in order, however many; and what happens when either of the two ends
early."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from trainer.bake.workers import can_fork, forked

pytestmark = pytest.mark.skipif(not can_fork(), reason="evaluates in threads here")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No open pipe, no child that nobody waited for."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def numbered(i: int, out: np.ndarray) -> None:
    out[:] = i


@pytest.mark.parametrize("count", [1, 7, 127, 128, 129, 136, 1000])
def test_every_frame_in_order(count: int) -> None:
    with forked(numbered, count, 5) as frames:
        assert [frame.tolist() for frame in frames] == [[i] * 5 for i in range(count)]


def test_a_child_that_fails_says_why_after_what_it_made() -> None:
    def fails(i: int, out: np.ndarray) -> None:
        if i == 300:
            raise ValueError("no such table")
        numbered(i, out)

    seen = []
    with (
        pytest.raises(AimError, match="stopped at frame 301 of 900: no such table"),
        forked(fails, 900, 2) as frames,
    ):
        for frame in frames:
            seen.append(int(frame[0]))
    assert seen == list(range(300))


def test_a_child_that_is_killed() -> None:
    def dies(i: int, out: np.ndarray) -> None:
        if i == 200:
            os.kill(os.getpid(), signal.SIGKILL)
        numbered(i, out)

    with (
        pytest.raises(AimError, match="stopped at frame 201 of 900: it was killed"),
        forked(dies, 900, 2) as frames,
    ):
        assert all(frame[0] == i for i, frame in enumerate(frames))


def test_a_parent_that_stops_early() -> None:
    with forked(numbered, 5000, 2) as frames:
        assert next(frames)[0] == 0
    with pytest.raises(KeyError), forked(numbered, 5000, 2):
        raise KeyError("before the first frame was asked for")
