"""The last few things made during evaluation, failures among them: a missing file is not looked for in every frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from aim_maya.core.errors import AimError

T = TypeVar("T")
_KEPT = 4  # two contexts, each with the settings of its own frame, and some to spare


class Remembered(Generic[T]):
    """What was made for the last few keys."""

    def __init__(self) -> None:
        self._made: OrderedDict[object, T | AimError] = OrderedDict()

    def get(self, key: object, make: Callable[[], T]) -> T:
        """What was made for `key`, or make(). Raises AimError, the same one until the key changes."""
        found = self._made.get(key)
        if found is None:
            try:
                found = make()
            except AimError as error:
                found = error
            self._made[key] = found
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        if isinstance(found, AimError):  # a new one: an exception raised again and again grows its traceback
            raise AimError(found.what, found.cause, found.remedy)
        return found
