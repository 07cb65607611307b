"""Jobs for a farm: templates that the specification's own tool accepts and runs, chunks that join to what one run gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aim_maya.core.errors import AimError
from trainer.__main__ import main
from trainer.farm.chunks import MOST, split, whole_range

ROOT = Path(__file__).resolve().parents[1]
TAKE = "frame,jawOpen,eyeBlink\n" + "".join(f"{i},{(i * 37 % 101) / 100},{(i * 53 % 97) / 96}\n" for i in range(1, 10))


@given(first=st.integers(-500, 500), length=st.integers(1, 900), size=st.integers(1, 400))
def test_chunks_cover_every_frame_once(first: int, length: int, size: int) -> None:
    pieces = [whole_range(text) for text in split(first, first + length - 1, size)]
    assert [f for a, b in pieces for f in range(a, b + 1)] == list(range(first, first + length))
    assert max(b - a + 1 for a, b in pieces) <= size


def test_ranges_that_are_none() -> None:
    assert whole_range("-12--3") == (-12, -3)
    with pytest.raises(AimError, match="backwards"):
        whole_range("10-2")
    with pytest.raises(AimError, match="no range"):
        whole_range("")
    with pytest.raises(AimError, match="chunk of 0"):
        split(1, 5, 0)
    with pytest.raises(AimError, match=f"may have {MOST}"):
        split(1, 5000, 1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "take.csv").write_text(TAKE)
    (tmp_path / "model.aim").write_bytes(b"")
    (tmp_path / "anna").mkdir()
    return tmp_path


def farm(*arguments: object) -> int:
    return main(["farm", *map(str, arguments)])


def template(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return data


def test_a_bake_waits_for_its_training_and_a_merge_for_its_bake(place: Path) -> None:
    out = place / "job.yaml"
    assert (
        farm("bake", place / "anna", place / "take.csv", "--to", place / "baked", "--chunk", 3, "-o", out, "--cores", 4, "--timeout-s", 600, "--json", place / "j.json")
        == 0
    )
    steps = {s["name"]: s for s in template(out)["steps"]}
    assert list(steps) == ["Train_anna", "Bake_take", "Merge_take"]
    assert steps["Bake_take"]["dependencies"] == [{"dependsOn": "Train_anna"}]
    assert steps["Merge_take"]["dependencies"] == [{"dependsOn": "Bake_take"}]
    assert steps["Bake_take"]["parameterSpace"]["taskParameterDefinitions"] == [{"name": "Frames", "type": "STRING", "range": ["1-3", "4-6", "7-9"]}]
    assert steps["Train_anna"]["hostRequirements"] == {"amounts": [{"name": "amount.worker.vcpu", "min": 4}]}
    assert steps["Train_anna"]["script"]["actions"]["onRun"]["timeout"] == 600
    assert json.loads((place / "j.json").read_text())["steps"] == {"Train_anna": 1, "Bake_take": 3, "Merge_take": 1}
    check(out)


def check(job: Path) -> None:
    """The specification's own tool accepts it."""
    done = subprocess.run([sys.executable, "-m", "openjd", "check", str(job)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_paths_below_the_job_are_defaults_and_the_rest_are_values(place: Path) -> None:
    (place / "jobs").mkdir()
    assert farm("bake", place / "model.aim", place / "take.csv", "--to", place / "jobs/out", "-o", place / "jobs/job.json") == 0
    definitions = {p["name"]: p for p in json.loads((place / "jobs/job.json").read_text())["parameterDefinitions"]}
    assert definitions["Baked"]["default"] == "out"
    assert "default" not in definitions["Model"]
    assert json.loads((place / "jobs/job.parameters.json").read_text())["Model"] == str(place / "model.aim")
    check(place / "jobs/job.json")


def test_a_bundle_for_deadline_cloud(place: Path) -> None:
    actors = [place / name for name in ("anna", "bert 2", "1ö")]
    for actor in actors:
        actor.mkdir(exist_ok=True)
    assert farm("train", *actors, "--models", place / "models", "-o", place / "bundle") == 0
    check(place / "bundle/template.yaml")
    values = {v["name"]: v["value"] for v in template(place / "bundle/parameter_values.yaml")["parameterValues"]}
    assert values["Models"] == str(place / "models")
    assert set(values) == {"Models", "Actor_anna", "Actor_bert_2", "Actor_1"}
    assert [s["name"] for s in template(place / "bundle/template.yaml")["steps"]] == ["Train_anna", "Train_bert_2", "Train_1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bake", "gone.aim", "take.csv", "--to", "baked"], "There is no"),
        (["bake", "model.aim", "gone.csv", "--to", "baked"], "There is no"),
        (["bake", "model.aim", "--to", "baked"], "No curves"),
        (["bake", "model.aim", "take.csv", "--to", "take.csv"], "is a file"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--frames", "9-1"], "backwards"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--chunk", "0"], "chunk of 0"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--bake-options", "'open"], "a quote is open"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--timeout-s", "-1"], "timeout_s is -1"),
        (["bake", "model.aim", "take.csv", "./take.csv", "--to", "baked"], "both be called"),
        (["train", "--models", "models"], "No actor"),
        (["train", *["anna"] * 2, "--models", "models"], "both be called"),
    ],
)
def test_a_job_that_would_fail_everywhere_is_not_written(
    place: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    assert farm(*arguments, "-o", "job.yaml") == 2
    assert says.lower() in capsys.readouterr().err.lower()
    assert not (place / "job.yaml").exists()
    assert not (place / "job.parameters.json").exists()


def test_a_job_that_cannot_be_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("bake", place / "model.aim", place / "take.csv", "--to", place / "baked", "-o", place / "job.xml") == 2
    assert "another ending" in capsys.readouterr().err
    assert farm("bake", place / "model.aim", place / "take.csv", "--to", place / "baked", "-o", place / "take.csv/job.yaml") == 2
    assert "Cannot write" in capsys.readouterr().err


def test_more_than_a_job_may_hold_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    actors = [place / f"a{i}" for i in range(60)]
    for actor in actors:
        actor.mkdir()
    assert farm("train", *actors, "--models", place / "models", "-o", place / "job.yaml") == 2
    assert "Write several jobs" in capsys.readouterr().err


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An aimface command that runs these files, wherever it is called."""
    file = tmp_path / "aimface"
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m trainer "$@"\n')
    file.chmod(0o755)
    return file


def openjd(job: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    values = job.with_suffix(".parameters.json")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "openjd", "run", str(job), "-p", f"file://{values}", *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_a_training_comes_back_finished(sample_folder: Path, program: Path, tmp_path: Path) -> None:
    job = tmp_path / "train.yaml"
    assert farm("train", sample_folder, "--models", tmp_path / "models", "--preset", "draft", "--program", program, "-o", job) == 0
    done = openjd(job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "openjd_status: export" in done.stdout
    model = tmp_path / f"models/{sample_folder.stem}.aim"
    made = (model.read_bytes(), model.stat().st_mtime_ns)
    again = openjd(job)
    assert again.returncode == 0
    assert "is finished already" in again.stdout
    assert (model.read_bytes(), model.stat().st_mtime_ns) == made
    model.write_bytes(made[0][:1000])  # whatever happened to it: it is made again, the same
    assert openjd(job).returncode == 0
    assert model.read_bytes() == made[0]
