"""The tree stays a house: few files of a good length, folders that are the stages of the line, imports that
only go down.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.house import LARGEST, MEDIAN, MOST_EDGES, MOST_FILES, House, look, table


@pytest.fixture(scope="module")
def house() -> House:
    return look()


def test_few_files_of_a_good_length(house: House) -> None:
    assert house.files <= MOST_FILES, table(house)
    assert MEDIAN[0] <= house.median <= MEDIAN[1], table(house)


def test_folders_have_few_entries(house: House) -> None:
    for folder, most in LARGEST.items():
        assert len(house.entries[folder]) <= most, house.entries[folder]


def test_imports_only_go_down(house: House) -> None:
    assert house.against == []
    assert len(house.edges["trainer"]) <= MOST_EDGES, sorted(house.edges["trainer"])


def test_nothing_imports_itself_around_a_corner(house: House) -> None:
    assert house.circles == []


def test_a_circle_and_an_edge_upwards_are_seen(tmp_path: Path) -> None:
    for name, text in {
        "trainer/__init__.py": "",
        "trainer/fit/__init__.py": "",
        "trainer/fit/a.py": "from .b import x\n",
        "trainer/fit/b.py": "def f():\n    from .a import y\n    from trainer.bake import z\n",
        "trainer/bake/__init__.py": "z = 1\n",
        "trainer/new.py": "from trainer.fit import a\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    house = look(tmp_path)
    assert house.circles == [("trainer.fit.a", "trainer.fit.b")]
    assert house.against == ["trainer.fit.b imports trainer.bake", "trainer: new has no layer"]
