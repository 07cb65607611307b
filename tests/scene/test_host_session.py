"""A session as a user has it: Maya was restarted and nothing is loaded; rigs are referenced, at any depth,
each with a model of its own beside it; files are read, reloaded and saved around them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

JAW = "jawOpen"


@pytest.fixture
def restarted(maya: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Maya with an interface, after a restart: the module is on its paths, and no plug-in was loaded."""
    from maya import cmds

    from aim_maya.scene import maya as host

    if cmds.pluginInfo("aim_deformer", query=True, loaded=True):
        cmds.unloadPlugin("aim_deformer")
    monkeypatch.setenv("MAYA_APP_DIR", str(tmp_path / "maya"))
    monkeypatch.setattr(maya, "batch", False)
    assert maya.violations == []
    yield maya
    for handler in [h for h in host.logger.handlers if hasattr(h, "baseFilename")]:
        handler.close()
        host.logger.removeHandler(handler)
    maya.ui.clear()
    maya.extras.clear()
    maya.dialog_answers.clear()


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    return importlib.import_module("tests.in_maya.lab").Lab(tmp_path, fresh=True)


@pytest.fixture
def tools(lab: Any) -> Any:
    """actor_folder, other_actor, save, off."""
    return importlib.import_module("tests.in_maya.checks_scene")


# the plug-in is loaded by whatever needs it first


def test_attach_on_the_shelf_is_the_first_thing_done_after_a_restart(
    restarted: Any, lab: Any, tools: Any
) -> None:
    from maya import cmds

    from aim_maya.scene.shelf import commands, menu

    menu.install()
    rig = lab.rig()
    cmds.select(rig.mesh)
    restarted.dialog_answers += [[lab.model]]
    node = commands.attach()
    assert restarted.dialogs == [] or "message" not in restarted.dialogs[-1], restarted.dialogs
    cmds.setAttr(f"{node}.{JAW}", 1.0)
    assert tools.off(lab, rig.mesh, lab.head) < 1e-3
    assert restarted.violations == []


def test_a_native_rig_is_the_first_thing_made_and_unmade_after_a_restart(restarted: Any, lab: Any) -> None:
    from maya import cmds

    from aim_maya.scene.shelf import commands

    rig = lab.rig()
    cmds.select(rig.mesh)
    restarted.dialog_answers += [[lab.model]]
    assert commands.native_rig()
    cmds.file(rename=(lab.folder / "native.ma").as_posix())
    cmds.file(save=True, type="mayaAscii")
    cmds.file(newFile=True, force=True)
    assert not cmds.pluginInfo("aim_deformer", query=True, loaded=True)  # it needs none
    cmds.file((lab.folder / "native.ma").as_posix(), open=True, force=True)
    cmds.select(rig.mesh)
    assert commands.restore() == rig.node
    assert not [d for d in restarted.dialogs if "message" in d]


@pytest.mark.parametrize("entry", ["restore", "anatomy", "teeth", "reload_models", "bake_back", "sculpt"])
def test_any_entry_is_the_first_thing_done_after_a_restart(restarted: Any, lab: Any, entry: str) -> None:
    """With nothing attached there is nothing to do: a sentence, never an exception of Maya's."""
    from maya import cmds

    from aim_maya.scene.shelf import commands

    cmds.select(lab.rig().mesh, lab.mesh("teeth", lab.head.mesh))
    restarted.dialog_answers += [[str(lab.folder / "edit.json")], "OK"] if entry == "sculpt" else ["OK"]
    getattr(commands, entry)()
    if entry != "reload_models":
        assert "aimDeformer nodes" in restarted.dialogs[-1]["message"]


def test_a_scene_with_a_face_loads_the_plug_in_by_itself(restarted: Any, lab: Any, tools: Any) -> None:
    from maya import cmds

    from aim_maya.scene.actions.attach import attach

    rig = lab.rig()
    attach(rig.mesh, lab.model)
    path = tools.save(lab.folder / "shot.ma")
    cmds.file(newFile=True, force=True)
    cmds.unloadPlugin("aim_deformer")
    cmds.file(path.as_posix(), open=True, force=True)
    assert cmds.nodeType("face_aim") == "aimDeformer"
    cmds.setAttr(f"face_aim.{JAW}", 1.0)
    assert tools.off(lab, rig.mesh, lab.head) < 1e-3


# references, each with its own model (two actors, and a rig inside a character:
# tests/in_maya/checks_scene.py)


