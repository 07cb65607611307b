"""The windows' Maya side, on the stand-in: shelf and menu, the docked window, capture and attach through the
Host, errors as dialogs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aim_maya.core.actor_folder import read_actor
from aim_maya.core.errors import AimError

SHELF = ("Train", "Attach", "Restore", "View anatomy", "Drive teeth", "Batch export", "Check installation")


@pytest.fixture
def shown(maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Maya with an interface, and a user folder of its own."""
    from aim_maya.scene import maya as host

    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "maya"))
    monkeypatch.setattr(maya, "batch", False)
    yield maya
    for handler in [h for h in host.logger.handlers if hasattr(h, "baseFilename")]:
        handler.close()
        host.logger.removeHandler(handler)
    maya.ui.clear()
    maya.extras.clear()


def test_shelf_and_menu_hold_string_commands(shown: Any) -> None:
    from maya import cmds

    from aim_maya.scene.shelf import menu
    from aim_maya.scene.shelf.menu import ENTRIES

    menu.install()
    menu.install()  # again: nothing is doubled
    buttons = cmds.shelfLayout("AIM", query=True, childArray=True)
    assert tuple(cmds.shelfButton(b, query=True, label=True) for b in buttons) == SHELF
    for button in buttons:
        assert isinstance(cmds.shelfButton(button, query=True, command=True), str)
        assert cmds.shelfButton(button, query=True, sourceType=True) == "python"  # MEL where nothing is said
        assert cmds.shelfButton(button, query=True, annotation=True)
        assert cmds.shelfButton(button, query=True, image=True).endswith(".png")
    assert len(cmds.menu("aimMayaMenu", query=True, itemArray=True)) == len(ENTRIES)


def test_an_error_is_a_dialog_with_the_log_s_path(shown: Any, tmp_path: Path) -> None:
    from aim_maya.scene.shelf import commands, menu

    menu.install()
    shown.dialog_answers.append("OK")
    commands.restore()
    message = shown.dialogs[-1]["message"]
    log = tmp_path / "maya/aim_maya/aim_maya.log"
    for part in ("0 objects are selected", "What to do: Select and try again.", f"Log: {log}"):
        assert part in message
    assert "0 objects are selected" in log.read_text()


def test_batch_bake_starts_a_maya_of_its_own(
    shown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aim_maya.scene.shelf import commands

    called: list[list[str]] = []
    monkeypatch.setattr(commands, "find_spec", lambda _name: None)
    shown.dialog_answers += [["a.ma", "b.ma"], [str(tmp_path)], "OK"]
    commands.batch_bake()
    assert "not in this version" in shown.dialogs[-1]["message"]
    monkeypatch.setattr(commands, "find_spec", lambda _name: True)
    monkeypatch.setattr(commands.subprocess, "Popen", lambda command, **_: called.append(command))
    shown.dialog_answers += [["a.ma", "b.ma"], [str(tmp_path)]]
    assert commands.batch_bake() == str(tmp_path / "batch.log")
    assert called[0][1:6] == ["batch", "export", "a.ma", "b.ma", "-o"]
    shown.dialog_answers += [None]
    assert commands.batch_bake() is None


def test_the_host_reads_the_scene_and_attaches(
    shown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maya import cmds

    from aim_maya.scene.actions import capture as module
    from aim_maya.scene.shelf.window import MayaHost
    from tests.in_maya.lab import Lab

    lab = Lab(tmp_path)
    rig, host = lab.rig(), MayaHost()
    monkeypatch.setattr(
        module, "check_actor", lambda *_, **__: None
    )  # the made-up head is smaller than a head
    cmds.select(clear=True)
    with pytest.raises(AimError, match="Nothing is selected"):
        host.selected()
    cmds.select(rig.mesh)
    source = host.selected()
    assert host.blend_shapes(source.mesh) == [rig.node]
    path = host.actor_for(source, tmp_path / "face.aim", lambda *_: True)
    actor = read_actor(path, any_size=True)
    assert path == tmp_path / "face_actor.npz"
    assert set(actor.rig.targets) == set(lab.head.rig.targets)
    assert "Attached tiny.aim" in host.attach(Path(lab.model), source)
    assert shown.violations == []


def test_the_window_docks(shown: Any, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pytest.importorskip("PySide6.QtWidgets")
    pytest.importorskip("pytestqt")
    request.getfixturevalue("qapp")
    from maya import cmds
    from PySide6.QtCore import QSettings

    from aim_maya.scene.shelf import commands
    from aim_maya.scene.shelf import window as docking

    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    assert commands.train() == docking.CONTROL
    flags = shown.ui[docking.CONTROL]["flags"]
    assert isinstance(flags["uiScript"], str)
    window = docking._widget().findChild(docking._window_class())
    assert window.host.in_application
    assert window.buttons["attach"].isVisibleTo(window)
    assert commands.train() == docking.CONTROL  # a second press shows the same one
    assert len(docking._widget().findChildren(docking._window_class())) == 1
    cmds.select(clear=True)
    window.form.take_selected()
    assert "Nothing is selected" in window.message.text()
    window.close()


def test_no_window_in_batch(maya: Any) -> None:
    from aim_maya.scene.shelf.window import open_training

    with pytest.raises(AimError, match="no interface"):
        open_training()


def test_no_menu_and_no_log_in_batch(maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """userSetup.py runs in mayapy, too."""
    from aim_maya.scene.shelf import menu

    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "maya"))
    menu.install()
    assert not maya.ui
    assert not (tmp_path / "maya").exists()


def test_a_log_that_another_maya_has_open_grows_on(
    shown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows lets nobody rename a file that another process has open."""
    from aim_maya.scene import maya as host

    def refused(*_: object) -> None:
        raise PermissionError(32, "the file is used by another process")

    host.keep_log()
    path = host.log_file()
    assert path is not None
    with monkeypatch.context() as other_maya:
        other_maya.setattr(os, "rename", refused)
        for i in range(1200):
            host.logger.error("%04d %s", i, "x" * 1000)
    assert "Logging error" not in capsys.readouterr().err
    assert "1199" in path.read_text()[-1100:]
    for i in range(1200):
        host.logger.error("again %04d %s", i, "x" * 1000)
    assert "again 1199" in path.read_text()[-1100:]
    assert path.stat().st_size < 2 * 2**20, "the file is renamed again once it can be"


def test_no_window_in_a_process_without_an_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """mayapy has a Qt application of its own, which can hold no windows: a second one would end it."""
    from aim_maya.ui import app

    monkeypatch.setattr(app, "QApplication", type("NoWindows", (), {"instance": staticmethod(object)}))
    with pytest.raises(AimError, match="without an interface"):
        app.application()
