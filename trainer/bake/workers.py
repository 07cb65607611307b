"""Frames made ahead of the one that is written: by a thread, or by a second process where the writer keeps
Python's lock.

The child is a fork that shares one ring of frames with its parent and nothing else; it ends with its parent,
whatever ends that.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.typed import Floats

# One thread makes what another one writes: numpy works outside Python's lock, so a second core takes half of
# the work.

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], most: int = 4) -> Iterator[T]:
    """The same items in the same order, made by a thread of their own, at most `most` of them waiting.

    What making them raises is raised here; closing the iterator early ends the thread.
    """
    made: queue.Queue[object] = queue.Queue(most)
    stop = threading.Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                made.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the items are wanted
            put(_Raised(error))

    thread = threading.Thread(target=work, name="frames ahead", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


# Frames evaluated in a second process while this one writes them: USD's calls keep Python's lock, so a thread
# would wait for them.

_SLOTS, _HANDED_BACK = 64, 16  # frames in the ring; how many at a time the parent hands back
_DONE, _FAILED = b".", b"!"
_MOST_SAID = 4096  # bytes: a ring of _DONE and a failure are less, and are read whole


def can_fork() -> bool:
    """Whether a second process is of use and safe: Linux (macOS' BLAS does not survive a fork), and a second
    core for it."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def forked(fill: Callable[[int, Floats], object], count: int, size: int) -> Iterator[Iterator[Floats]]:
    """For i = 0, 1, ... the `size` float32 that fill(i, them) wrote in a fork, which begins now. Each is
    valid until the next is asked for.

    fill must not need threads or locks of this process. Iterating raises AimError when the child fails or is
    killed.
    """
    ring = np.frombuffer(mmap.mmap(-1, _SLOTS * size * 4), np.float32).reshape(_SLOTS, size)
    made, tell_made = os.pipe()
    free, tell_free = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(made)
        os.close(tell_free)
        _work(fill, count, ring, tell_made, free)  # does not return
    os.close(tell_made)
    os.close(free)
    try:
        yield _taken(ring, count, made, tell_free)
    finally:
        os.close(made)
        os.close(tell_free)
        os.waitpid(child, 0)


def _taken(ring: Floats, count: int, made: int, tell_free: int) -> Iterator[Floats]:
    """The parent's side: every frame when the child says that it is done, its slot handed back when the next
    is asked for."""
    ready, failed, why = 0, b"", b""
    for i in range(count):
        if not ready and not failed:
            done, failed, why = os.read(made, _MOST_SAID).partition(_FAILED)
            ready = len(done)
        if not ready:
            raise AimError(
                f"The process that evaluates frames stopped at frame {i + 1} of {count}: {why.decode(errors='replace') or 'it was killed'}.",
                "Memory may be short.",
                "Try again.",
            )
        yield ring[i % _SLOTS]
        ready -= 1
        if (
            (i + 1) % _HANDED_BACK == 0 and i + 1 + _SLOTS - _HANDED_BACK < count
        ):  # the child waits for no more than it has left
            with contextlib.suppress(
                BrokenPipeError
            ):  # it is dead: what it made is still taken, and then its end is told
                os.write(tell_free, _DONE * _HANDED_BACK)


def _work(fill: Callable[[int, Floats], object], count: int, ring: Floats, tell: int, free: int) -> None:
    """The child's life: fill the ring, wait for a slot, leave without running anything of the parent's."""
    room = _SLOTS
    try:
        for i in range(count):
            room = room or len(os.read(free, _SLOTS))
            if not room:
                break  # the parent is gone
            fill(i, ring[i % _SLOTS])
            os.write(tell, _DONE)
            room -= 1
    except BrokenPipeError:
        pass
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent raises it
        os.write(tell, _FAILED + str(error)[:400].encode())
    finally:
        os._exit(0)
