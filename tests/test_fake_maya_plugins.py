"""The stand-in for Maya: arguments, memory, registration, evaluation modes, threads and counting."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import ContractError, Session
from tests.fake_maya.sample_plugin import LIFT, Loader
from tests.fake_maya.signatures import SIGNATURES


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


@pytest.fixture
def plugin(maya: Session, tmp_path: Path) -> Loader:
    return Loader(maya, tmp_path)


def test_swig_arguments(maya: Session) -> None:
    import maya.OpenMaya as om

    with pytest.raises(NotImplementedError):
        om.MFnMesh().getPoints()
    with pytest.raises(TypeError):
        om.MFnMesh().getRawPoints(1)
    with pytest.raises(TypeError):
        om.MPoint(x=1)
    with pytest.raises(NotImplementedError):
        om.MTypeId("a")
    with pytest.raises(ImportError):
        import maya.api.OpenMaya  # noqa: F401


def test_script_util_memory(maya: Session) -> None:
    import ctypes

    import maya.OpenMaya as om

    util = om.MScriptUtil()
    util.createFromList([0.0] * 8, 8)
    pointer = util.asDouble4Ptr()
    view = np.frombuffer((ctypes.c_double * 8).from_address(int(pointer)))
    view[:] = [1, 2, 3, 1, 4, 5, 6, 1]
    points = om.MPointArray(pointer, 2)
    assert (points[1].x, points[1].z, points.length()) == (4.0, 6.0, 2)
    out = om.MScriptUtil()
    out.createFromList([0.0] * 8, 8)
    points.get(out.asDouble4Ptr())
    assert om.MScriptUtil.getDouble4ArrayItem(out.asDouble4Ptr(), 1, 2) == 6.0
    with pytest.raises(NotImplementedError):
        om.MPointArray(util.asIntPtr(), 2)
    del util
    gc.collect()
    assert np.isnan(view).all()  # the memory went with its MScriptUtil


def test_computed_on_demand_and_cleaning(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    methods = """
    def compute(self, plug, block):
        if plug == Node.double:
            NOTES.append("double")
            block.outputValue(plug).setFloat(2 * block.inputValue(Node.lift).asFloat())
            block.setClean(plug)
            return None
        return mpx.MPxDeformerNode.compute(self, plug, block)
    """
    module, node, mesh = plugin(LIFT.replace("Node.lift", "Node.double"), methods=methods)
    cmds.setAttr(f"{node}.lift", 1.5)
    rest = maya.points(mesh)
    assert rest[0, 1] == 3.0  # deform asked for an output of its own node, and compute was called for it
    assert module.NOTES == ["double"]
    assert cmds.getAttr(f"{node}.double") == 3.0
    assert module.NOTES == ["double"]
    maya.check()


def test_never_marked_clean(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    methods = """
    def compute(self, plug, block):
        if plug == Node.double:
            NOTES.append("double")
            block.outputValue(plug).setFloat(1.0)
            return None
        return mpx.MPxDeformerNode.compute(self, plug, block)
    """
    module, node, _ = plugin(methods=methods)
    assert cmds.getAttr(f"{node}.double") == 1.0
    assert cmds.getAttr(f"{node}.double") == 1.0
    assert module.NOTES == ["double", "double"]


@pytest.mark.parametrize(("changes", "words"), [
    ({"initializer": "number.create('weight', 'w', om.MFnNumericData.kFloat)\nNode.addAttribute(number.object())"}, "in use"),
    ({"initializer": "number.create('envelope', 'evp', om.MFnNumericData.kFloat)\nNode.addAttribute(number.object())"}, "in use"),
    ({"initializer": "stray = number.create('stray', 'str', om.MFnNumericData.kFloat)\nNode.attributeAffects(stray, OUTPUT)"}, "does not belong"),
    ({"name": "blendShape"}, "registered already"),
])  # fmt: skip
def test_registration_clashes(plugin: Loader, changes: dict[str, str], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        plugin(**changes)


def test_creator_must_wrap(plugin: Loader) -> None:
    with pytest.raises(ContractError, match="asMPxPtr"):
        plugin(creator="lambda: Node()")


def test_weight_with_another_short_name(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    _, node, _ = plugin(initializer="Node.weight = number.create('weight', 'wgt', om.MFnNumericData.kFloat)\nnumber.setArray(True)\nNode.addAttribute(Node.weight)")
    cmds.aliasAttr("jawOpen", f"{node}.weight[7]")
    cmds.setAttr(f"{node}.jawOpen", 0.5)
    assert cmds.getAttr(f"{node}.weight", multiIndices=True) == [7]
    assert cmds.aliasAttr(node, query=True) == ["jawOpen", "weight[7]"]


def test_unload(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    plugin()
    assert cmds.pluginInfo("lifter_plugin", query=True, loaded=True)
    with pytest.raises(RuntimeError, match="still in use"):
        cmds.unloadPlugin("lifter_plugin")
    cmds.file(new=True, force=True)
    cmds.unloadPlugin("lifter_plugin")
    assert not cmds.pluginInfo("lifter_plugin", query=True, loaded=True)


def test_evaluation_modes(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    methods = """
    def setDependentsDirty(self, plug, plugs):
        NOTES.append(("dirty", plug.partialName(False, False, False, False, False, True)))

    def preEvaluation(self, context, evaluation):
        if context.isNormal() and evaluation.dirtyPlugExists(Node.lift):
            NOTES.append(("pre", evaluation.dirtyPlug(Node.lift).partialName(False, False, False, False, False, True)))
    """
    module, node, mesh = plugin(methods=methods)
    cmds.connectAttr("time1.outTime", f"{node}.lift")
    maya.points(mesh)
    module.NOTES.clear()
    before = maya.dependents_calls[node]
    maya.playback([2, 3], mode="parallel")
    assert maya.dependents_calls[node] == before
    assert module.NOTES == [("pre", "lift")] * 2
    module.NOTES.clear()
    maya.playback([4], mode="off")
    assert ("dirty", "lift") in module.NOTES
    assert all(kind == "dirty" for kind, _ in module.NOTES)
    maya.check()


def test_two_contexts_in_two_threads(maya: Session, plugin: Loader) -> None:
    import threading

    from maya import cmds

    _, node, mesh = plugin("NOTES.append(block.context().isNormal())\n" + LIFT)
    cmds.connectAttr("time1.outTime", f"{node}.lift")
    found: dict[float, float] = {}

    def work() -> None:
        for frame in range(20, 30):
            found[frame] = maya.evaluate_background(f"{maya.shape(mesh).name}.outMesh", frame).points[0, 1]

    thread = threading.Thread(target=work)
    thread.start()
    for frame in range(1, 10):
        maya.playback([frame], mode="serial")
        assert maya.points(mesh)[0, 1] == pytest.approx(frame)
    thread.join()
    assert found == {frame: pytest.approx(frame) for frame in range(20, 30)}
    maya.check()


def test_cmds_off_the_main_thread(maya: Session) -> None:
    import threading

    from maya import cmds

    raised: list[Exception] = []

    def work() -> None:
        try:
            cmds.ls()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


def test_counting(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    _, node, mesh = plugin()
    maya.points(mesh)
    with maya.counting() as calls:
        cmds.setAttr(f"{node}.lift", 1.0)
        maya.points(mesh)
    assert calls["cmds.setAttr"] == 1
    assert calls["MItGeometry.setAllPositions"] == 1
    assert calls["MPointArray.set"] == 9
    assert calls["MPxDeformerNode.compute"] == 0
    assert maya.api_seconds > 0


def test_every_method_has_its_arity(maya: Session) -> None:
    """The table that our own calls can be checked against leaves nothing out."""
    import maya.OpenMaya as om
    import maya.OpenMayaAnim as oma
    import maya.OpenMayaMPx as mpx

    for module in (om, oma, mpx):
        for name, cls in vars(module).items():
            methods = [m for m in dir(cls) if isinstance(cls, type) and not m.startswith("_") and hasattr(getattr(cls, m), "__stand_in__")]
            assert set(methods) <= set(SIGNATURES.get(name, {})), (name, set(methods) - set(SIGNATURES.get(name, {})))


def test_saved_with_its_plugin(maya: Session, plugin: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import maya.OpenMaya as om
    from maya import cmds

    _, node, mesh = plugin(LIFT + "NOTES.append(om.MFileIO.isReadingFile())\n")
    cmds.setAttr(f"{node}.lift", 1.5)
    cmds.setAttr(f"{node}.slots[3]", 0.25)
    cmds.setAttr(f"{node}.weightList[0].weights[2:4]", 0.5, 0.25, 0)
    points = maya.points(mesh)
    scene = tmp_path / "scene.ma"
    cmds.file(rename=str(scene))
    cmds.file(save=True, type="mayaAscii")
    text = scene.read_text()
    assert 'requires -nodeType "lifter" "lifter_plugin.py" "1.0";' in text
    assert 'setAttr -s 3 ".wl[0].w[2:4]"  0.5 0.25 0;' in text
    cmds.file(new=True, force=True)
    cmds.unloadPlugin("lifter_plugin")
    cmds.file(str(scene), open=True, force=True)
    assert cmds.nodeType(node) == "unknown"
    cmds.file(save=True)
    assert 'setAttr ".lft" 1.5;' in scene.read_text()
    monkeypatch.setenv("MAYA_PLUG_IN_PATH", str(tmp_path))
    maya.pull_while_reading = True
    cmds.file(str(scene), open=True, force=True)
    assert np.array_equal(maya.points(mesh), points)
    notes = maya.plugins.loaded["lifter_plugin"].module.NOTES
    assert not om.MFileIO.isReadingFile()
    assert True in notes  # pulled while the file was being read
    assert notes[-1] is False
    maya.check()


def test_curves_and_several_shapes(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    plugin("NOTES.append((index, iterator.count(), block.outputArrayValue(INPUT).elementCount()))\n" + LIFT)
    curve = maya.add_curve("line", [[0, 0, 0], [1, 0, 0], [2, 0, 0]])
    other = cmds.polyCube(constructionHistory=False)[0]
    node = cmds.deformer(curve, other, type="lifter")[0]
    cmds.setAttr(f"{node}.lift", 1)
    assert maya.points(curve)[:, 1].tolist() == [1, 1, 1]
    assert maya.points(other)[:, 1].max() == 1.5
    assert cmds.deformer(node, query=True, geometry=True) == ["lineShape", "pCubeShape1"]
    assert maya.plugins.loaded["lifter_plugin"].module.NOTES[-2:] == [(0, 3, 2), (1, 8, 2)]
    maya.check()
