"""Files of the Maya module: the grammar of the .mod file, start-up, icons."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import aim_maya
from aim_maya import install

ROOT = Path(__file__).resolve().parents[2]
MOD = (ROOT / "mod/aim_maya.mod").read_text(encoding="utf-8")


def entries(text: str) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = []
    for line in filter(None, text.splitlines()):
        if line.startswith("+"):
            blocks.append((line, []))
        else:
            blocks[-1][1].append(line)
    return blocks


def test_mod_file_has_an_entry_for_every_maya_and_platform() -> None:
    heads = [
        re.fullmatch(r"\+ MAYAVERSION:(\d{4}) PLATFORM:(win64|linux|mac) aim_maya (\S+) (\./aim_maya)", head)
        for head, _ in entries(MOD)
    ]
    assert all(heads)
    assert {(h[1], h[2]) for h in heads if h} == {
        (v, p) for v in ("2025", "2026", "2027") for p in ("win64", "linux", "mac")
    }
    assert {h[3] for h in heads if h} == {aim_maya.__version__}


def test_mod_lines_follow_the_grammar() -> None:
    line = re.compile(
        r"(\[r\] )?(icons|plug-ins|presets|scripts): \S.*|\w+\+?:?=\S*"
    )  # a folder needs its space, a variable has none
    for _, rest in entries(MOD):
        assert all(line.fullmatch(text) for text in rest), rest
        assert "PYTHONPATH+:=." in rest  # the root itself
        assert "scripts: aim_maya/scripts" in rest
        assert not any(
            "deps" in text for text in rest
        )  # appended late by the package, never put first by Maya


def test_folders_named_in_the_mod_file_exist() -> None:
    for name in ("icons", "aim_maya/scripts"):
        assert (ROOT / name).is_dir()


@pytest.mark.parametrize("batch", [True, False])
def test_user_setup(batch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred, warned, began = [], [], []
    cmds = SimpleNamespace(
        about=lambda **f: batch, evalDeferred=lambda call, **f: deferred.append(call), warning=warned.append
    )
    monkeypatch.setitem(sys.modules, "maya", SimpleNamespace(cmds=cmds))
    space: dict[str, object] = {}
    exec((ROOT / "aim_maya/scripts/userSetup.py").read_text(encoding="utf-8"), space)
    assert not [name for name in space if "aim" in name]
    assert len(deferred) == (0 if batch else 1)
    if not batch:
        monkeypatch.setitem(
            sys.modules,
            "aim_maya.scene.shelf",
            SimpleNamespace(menu=SimpleNamespace(install=lambda: began.append(1))),
        )
        deferred[0]()
        assert began == [1]
        monkeypatch.setitem(sys.modules, "aim_maya.scene.shelf", None)
        deferred[0]()
        assert "doctor" in warned[0]


def test_user_setup_without_maya_only_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "aim_maya/scripts/userSetup.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "start-up was skipped" in done.stderr


def test_icons_are_rendered() -> None:
    names = {p.stem for p in (ROOT / "icons").glob("*.svg")}
    assert names == {
        "aim_maya",
        *(f"aim_{n}" for n in ("train", "attach", "restore", "anatomy", "teeth", "batch", "doctor")),
    }
    for name in names:
        for ending, size in (("", 32), ("_64", 64)):
            data = (ROOT / "icons" / f"{name}{ending}.png").read_bytes()
            assert data[:8] == b"\x89PNG\r\n\x1a\n"
            assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (size, size)


def test_the_docs_name_the_pinned_versions() -> None:
    text = (ROOT / "docs/reference/install.md").read_text(encoding="utf-8")
    for version in (
        install.NUMPY,
        f"onnxruntime-gpu {install.ONNXRUNTIME}",
        install.ONNXRUNTIME_INTEL_MAC,
        f"numpy=={install.NUMPY} onnxruntime-gpu=={install.ONNXRUNTIME}",
    ):
        assert version in text
    for file in ("README-INSTALL.txt", "install_aim_maya.py"):
        assert (ROOT / "mod" / file).is_file()
    assert "run inside Maya" in text
