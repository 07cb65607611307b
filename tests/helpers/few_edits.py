"""A report that takes seconds, for what is not about its pictures: all of them are in
tests/learn/test_training.py."""

from __future__ import annotations

from itertools import islice

import pytest

from trainer.evaluate import edit_check, pictures

SIDE = 240  # pixels of a face's picture


def few_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sheet of edits has three rows, and pictures are small."""
    plain = edit_check.sheet_edits
    monkeypatch.setattr(edit_check, "sheet_edits", lambda *only: dict(islice(plain(*only).items(), 3)))
    monkeypatch.setattr(pictures, "_LONGER_SIDE", SIDE)