@pytest.mark.parametrize("still_reading", [False, True])
def test_a_reference_that_is_loaded_again_deforms(
    maya: Any, lab: Any, tools: Any, monkeypatch: pytest.MonkeyPatch, still_reading: bool
) -> None:
    """The viewport asks for points while the file is read: what it was given must not stay. still_reading:
    only of the last event is it promised that nothing is read any more (MSceneMessage.h: 9)."""
    from maya import cmds

    from tests.fake_maya.commands import files

    def told(session: Any, event: int) -> None:
        session.reading = True
        session.fire(("scene", event))
        session.reading = False
        session.fire(("scene", 9))

    if still_reading:
        monkeypatch.setattr(files, "_told", told)
    rig = tools.actor_folder(lab, "anna", lab.head)
    cmds.file(newFile=True, force=True)
    maya.pull_while_reading = True
    try:
        cmds.file(rig.as_posix(), reference=True, namespace="anna")
        cmds.setAttr(f"anna:face_aim.{JAW}", 1.0)
        assert tools.off(lab, "anna:face", lab.head) < 1e-3
        for _ in range(2):
            cmds.file(loadReference="annaRN")  # reload
            assert tools.off(lab, "anna:face", lab.head) < 1e-3
            cmds.file(unloadReference="annaRN")
            assert not cmds.objExists("anna:face")
        cmds.file(loadReference="annaRN")
        assert tools.off(lab, "anna:face", lab.head) < 1e-3
        shot = tools.save(lab.folder / "shots" / "s1.ma")
        cmds.file(shot.as_posix(), open=True, force=True)
        assert tools.off(lab, "anna:face", lab.head) < 1e-3
    finally:
        maya.pull_while_reading = False
    assert maya.violations == []
    assert maya.errors == []


