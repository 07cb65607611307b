"""Installing numpy and onnxruntime for Maya: whole, or everything stays as it was; what pip says becomes
readable."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from aim_maya import install
from aim_maya.core.errors import AimError, Cancelled
from tests.core.test_dependencies import put_package

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="the stand-in interpreter is a script with a shebang"
)

FAKE_PYTHON = """\
#!{python} -S
import os, sys, time
from pathlib import Path
args = sys.argv[1:]
if args[:2] == ["-m", "pip"]:
    (Path(__file__).parent / "asked.txt").write_text("\\n".join(args), encoding="utf-8")
    target = Path(args[args.index("--target") + 1])
    {pip}
    for name, version in (("numpy", "2.4.6"), ("onnxruntime", "1.26.0")):
        (target / name).mkdir()
        (target / name / "__init__.py").write_text({body}, encoding="utf-8")
    print("Successfully installed")
else:
    sys.argv = ["-c", *args[2:]]
    exec(args[1])
"""
GOOD = "f'__version__ = {version!r}'"


@pytest.fixture
def fake_python(tmp_path: Path):
    """A maker of stand-ins for mayapy, in a folder with a space and an accent in its name."""

    def make(pip: str = "pass", body: str = GOOD) -> Path:
        script = tmp_path / "Maya é 2026" / "bin" / "mayapy"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(FAKE_PYTHON.format(python=sys.executable, pip=pip, body=body), encoding="utf-8")
        script.chmod(0o755)
        return script

    return make


def plan(python: Path, folder: Path, wheels: Path | None = None) -> install.Installation:
    return install.Installation(python, folder, install.requirements("linux"), wheels)


def test_pins() -> None:
    for system in ("win64", "linux"):
        assert install.requirements(system) == (
            f"numpy=={install.NUMPY}",
            f"onnxruntime-gpu=={install.ONNXRUNTIME}",
        )
        assert any("cudnn" in p for p in install.requirements(system, cuda=True))
    assert install.requirements("mac-arm64", cuda=True) == (
        f"numpy=={install.NUMPY}",
        f"onnxruntime=={install.ONNXRUNTIME}",
    )
    assert install.requirements("mac-x86_64")[1].endswith(install.ONNXRUNTIME_INTEL_MAC)


@posix
def test_install_is_whole(fake_python, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "deps é x" / "cp311-linux"
    assert install.install(plan(fake_python(), folder), lines.append) == folder
    assert (folder / "onnxruntime/__init__.py").is_file()
    assert [p.name for p in folder.parent.iterdir()] == ["cp311-linux"]
    assert "numpy 2.4.6 loads" in lines
    assert "onnxruntime 1.26.0 loads" in lines
    assert folder.stat().st_mode & 0o055 == 0o055


@posix
def test_install_offline_asks_no_index(fake_python, tmp_path: Path) -> None:
    wheels = tmp_path / "my wheels"
    wheels.mkdir()
    with pytest.raises(AimError, match="holds no wheels"):
        install.make_plan(wheels)
    (wheels / "numpy-2.4.6-cp311-cp311-win_amd64.whl").touch()
    made = install.make_plan(wheels, tmp_path / "d", python=fake_python())
    install.install(made)
    asked = (made.python.parent / "asked.txt").read_text(encoding="utf-8").splitlines()
    assert asked[asked.index("--find-links") + 1] == str(wheels)
    assert "--no-index" in asked
    assert f"numpy=={install.NUMPY}" in asked


@posix
@pytest.mark.parametrize(
    ("says", "cause", "remedy"),
    [
        ("ERROR: No matching distribution found for numpy==2.4.6", "no such wheel", "--list"),
        ("NewConnectionError: Failed to establish a new connection", "cannot be reached", "--wheels"),
        ("/x/mayapy: No module named pip", "no pip", "ensurepip"),
        ("OSError: [Errno 28] No space left on device", "disk is full", "space"),
        ("something new", "", "pip's lines"),
    ],
)
def test_pip_failing_is_readable_and_changes_nothing(
    fake_python, tmp_path: Path, says: str, cause: str, remedy: str
) -> None:
    folder = put_package(tmp_path / "deps" / "t")
    with pytest.raises(AimError) as error:
        install.install(plan(fake_python(f"print('Collecting'); print({says!r}); sys.exit(1)"), folder))
    assert says in error.value.what
    assert "exit code 1" in error.value.what
    assert cause in error.value.cause
    assert remedy in error.value.remedy
    assert [p.name for p in folder.parent.iterdir()] == ["t"]
    assert (folder / "numpy/__init__.py").read_text(encoding="utf-8") == ""


@posix
def test_what_does_not_load_is_not_put_in_place(fake_python, tmp_path: Path) -> None:
    folder = put_package(tmp_path / "deps" / "t")
    with pytest.raises(AimError, match="does not load: ImportError: wrong ABI"):
        install.install(plan(fake_python(body="'raise ImportError(\"wrong ABI\")'"), folder))
    assert (folder / "numpy/__init__.py").read_text(encoding="utf-8") == ""


@posix
def test_onnxruntime_that_does_not_load_is_a_warning(fake_python, tmp_path: Path) -> None:
    lines: list[str] = []
    body = "f'__version__ = {version!r}' if name == 'numpy' else 'raise ImportError(\"DLL load failed\")'"
    install.install(plan(fake_python(body=body), tmp_path / "deps" / "t"), lines.append)
    assert any("Warning: onnxruntime does not load (ImportError: DLL load failed)" in line for line in lines)


@posix
def test_an_upgrade_replaces_the_folder(fake_python, tmp_path: Path) -> None:
    folder = put_package(tmp_path / "deps" / "t", "stale")
    install.install(plan(fake_python(), folder))
    assert sorted(p.name for p in folder.iterdir()) == ["numpy", "onnxruntime"]
    assert [p.name for p in folder.parent.iterdir()] == ["t"]


@posix
def test_a_folder_in_use_stays(fake_python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to rename a folder whose libraries a running Maya has loaded."""
    folder = put_package(tmp_path / "deps" / "t", "stale")
    real = install.os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target) == folder and not Path(source).name == "was":
            raise PermissionError(13, "Access is denied")
        real(source, target)

    monkeypatch.setattr(install.os, "replace", refuse)
    with pytest.raises(AimError, match="cannot be replaced"):
        install.install(plan(fake_python(), folder))
    assert [p.name for p in folder.iterdir()] == ["stale"]
    assert [p.name for p in folder.parent.iterdir()] == ["t"]


