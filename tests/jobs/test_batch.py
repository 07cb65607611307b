"""Batch work as far as it needs no Maya: what is refused before anything runs, who watches whom, what
--resume believes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aim_maya.core.errors import AimError
from aim_maya.jobs import results, supervisor
from aim_maya.jobs.options import EXIT_CODES, Item, Plan, Sampling, parse, read_range
from aim_maya.jobs.results import (
    Report,
    Result,
    check_complete,
    exit_code,
    is_up_to_date,
    note_output,
    note_path,
)
from aim_maya.jobs.supervisor import Supervisor, make_plan


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    for name in ("a.ma", "deep/b.MB", "deep/.hidden/c.ma", "incrementalSave/a.ma/a.0001.ma", "notes.txt"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("//Maya ASCII 2025 scene\n")
    return folder


def plan(*words: object) -> Plan:
    return make_plan(parse([str(w) for w in words]))


def test_user_setup_is_skipped_by_one_name_and_its_first_one() -> None:
    for words in (["--skip-user-setup"], ["--skip-startup"]):
        assert parse(["check", "a.ma", *words]).skip_user_setup
    assert not parse(["check", "a.ma"]).skip_user_setup


def test_a_folder_keeps_its_shape(scenes: Path, tmp_path: Path) -> None:
    made = plan("export", scenes, "-o", tmp_path / "out", "--format", "usd")
    assert [
        (Path(i.scene).relative_to(scenes).as_posix(), Path(i.output).relative_to(tmp_path).as_posix())
        for i in made.items
    ] == [("a.ma", "out/a.usd"), ("deep/b.MB", "out/deep/b.usd")]
    assert Plan.from_json(json.loads(json.dumps(made.to_json()))).items == made.items


def test_one_scene_to_one_file(scenes: Path, tmp_path: Path) -> None:
    made = plan("export", scenes / "a.ma", "-o", tmp_path / "x/face.usda")
    assert made.items == (Item(str(scenes / "a.ma"), str(tmp_path / "x/face.usda")),)
    assert (made.options["format"], made.options["space"]) == ("usda", "world")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export", "gone.ma", "-o", "out"], "no scene gone.ma"),
        (["export", "notes.txt", "-o", "out"], "no Maya scene"),
        (["export", "empty", "-o", "out"], "no scene below"),
        (["export", "a.ma", "-o", "out", "--frames", "10-2"], "run backwards"),
        (["export", "a.ma", "-o", "out", "--frames", ""], "is no range"),
        (["export", "a.ma", "-o", "out", "--frames", "1-2-3"], "is no range"),
        (["export", "a.ma", "-o", "out", "--step", "0"], "step is 0"),
        (["export", "a.ma", "-o", "out", "--step", "-1"], "step is -1"),
        (["export", "a.ma", "-o", "out", "--step", "nan"], "not all of them are numbers"),
        (["export", "a.ma", "-o", "out", "--sub-frames", "-0.5", "0.5"], "do not fit into a step"),
        (["export", "a.ma", "-o", "out", "--frames", "1-9", "--step", "1e-9"], "more than"),
        (["export", "a.ma", "-o", "out", "--format", "fbx", "--space", "world"], "object space"),
        (["export", "a.ma", "-o", "out.abc", "--format", "usd"], "-o names a .abc"),
        (["export", ".", "-o", "one.abc"], "cannot all become"),
        (["export", "a.ma", "-o", "notes.txt"], "is a file"),
        (["export", "a.ma", "deep/a.ma", "-o", "out"], "would both become"),
        (["export", "a.ma", "-o", "out", "--timeout", "-1"], "timeout is -1"),
        (["export", "a.ma", "-o", "out", "--format", "fbx", "--samples", "0"], "--samples is 0"),
        (["attach", "a.ma", "--model", "gone.aim", "-o", "out"], "no model gone.aim"),
        (["restore", ".", "-o", "."], "written over a scene"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_maya_starts(
    scenes: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scenes / "empty").mkdir()
    (scenes / "deep/a.ma").write_text("")
    monkeypatch.chdir(scenes)
    with pytest.raises(AimError, match="(?i)" + says.replace(".", r"\.")):
        plan(*words)


def test_negative_frames_are_no_option(scenes: Path, tmp_path: Path) -> None:
    assert (
        plan("export", scenes / "a.ma", "-o", tmp_path / "out", "--frames", "-10--2").options["frames"]
        == "-10--2"
    )
    assert read_range("-10--2") == (-10, -2)
    assert read_range(" 1001 - 1010.5 ") == (1001, 1010.5)
    assert read_range("7") == (7, 7)


@given(
    first=st.integers(-100, 100), length=st.integers(0, 60), step=st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0])
)
def test_samples_are_in_order_and_within_the_range(first: int, length: int, step: float) -> None:
    times = Sampling(first, first + length, step, (0.1, -0.1)).times
    assert times == sorted(times)
    assert len(times) == 2 * (int(length / step) + 1)
    assert first - 0.2 < times[0] < times[-1] < first + length + 0.2


def test_help_says_what_a_farm_reads(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["export", "--help"], ["check", "--help"]):
        with pytest.raises(SystemExit) as stop:
            parse(words)
        assert stop.value.code == 0
        assert "another try may do it" in capsys.readouterr().out
    for code in (
        results.ALL_DONE,
        results.SOME_FAILED,
        results.BAD_REQUEST,
        results.CANNOT_START,
        results.CRASH,
        results.STOPPED,
    ):
        assert f"\n  {code} " in EXIT_CODES


def test_exit_codes() -> None:
    def code(*states: str, refused: AimError | None = None) -> int:
        return exit_code([Result("a", s) for s in states], refused)

    assert code("done", "skipped") == 0
    assert code("done", "failed") == 1
    assert code("failed", "timed out") == code("crashed") == 4
    assert code("done", refused=AimError("no plug-in")) == 3


# What is finished, and what is whole
# ---------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(scenes: Path, tmp_path: Path) -> tuple[Plan, Item, Path]:
    """A plan whose one output is there with its stamp, made from a scene and a model."""
    model = tmp_path / "m.aim"
    model.write_bytes(b"model")
    made = plan("export", scenes / "a.ma", "-o", tmp_path / "out", "--resume")
    item = made.items[0]
    Path(item.output).parent.mkdir()
    Path(item.output).write_bytes(b"abc")
    note_output(made, item, [str(model)])
    return made, item, model


def test_resume_believes_only_what_is_as_it_was(
    finished: tuple[Plan, Item, Path], scenes: Path, tmp_path: Path
) -> None:
    made, item, model = finished
    assert is_up_to_date(made, item)
    assert is_up_to_date(plan("export", scenes / "a.ma", "-o", tmp_path / "out", "--timeout", "5"), item)
    assert not is_up_to_date(plan("export", scenes / "a.ma", "-o", tmp_path / "out", "--step", "2"), item)
    for file, change in (
        (model, b"other"),
        (Path(item.scene), b"//Maya ASCII, saved again"),
        (Path(item.output), b"a"),
    ):
        before = (file.read_bytes(), file.stat())
        file.write_bytes(change)
        assert not is_up_to_date(made, item), file
        file.write_bytes(before[0])
        os.utime(file, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
        assert is_up_to_date(made, item)
    note_path(item.output).write_text("{ cut")
    assert not is_up_to_date(made, item)
    note_path(item.output).write_text("[]")
    assert not is_up_to_date(made, item)
    Path(item.output).unlink()
    assert not is_up_to_date(made, item)


def test_a_file_that_is_cut_off_is_noticed(tmp_path: Path) -> None:
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateNew(str(tmp_path / "a.usdc"))
    UsdGeom.Xform.Define(stage, "/face")
    stage.Save()
    crate, text = (tmp_path / "a.usdc").read_bytes(), stage.ExportToString().encode()
    whole = {"a.usdc": crate, "b.usda": text, "c.usd": crate, "d.usd": text}
    for name, data in whole.items():
        file = tmp_path / name
        file.write_bytes(data)
        check_complete(file)
        for cut in (b"", data[:4], data[: len(data) // 2]):
            file.write_bytes(cut)
            with pytest.raises(AimError, match="cut off"):
                check_complete(file)
    with pytest.raises(AimError, match="wrote no"):
        check_complete(tmp_path / "none.abc")


_BLENDER = """
import bpy, sys
bpy.ops.wm.alembic_export(filepath=sys.argv[1] + "/a.abc", as_background_job=False)
bpy.ops.export_scene.fbx(filepath=sys.argv[1] + "/a.fbx")
"""


def test_the_marks_are_on_archives_that_others_write(tmp_path: Path) -> None:
    """Alembic's and FBX's, as Blender writes them; an archive that was never closed, and one that was cut."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("Blender's Python module is not installed")
    subprocess.run([sys.executable, "-c", _BLENDER, str(tmp_path)], check=True, capture_output=True)
    alembic, fbx = tmp_path / "a.abc", tmp_path / "a.fbx"
    check_complete(alembic)
    check_complete(fbx)
    alembic.write_bytes(b"Ogawa\x00" + alembic.read_bytes()[6:])
    fbx.write_bytes(fbx.read_bytes()[:-1])
    for file in (alembic, fbx):
        with pytest.raises(AimError, match="cut off"):
            check_complete(file)


