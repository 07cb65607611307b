"""Frames from a worker process: all of them, in order, however many; and what happens when either of the two
ends early."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from trainer.bake.shot import can_use_worker, worker_frames

pytestmark = pytest.mark.skipif(not can_use_worker(), reason="no worker is used here")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No open pipe, no child that nobody waited for."""
    gc.collect()
    before, children = len(os.listdir("/proc/self/fd")), _children()
    yield
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    assert _children() <= children


def _children() -> set[str]:
    """Processes that this one began, those that ended and nobody waited for among them."""
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())


def numbered(i: int, out: np.ndarray) -> None:
    out[:] = i


@pytest.mark.parametrize("count", [1, 7, 16, 63, 64, 65, 128, 1000])
def test_every_frame_in_order(count: int) -> None:
    with worker_frames(numbered, count, 5) as frames:
        assert [frame.tolist() for frame in frames] == [[i] * 5 for i in range(count)]


def test_a_worker_that_fails_says_why_after_what_it_made() -> None:
    def fails(i: int, out: np.ndarray) -> None:
        if i == 300:
            raise ValueError("no such table")
        numbered(i, out)

    made = []
    with (
        pytest.raises(AimError, match="stopped after frame 288 of 900: no such table"),
        worker_frames(fails, 900, 2) as frames,
    ):
        for frame in frames:
            made.append(int(frame[0]))
    assert made == list(range(288))


def test_a_worker_that_is_killed() -> None:
    def dies(i: int, out: np.ndarray) -> None:
        if i == 200:
            os.kill(os.getpid(), signal.SIGKILL)
        numbered(i, out)

    with (
        pytest.raises(AimError, match=r"stopped after frame \d+ of 900: it was killed"),
        worker_frames(dies, 900, 2) as frames,
    ):
        assert all(frame[0] == i for i, frame in enumerate(frames))


def test_a_parent_that_stops_early() -> None:
    with worker_frames(numbered, 5000, 2) as frames:
        assert next(frames)[0] == 0
    with pytest.raises(KeyError), worker_frames(numbered, 5000, 2):
        raise KeyError("before the first frame was asked for")


def test_a_parent_that_is_killed_takes_its_worker_along() -> None:
    code = (
        "import os, sys, time\n"
        "from trainer.bake.shot import worker_frames\n"
        "def fill(i, out): out[:] = os.getpid()\n"
        "with worker_frames(fill, 100, 1) as frames:\n"
        "    sys.stdout.write(f'{int(next(frames)[0])}\\n')\n"
        "    sys.stdout.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=False)
    worker, until = int(done.stdout), time.monotonic() + 10
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < until:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{worker}")
