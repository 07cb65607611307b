"""Frames evaluated in a worker process while this one writes them: USD's calls keep Python's lock, so a
thread would wait for them."""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.typed import Floats

Fill = Callable[[int, Floats], object]
_BLOCK, _BLOCKS = 16, 4  # frames that are asked for at once, as many as one product sums; how many lie ready
_job: tuple[Fill, Floats, int]  # of the worker: what fills a frame, the ring of frames, their number


def can_use_worker() -> bool:
    """Whether a worker is of use and safe: Linux (macOS' BLAS does not survive a fork), and a second core for
    it.
    """
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def worker_frames(fill: Fill, count: int, size: int) -> Iterator[Iterator[Floats]]:
    """For i = 0, 1, ... the `size` float32 that fill(i, them) wrote in a worker, which begins now. Each is
    valid until the next is asked for.

    fill must not need threads or locks of this process, of which the worker is a fork. Iterating raises
    AimError when the worker fails or is killed.
    """
    ring = np.frombuffer(mmap.mmap(-1, _BLOCK * _BLOCKS * size * 4), np.float32).reshape(-1, size)
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(1, context, _begin, (fill, ring, count))
    firsts = iter(range(0, count, _BLOCK))
    asked: deque[Future[str]] = deque()

    def ask() -> None:
        if (first := next(firsts, None)) is not None:
            with contextlib.suppress(
                BrokenProcessPool
            ):  # what lies ready is still taken, then its end is told
                asked.append(pool.submit(_fill_block, first))

    def frames() -> Iterator[Floats]:
        for first in range(0, count, _BLOCK):
            try:
                why = asked.popleft().result() if asked else "it was killed"
            except BrokenProcessPool:
                why = "it was killed"
            if why:
                raise AimError(
                    f"The process that evaluates frames stopped after frame {first} of {count}: {why}.",
                    "Memory may be short.",
                    "Try again.",
                )
            for i in range(first, min(first + _BLOCK, count)):
                yield ring[i % len(ring)]
            ask()

    try:
        for _ in range(_BLOCKS):
            ask()
        yield frames()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(fill: Fill, ring: Floats, count: int) -> None:
    """In the worker: Ctrl-C is the parent's to hear; when the parent is gone, so is the worker."""
    global _job
    _job = fill, ring, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _fill_block(first: int) -> str:
    """In the worker: '', or why it failed."""
    fill, ring, count = _job
    try:
        for i in range(first, min(first + _BLOCK, count)):
            fill(i, ring[i % len(ring)])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        return str(error)[:400] or type(error).__name__
    return ""
