"""`bin/aim-mayapy batch` as a farm runs it, on the stand-in: a launcher, a watching process, a Maya of its
own; crashes, hangs, full disks."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aim_maya.jobs.results import check_complete

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

_SITE = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from tests import fake_maya
session = fake_maya.install()
from tests.fake_maya.commands import files
opened = files.open_scene
def open_scene(session, path):
    name = os.path.basename(path)
    if "crash" in name: os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in name: time.sleep(60)
    return opened(session, path)
files.open_scene = open_scene
{extra}
"""


@pytest.fixture
def mayapy(tmp_path: Path) -> Callable[[str], Path]:
    """A mayapy with the stand-in inside; `extra` is Python that changes it."""

    def make(extra: str = "") -> Path:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_SITE.format(root=str(ROOT), extra=extra))
        file = tmp_path / "mayapy"
        file.write_text(f'#!/bin/sh\nPYTHONPATH="{site}:$PYTHONPATH" exec "{sys.executable}" "$@"\n')
        file.chmod(0o755)
        return file

    return make


@pytest.fixture
def scenes(maya: Any, tmp_path: Path) -> Path:
    """Two shots with a keyed, attached face, and the model beside them."""
    checks, lab = (
        importlib.import_module("tests.in_maya.checks_batch"),
        importlib.import_module("tests.in_maya.lab"),
    )
    made, _, _ = checks.shot(lab.Lab(tmp_path))
    (tmp_path / "scenes/b.ma").write_bytes(made.read_bytes())
    (tmp_path / "scenes/a.ma").write_bytes(made.read_bytes())
    made.unlink()
    return tmp_path / "scenes"


