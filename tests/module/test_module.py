"""The Maya module as it is shipped: contents of the zip, and the drag-and-drop installer's decisions."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import aim_maya
from tests.module.test_module_files import MOD, entries

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "mod" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


builder, installer = script("build"), script("install_aim_maya")


# --- the zip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The parts of the repository that are packed, with a plug-in and with things that must stay out."""
    root = tmp_path / "my repository"
    for folder in ("aim_maya", "icons", "bin", "mod", "plug-ins", "tests/in_maya", "trainer", "docs"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("LICENSE", "constraints.txt"):
        shutil.copy(ROOT / file, root)
    (root / "plug-ins/__pycache__").mkdir(exist_ok=True)
    (root / "plug-ins/__pycache__/aim_deformer.pyc").write_bytes(b"x")
    (root / "tests/test_x.py").write_text("", encoding="utf-8")
    (root / "bin/.hidden").write_text("", encoding="utf-8")
    return root


def test_zip_holds_what_a_user_needs(tree: Path, tmp_path: Path) -> None:
    made = builder.build(tree, tmp_path / "out")
    assert made.name == f"aim_maya-{aim_maya.__version__}.zip"
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        launcher = archive.getinfo("aim_maya/bin/aim-mayapy")
        assert archive.read("aim_maya/bin/aim-mayapy.bat").count(b"\r\n") > 20
    assert launcher.external_attr >> 16 == 0o100755
    needed = [
        "aim_maya/__init__.py",
        "core/dependencies.py",
        "runtime/face_model.py",
        "install.py",
        "scripts/userSetup.py",
    ]
    wanted = {f"aim_maya/aim_maya/{n}" if not n.startswith("aim_maya/") else f"aim_maya/{n}" for n in needed}
    wanted |= {
        "aim_maya/plug-ins/aim_deformer.py",
        "aim_maya/tests/in_maya/run.py",
        "aim_maya/icons/aim_maya.png",
        "aim_maya/LICENSE",
        "aim_maya/training/constraints.txt",
        "aim_maya/training/trainer/__main__.py",
        "aim_maya/aim_maya/core/training_options.py",
        "aim_maya/README-INSTALL.txt",
        "aim_maya/docs/guide/maya.md",
        "aim_maya/docs/pictures/shelf.png",
        "aim_maya/training/trainer/sample/heads/LICENSES.txt",
        "aim_maya.mod",
        "install_aim_maya.py",
    }
    assert wanted <= set(names)
    assert names == sorted(names)
    assert not [
        n
        for n in names
        if re.search(r"__pycache__|\.pyc|test_|tests/__init__|/\.|render\.py|^aim_maya/trainer|\\", n)
    ]
    assert {n.split("/")[0] for n in names} == {"aim_maya", "aim_maya.mod", "install_aim_maya.py"}


def test_zip_is_reproducible(tree: Path, tmp_path: Path) -> None:
    first = builder.build(tree, tmp_path / "a").read_bytes()
    for file in tree.rglob("*.py"):
        os.utime(file, (1, 1))
    assert builder.build(tree, tmp_path / "b").read_bytes() == first


@pytest.mark.parametrize(
    "gone", ["icons", "bin", "plug-ins", "tests/in_maya", "mod/install_aim_maya.py", "LICENSE"]
)
def test_an_incomplete_tree_is_refused(
    tree: Path, tmp_path: Path, gone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tree / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert builder.main(["--root", str(tree), "--out", str(tmp_path / "out")]) == 2
    assert gone in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_a_mod_file_of_another_version_is_refused(tree: Path, tmp_path: Path) -> None:
    text = (tree / "mod/aim_maya.mod").read_text(encoding="utf-8")
    (tree / "mod/aim_maya.mod").write_text(
        text.replace(f"aim_maya {aim_maya.__version__}", "aim_maya 9.9"), encoding="utf-8"
    )
    with pytest.raises(builder.Refused, match=r"9\.9"):
        builder.build(tree, tmp_path)


# --- the installer


@pytest.fixture
def unpacked(tree: Path, tmp_path: Path) -> Path:
    """The zip, unpacked into a folder with a space and an accent."""
    where = tmp_path / "Télé chargements"
    with zipfile.ZipFile(builder.build(tree, tmp_path / "out")) as archive:
        archive.extractall(where)
    return where


def older(source: Path, version: str) -> None:
    file = source / "aim_maya/__init__.py"
    file.write_text(
        re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', file.read_text(encoding="utf-8")),
        encoding="utf-8",
    )


def test_install_then_upgrade_keeps_dependencies(unpacked: Path, tmp_path: Path) -> None:
    modules, source = tmp_path / "maya é" / "modules", installer.source_folder(unpacked)
    assert installer.decide(source, modules).kind == "install"
    root = installer.put(source, modules)
    assert sorted(p.name for p in modules.iterdir()) == ["aim_maya", "aim_maya.mod"]
    assert (modules / "aim_maya.mod").read_text(encoding="utf-8") == MOD
    assert os.access(root / "bin/aim-mayapy", os.X_OK)
    older(root, "0.0.9")
    (root / "deps/cp311-linux").mkdir(parents=True)
    (root / "aim_maya/stale.py").write_text("", encoding="utf-8")
    found = installer.decide(source, modules)
    assert (found.kind, found.old) == ("upgrade", "0.0.9")
    installer.put(source, modules)
    assert (root / "deps/cp311-linux").is_dir()
    assert not (root / "aim_maya/stale.py").exists()
    assert installer.decide(source, modules).kind == "again"
    older(root, "10.0.0")
    assert installer.decide(source, modules).kind == "downgrade"
    assert sorted(p.name for p in modules.iterdir()) == ["aim_maya", "aim_maya.mod"]


def test_what_is_not_ours_is_left_alone(unpacked: Path, tmp_path: Path) -> None:
    source = installer.source_folder(unpacked)
    other = tmp_path / "a/aim_maya/tool.py"
    other.parent.mkdir(parents=True)
    other.write_text("theirs", encoding="utf-8")
    with pytest.raises(installer.Refused, match="left alone"):
        installer.decide(source, tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/aim_maya.mod").write_text("+ other_tool 1.0 ./x\n", encoding="utf-8")
    with pytest.raises(installer.Refused, match="belongs to something else"):
        installer.decide(source, tmp_path / "b")


def test_a_failed_upgrade_puts_everything_back(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules, source = tmp_path / "modules", installer.source_folder(unpacked)
    root = installer.put(source, modules)
    older(root, "0.0.9")
    before = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    real = os.replace

    def locked(here: Path, there: Path) -> None:
        if Path(here).parent.name == "new" and Path(here).name == "icons":
            raise PermissionError(13, "Access is denied")
        real(here, there)

    monkeypatch.setattr(installer.os, "replace", locked)
    with pytest.raises(installer.Refused, match="Nothing was changed"):
        installer.put(source, modules)
    assert {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in modules.iterdir()) == ["aim_maya", "aim_maya.mod"]


def test_pointing_at_the_folder(unpacked: Path, tmp_path: Path) -> None:
    source, modules = installer.source_folder(unpacked), tmp_path / "modules"
    with pytest.raises(installer.Refused, match="beyond ASCII"):
        installer.put(source, modules, copy=False)
    plain = unpacked.rename(tmp_path / "with space")
    assert installer.put(plain / "aim_maya", modules, copy=False) == plain / "aim_maya"
    heads = [head for head, _ in entries((modules / "aim_maya.mod").read_text(encoding="utf-8"))]
    assert len(heads) == 9
    assert all(
        head.endswith(f"aim_maya {aim_maya.__version__} {(plain / 'aim_maya').as_posix()}") for head in heads
    )
    assert not (modules / "aim_maya").exists()


def test_unpacked_into_the_modules_folder_itself(unpacked: Path) -> None:
    assert installer.put(installer.source_folder(unpacked), unpacked) == unpacked / "aim_maya"
    assert (unpacked / "aim_maya/aim_maya/__init__.py").is_file()


def test_an_incomplete_folder_and_a_read_only_one(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(installer.Refused, match="cannot be written"):
        installer.put(unpacked / "aim_maya", tmp_path / "file" / "modules")
    with pytest.raises(installer.Refused, match="Unpack the zip first"):
        installer.source_folder(tmp_path)


def test_another_copy_is_named(unpacked: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(tmp_path / "none"), str(unpacked), str(tmp_path / "modules")])
    assert installer.other_copies(tmp_path / "modules", path) == [unpacked]
    assert installer.other_copies(unpacked, path) == []


def stand_in(app: Path, answers: list[str], version: str = "2026", loaded: bool = False) -> SimpleNamespace:
    """The few commands the installer calls."""
    said: list[str] = []
    return SimpleNamespace(
        said=said,
        about=lambda **flags: version,
        internalVar=lambda **flags: str(app) + "/",
        pluginInfo=lambda name, **flags: loaded,
        confirmDialog=lambda **flags: said.append(flags["message"]) or (answers.pop(0) if answers else "OK"),
        loadPlugin=lambda path, **flags: said.append(path),
        progressWindow=lambda **flags: False,
    )


def test_run_asks_and_installs(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "_use", lambda root: None)  # this process keeps its own package
    cmds = stand_in(tmp_path / "app", [installer.COPY])
    assert installer.run(cmds, unpacked) == tmp_path / "app/modules/aim_maya"
    assert cmds.said[0] == f"Install AIM for Maya {aim_maya.__version__}?"
    assert cmds.said[1].endswith("plug-ins/aim_deformer.py")
    cmds = stand_in(tmp_path / "app", [installer.COPY], loaded=True)
    installer.run(cmds, unpacked)
    assert "Restart Maya: the older plug-in" in cmds.said[-1]


def test_run_cancelled_or_on_another_maya_changes_nothing(unpacked: Path, tmp_path: Path) -> None:
    assert installer.run(stand_in(tmp_path / "app", [installer.CANCEL]), unpacked) is None
    with pytest.raises(installer.Refused, match="This is Maya 2024"):
        installer.run(stand_in(tmp_path / "app", [], "2024"), unpacked)
    assert not (tmp_path / "app").exists()


def test_a_dropped_file_shows_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cmds = stand_in(tmp_path, [], "2024")
    monkeypatch.setitem(sys.modules, "maya", SimpleNamespace(cmds=cmds))
    installer.onMayaDroppedPythonFile(None)
    assert "This is Maya 2024" in cmds.said[0]
