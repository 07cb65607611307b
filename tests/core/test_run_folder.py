"""The RUN folder's writer, its reader and its contract know the same files, events and staleness."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from aim_maya.core.errors import AimError
from aim_maya.core.progress import EVENTS, SCHEMA, Progress
from aim_maya.core.run_folder import BEAT_S, STALE_S, RunFolder, RunReader

ROOT = Path(__file__).parents[2]
CONTRACT = next(ROOT.glob("docs/**/run_folder.md")).read_text(encoding="utf-8")


def rows(of: str) -> dict[str, str]:
    """First column -> the rest, of the table whose first head is `of`."""
    table = CONTRACT.split(f"| {of} |", 1)[1].split("\n\n", 1)[0]
    found = (line.strip("|").split("|", 1) for line in table.splitlines()[2:])
    return {name: rest for first, rest in found for name in re.findall(r"`([^`]+)`", first)}


def test_the_contract_names_every_file(tmp_path: Path) -> None:
    files = {value.name for name, value in vars(RunFolder(tmp_path)).items() if name != "path"}
    assert {name.strip("/") for name in rows("file")} == files


def test_the_contract_names_every_event_and_entry() -> None:
    table = rows("`event`")
    assert set(table) == set(EVENTS)
    for event, entries in EVENTS.items():
        said = f"{table[event]} `{event}`"
        assert [name for name in entries if f"`{name}`" not in said] == []
    assert f"schema {SCHEMA}" in CONTRACT


def test_every_event_is_read_and_no_other_one_is_written() -> None:
    assert {name[4:] for name in vars(RunReader) if name.startswith("_on_")} == set(EVENTS)
    with Progress("none") as progress, pytest.raises(KeyError):
        progress.event("unheard of")


def test_writer_and_reader_agree_when_a_training_elsewhere_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused as in use by the one exactly as long as the other shows it as running."""
    assert f"{STALE_S:g} s" in CONTRACT
    assert STALE_S >= 3 * 3.0 + BEAT_S  # three looks on a network drive that shows a change after 3 s
    run, now = RunFolder(tmp_path), [1000.0]
    run.begin()
    run.pid.write_text("1\nanother machine\n")
    run.progress.write_text('{"t": 0, "event": "run", "schema": 1}\n')
    reader = RunReader(tmp_path)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[0])
    os.utime(run.heartbeat, (now[0], now[0]))
    reader.look()
    for passed in (0.5 * STALE_S, 0.49 * STALE_S):
        now[0] += passed
        reader.look()
        assert reader.snapshot.active
        with pytest.raises(AimError, match="in use"):
            run.begin()
    now[0] += 0.02 * STALE_S
    reader.look()
    assert reader.snapshot.state == "vanished"
    run.begin()
