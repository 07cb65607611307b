"""Fingerprints: the same for the same, another for whatever differs; and the note that knows a complete
output.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.errors import AimError
from aim_maya.core.fingerprint import file_state, fingerprint, is_complete, read_note, write_note


@dataclass(frozen=True)
class Options:
    step: int = 1
    file: Path | None = None


@dataclass(frozen=True)
class Others:
    step: int = 1
    file: Path | None = None


def test_everything_that_differs_has_another_fingerprint() -> None:
    points = np.arange(6, dtype=np.float32)
    parts: list[tuple[object, ...]] = [
        (),
        (None,),
        ("",),
        ("ab", "c"),
        ("a", "bc"),
        (["a"], "bc"),
        (["a", "bc"],),
        (1,),
        (1.0,),
        ("1",),
        (True,),
        (Fraction(1, 2),),
        (b"1",),
        ({"a": 1},),
        ({"a": {"b": 1}},),
        (Options(),),
        (Options(2),),
        (Others(),),
        (points,),
        (points.astype("f8"),),
        (points.reshape(2, 3),),
        (points.reshape(3, 2),),
        (points[::-1],),
        ("\udcff",),  # a name that is no UTF-8
    ]
    found = [fingerprint(*part) for part in parts]
    assert len(set(found)) == len(parts)
    assert all(len(one) == 64 for one in found)


def test_order_and_layout_that_mean_nothing_change_nothing() -> None:
    points = np.arange(6.0).reshape(2, 3)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a", "b", "c"}) == fingerprint({"c", "b", "a"})
    assert fingerprint(points) == fingerprint(np.asfortranarray(points)) == fingerprint(points.T.copy().T)
    assert fingerprint(["a"]) == fingerprint(("a",))


def test_files_count_by_content_or_by_state(tmp_path: Path) -> None:
    file, copy = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_bytes(b"1,2")
    copy.write_bytes(b"1,2")
    os.utime(copy, (1, 1))
    assert fingerprint(file) == fingerprint(copy) != fingerprint(str(file))
    assert fingerprint(Options(file=file)) == fingerprint(Options(file=copy))
    assert file_state(file) != file_state(copy)
    before = file_state(copy)
    os.utime(copy, (2, 2))
    assert file_state(copy) != before
    copy.write_bytes(b"1,3")
    assert fingerprint(file) != fingerprint(copy)
    with pytest.raises(AimError, match=r"Cannot read .*none"):
        fingerprint(tmp_path / "none")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(AimError, match="a pipe"):
            fingerprint(tmp_path / "pipe")


def test_a_frame_that_is_changed_in_its_folder_is_noticed(tmp_path: Path) -> None:
    """A folder's own time stays as it is when a file in it is written over."""
    (tmp_path / "f_1.obj").write_text("v 0 0 0")
    os.utime(tmp_path, (5, 5))
    before = file_state(tmp_path)
    (tmp_path / "f_1.obj").write_text("v 0 0 0 1")
    os.utime(tmp_path, (5, 5))
    assert file_state(tmp_path) != before


@pytest.mark.parametrize("part", [object(), lambda: None, np.array([object()]), iter([])])
def test_what_has_no_lasting_value_is_refused(part: object) -> None:
    with pytest.raises(TypeError, match="has no fingerprint"):
        fingerprint(part)


@pytest.mark.parametrize("identity", [lambda path: path, file_state])
def test_a_note_knows_a_complete_output(tmp_path: Path, identity: Callable[[Path], object]) -> None:
    out, note = tmp_path / "a.aim", tmp_path / "a.json"
    options = Options()
    inputs = fingerprint(options)
    assert not is_complete(note, inputs, identity(out))
    write_note(note, inputs)  # begun
    assert not is_complete(note, inputs, identity(out))
    out.write_bytes(b"model")
    assert not is_complete(note, inputs, identity(out))
    write_note(note, inputs, identity(out), sources=["a.ma"])
    assert is_complete(note, inputs, identity(out))
    assert read_note(note)["sources"] == ["a.ma"]
    assert not is_complete(note, fingerprint(replace(options, step=2)), identity(out))
    out.write_bytes(b"cut")
    assert not is_complete(note, inputs, identity(out))
    out.unlink()
    assert not is_complete(note, inputs, identity(out))
    for text in ("{ cut", "[]"):
        note.write_text(text)
        assert read_note(note) == {}
        assert not is_complete(note, inputs, identity(out))
