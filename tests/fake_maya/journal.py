"""The undo queue: every change of the scene goes through `put`, `drop` or `assign`, which note how to take it
back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Change = tuple[Callable[[], None], Callable[[], None]]  # undo, redo
_MISSING = object()


class Step:
    """One entry of the undo queue: a command, or a chunk of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.changes: list[Change] = []


class Journal:
    """Records changes while a command runs; keeps the undo and redo queues."""

    def __init__(self) -> None:
        self.enabled = True
        self.undo_queue: list[Step] = []
        self.redo_queue: list[Step] = []
        self._open: list[Step] = []  # chunks, outermost first
        self._recording: Step | None = None
        self.busy = ""  # "undo" or "redo" while one runs

    @contextmanager
    def command(self, name: str) -> Iterator[None]:
        """Everything changed inside belongs to one command; nested commands belong to the outer one."""
        if self._recording is not None or not self.enabled:
            yield
            return
        self._recording = Step(name)
        try:
            yield
        finally:
            step, self._recording = self._recording, None
            if step is not None and step.changes:
                self._keep(step)

    def _keep(self, step: Step) -> None:
        self.redo_queue.clear()
        if self._open:
            self._open[0].changes.extend(step.changes)
        else:
            self.undo_queue.append(step)

    def open_chunk(self, name: str) -> None:
        """Open a chunk; they nest."""
        self._open.append(Step(name))

    def close_chunk(self) -> None:
        """Close the innermost chunk; the outermost becomes one undo step."""
        if not self._open:
            return
        step = self._open.pop()
        if not self._open and step.changes:
            self.undo_queue.append(step)

    @property
    def open_chunks(self) -> int:
        """How many chunks are open."""
        return len(self._open)

    def note(self, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        """Record one change that was already made."""
        if self._recording is not None and not self.busy:
            self._recording.changes.append((undo, redo))

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """`table[key] = value`, undoable."""
        old = table.get(key, _MISSING)
        table[key] = value
        self.note(lambda: _restore(table, key, old), lambda: _restore(table, key, value))

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        """`del table[key]` if it is there, undoable."""
        if key not in table:
            return
        old = table.pop(key)
        self.note(lambda: _restore(table, key, old), lambda: _restore(table, key, _MISSING))

    def assign(self, owner: Any, name: str, value: Any) -> None:
        """`owner.name = value`, undoable."""
        old = getattr(owner, name)
        setattr(owner, name, value)
        self.note(lambda: setattr(owner, name, old), lambda: setattr(owner, name, value))

    def undo(self) -> str:
        """Take the last step back; its name, or "" when there is none."""
        if not self.undo_queue:
            return ""
        step = self.undo_queue.pop()
        self.busy = "undo"
        try:
            for undo, _ in reversed(step.changes):
                undo()
        finally:
            self.busy = ""
        self.redo_queue.append(step)
        return step.name

    def redo(self) -> str:
        """Do the last undone step again; its name, or ""."""
        if not self.redo_queue:
            return ""
        step = self.redo_queue.pop()
        self.busy = "redo"
        try:
            for _, redo in step.changes:
                redo()
        finally:
            self.busy = ""
        self.undo_queue.append(step)
        return step.name

    def flush(self) -> None:
        """Forget both queues."""
        self.undo_queue.clear()
        self.redo_queue.clear()
        self._open.clear()
        if self._recording is not None:
            self._recording.changes.clear()


def _restore(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is _MISSING:
        table.pop(key, None)
    else:
        table[key] = value
