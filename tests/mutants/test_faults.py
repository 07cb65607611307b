"""The list of planted faults fits the tree. Planting them is no part of the suite: `python -m
tests.mutants`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from . import TESTS, Fault, faults

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in faults()]
    assert len(set(names)) == len(names)
    assert sum(not fault.same for fault in faults()) >= 100
    for words in TESTS.values():
        assert (ROOT / words[0]).is_file(), words[0]


@pytest.mark.parametrize("file", sorted({fault.file for fault in faults()}))
def test_what_a_fault_replaces_is_there_once_and_what_it_puts_there_is_python(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for fault in (fault for fault in faults() if fault.file == file):
        assert text.count(fault.old) == 1, f"{fault.name}: {text.count(fault.old)} times in {file}"
        assert fault.new != fault.old
        ast.parse(text.replace(fault.old, fault.new))
        assert set(fault.tests) <= set(TESTS), fault.name
        assert fault.tests or fault.same, fault.name


def test_a_fault_that_nothing_notices_is_shown() -> None:
    from .__main__ import table

    seen = Fault("a", "x.py", "1", "2", ("node",))
    missed = Fault("b", "x.py", "3", "4", ("node",))
    silent = Fault("c", "x.py", "5", "6", ("node",), "it is not read")
    lines = table({"a": "tests/t.py::test_a", "b": ""}, [seen, missed, silent])
    assert "| a | x.py | tests/t.py::test_a |" in lines
    assert "| b | x.py | NOT NOTICED |" in lines
    assert "| c | it is not read |" in lines
    assert lines[-1] == "1 of 2 noticed (50.0 %)."
