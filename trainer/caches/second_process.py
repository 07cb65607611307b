"""Frames evaluated in a second process while this one writes them: USD's calls keep Python's lock, so a thread would wait for them.

The child is a fork that shares one ring of frames with its parent and nothing else; it ends with its parent, whatever ends that.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

Floats = NDArray[np.floating]
_SLOTS = 16
_DONE, _FAILED = b".", b"!"


def can_fork() -> bool:
    """Whether a second process is of use and safe: Linux (macOS' BLAS does not survive a fork), and a second core for it."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def forked(fill: Callable[[int, Floats], object], count: int, size: int) -> Iterator[Floats]:
    """For i = 0, 1, ... the `size` float32 that fill(i, them) wrote, most of them in a fork. Each is valid until the next is asked for.

    fill must not need threads or locks of this process. Raises AimError when the child fails or is killed.
    """
    ring = np.frombuffer(mmap.mmap(-1, _SLOTS * size * 4), np.float32).reshape(_SLOTS, size)
    own = np.empty(size, np.float32)
    made, tell_made = os.pipe()
    free, tell_free = os.pipe()
    theirs = [i for i in range(count) if not _ours(i)]
    child = os.fork()
    if child == 0:
        os.close(made)
        os.close(tell_free)
        _work(fill, theirs, ring, tell_made, free)  # does not return
    os.close(tell_made)
    os.close(free)
    taken = 0
    try:
        for i in range(count):
            if _ours(i):
                fill(i, own)
                yield own
                continue
            said = os.read(made, 1)
            if said != _DONE:
                why = os.read(made, 500).decode(errors="replace") if said == _FAILED else "it was killed"
                raise AimError(f"The process that evaluates frames stopped at frame {i + 1} of {count}: {why}.", "Memory may be short.", "Try again.")
            yield ring[taken % _SLOTS]
            if taken + _SLOTS < len(theirs):  # the child waits for no more than it has left
                os.write(tell_free, _DONE)
            taken += 1
    finally:
        os.close(made)
        os.close(tell_free)
        os.waitpid(child, 0)


def _ours(i: int) -> bool:
    """Whether this process evaluates frame i itself: writing takes less time than evaluating, so it has some left."""
    return i % 4 == 3


def _work(fill: Callable[[int, Floats], object], frames: list[int], ring: Floats, tell: int, free: int) -> None:
    """The child's life: fill the ring, wait for a slot, leave without running anything of the parent's."""
    try:
        for n, i in enumerate(frames):
            if n >= _SLOTS and not os.read(free, 1):
                break  # the parent is gone
            fill(i, ring[n % _SLOTS])
            os.write(tell, _DONE)
    except BrokenPipeError:
        pass
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent raises it
        os.write(tell, _FAILED + str(error)[:400].encode())
    finally:
        os._exit(0)
