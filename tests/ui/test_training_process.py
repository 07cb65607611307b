"""The trainer as a process of its own: a clean environment, a life of its own, and an end that is
explained.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.files import write_json
from aim_maya.core.run_folder import RunFolder, RunReader, ask_to_stop, is_alive, write_owner
from aim_maya.core.training_options import TrainConfig
from aim_maya.ui.training import options
from aim_maya.ui.training import python as training_python
from aim_maya.ui.training.process import clean_environment, detached, explain, last_lines, start
from tests.helpers.short_training import short
from trainer.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
LONG = [*short(100_000), "--progress", "lines"]
POISON = {
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONSTARTUP": "/nowhere",
    "LD_LIBRARY_PATH": "/nowhere",
    "LD_PRELOAD": "/nowhere.so",
    "QT_PLUGIN_PATH": "/nowhere",
    "QT_QPA_PLATFORM": "maya",
    "MAYA_LOCATION": "/opt/maya",
    "MAYA_PLUG_IN_PATH": "/x",
    "DYLD_LIBRARY_PATH": "/nowhere",
    "VIRTUAL_ENV": "/x",
}


def wait_for(what: Callable[[], object], seconds: float = 90.0) -> None:
    """Until it is so, or fail."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def training_arguments(actor: Path, out: Path, *extra: str) -> list[str]:
    return ["train", str(actor), "-o", str(out), *LONG, *extra]


# --- environment and start


def test_nothing_of_the_host_s_environment_is_passed_on() -> None:
    clean = clean_environment(
        POISON
        | {
            "PATH": os.pathsep.join(["/opt/maya/bin", "/usr/bin"]),
            "HOME": "/home/anna",
            "CUDA_VISIBLE_DEVICES": "1",
        }
    )
    assert clean["PATH"] == "/usr/bin"
    assert clean["HOME"] == "/home/anna"
    assert clean["CUDA_VISIBLE_DEVICES"] == "1"
    assert not set(POISON) & set(clean)


def test_the_trainer_starts_from_a_poisoned_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in POISON.items():
        if (
            name != "LD_PRELOAD"
        ):  # the dynamic linker's own complaint would be in the log of every child of ours
            monkeypatch.setenv(name, value)
    started = start(Path(sys.executable), ["--version"], tmp_path / "a folder")
    assert started.process.wait(60) == 0
    assert last_lines(started.folder)[-1].startswith("aimface ")