def batch(python: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"AIM_MAYAPY": str(python), "LC_ALL": "C.UTF-8"} | environment
    return subprocess.run(
        [str(ROOT / "bin/aim-mayapy"), "batch", *map(str, words)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )


def report(path: Path) -> dict[str, dict[str, Any]]:
    """{scene name: its row}."""
    return {Path(row["scene"]).stem: row for row in json.loads(path.read_text())["scenes"]}


def alembic(path: Path) -> dict[str, np.ndarray]:
    """What the stand-in's AbcExport wrote: times, and points/<path> (F, V, 3)."""
    with np.load(io.BytesIO(path.read_bytes()[8:])) as arrays:
        return {name: arrays[name] for name in arrays}


def test_one_crash_and_one_hang_among_good_scenes(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    for name in ("a_crash.ma", "a_hang.ma"):
        (scenes / name).write_bytes((scenes / "a.ma").read_bytes())
    done = batch(
        mayapy(),
        "export",
        scenes,
        "-o",
        tmp_path / "out",
        "--frames",
        "1-3",
        "--timeout",
        4,
        "--report",
        tmp_path / "r.json",
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert {k: r["state"] for k, r in report(tmp_path / "r.json").items()} == {
        "a": "done",
        "a_crash": "crashed",
        "a_hang": "timed out",
        "b": "done",
    }
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.abc",
        "a.abc.json",
        "b.abc",
        "b.abc.json",
    ]
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 4
    again = batch(
        mayapy(),
        "export",
        scenes / "a.ma",
        scenes / "b.ma",
        "-o",
        tmp_path / "out",
        "--frames",
        "1-3",
        "--resume",
    )
    assert again.returncode == 0
    assert again.stdout.count("skipped") == 2


def test_points_in_world_and_object_space(mayapy: Any, scenes: Path, tmp_path: Path, maya: Any) -> None:
    from maya import cmds

    for space in ("world", "object"):
        out = tmp_path / f"{space}.abc"
        done = batch(
            mayapy(),
            "export",
            scenes / "a.ma",
            "-o",
            out,
            "--frames",
            "1-5",
            "--step",
            2,
            "--sub-frames",
            0,
            0.5,
            "--space",
            space,
        )
        assert done.returncode == 0, done.stdout
    cmds.file((scenes / "a.ma").as_posix(), open=True, force=True)
    matrix = np.array(cmds.getAttr("face.worldMatrix[0]")).reshape(4, 4)
    world, local = alembic(tmp_path / "world.abc"), alembic(tmp_path / "object.abc")
    assert world["times"].tolist() == [1, 1.5, 3, 3.5, 5, 5.5]
    name = "points/head_group/face"
    for i, t in enumerate(world["times"].tolist()):
        cmds.currentTime(t)
        points = maya.points("face")
        assert np.abs(local[name][i] - points).max() < 1e-4
        assert np.abs(world[name][i] - (points @ matrix[:3, :3] + matrix[3, :3])).max() < 1e-4
    assert np.abs(matrix[3, :3]).max() > 1
    assert np.abs(local[name][0] - local[name][-1]).max() > 1e-3


def test_fbx_has_keys_on_every_weight(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    done = batch(
        mayapy(),
        "export",
        scenes / "a.ma",
        "-o",
        tmp_path / "a.fbx",
        "--frames",
        "1-21",
        "--step",
        5,
        "--report",
        tmp_path / "r.json",
    )
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "a.fbx").read_bytes()
    data = json.loads(text[text.index(b"{") : -16])
    assert data["settings"]["FBXExportInputConnections"] == "false"
    ((name, mesh),) = data["meshes"].items()
    assert name == "face_native"
    assert len(mesh["channels"]) == 5  # four controls and a combination, which nothing drives in an FBX
    for keys in mesh["channels"].values():
        assert [t for t, _ in keys] == pytest.approx([1, 6, 11, 16, 21])
    assert max(v for keys in mesh["channels"].values() for _, v in keys) > 0.3
    row = report(tmp_path / "r.json")["a"]
    assert row["faces"][0]["residual"]["shot_mm"]["max"] > 0
    assert row["faces"][0]["node"] == "face_aim"


@pytest.mark.parametrize("name", ["AbcExport", "mayaUsdPlugin", "fbxmaya"])
def test_a_missing_plug_in_is_the_machine_s_fault(
    mayapy: Any, scenes: Path, tmp_path: Path, name: str
) -> None:
    kind = {"AbcExport": "abc", "mayaUsdPlugin": "usdc", "fbxmaya": "fbx"}[name]
    python = mayapy(f"session.native_plugins.discard({name!r})")
    done = batch(
        python, "export", scenes, "-o", tmp_path / "out", "--format", kind, "--report", tmp_path / "r.json"
    )
    assert done.returncode == 3, done.stdout
    assert f"The plug-in {name} cannot be loaded" in done.stdout
    assert {r["state"] for r in report(tmp_path / "r.json").values()} == {"not run"}
    assert not (tmp_path / "out").exists()


def test_an_old_maya_usd_has_no_world_space(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    python = mayapy("session.extras['old_maya_usd'] = True")
    done = batch(python, "export", scenes / "a.ma", "-o", tmp_path / "a.usd", "--frames", "1-2")
    assert done.returncode == 1
    assert "--space object" in done.stdout
    assert (
        batch(
            python,
            "export",
            scenes / "a.ma",
            "-o",
            tmp_path / "a.usd",
            "--frames",
            "1-2",
            "--space",
            "object",
        ).returncode
        == 0
    )
    check_complete(tmp_path / "a.usd")


@pytest.mark.parametrize("kind", ["abc", "usdc", "usda", "fbx"])
@pytest.mark.parametrize("fails", ["silently", "the exporter ran out of luck"])
def test_half_a_file_never_gets_its_name(
    mayapy: Any, scenes: Path, tmp_path: Path, kind: str, fails: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / f"out/a.{kind}").write_text("of yesterday")
    done = batch(
        mayapy(f"session.extras['export_fails'] = {fails!r}"),
        "export",
        scenes / "a.ma",
        "-o",
        tmp_path / "out",
        "--format",
        kind,
        "--frames",
        "1-2",
    )
    assert done.returncode == 1, done.stdout
    assert ("cut off" if fails == "silently" else fails) in done.stdout
    assert [p.name for p in (tmp_path / "out").iterdir()] == [f"a.{kind}"]
    assert (tmp_path / f"out/a.{kind}").read_text() == "of yesterday"


_FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"


@pytest.mark.parametrize(
    "words", [["export", "--frames", "1-20"], ["attach", "--model", "tiny.aim"], ["restore"]]
)
def test_a_full_disk(
    mayapy: Any, scenes: Path, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = batch(mayapy(_FULL), *words, "scenes/a.ma", "-o", "out")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "File too large" in done.stdout
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    done = batch(mayapy(), "export", scenes / "a.ma", "-o", "/proc/aim/out", "--frames", "1-2")
    assert done.returncode == 1, done.stdout
    assert "Cannot write /proc/aim/out" in done.stdout
    unwritable = batch(mayapy(), "check", scenes / "a.ma", "--report", "/proc/aim/r.json")
    assert unwritable.returncode == 2
    assert "Cannot write /proc/aim/r.json" in unwritable.stdout


def test_the_model_is_missing_or_another_mesh_s(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    Path(scenes.parent / "tiny.aim").rename(tmp_path / "away.aim")
    done = batch(mayapy(), "export", scenes / "a.ma", "-o", tmp_path / "out", "--frames", "1-2")
    assert done.returncode == 1
    assert "was not found. Tried:" in done.stdout
    anyway = batch(
        mayapy(),
        "export",
        scenes / "a.ma",
        "-o",
        tmp_path / "out",
        "--frames",
        "1-2",
        "--allow-broken",
        "--report",
        tmp_path / "r.json",
    )
    assert anyway.returncode == 0, anyway.stdout
    assert report(tmp_path / "r.json")["a"]["faces"][0]["problems"]
    assert batch(mayapy(), "check", scenes).returncode == 1
    nobody = batch(mayapy(), "check", scenes / "a.ma", "--nodes", "fase")
    assert nobody.returncode == 1
    assert "Did you mean 'face'?" in nobody.stdout


def test_user_start_up_scripts_are_skipped_on_request(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "userSetup.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\nfrom maya import "
        "cmds\ncmds.evaluationManager(mode='parallel')\n"
    )
    words = ("check", scenes / "a.ma")
    assert batch(mayapy(), *words, "--skip-user-setup", MAYA_SCRIPT_PATH=str(scripts)).returncode == 0
    assert not (tmp_path / "ran").exists()
    assert batch(mayapy(), *words, MAYA_SCRIPT_PATH=str(scripts)).returncode == 0
    assert (tmp_path / "ran").exists()


def test_in_place(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    done = batch(mayapy(), "restore", scenes, "--in-place")
    assert done.returncode == 0, done.stdout
    assert sorted(p.name for p in scenes.iterdir()) == ["a.ma", "b.ma"]
    assert batch(mayapy(), "restore", scenes, "--in-place").returncode == 1
    assert batch(mayapy(), "restore", scenes, "--in-place", "--allow-none").returncode == 0
    attached = batch(
        mayapy(),
        "attach",
        scenes,
        "--model",
        tmp_path / "tiny.aim",
        "--in-place",
        "--report",
        tmp_path / "r.json",
    )
    assert attached.returncode == 0, attached.stdout
    assert "mm at frame" in report(tmp_path / "r.json")["a"]["faces"][0]["says"]
    again = batch(mayapy(), "attach", scenes, "--model", tmp_path / "tiny.aim", "--in-place")
    assert again.returncode == 0
    assert again.stdout.count("has the model already") == 2


def test_without_maya_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.ma").write_text("//Maya ASCII 2025 scene")
    done = subprocess.run(
        [sys.executable, "-m", "aim_maya.batch", "check", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "is not Maya's Python" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def started(mayapy: Any, scenes: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start an export of both scenes, in a process group of its own."""
    running: list[subprocess.Popen[bytes]] = []
    python = mayapy("import random")

    def start() -> subprocess.Popen[bytes]:
        words = [
            "export",
            str(scenes),
            "-o",
            str(tmp_path / "out"),
            "--frames",
            "1-400",
            "--resume",
            "--report",
            str(tmp_path / "r.json"),
        ]
        env = os.environ | {"AIM_MAYAPY": str(python)}
        running.append(
            subprocess.Popen(
                [str(ROOT / "bin/aim-mayapy"), "batch", *words],
                env=env,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
            )
        )
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_killed_at_any_moment_there_is_no_half_file(started: Any, scenes: Path, tmp_path: Path) -> None:
    """What was finished is taken away, so that every kill meets a scene at work."""
    for moment in range(10):
        process = started()
        time.sleep(0.1 + 0.15 * (7 * moment % 10))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for file in (tmp_path / "out").glob("[!.]*"):
            if file.suffix == ".abc":
                check_complete(file)
                assert len(alembic(file)["times"]) == 400
            else:
                assert json.loads(file.read_text())["inputs"]
        if (tmp_path / "out" / "b.abc.json").exists():
            shutil.rmtree(tmp_path / "out")
    assert started().wait() == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "a.abc",
        "a.abc.json",
        "b.abc",
        "b.abc.json",
    ]
    assert {k: r["state"] in ("done", "skipped") for k, r in report(tmp_path / "r.json").items()} == {
        "a": True,
        "b": True,
    }


def test_a_polite_stop_leaves_nothing_running(started: Any, tmp_path: Path) -> None:
    process = started()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (tmp_path / "r.json").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) in (130, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


_ERRORS = """
def opened_with_errors(session, path, open_it=files.open_scene):
    result = open_it(session, path)
    raise RuntimeError("Errors have occurred while reading this scene\\nthat may result in data loss.\\n")
files.open_scene = opened_with_errors
"""


@pytest.mark.parametrize("command", ["export", "check", "restore"])
def test_a_scene_that_opens_with_errors_goes_on_with_a_note(
    mayapy: Any, scenes: Path, tmp_path: Path, command: str
) -> None:
    words = {
        "export": ["-o", tmp_path / "out", "--frames", "1-2"],
        "check": [],
        "restore": ["-o", tmp_path / "out"],
    }[command]
    done = batch(mayapy(_ERRORS), command, scenes / "a.ma", *words, "--report", tmp_path / "r.json")
    assert done.returncode == 0, done.stdout
    row = report(tmp_path / "r.json")["a"]
    assert row["state"] == "done"
    assert row["notes"][0] == (
        "Maya had errors with this scene and opened it all the same (Errors have occurred while "
        "reading this scene that may result in data loss.)"
    )
    if words:
        assert (tmp_path / "out" / f"a.{'abc' if command == 'export' else 'ma'}").is_file()


def test_a_scene_that_opens_with_errors_is_not_saved_over_itself(
    mayapy: Any, scenes: Path, tmp_path: Path
) -> None:
    before = (scenes / "a.ma").read_bytes()
    done = batch(mayapy(_ERRORS), "restore", scenes / "a.ma", "--in-place")
    assert done.returncode == 1
    assert "opened with errors and is not saved over itself" in done.stdout
    assert (scenes / "a.ma").read_bytes() == before


def test_a_scene_that_does_not_open_is_a_failure(mayapy: Any, scenes: Path, tmp_path: Path) -> None:
    nothing = (
        "def refuse(session, path):\n    raise RuntimeError('File is of a newer "
        "version')\nfiles.open_scene = refuse"
    )
    done = batch(mayapy(nothing), "export", scenes / "a.ma", "-o", tmp_path / "out", "--frames", "1-2")
    assert done.returncode == 1
    assert "The scene cannot be opened (File is of a newer version)" in done.stdout


def test_a_mistake_of_ours_in_one_scene_does_not_stop_the_rest(
    maya: Any, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aim_maya.scene.batch import run as batch_run
    from tests.in_maya.checks_batch import run

    plain = batch_run.check_scene

    def check(item: Any, options: dict[str, Any]) -> Any:
        return {}["mesh"] if item.scene.endswith("a.ma") else plain(item, options)

    monkeypatch.setitem(batch_run._WORK, "check", check)
    results = {Path(r.scene).stem: r for r in run("check", scenes)}
    assert {name: r.state for name, r in results.items()} == {"a": "failed", "b": "done"}
    assert "unexpected KeyError" in str(results["a"].error)


def test_a_reference_is_a_source_under_its_copy_number_too(
    maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rig that Maya lists as rig.ma{1} alone, the other reference to it being gone, is rig.ma: an output is
    made anew when it changes."""
    from maya import cmds

    from aim_maya.scene.batch.files import sources
    from tests.fake_maya.commands import files

    lab = importlib.import_module("tests.in_maya.lab").Lab(tmp_path)
    lab.rig()
    rig = (tmp_path / "rig.ma").as_posix()
    cmds.file(rename=rig)
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    cmds.file(rig, reference=True, namespace="a")
    monkeypatch.setattr(files, "listed_path", lambda _, reference: f"{reference.path}{{1}}")
    assert cmds.file(query=True, reference=True) == [rig + "{1}"]
    assert sources() == [rig]


@pytest.mark.parametrize("name", ['a "quoted" take', "back\\slash\\n", "a$(b)`c`"])
def test_fbx_under_any_name(mayapy: Any, scenes: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / f"{name}.fbx"
    done = batch(mayapy(), "export", scenes / "a.ma", "-o", out, "--frames", "1-2", "--format", "fbx")
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.is_file()


def test_a_mel_string_stands_for_its_text(maya: Any) -> None:
    from aim_maya.scene.batch.export import mel_text

    assert mel_text('C:\\new\t"a"\n') == r'"C:\\new\t\"a\"\n"'


def test_a_name_that_two_objects_have(maya: Any, tmp_path: Path) -> None:
    from maya import OpenMaya as om
    from maya import cmds

    from aim_maya.core.errors import AimError
    from aim_maya.scene.actions.capture import Parts, capture
    from aim_maya.scene.rig.blend_shape import find_node

    lab = importlib.import_module("tests.in_maya.lab").Lab(tmp_path)
    rig = lab.rig()
    for group, mesh in (("A", rig.mesh), ("B", lab.mesh("other", lab.head.mesh))):
        moved = cmds.parent(mesh, cmds.createNode("transform", name=group), relative=True)[0]
        found = om.MSelectionList()
        found.add(moved)
        node = om.MObject()
        found.getDependNode(0, node)
        om.MFnDependencyNode(node).setName("face")
    for ask in (
        lambda: capture("face", any_size=True),
        lambda: capture("|A|face", parts=Parts(skull="face"), any_size=True),
        lambda: find_node("face"),
    ):
        with pytest.raises(AimError, match=r"2 objects are called 'face': \|A\|face, \|B\|face"):
            ask()
    with pytest.raises(AimError, match="There is no object 'nothing'"):
        capture("|A|face", "nothing", any_size=True)
    assert len(capture("|A|face", any_size=True).actor.shapes) == 6
