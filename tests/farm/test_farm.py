"""Jobs for a farm: templates that the specification's own tool accepts and runs, chunks that join to what one
run gives."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core.curves import Curves, FrameRange, frame_range
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel
from tests.helpers.second_actor import similar
from trainer.__main__ import main
from trainer.commands.farm_frames import MOST, split

ROOT = Path(__file__).resolve().parents[2]


def curves(frames: int) -> str:
    return "frame,jawOpen,eyeBlink\n" + "".join(
        f"{i},{(i * 37 % 101) / 100},{(i * 53 % 97) / 96}\n" for i in range(1, frames + 1)
    )


TAKE = curves(9)


def span(first: int | Fraction, length: int, step: Fraction = Fraction(1)) -> FrameRange:
    return FrameRange(Fraction(first), Fraction(first) + (length - 1) * step, step, Fraction(first))


@settings(deadline=None)
@given(
    first=st.integers(-500, 500),
    length=st.integers(1, 900),
    size=st.integers(1, 400),
    step=st.sampled_from(["1", "2", "1/4", "1/3", "3/2", "5/7"]),
)
def test_chunks_cover_every_sample_once(first: int, length: int, size: int, step: str) -> None:
    frames = span(first, length, Fraction(step))
    take = Curves(("a",), np.zeros((2, 1)), np.array([0.0, 5000.0]), 1.0)
    pieces = [
        frame_range(take, 1.0, start=-600, frames=text, step=step).numbers for text in split(frames, size)
    ]
    assert [n for piece in pieces for n in piece] == frames.numbers
    assert max(map(len, pieces)) <= max(size, Fraction(step).denominator)


def test_sizes_that_are_none() -> None:
    with pytest.raises(AimError, match="chunk of 0"):
        split(span(1, 5), 0)
    with pytest.raises(AimError, match=f"may have {MOST}"):
        split(span(1, 5000), 1)


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
        farm(
            "bake",
            place / "anna",
            place / "take.csv",
            "--to",
            place / "baked",
            "--chunk",
            3,
            "-o",
            out,
            "--cores",
            4,
            "--timeout-s",
            600,
            "--json",
            place / "j.json",
        )
        == 0
    )
    steps = {s["name"]: s for s in template(out)["steps"]}
    assert list(steps) == ["Train_anna", "Bake_take", "Merge_take"]
    assert steps["Bake_take"]["dependencies"] == [{"dependsOn": "Train_anna"}]
    assert steps["Merge_take"]["dependencies"] == [{"dependsOn": "Bake_take"}]
    assert steps["Bake_take"]["parameterSpace"]["taskParameterDefinitions"] == [
        {"name": "Frames", "type": "STRING", "range": ["1-3", "4-6", "7-9"]}
    ]
    assert steps["Train_anna"]["hostRequirements"] == {"amounts": [{"name": "amount.worker.vcpu", "min": 4}]}
    assert steps["Train_anna"]["script"]["actions"]["onRun"]["timeout"] == 600
    assert json.loads((place / "j.json").read_text())["steps"] == {
        "Train_anna": 1,
        "Bake_take": 3,
        "Merge_take": 1,
    }
    check(out)


def check(job: Path) -> None:
    """The specification's own tool accepts it."""
    done = subprocess.run(
        [sys.executable, "-m", "openjd", "check", str(job)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_paths_below_the_job_are_defaults_and_the_rest_are_values(place: Path) -> None:
    (place / "jobs").mkdir()
    assert (
        farm(
            "bake",
            place / "model.aim",
            place / "take.csv",
            "--to",
            place / "jobs/out",
            "-o",
            place / "jobs/job.json",
        )
        == 0
    )
    definitions = {
        p["name"]: p for p in json.loads((place / "jobs/job.json").read_text())["parameterDefinitions"]
    }
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
    values = {
        v["name"]: v["value"] for v in template(place / "bundle/parameter_values.yaml")["parameterValues"]
    }
    assert values["Models"] == str(place / "models")
    assert set(values) == {"Models", "Actor_anna", "Actor_bert_2", "Actor_1"}
    assert [s["name"] for s in template(place / "bundle/template.yaml")["steps"]] == [
        "Train_anna",
        "Train_bert_2",
        "Train_1",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["bake", "gone.aim", "take.csv", "--to", "baked"], "There is no"),
        (["bake", "model.aim", "gone.csv", "--to", "baked"], "There is no"),
        (["bake", "model.aim", "--to", "baked"], "No curves"),
        (["bake", "model.aim", "take.csv", "--to", "take.csv"], "is a file"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--frames", "9-1"], "backwards"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--frames", "5-99"], "not all in the take"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--frames", ""], "is no frame range"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--bake-options=--step 0"], "step is 0"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--bake-options=--resume"], "cannot be among"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--chunk", "0"], "chunk of 0"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--bake-options='open"], "a quote is open"),
        (["bake", "model.aim", "take.csv", "--to", "baked", "--timeout-s", "-1"], "timeout_s is -1"),
        (["bake", "model.aim", "take.csv", "./take.csv", "--to", "baked"], "both be called"),
        (["train", "--models", "models"], "No actor"),
        (["train", *["anna"] * 2, "--models", "models"], "both be called"),
    ],
)
def test_a_job_that_would_fail_everywhere_is_not_written(
    place: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    assert farm(*arguments, "-o", "job.yaml") == 2
    assert says.lower() in capsys.readouterr().err.lower()
    assert not (place / "job.yaml").exists()
    assert not (place / "job.parameters.json").exists()


@pytest.mark.parametrize("name", ["{{Param.x}}", "{{", "a}}", "a{{b"])
def test_braces_in_names_are_refused(place: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / f"{name}.csv").write_text(TAKE)
    (place / name).mkdir()
    assert (
        farm(
            "bake",
            place / "model.aim",
            place / f"{name}.csv",
            "--to",
            place / "baked",
            "-o",
            place / "job.yaml",
        )
        == 2
    )
    assert (
        farm("bake", place / name, place / "take.csv", "--to", place / "baked", "-o", place / "job.yaml") == 2
    )
    assert farm("train", place / name, "--models", place / "models", "-o", place / "job.yaml") == 2
    options = f"--bake-options=--material '{name}'"
    assert (
        farm(
            "bake",
            place / "model.aim",
            place / "take.csv",
            "--to",
            place / "baked",
            options,
            "-o",
            place / "job.yaml",
        )
        == 2
    )
    assert "two braces are an expression" in capsys.readouterr().err
    assert not (place / "job.yaml").exists()


def test_single_braces_are_a_name_like_others(place: Path) -> None:
    (place / "a{b}.csv").write_text(TAKE)
    assert (
        farm(
            "bake", place / "model.aim", place / "a{b}.csv", "--to", place / "baked", "-o", place / "job.yaml"
        )
        == 0
    )
    check = subprocess.run(
        [Path(sys.executable).with_name("openjd"), "check", place / "job.yaml"],
        capture_output=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout


def test_a_job_that_cannot_be_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        farm(
            "bake", place / "model.aim", place / "take.csv", "--to", place / "baked", "-o", place / "job.xml"
        )
        == 2
    )
    assert "another ending" in capsys.readouterr().err
    assert (
        farm(
            "bake",
            place / "model.aim",
            place / "take.csv",
            "--to",
            place / "baked",
            "-o",
            place / "take.csv/job.yaml",
        )
        == 2
    )
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
        [sys.executable, "-m", "openjd", "run", str(job), "-p", f"file://{values}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_a_training_comes_back_finished(small_folder: Path, program: Path, tmp_path: Path) -> None:
    job = tmp_path / "train.yaml"
    assert (
        farm(
            "train",
            small_folder,
            "--models",
            tmp_path / "models",
            "--preset",
            "draft",
            "--program",
            program,
            "-o",
            job,
        )
        == 0
    )
    done = openjd(job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "openjd_status: export" in done.stdout
    model = tmp_path / f"models/{small_folder.stem}.aim"
    made = (model.read_bytes(), model.stat().st_mtime_ns)
    again = openjd(job)
    assert again.returncode == 0
    assert "is finished already" in again.stdout
    assert (model.read_bytes(), model.stat().st_mtime_ns) == made
    model.write_bytes(made[0][:1000])  # whatever happened to it: it is made again, the same
    assert openjd(job).returncode == 0
    assert model.read_bytes() == made[0]


@pytest.mark.parametrize("ending", [".npz", ".usdc"])
def test_four_chunks_merged_are_the_bytes_of_one_run(
    small_draft: Path, program: Path, tmp_path: Path, ending: str
) -> None:
    """The whole job by the specification's own runner; then a chunk is killed half-way, another lost, and the
    job run again."""
    (tmp_path / "take.csv").write_text(curves(24))
    job = tmp_path / "job.yaml"
    words = [
        "--to",
        tmp_path / "baked",
        "--ending",
        ending,
        "--chunk",
        12,
        "--bake-options=--start 1001 --step 1/2",
        "--program",
        program,
    ]
    assert farm("bake", small_draft, tmp_path / "take.csv", *words, "-o", job) == 0
    ranges = template(job)["steps"][0]["parameterSpace"]["taskParameterDefinitions"][0]["range"]
    assert ranges == ["1001-1006.5", "1007-1012.5", "1013-1018.5", "1019-1024"]
    done = openjd(job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "openjd_progress: 100.0" in done.stdout
    merged, single = tmp_path / f"baked/take{ending}", tmp_path / f"single{ending}"
    assert (
        main(
            [
                "bake",
                str(small_draft),
                str(tmp_path / "take.csv"),
                "-o",
                str(single),
                "--start",
                "1001",
                "--step",
                "1/2",
                "--progress",
                "none",
            ]
        )
        == 0
    )
    assert len(points(single)) == 47
    assert points(merged) == points(single)
    chunk = tmp_path / f"baked/chunks/take.1007-1012.5{ending}"
    before = points(chunk)
    chunk.unlink()
    merged.unlink()
    again = openjd(job)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("is finished: nothing to do") == 3
    assert points(chunk) == before
    assert points(merged) == points(single)


def test_a_job_killed_at_any_moment_is_run_again(draft: Path, program: Path, tmp_path: Path) -> None:
    (tmp_path / "take.csv").write_text(curves(200))
    job, rng = tmp_path / "job.yaml", random.Random(3)
    assert (
        farm(
            "bake",
            draft,
            tmp_path / "take.csv",
            "--to",
            tmp_path / "baked",
            "--ending",
            ".npz",
            "--chunk",
            50,
            "--program",
            program,
            "-o",
            job,
        )
        == 0
    )
    for _ in range(5):
        command = [
            sys.executable,
            "-m",
            "openjd",
            "run",
            str(job),
            "-p",
            f"file://{job.with_suffix('.parameters.json')}",
        ]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 3.0))
        end_all(running.pid)
        running.wait()
        for file in (tmp_path / "baked").rglob("[!.]*.npz"):
            assert points(file), file
    assert openjd(job).returncode == 0
    assert (
        main(
            [
                "bake",
                str(draft),
                str(tmp_path / "take.csv"),
                "-o",
                str(tmp_path / "single.npz"),
                "--progress",
                "none",
            ]
        )
        == 0
    )
    assert points(tmp_path / "baked/take.npz") == points(tmp_path / "single.npz")
    assert list((tmp_path / "baked/chunks").glob(".*")) == []


def end_all(leader: int) -> None:
    """SIGKILL to a process and all that came of it: openjd gives every task a session of its own."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{leader}/task/{leader}/children").read_text().split():
            end_all(int(child))
        os.kill(leader, signal.SIGKILL)


def points(path: Path) -> list[bytes]:
    """The bytes of the points of every frame, as they read back."""
    if path.suffix == ".npz":
        with np.load(path) as baked:
            return [frame.tobytes() for frame in baked["frames"]]
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(path))
    skin = max(
        (UsdGeom.Mesh(p) for p in stage.Traverse() if p.IsA(UsdGeom.Mesh)),
        key=lambda m: len(m.GetPointsAttr().Get(m.GetPointsAttr().GetTimeSamples()[0])),
    )
    return [np.array(skin.GetPointsAttr().Get(t)).tobytes() for t in skin.GetPointsAttr().GetTimeSamples()]


def test_the_chain_from_an_actor(small_folder: Path, program: Path, tmp_path: Path) -> None:
    """Train, bake, merge in one job; the merge waits for all of it."""
    (tmp_path / "take.csv").write_text(TAKE)
    job = tmp_path / "chain.json"
    assert (
        farm(
            "bake",
            small_folder,
            tmp_path / "take.csv",
            "--to",
            tmp_path / "baked",
            "--preset",
            "draft",
            "--chunk",
            3,
            "--program",
            program,
            "-o",
            job,
        )
        == 0
    )
    done = openjd(job, "--step", "Merge_take", "--run-dependencies")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(points(tmp_path / "baked/take.usdc")) == 9


def test_merging_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("merge", tmp_path / "a.npz", "-o", tmp_path / "b.npz") == 2
    assert "is missing" in capsys.readouterr().err
    assert farm("merge", "-o", tmp_path / "b.npz") == 2
    assert "no chunks" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_fit_stands_between_training_and_baking(place: Path) -> None:
    np.savez(place / "010.npz", frames=np.zeros((10, 4, 3), np.float32), fps=25.0)
    (place / "020").mkdir()
    for i in range(4):
        (place / f"020/frame_{i:04d}.obj").write_text("v 0 0 0\n")
    out = place / "job.json"
    assert (
        farm(
            "fit",
            place / "anna",
            place / "010.npz",
            place / "020",
            "--to",
            place / "baked",
            "--chunk",
            5,
            "--fit-options=--mode global",
            "-o",
            out,
        )
        == 0
    )
    made = json.loads(out.read_text())
    steps = {s["name"]: s for s in made["steps"]}
    assert list(steps) == [
        "Train_anna",
        "Fit_010",
        "Bake_010",
        "Merge_010",
        "Fit_020",
        "Bake_020",
        "Merge_020",
    ]
    fit = steps["Fit_010"]["script"]["actions"]["onRun"]["args"]
    assert fit == [
        "fit",
        "{{Param.Baked}}/anna.aim",
        "{{Param.Take_010}}",
        "-o",
        "{{Param.Baked}}/010.aimperf",
        "--resume",
        "--progress",
        "openjd",
        "--mode",
        "global",
    ]
    assert steps["Fit_010"]["dependencies"] == [{"dependsOn": "Train_anna"}]
    bake = steps["Bake_010"]
    assert [d["dependsOn"] for d in bake["dependencies"]] == ["Train_anna", "Fit_010"]
    assert bake["script"]["actions"]["onRun"]["args"][2] == "{{Param.Baked}}/010.aimperf"
    assert bake["parameterSpace"]["taskParameterDefinitions"][0]["range"] == ["1-5", "6-10"]
    assert steps["Bake_020"]["parameterSpace"]["taskParameterDefinitions"][0]["range"] == ["1-4"]
    done = subprocess.run(
        [sys.executable, "-m", "openjd", "check", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        farm(
            "fit",
            place / "model.aim",
            place / "020",
            "--to",
            place / "baked",
            "--fit-options=--fps 24",
            "--bake-options=--fps 48",
            "-o",
            out,
        )
        == 0
    )
    assert json.loads(out.read_text())["steps"][1]["parameterSpace"]["taskParameterDefinitions"][0][
        "range"
    ] == ["1-7"]
    with pytest.raises(SystemExit):
        farm(
            "fit",
            place / "model.aim",
            place / "020",
            "--to",
            place / "baked",
            "--fit-options=--sauce",
            "-o",
            out,
        )
    assert (
        farm("fit", place / "model.aim", place / "010.npz", "--only", "--to", place / "baked", "-o", out) == 0
    )
    assert [s["name"] for s in json.loads(out.read_text())["steps"]] == ["Fit_010"]


def test_a_retarget_stands_between_fitting_and_baking(place: Path) -> None:
    np.savez(place / "010.npz", frames=np.zeros((10, 4, 3), np.float32), fps=25.0)
    (place / "ben.aim").write_bytes(b"")
    (place / "map.json").write_text("{}")
    out = place / "job.json"
    words = [
        "retarget",
        place / "anna",
        place / "010.npz",
        place / "take.csv",
        "--targets",
        place / "ben.aim",
        place / "carl",
        "--to",
        place / "baked",
    ]
    (place / "carl").mkdir()
    options = [
        "--mapping",
        place / "map.json",
        "names",
        "--chunk",
        5,
        "--retarget-options=--carry stretch --start 1",
        "-o",
        out,
    ]
    assert farm(*words, *options) == 0
    check(out)
    steps = {s["name"]: s for s in json.loads(out.read_text())["steps"]}
    each = [
        f"{does}_{take}_{target}"
        for take in ("010", "take")
        for target in ("ben", "carl")
        for does in ("Retarget", "Bake", "Merge")
    ]
    assert list(steps) == ["Train_anna", "Train_carl", "Fit_010", *each]
    run = steps["Retarget_010_ben"]["script"]["actions"]["onRun"]["args"]
    given = [
        "--scans",
        "{{Param.Take_010}}",
        "--mapping",
        "{{Param.Mapping_ben}}",
        "--carry",
        "stretch",
        "--start",
        "1",
    ]
    begin = [
        "retarget",
        "{{Param.Baked}}/010.aimperf",
        "--source",
        "{{Param.Baked}}/anna.aim",
        "--target",
        "{{Param.Model_ben}}",
    ]
    assert run == [*begin, "-o", "{{Param.Baked}}/010.ben.aimperf", "--progress", "openjd", *given]
    assert [d["dependsOn"] for d in steps["Retarget_010_carl"]["dependencies"]] == [
        "Fit_010",
        "Train_anna",
        "Train_carl",
    ]
    assert "--scans" not in steps["Retarget_take_ben"]["script"]["actions"]["onRun"]["args"]
    assert "--mapping" not in steps["Retarget_take_carl"]["script"]["actions"]["onRun"]["args"]
    bake = steps["Bake_010_carl"]
    assert [d["dependsOn"] for d in bake["dependencies"]] == ["Train_carl", "Retarget_010_carl"]
    assert bake["parameterSpace"]["taskParameterDefinitions"][0]["range"] == ["1-5", "6-10"]
    assert steps["Bake_take_ben"]["parameterSpace"]["taskParameterDefinitions"][0]["range"] == ["1-4", "5-9"]
    assert farm(*words[:4], *words[4:], "--only", "-o", out) == 0
    assert not [
        s["name"] for s in json.loads(out.read_text())["steps"] if s["name"].startswith(("Bake", "Merge"))
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["take.csv", "--targets", "gone.aim"], "There is no"),
        (["--targets", "model.aim"], "No takes"),
        (["take.csv", "--targets", "model.aim", "./model.aim"], "both be called"),
        (["take.csv", "--targets", "model.aim", "--mapping", "names", "names"], "2 mappings are given for 1"),
        (["take.csv", "--targets", "model.aim", "--mapping", "gone.json"], "There is no"),
        (["take.csv", "--targets", "model.aim", "--retarget-options=--doubt 0"], "doubt is 0.0"),
        (
            ["take.csv", "--targets", "model.aim", "--retarget-options=--suggest x.json"],
            "--suggest cannot be among",
        ),
        (
            ["take.csv", "--targets", "model.aim", "--retarget-options=--mapping=none.json"],
            "--mapping cannot be among",
        ),
    ],
)
def test_a_retarget_that_would_fail_everywhere_is_not_written(
    place: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    assert farm("retarget", "anna", *arguments, "--to", "baked", "-o", "job.yaml") == 2
    assert says in capsys.readouterr().err
    with pytest.raises(SystemExit):
        farm(
            "retarget",
            "anna",
            "take.csv",
            "--targets",
            "model.aim",
            "--to",
            "baked",
            "--retarget-options=--sauce",
            "-o",
            "job.yaml",
        )
    assert not (place / "job.yaml").exists()


def test_the_chain_from_a_model_to_another(small_draft: Path, program: Path, tmp_path: Path) -> None:
    """Fit, retarget, bake and merge, by the specification's own runner; run again, it bakes nothing anew.
    Training before it: test_the_chain_from_an_actor."""
    target, source = (
        similar(small_draft, tmp_path / "ben.aim", [0.1, 0.2, 0.0, 5.0, 3.0, 1.0], 1.2),
        FaceModel.load(small_draft, "cpu"),
    )
    frames = np.array([source.points({"jawOpen": 0.1 * f, "mouthSmile_L": 0.1}) for f in range(6)])
    np.savez(tmp_path / "cap.npz", frames=frames, fps=25.0)
    job = tmp_path / "chain.json"
    words = [
        "--targets",
        target,
        "--to",
        tmp_path / "baked",
        "--ending",
        ".npz",
        "--chunk",
        3,
        "--program",
        program,
    ]
    assert (
        farm(
            "retarget",
            small_draft,
            tmp_path / "cap.npz",
            *words,
            "--fit-options=--modes 6",
            "--retarget-options=--modes 6",
            "-o",
            job,
        )
        == 0
    )
    done = openjd(job)
    assert done.returncode == 0, done.stdout + done.stderr
    baked = tmp_path / "baked/cap.ben.npz"
    shown = FaceModel.load(target, "cpu").points({"jawOpen": 0.5, "mouthSmile_L": 0.1})
    with np.load(baked) as made:
        assert made["frames"].shape == (6, len(shown), 3)
        assert np.linalg.norm(made["frames"][5] - shown, axis=1).mean() < 0.1
    before = points(baked)
    again = openjd(job)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("is finished: nothing to do") == 2
    assert points(baked) == before


@pytest.mark.parametrize("kind", ["empty", "text", "flat"])
def test_captures_that_are_none(place: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    if kind == "empty":
        (place / "cap").mkdir()
    elif kind == "text":
        (place / "cap.npz").write_text("no zip")
    else:
        np.savez(place / "cap.npz", frames=np.zeros((10, 4)))
    assert (
        farm(
            "fit",
            place / "model.aim",
            place / ("cap" if kind == "empty" else "cap.npz"),
            "--to",
            place / "baked",
            "-o",
            place / "job.json",
        )
        == 2
    )
    assert {"empty": "holds no frames", "text": "cannot be read as captured frames", "flat": "not (F, V, 3)"}[
        kind
    ] in capsys.readouterr().err
    assert not (place / "job.json").exists()