def test_a_process_is_detached_on_every_system() -> None:
    assert detached("linux") == {"start_new_session": True} == detached("darwin")
    flags = detached("win32")["creationflags"]
    for flag in (
        0x200,
        0x8000000,
        0x1000000,
    ):  # CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_BREAKAWAY_FROM_JOB
        assert flags & flag


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(AimError, match="cannot be started"):
        start(tmp_path / "no python", ["--version"], tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(AimError, match="Cannot write"):
        start(Path(sys.executable), ["--version"], tmp_path / "file" / "run")


# --- a life of its own


@pytest.mark.parametrize(("with_parent", "let_go"), [(False, False), (True, True), (True, False)])
def test_it_outlives_its_window_or_stops_with_it_as_chosen(
    small_folder: Path, tmp_path: Path, with_parent: bool, let_go: bool
) -> None:
    run, stays = tmp_path / "s.run", let_go or not with_parent
    code = (
        "import sys, time; from pathlib import Path; from aim_maya.ui.training.process import start\n"
        f"it = start(Path(sys.executable), {training_arguments(small_folder, tmp_path / 's.aim')!r}, "
        f"Path({str(run)!r}), with_parent={with_parent})\n"
        f"while not Path({str(run / 'pid')!r}).exists(): time.sleep(0.05)\n"
        f"if {let_go}: it.let_go()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=90)
    reader = RunReader(run)
    if stays:
        wait_for(lambda: reader.look() and reader.snapshot.stage == "train")
        assert reader.snapshot.active
        ask_to_stop(run)
    wait_for(lambda: reader.look() and reader.snapshot.state == "cancelled")
    assert (run / "checkpoint.pt").is_file()
    assert any("what started this training is gone" in line for line in reader.snapshot.lines) is not stays


def test_two_trainings_at_once_and_never_two_in_one_folder(
    small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = Path(sys.executable)
    both = [
        start(python, training_arguments(small_folder, tmp_path / f"{name}.aim"), tmp_path / f"{name}.run")
        for name in "ab"
    ]
    readers = [RunReader(s.folder) for s in both]
    for reader in readers:
        wait_for(lambda r=reader: r.look() and r.snapshot.stage == "train")
    assert main(training_arguments(small_folder, tmp_path / "a.aim")) == 2
    assert f"is in use by the training of process {both[0].process.pid}" in capsys.readouterr().err
    for started, reader in zip(both, readers, strict=True):
        ask_to_stop(started.folder)
        assert started.process.wait(30) == 130
        reader.look()
        assert reader.snapshot.state == "cancelled"


def test_a_killed_training_is_explained_and_goes_on(small_folder: Path, tmp_path: Path) -> None:
    started = start(
        Path(sys.executable), training_arguments(small_folder, tmp_path / "s.aim"), tmp_path / "s.run"
    )
    reader = RunReader(started.folder)
    wait_for(lambda: reader.look() and reader.snapshot.step > 30)
    started.process.send_signal(signal.SIGKILL)
    started.process.wait(10)
    wait_for(lambda: reader.look() and reader.snapshot.state == "vanished", 5)
    error = explain(started.folder, started.process.returncode)
    assert "SIGKILL" in error.what
    assert "train ..." in error.what
    assert "killed" in error.cause
    assert "Resume" in error.remedy
    again = start(
        Path(sys.executable),
        training_arguments(small_folder, tmp_path / "s.aim", "--resume"),
        tmp_path / "s.run",
    )
    reader.expect(resume=True)
    wait_for(lambda: reader.look() and reader.snapshot.stage == "train")
    ask_to_stop(started.folder)
    assert again.process.wait(30) == 130


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_disk_that_takes_no_more(small_folder: Path, tmp_path: Path) -> None:
    """No file may grow beyond 100 kB: the checkpoint and the model cannot be written. And no training waits
    for packages that it does not use."""
    arguments = ["train", str(small_folder), "-o", str(tmp_path / "s.aim"), *short(40), "--progress", "lines"]
    full = (
        "import atexit, resource, signal, sys, runpy; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "spared = {'torch._dynamo', 'scipy.stats'}\n"
        "atexit.register(lambda: print('loaded:', spared & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            full + f"sys.argv[1:] = {arguments!r}; runpy.run_module('trainer', run_name='__main__')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # the machine gave way, and not the request
    assert "Traceback" not in done.stderr
    assert done.stdout.endswith("loaded: set()\n")
    assert (
        "The training goes on" in done.stderr
    )  # the checkpoint could not be written, and that was no reason to stop
    assert not (tmp_path / "s.aim").exists()
    assert not [f for f in tmp_path.rglob(".*") if f.is_file()]
    reader = RunReader(tmp_path / "s.run")
    reader.look()
    assert reader.snapshot.state == "failed"
    assert "disk may be full" in reader.snapshot.cause


def test_endings_in_words(tmp_path: Path) -> None:
    def said(text: str) -> AimError:
        (tmp_path / "trainer.log").write_text(text, encoding="utf-8")
        return explain(tmp_path, 1)

    assert "disk is full" in said("OSError: [Errno 28] No space left on device").cause
    assert "device: cpu" in said("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate").remedy
    assert "environment" in said("ModuleNotFoundError: No module named 'igl'").remedy
    told = said(
        "train ...\nError: There is no actor at /x.\n  Likely cause: The path is misspelt.\n  What to "
        "do:   Give an actor folder.\n"
    )
    assert (told.what, told.cause, told.remedy) == (
        "There is no actor at /x.",
        "The path is misspelt.",
        "Give an actor folder.",
    )
    (tmp_path / "trainer.log").unlink()
    assert explain(tmp_path).what.endswith("ended without a word.")


# --- the RUN folder read


def lines(folder: Path, *events: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "progress.jsonl").open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(event) + "\n" for event in events)


RUN = {"event": "run", "schema": 1, "actor": "anna", "out": "/x/anna.aim", "resumed_at": 0}


def test_lines_are_read_as_they_come(tmp_path: Path) -> None:
    reader = RunReader(tmp_path / "run", alive=lambda: True)
    assert not reader.look()
    lines(
        tmp_path / "run",
        RUN,
        {"event": "of tomorrow", "x": 1},
        {"event": "stage", "name": "train", "steps": 10},
    )
    assert reader.look()
    assert (reader.snapshot.state, reader.snapshot.stage, reader.snapshot.steps) == ("running", "train", 10)
    with (tmp_path / "run/progress.jsonl").open("a") as stream:
        stream.write('{"event": "step", "step": 5, "steps": 10, "eta_s": 2')
    reader.look()
    assert reader.snapshot.step == 0
    with (tmp_path / "run/progress.jsonl").open("a") as stream:
        stream.write(', "loss": 0.5, "error_mm": 0.1}\n')
    reader.look()
    assert (reader.snapshot.step, reader.snapshot.loss, reader.snapshot.error_mm) == (
        5,
        [(5, 0.5)],
        [(5, 0.1)],
    )
    lines(
        tmp_path / "run",
        {"event": "end", "state": "cancelled"},
        RUN | {"resumed_at": 5},
        {"event": "stage", "name": "train", "steps": 10},
    )
    reader.look()
    assert reader.snapshot.error_mm == [(5, 0.1)]
    lines(tmp_path / "run", RUN)
    reader.look()
    assert reader.snapshot.error_mm == []


def test_a_training_elsewhere_lives_by_its_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aim_maya.core import run_folder

    lines(tmp_path, RUN)
    (tmp_path / "pid").write_text("1\nanother machine\n")
    (tmp_path / "heartbeat").touch()
    reader = RunReader(tmp_path)
    reader.look()
    assert reader.snapshot.active
    monkeypatch.setattr(run_folder, "STALE_S", 0.05)
    time.sleep(0.1)
    reader.look()
    assert reader.snapshot.state == "vanished"


def test_a_run_folder_has_one_owner(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin()
    assert folder.owner() is None  # this process
    folder.pid.write_text("1\nanother machine\n")
    with pytest.raises(AimError, match="in use by the training of process 1"):
        folder.begin()
    os.utime(folder.heartbeat, (1, 1))
    folder.begin()
    write_owner(folder.pid)
    folder.pid.write_text(folder.pid.read_text().replace(str(os.getpid()), "999999999"))
    folder.begin()  # of this machine, and gone
    assert not is_alive(999999999)
    assert not is_alive(-1)


# --- options


def test_every_option_says_what_it_is_for_from_a_zip_too(tmp_path: Path) -> None:
    assert all(option.help.endswith(".") and "\n" not in option.help for option in options.options())
    root = Path(options.__file__).parents[3]
    archive = tmp_path / "aim.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for part in ("__init__.py", "core", "ui"):
            at = root / "aim_maya" / part
            for file in [at] if at.is_file() else sorted(at.rglob("*.py")):
                packed.write(file, file.relative_to(root).as_posix())
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from aim_maya.ui.training import options\n"
        "assert '.zip' in options.__file__\n"
        "print([o.help for o in options.options()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str([o.help for o in options.options()]), done.stderr


def test_options_arrive_at_the_trainer() -> None:
    import tyro

    values = {
        "preset": "final",
        "seed": "7",
        "rate": "2e-3",
        "open_template": False,
        "loose_teeth": True,
        "without": "symmetry, normal_skin",
        "expression": "128 2 30 90",
    }
    made = tyro.cli(TrainConfig, args=options.arguments(values))
    assert (made.preset, made.seed, made.rate, made.open_template, made.loose_teeth) == (
        "final",
        7,
        2e-3,
        False,
        True,
    )
    assert made.without == ("symmetry", "normal_skin")
    assert (made.expression.width, made.expression.depth) == (128, 2)
    assert options.arguments({o.name: o.default for o in options.options()}) == []
    for name, value in (("seed", "x"), ("expression", "1 2"), ("rate", "")):
        with pytest.raises(AimError, match=value or "''"):
            options.arguments({name: value})


# --- the trainer's Python


def test_the_trainer_s_python_is_found_by_setting_variable_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path))
    monkeypatch.delenv(training_python.VARIABLE, raising=False)
    monkeypatch.setattr(
        training_python, "is_found", lambda name: name == "torch"
    )  # whether or not the stand-in for Maya is in this process
    assert training_python.find() == Path(sys.executable)  # torch is here
    place = training_python.executable(tmp_path / "aim_maya" / training_python.FOLDER)
    named, variable = tmp_path / "named", tmp_path / "variable"
    for file in (place, named, variable):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert training_python.find() == place
    monkeypatch.setenv(training_python.VARIABLE, str(variable))
    assert training_python.find() == variable
    assert training_python.find(str(named)) == named
    assert training_python.find(str(tmp_path / "gone")) == variable


def test_what_a_python_lacks() -> None:
    assert training_python.lacking(Path(sys.executable)) == []
    with pytest.raises(AimError, match="does not work as a Python"):
        training_python.lacking(ROOT / "README.md")


def test_requirements_are_those_of_the_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        entry.split(">")[0]
        for name in ("train", "cli", "cpu")
        for entry in extras["optional-dependencies"][name]
    } | {"numpy"}
    assert set(training_python.REQUIREMENTS) == {name for name in wanted if not name.startswith("aim-maya")}


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with one tiny wheel."""
    folder, info = tmp_path / "wheels", "tinyaim-1.0.dist-info"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tinyaim-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinyaim.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinyaim\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def test_an_environment_is_made_offline_or_put_back(wheels: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "an environment"
    made = training_python.make(
        folder,
        said.append,
        wheels=wheels,
        base=Path(sys.executable),
        packages=["tinyaim"],
        imported=["tinyaim"],
    )
    assert made == training_python.executable(folder)
    assert any("tinyaim" in line for line in said)
    (folder / "mark").touch()
    with pytest.raises(AimError, match="pip stopped") as failed:
        training_python.make(
            folder,
            said.append,
            wheels=wheels,
            base=Path(sys.executable),
            packages=["nosuchthing"],
            imported=[],
        )
    assert "wheel" in f"{failed.value.cause} {failed.value.remedy}"
    assert (folder / "mark").is_file()
    with pytest.raises(Cancelled):
        training_python.make(folder, said.append, lambda: True, wheels=wheels, base=Path(sys.executable))
    assert (folder / "mark").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["an environment", "wheels"]


def test_no_python_and_no_wheels_are_said(tmp_path: Path) -> None:
    with pytest.raises(AimError, match="No environment could be made"):
        training_python.make(tmp_path / "e", lambda _: None, base=ROOT / "README.md")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AimError, match="holds no wheels"):
        training_python.make(tmp_path / "e", lambda _: None, wheels=tmp_path / "empty")
    assert not (tmp_path / "e").exists()


def test_a_damaged_line_does_no_harm(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {})
    lines(tmp_path, RUN)
    with (tmp_path / "progress.jsonl").open("a") as stream:
        stream.write('{"event": "st\n[1]\n"text"\n')
    reader = RunReader(tmp_path, alive=lambda: True)
    reader.look()
    assert reader.snapshot.state == "running"