# The watching process
# ------------------------------------------------------------------------------------------------------------
# ------

_WORKER = """
import json, os, signal, sys, time
plan = json.load(open(sys.argv[1]))
events = open(sys.argv[2], "a")
def tell(**event):
    events.write(json.dumps(event) + "\\n"); events.flush()
{startup}
tell(event="ready", maya="2025")
for item in plan["items"]:
    tell(event="begin", scene=item["scene"])
    name = os.path.basename(item["scene"])
    if name.startswith("hang"): time.sleep(60)
    if name.startswith("crash"): os.kill(os.getpid(), signal.SIGSEGV)
    tell(event="end", result={{"scene": item["scene"], "state": "done"}})
"""


def watched(tmp_path: Path, names: list[str], startup: str = "", timeout: float = 1.0) -> dict[str, Result]:
    script = tmp_path / "worker.py"
    script.write_text(_WORKER.format(startup=startup))
    found: list[Result] = []
    Supervisor([sys.executable, str(script)], timeout, found.append, lambda _: None).run(
        Plan("check", {}, tuple(Item(f"/{n}", "") for n in names))
    )
    assert len({r.scene for r in found}) == len(found)
    return {r.scene[1:]: r for r in found}


def test_a_crash_or_a_hang_costs_one_scene(tmp_path: Path) -> None:
    begin = time.monotonic()
    found = watched(tmp_path, ["a", "crash", "b", "hang", "c"])
    assert {n: r.state for n, r in found.items()} == {
        "a": "done",
        "crash": "crashed",
        "b": "done",
        "hang": "timed out",
        "c": "done",
    }
    assert time.monotonic() - begin < 20
    assert "code -11" in (found["crash"].error or {})["what"]
    assert "not done after 1 s" in (found["hang"].error or {})["what"]


