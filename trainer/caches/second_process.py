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
    """For i = 0, 1, ... the `size` float32 that fill(i, them) wrote in a fork. What is yielded is valid until the next is asked for.

    fill must not need threads or locks of this process. Raises AimError when the child fails or is killed.
    """
    memory = mmap.mmap(-1, _SLOTS * size * 4)
    ring = np.frombuffer(memory, np.float32).reshape(_SLOTS, size)
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
        for i in range(count):
            said = os.read(made, 1)
            if said != _DONE:
                why = os.read(made, 500).decode(errors="replace") if said == _FAILED else "it was killed"
                raise AimError(f"The process that evaluates frames stopped at frame {i + 1} of {count}: {why}.", "Memory may be short.", "Try again.")
            yield ring[i % _SLOTS]
            if i + _SLOTS < count:  # the child waits for no more than it has left
                os.write(tell_free, _DONE)
    finally:
        os.close(made)
        os.close(tell_free)
        os.waitpid(child, 0)


def _work(fill: Callable[[int, Floats], object], count: int, ring: Floats, tell: int, free: int) -> None:
    """The child's life: fill the ring, wait for a slot, leave without running anything of the parent's."""
    try:
        for i in range(count):
            if i >= _SLOTS and not os.read(free, 1):
                break  # the parent is gone
            fill(i, ring[i % _SLOTS])
            os.write(tell, _DONE)
    except BrokenPipeError:
        pass
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent raises it
        os.write(tell, _FAILED + str(error)[:400].encode())
    finally:
        os._exit(0)