def test_of_files_of_one_name_the_one_attached_is_taken(
    maya: Any, lab: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig was moved without its model, and another actor's file of that name lies nearer than the right
    one; so also for an absolute path from another machine."""
    from maya import cmds

    from tests.in_maya.tiny import write_tiny

    rig = tools.actor_folder(lab, "anna", lab.head)
    library = lab.folder / "library"
    library.mkdir()
    (lab.folder / "anna/face.aim").rename(library / "face.aim")
    monkeypatch.setenv("AIM_MODEL_PATH", str(library))
    for folder in ("shots", "anna"):
        (lab.folder / folder).mkdir(exist_ok=True)
        write_tiny(lab.folder / folder / "face.aim", tools.other_actor(lab.head))
    cmds.file(newFile=True, force=True)
    tools.save(lab.folder / "shots" / "s1.ma")
    cmds.file(rig.as_posix(), reference=True, namespace="anna")
    node = "anna:face_aim"
    cmds.setAttr(f"{node}.{JAW}", 1.0)
    for stored in ("face.aim", "/another/machine/face.aim", "Q:\\rigs\\face.aim"):
        cmds.setAttr(f"{node}.model", stored, type="string")
        assert tools.off(lab, "anna:face", lab.head) < 1e-3, stored
        assert "modelHash" not in cmds.getAttr(f"{node}.status")


def test_another_actor_s_file_alone_is_an_error_until_it_is_accepted(
    maya: Any, lab: Any, tools: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from maya import cmds

    from aim_maya.scene.node.models import reload_models
    from aim_maya.scene.rig.meshes import examine
    from tests.in_maya.checks_batch import run
    from tests.in_maya.tiny import write_tiny

    rig = tools.actor_folder(lab, "anna", lab.head)
    write_tiny(lab.folder / "anna" / "face.aim", tools.other_actor(lab.head))
    cmds.file(rig.as_posix(), open=True, force=True)
    lab.points("face")
    cmds.setAttr(f"face_aim.{JAW}", 0.5)
    lab.points("face")
    assert caplog.text.count("is not the model that this node was attached with") == 1  # not every frame
    said = cmds.getAttr("face_aim.status")
    assert "is not the model that this node was attached with" in said
    assert "warning: " + said.split("is not")[0] not in said
    assert any("modelHash" in text for text in examine("face_aim")["problems"])
    for words in (
        ["check", rig],
        ["export", rig, "-o", lab.folder / "out", "--format", "usd", "--frames", "1-2"],
    ):
        (result,) = run(*words)
        assert result.state == "failed"
        assert "modelHash" in str(result.error)
    assert not list((lab.folder / "out").glob("*.usd*"))
    cmds.file(rig.as_posix(), open=True, force=True)
    reload_models()
    cmds.setAttr(f"face_aim.{JAW}", 1.0)
    assert tools.off(lab, "face", tools.other_actor(lab.head)) < 1e-3
    assert examine("face_aim")["problems"] == []
    cmds.undo()  # the slider
    cmds.undo()  # Reload is one step
    assert any("modelHash" in text for text in examine("face_aim")["problems"])


def test_a_save_keeps_what_is_evaluated(maya: Any, lab: Any, tools: Any) -> None:
    """Ctrl+S, and Save As beside it, evaluate nothing anew; where the model of a path is another one, the
    faces on it are."""
    from maya import cmds

    from tests.in_maya.tiny import write_tiny

    tools.actor_folder(lab, "anna", lab.head)
    cmds.setAttr(f"face_aim.{JAW}", 1.0)
    lab.points("face")
    for name in ("rig.ma", "rig_v2.ma"):
        tools.save(lab.folder / "anna" / name)
        before = maya.deforms["face_aim"]
        assert tools.off(lab, "face", lab.head) < 1e-3
        assert maya.deforms["face_aim"] == before, name
    cmds.setAttr("face_aim.model", lab.model, type="string")
    lab.points("face")
    before = maya.deforms["face_aim"]
    tools.save(lab.folder / "elsewhere" / "rig.ma")  # other folders, the same file
    lab.points("face")
    assert maya.deforms["face_aim"] == before
    cmds.setAttr("face_aim.model", "face.aim", type="string")
    (lab.folder / "bob").mkdir()
    write_tiny(lab.folder / "bob" / "face.aim", tools.other_actor(lab.head))
    tools.save(lab.folder / "bob" / "rig.ma")
    assert tools.off(lab, "face", tools.other_actor(lab.head)) < 1e-3
    assert "modelHash" in cmds.getAttr("face_aim.status")


def test_a_project_that_was_set_meanwhile_counts_at_the_next_action(
    maya: Any, lab: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maya tells nobody; whatever is done next looks again, for the faces that are there, too."""
    from maya import cmds

    from aim_maya.scene.actions.attach import attach
    from tests.in_maya.tiny import write_tiny

    rig, other = lab.rig(), lab.rig("other")
    (lab.folder / "project").mkdir()
    node = attach(rig.mesh, lab.model).node
    cmds.setAttr(f"{node}.model", "face.aim", type="string")
    cmds.setAttr(f"{node}.{JAW}", 1.0)
    assert tools.off(lab, rig.mesh, lab.head) > 1
    write_tiny(lab.folder / "project" / "face.aim", lab.head)
    monkeypatch.setattr(maya, "workspace", str(lab.folder / "project"))
    attach(other.mesh, lab.model)
    assert tools.off(lab, rig.mesh, lab.head) < 1e-3


# loading and unloading


def test_unloading_with_faces_in_the_scene_is_refused_with_their_names(
    maya: Any, lab: Any, tools: Any
) -> None:
    from maya import OpenMayaMPx, cmds

    from aim_maya.core.errors import AimError
    from aim_maya.scene.actions.attach import attach
    from aim_maya.scene.node import registration
    from tests.fake_maya.om_base import wrap

    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    plugin = OpenMayaMPx.MFnPlugin(wrap(maya.plugins.loaded["aim_deformer"]))
    listening = len(maya.callbacks)
    with pytest.raises(AimError, match=f"in use by 1 nodes: {node}"):
        registration.deregister(plugin)
    assert len(maya.callbacks) == listening
    with pytest.raises(RuntimeError, match="still in use"):
        cmds.unloadPlugin("aim_deformer")
    cmds.setAttr(f"{node}.{JAW}", 1.0)
    assert tools.off(lab, rig.mesh, lab.head) < 1e-3
    cmds.file(newFile=True, force=True)
    cmds.unloadPlugin("aim_deformer")
    assert maya.callbacks == {}
    assert maya.paintable == {}
    cmds.file(newFile=True, force=True)  # a callback that is left would end Maya here
    assert maya.violations == []
    assert maya.errors == []


@pytest.mark.parametrize("where", ["makePaintable", "addCallback", "log"])
def test_a_failure_half_way_leaves_nothing_registered(
    restarted: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    from maya import OpenMaya, cmds

    from aim_maya.core.errors import AimError
    from aim_maya.scene import maya as host
    from aim_maya.scene.node import registration

    def fails(*_: object, **flags: object) -> None:
        if not flags.get("remove"):
            raise RuntimeError("no more")

    calls: list[int] = []

    def fails_late(event: int, function: Any) -> Any:
        calls.append(event)
        if len(calls) > 3:
            raise RuntimeError("no more")
        return plain(event, function)

    plain = OpenMaya.MSceneMessage.addCallback
    with monkeypatch.context() as patch:
        if where == "addCallback":
            patch.setattr(OpenMaya.MSceneMessage, "addCallback", staticmethod(fails_late))
        elif where == "log":
            patch.setattr(host, "begin_log", fails)
        else:
            patch.setattr(registration.cmds, "makePaintable", fails)
        with pytest.raises(AimError, match="no more"):
            registration.load()
    assert restarted.callbacks == {}
    assert [e for e in restarted.errors if "left" in e] == []
    with pytest.raises(RuntimeError, match="Unknown object type"):
        cmds.ls(type="aimDeformer")
    restarted.errors.clear()
    registration.load()  # what hindered it is gone


def test_a_maya_without_numpy_opens_the_scene_with_its_faces(
    restarted: Any, lab: Any, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error of the import: the input passes through, `status` says why, and nothing is lost in a save."""
    import sys

    from maya import cmds

    from aim_maya.scene.actions.attach import attach

    rig = lab.rig()
    node = attach(rig.mesh, lab.model).node
    cmds.setKeyframe(f"{node}.{JAW}", time=1, value=1.0)
    cmds.setAttr(f"{node}.jawGain", 0.5)
    rest = lab.head.mesh.points
    path = tools.save(lab.folder / "shot.ma")
    saved = path.read_text()
    cmds.file(newFile=True, force=True)
    cmds.unloadPlugin("aim_deformer")

    class Blocked:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "aim_maya.scene.node.node":
                raise ImportError("DLL load failed while importing _multiarray_umath")

    monkeypatch.delitem(sys.modules, "aim_maya.scene.node.node")
    monkeypatch.setattr(sys.modules["aim_maya.scene.node"], "node", None, raising=False)
    monkeypatch.delattr(sys.modules["aim_maya.scene.node"], "node")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "meta_path", [Blocked(), *sys.meta_path])
        cmds.file(path.as_posix(), open=True, force=True)
        assert cmds.nodeType(node) == "aimDeformer"
        assert np.abs(lab.points(rig.mesh) - rest).max() < 1e-4
        said = cmds.getAttr(f"{node}.status")
        assert "DLL load failed" in said
        assert "aim-mayapy install" in said
        assert np.array_equal(cmds.getAttr(f"{node}.outJawMatrix"), np.eye(4).ravel())
        tools.save(path)
        assert path.read_text() == saved
        cmds.file(newFile=True, force=True)
        cmds.unloadPlugin("aim_deformer")
    assert restarted.violations == []
    cmds.file(path.as_posix(), open=True, force=True)
    assert cmds.getAttr(f"{node}.{JAW}") == 1.0


def test_the_plug_in_and_its_type_need_no_numpy() -> None:
    """Read in a process where numpy cannot be imported: the table of attributes, paths, registration."""
    import subprocess
    import sys

    code = """
import runpy, sys
sys.modules["numpy"] = None
import types
for name in ("maya", "maya.cmds", "maya.OpenMaya", "maya.OpenMayaMPx", "maya.utils"):
    sys.modules[name] = types.ModuleType(name)
class Any:
    def __getattr__(self, name): return Any()
    def __call__(self, *a, **k): return Any()
    def __int__(self): return 1
maya = sys.modules["maya"]
maya.cmds, maya.utils, maya.OpenMaya = Any(), Any(), Any()
maya.OpenMayaMPx = types.SimpleNamespace(MPxDeformerNode=object, MPxNode=Any(), cvar=Any(), asMPxPtr=id)
from aim_maya.scene.node import registration
plugin = runpy.run_path("plug-ins/aim_deformer.py")
node, why = registration.node_class(plugin["_deformer"])
assert node is registration.PassThrough, node
assert "numpy" in why, why
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_names_of_the_presets_are_the_runtime_s() -> None:
    from aim_maya.runtime.edit import PRESETS
    from aim_maya.scene.node.attributes import PRESET_NAMES

    assert tuple(PRESETS) == tuple(PRESET_NAMES)


def test_where_no_hash_was_kept_the_rig_s_own_folder_comes_first(maya: Any, lab: Any, tools: Any) -> None:
    """Scenes of before: beside the rig, then beside the character that holds it, then anywhere."""
    from maya import cmds

    from tests.in_maya.tiny import write_tiny

    rig = tools.actor_folder(lab, "rig", lab.head)
    cmds.setAttr("face_aim.modelHash", "", type="string")
    tools.save(rig)
    cmds.file(newFile=True, force=True)
    cmds.file(rig.as_posix(), reference=True, namespace="rig")
    character = tools.save(lab.folder / "character" / "anna.ma")
    cmds.file(newFile=True, force=True)
    tools.save(lab.folder / "shots" / "s1.ma")
    write_tiny(lab.folder / "shots" / "face.aim", tools.other_actor(lab.head))
    cmds.file(character.as_posix(), reference=True, namespace="anna")
    cmds.setAttr(f"anna:rig:face_aim.{JAW}", 1.0)
    assert tools.off(lab, "anna:rig:face", lab.head) < 1e-3
    (lab.folder / "rig/face.aim").rename(lab.folder / "character/face.aim")
    cmds.file(loadReference="annaRN")
    assert tools.off(lab, "anna:rig:face", lab.head) < 1e-3