def test_a_maya_that_does_not_start_is_not_started_for_ever(tmp_path: Path) -> None:
    with pytest.raises(AimError, match="ended with code 7 while it started"):
        watched(tmp_path, ["a", "b"], "sys.exit(7)")
    with pytest.raises(AimError, match="no licence"):
        watched(
            tmp_path,
            ["a"],
            'tell(event="refused", error={"what": "no licence", "cause": "", "remedy": ""}); sys.exit(0)',
        )
    with pytest.raises(AimError, match="cannot be started"):
        Supervisor([str(tmp_path / "none")], 1.0, lambda _: None, lambda _: None).run(
            Plan("check", {}, (Item("/a", ""),))
        )


def test_the_report_is_there_while_scenes_are_left(tmp_path: Path) -> None:
    made = Plan("check", {"nodes": []}, (Item("/a", ""), Item("/b", "")))
    report = Report(str(tmp_path / "r/report.json"), made)
    report.write([Result("/a", "done")], None)
    read: dict[str, Any] = json.loads((tmp_path / "r/report.json").read_text())
    assert read["exit_code"] is None
    assert read["counts"] == {"done": 1, "not run": 1}
    assert [s["state"] for s in read["scenes"]] == ["done", "not run"]
    assert asdict(Result("/a", "done")) == read["scenes"][0]


def test_nothing_to_do_with_maya_is_imported_before_it_is_needed() -> None:
    """The watching process takes no licence and needs no numpy."""
    root = Path(__file__).resolve().parents[2]
    code = "import sys\nsys.modules['maya'] = None\nsys.modules['numpy'] = None\nimport aim_maya.batch"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_maya_that_ends_without_a_word_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "adp_missing", lambda: True)
    with pytest.raises(AimError, match=r"code 255 while it started.*AdpSDKCore\.so") as refused:
        watched(tmp_path, ["a"], "sys.exit(255)")
    report = tmp_path / "report.json"
    Report(str(report), Plan("check", {}, ())).write([], 3, refused.value)
    assert "AdpSDKCore.so" in json.loads(report.read_text())["error"]["cause"]
    monkeypatch.setattr(supervisor, "adp_missing", lambda: False)
    with pytest.raises(AimError, match="A licence, a plug-in"):
        watched(tmp_path, ["a"], "sys.exit(255)")
