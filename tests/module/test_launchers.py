"""bin/aim-mayapy with a stand-in for mayapy; bin/aim-mayapy.bat is read for the same rules, it was not
run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BAT = (ROOT / "bin/aim-mayapy.bat").read_bytes().decode("ascii")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
COMMANDS = ("batch", "doctor", "install", "selftest")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The launcher inside a module whose path has a space and an accent."""
    root = tmp_path / "my modulé" / "aim_maya"
    (root / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "bin/aim-mayapy", root / "bin")
    return root


def mayapy(path: Path, name: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    file = path / "mayapy"
    file.write_text(
        f'#!/bin/sh\necho {name}\necho "$PYTHONPATH"\necho "${{MAYA_SKIP_USERSETUP_PY-unset}}"\nfor a '
        'in "$@"; do echo "<$a>"; done\nexit 7\n',
        encoding="utf-8",
    )
    file.chmod(0o755)
    return file


def launch(launcher: Path, *arguments: str, **environment: object) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | {k: str(v) for k, v in environment.items()}
    return subprocess.run(
        [str(launcher), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env,
        cwd="/",
        check=False,
    )


@posix
def test_arguments_path_and_exit_code_go_through(module: Path, tmp_path: Path) -> None:
    python = mayapy(tmp_path / "Maya 2026" / "bin", "named")
    done = launch(module / "bin/aim-mayapy", "batch", "a b.ma", "--name", "é*", "", AIM_MAYAPY=python)
    assert done.stdout.splitlines() == [
        "named",
        str(module),
        "unset",
        "<-m>",
        "<aim_maya.batch>",
        "<a b.ma>",
        "<--name>",
        "<é*>",
        "<>",
    ]
    assert done.returncode == 7


@posix
def test_what_the_user_set_stays(module: Path, tmp_path: Path) -> None:
    python = mayapy(tmp_path / "bin", "named")
    done = launch(
        module / "bin/aim-mayapy",
        "doctor",
        AIM_MAYAPY=python,
        PYTHONPATH="/studio:/more",
        MAYA_SKIP_USERSETUP_PY="0",
    )
    assert done.stdout.splitlines()[1:3] == [f"{module}:/studio:/more", "0"]
    done = launch(module / "bin/aim-mayapy", "--skip-user-setup", "doctor", AIM_MAYAPY=python)
    assert done.stdout.splitlines()[2:] == ["1", "<-m>", "<aim_maya.doctor>"]


@posix
def test_order_of_places(module: Path, tmp_path: Path) -> None:
    places = tmp_path / "auto desk"
    for version in (2025, 2026):
        mayapy(places / f"maya{version}" / "bin", str(version))
    launcher = module / "bin/aim-mayapy"
    assert launch(launcher, "doctor", AIM_AUTODESK=places).stdout.startswith("2026\n")
    mayapy(tmp_path / "located" / "bin", "located")
    assert launch(
        launcher, "doctor", AIM_AUTODESK=places, MAYA_LOCATION=tmp_path / "located"
    ).stdout.startswith("located\n")
    named = mayapy(tmp_path / "named", "named")
    assert launch(
        launcher, "doctor", AIM_AUTODESK=places, MAYA_LOCATION=tmp_path / "located", AIM_MAYAPY=named
    ).stdout.startswith("named\n")


@posix
def test_none_found_lists_the_places(module: Path, tmp_path: Path) -> None:
    launcher = module / "bin/aim-mayapy"
    done = launch(launcher, "doctor", AIM_AUTODESK=tmp_path / "none")
    assert done.returncode == 2
    assert done.stdout == ""
    for place in (
        f"{tmp_path}/none/maya2027/bin/mayapy",
        "/usr/autodesk/maya2025/bin/mayapy",
        "Maya.app/Contents/bin/mayapy",
        "AIM_MAYAPY",
    ):
        assert place in done.stderr
    wrong = launch(launcher, "doctor", AIM_MAYAPY=tmp_path / "gone", AIM_AUTODESK=tmp_path / "none")
    assert wrong.returncode == 2
    assert "gone" in wrong.stderr
    assert "/usr/autodesk" not in wrong.stderr  # another Maya than the one named would be worse than none


@posix
@pytest.mark.parametrize("arguments", [(), ("nosuch",), ("--skip-user-setup",), ("../evil",)])
def test_an_unknown_command_is_refused(module: Path, arguments: tuple[str, ...]) -> None:
    done = launch(module / "bin/aim-mayapy", *arguments)
    assert done.returncode == 2
    assert "usage: aim-mayapy" in done.stderr
    assert launch(module / "bin/aim-mayapy", "--help").returncode == 0


@posix
def test_through_a_link(module: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "aim"
    link.symlink_to(os.path.relpath(module / "bin/aim-mayapy", tmp_path / "links"))
    done = launch(link, "doctor", AIM_MAYAPY=mayapy(tmp_path / "bin", "x"))
    assert done.stdout.splitlines()[1] == str(module)


def test_bat_has_the_same_rules() -> None:
    assert BAT.count("\r\n") == BAT.count("\n")  # cmd loses labels in files with bare line feeds
    shell = (ROOT / "bin/aim-mayapy").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f'if "%NAME%"=="{name}" goto known' in BAT
        assert f'if "%NAME%"=="{name}" set ARGS=%ARGS:*{name}=%' in BAT
        assert name in shell
    assert (
        BAT.index("if not defined AIM_MAYAPY goto search")
        < BAT.index("MAYA_LOCATION")
        < BAT.index("for %%V in (2027 2026 2025)")
    )
    assert 'set "PYTHONPATH=%AIM_ROOT%;%PYTHONPATH%"' in BAT
    assert BAT.count("MAYA_SKIP_USERSETUP_PY=1") == 2  # where it is asked for, and in the help
    assert BAT.count("exit /b 2") == 2
    assert '"%MAYAPY%" -m aim_maya.%NAME% %ARGS%\r\nexit /b %ERRORLEVEL%' in BAT
    labels, jumps = set(re.findall(r"^:(\w+)", BAT, re.M)), set(re.findall(r"(?:goto |call :)(\w+)", BAT))
    assert jumps <= labels


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the library is missed on Linux only")
@pytest.mark.skipif(Path("/opt/Autodesk/AdpDesktopSDK").exists(), reason="the library is here")
def test_what_maya_2027_needs_is_said_before_it_ends_without_a_word(module: Path, tmp_path: Path) -> None:
    for name, warned in (("maya2027", True), ("maya2026", False)):
        python = mayapy(tmp_path / name / "bin", "named")
        done = launch(module / "bin/aim-mayapy", "doctor", AIM_MAYAPY=python)
        assert ("AdpSDKCore.so" in done.stderr) == warned
        assert done.returncode == 7
