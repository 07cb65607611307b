"""One thread makes what another one writes: numpy works outside Python's lock, so a second core takes half of the work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

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
