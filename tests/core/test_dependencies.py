"""Dependency folders: found in order, appended and never put first."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from aim_maya.core import dependencies

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def only_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module and a user's folder of the test's own; returns the module."""
    root = tmp_path / "the module"
    (root / "plug-ins").mkdir(parents=True)
    monkeypatch.setattr(dependencies, "MODULE_ROOT", root)
    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "Maya Prefs é"))
    monkeypatch.delenv(dependencies.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return root


def put_package(folder: Path, name: str = "numpy") -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("", encoding="utf-8")
    return folder


def test_tag_names_python_and_platform() -> None:
    python, platform = dependencies.tag().split("-", 1)
    assert python == f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert platform in ("win64", "linux", "mac-arm64", "mac-x86_64")


def test_order_of_folders(only_ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dependencies.found_folder() is None
    user = put_package(dependencies.user_folder())
    assert "Maya Prefs é" in str(user)
    assert dependencies.found_folder() == user
    module = put_package(only_ours / "deps" / dependencies.tag())
    assert dependencies.found_folder() == module
    studio = put_package(tmp_path / "studio" / dependencies.tag())
    monkeypatch.setenv(dependencies.VARIABLE, str(tmp_path / "studio"))
    assert dependencies.found_folder() == studio
    flat = put_package(tmp_path / "flat")
    monkeypatch.setenv(dependencies.VARIABLE, str(flat))
    assert dependencies.found_folder() == flat


def test_an_empty_folder_is_not_taken(only_ours: Path) -> None:
    (only_ours / "deps" / dependencies.tag() / "numpy").mkdir(parents=True)
    assert dependencies.found_folder() is None
    assert dependencies.add_dependency_folder() is None


def test_nothing_is_appended_when_all_is_there(only_ours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_package(dependencies.module_folder())
    before = list(sys.path)
    monkeypatch.setattr(dependencies, "is_found", lambda name: True)
    assert dependencies.add_dependency_folder() is None
    assert sys.path == before


@pytest.mark.parametrize("absent", dependencies.NEEDED)
def test_appended_once_and_last(only_ours: Path, monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    folder = put_package(dependencies.module_folder(), absent)
    monkeypatch.setattr(dependencies, "is_found", lambda name: name != absent)
    assert dependencies.add_dependency_folder() == folder
    assert dependencies.add_dependency_folder() == folder
    assert sys.path[-1] == str(folder)
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize(
    "how", ["sys.modules[name] = None", "import types; sys.modules[name] = types.ModuleType(name)"]
)
def test_odd_entries_of_other_tools_are_survived(how: str) -> None:
    name = "numpy"
    code = (
        f"import sys; name = {name!r}; {how}\nfrom aim_maya.core import dependencies as "
        "d\nprint(d.is_found(name), d.add_dependency_folder())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False" if how.endswith("None") else "True", "None"]


def test_a_bare_interpreter_gets_our_numpy(tmp_path: Path) -> None:
    """Without site-packages nothing is found; ours is imported, and add_dependency_folder imported nothing
    itself."""
    put_package(tmp_path / "d é" / dependencies.tag())
    code = (
        "import sys; sys.path.append(sys.argv[1])\nfrom aim_maya.core.dependencies import "
        "add_dependency_folder, missing\nbefore = missing()\n"
        "add_dependency_folder()\nassert 'numpy' not in sys.modules\nimport numpy\nprint(before, missing())"
    )
    env = {"AIM_MAYA_DEPS": str(tmp_path / "d é"), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "['numpy', 'onnxruntime'] ['onnxruntime']"


def test_install_folder_prefers_the_module_and_avoids_what_is_read_only(
    only_ours: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert dependencies.install_folder() == dependencies.module_folder()
    (only_ours / "deps").write_text(
        "a file in the way", encoding="utf-8"
    )  # as good as read-only, also for an administrator
    assert not dependencies.can_write(dependencies.module_folder())
    assert dependencies.install_folder() == dependencies.user_folder()
    monkeypatch.setenv(dependencies.VARIABLE, str(tmp_path / "studio"))
    assert dependencies.install_folder() == tmp_path / "studio" / dependencies.tag()


def test_a_plain_python_keeps_out_of_site_packages(only_ours: Path) -> None:
    (only_ours / "plug-ins").rmdir()
    assert dependencies.install_folder() == dependencies.user_folder()


def test_platform_defaults_of_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAYA_APP_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    for platform, tail in (
        ("linux", "u/maya"),
        ("win32", "u/Documents/maya"),
        ("darwin", "u/Library/Preferences/Autodesk/maya"),
    ):
        monkeypatch.setattr(sys, "platform", platform)
        assert dependencies.maya_app_folder().as_posix().endswith(tail)


def test_imports_with_everything_blocked() -> None:
    code = textwrap.dedent("""
        import sys
        for name in ("numpy", "onnxruntime", "torch", "maya", "PySide6", "tyro"):
            sys.modules[name] = None
        import aim_maya.install, aim_maya.core.dependencies
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""