@posix
def test_cancel_ends_pip_at_once(fake_python, tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begin = time.monotonic()
    with pytest.raises(Cancelled):
        install.install(plan(fake_python("time.sleep(60)"), tmp_path / "deps" / "t"), cancelled=stop.is_set)
    assert time.monotonic() - begin < 5
    assert list((tmp_path / "deps").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "deps").write_text("", encoding="utf-8")
    with pytest.raises(AimError, match="Cannot write"):
        install.install(plan(Path(sys.executable), tmp_path / "deps" / "t"))


def test_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(AimError, match="cannot be started"):
        install.install(plan(tmp_path / "none", tmp_path / "deps" / "t"))


@pytest.mark.parametrize(
    ("maya", "mayapy"),
    [
        ("bin/maya.exe", "bin/mayapy.exe"),
        ("bin/maya.bin", "bin/mayapy"),
        ("Contents/MacOS/Maya", "Contents/bin/mayapy"),
        ("bin/mayapy", "bin/mayapy"),
        ("bin/python3", "bin/python3"),
    ],
)
def test_find_python(tmp_path: Path, maya: str, mayapy: str) -> None:
    found = tmp_path / "Maya 2026" / mayapy
    found.parent.mkdir(parents=True)
    found.touch()
    assert install.find_python(tmp_path / "Maya 2026" / maya) == found


def test_find_python_says_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(AimError, match="no mayapy beside"):
        install.find_python(tmp_path / "bin/maya.exe")


def test_list_and_errors_of_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert install.main(["--list"]) == 0
    assert f"numpy=={install.NUMPY}" in capsys.readouterr().out
    assert install.main(["--wheels", str(tmp_path)]) == 2
    assert "holds no wheels" in capsys.readouterr().err
