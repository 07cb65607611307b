"""The stand-in for Maya: names, units, undo, dynamic attributes, the DAG, the interface."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import Session


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


@pytest.fixture
def shown() -> Iterator[Session]:
    yield fake_maya.install(batch=False)
    fake_maya.uninstall()


def test_what_is_missing(maya: Session) -> None:
    from maya import cmds

    with pytest.raises(ValueError, match="No object matches name: nobody"):
        cmds.getAttr("nobody.tx")
    with pytest.raises(TypeError, match="Invalid flag 'nonsense'"):
        cmds.ls(nonsense=True)
    assert cmds.ls("nobody") == []
    assert cmds.listConnections("time1.outTime") is None
    assert cmds.listRelatives("persp", parent=True) is None
    assert cmds.listRelatives("persp", shapes=True) == ["perspShape"]
    with pytest.raises(RuntimeError, match="Unknown object type"):
        cmds.ls(type="nonsense")
    assert cmds.createNode("aimNothing", name="lost") == "lost"
    assert cmds.nodeType("lost") == "unknown"


def test_units(maya: Session) -> None:
    import maya.OpenMaya as om
    from maya import cmds

    cmds.currentUnit(linear="mm")
    cmds.createNode("transform", name="a")
    cmds.setAttr("a.translate", 10, 20, 30)
    cmds.setAttr("a.rotateZ", 90)
    assert cmds.getAttr("a.translate") == [(10.0, 20.0, 30.0)]
    assert maya.value("a.translateX") == pytest.approx(1.0)  # centimetres inside
    assert maya.value("a.rotateZ") == pytest.approx(np.pi / 2)
    assert cmds.getAttr("a.worldMatrix[0]")[12:15] == pytest.approx([1, 2, 3])
    plane = cmds.polyPlane(width=10, subdivisionsX=1, subdivisionsY=1)[0]
    assert maya.points(plane)[:, 0].max() == pytest.approx(0.5)
    selection, path, points = om.MSelectionList(), om.MDagPath(), om.MPointArray()
    selection.add(plane)
    selection.getDagPath(0, path)
    om.MFnMesh(path).getPoints(points)
    assert points[1].x == pytest.approx(0.5)
    cmds.currentUnit(linear="cm")
    assert cmds.getAttr("a.translateX") == pytest.approx(1.0)
    cmds.addAttr("a", longName="turn", attributeType="double")
    cmds.connectAttr("a.rotateZ", "a.turn")
    assert cmds.getAttr("a.turn") == pytest.approx(90)
    assert cmds.nodeType(cmds.listConnections("a.turn", destination=False)[0]) == "unitConversion"
    assert cmds.listConnections("a.turn", destination=False, plugs=True, skipConversionNodes=True) == [
        "a.rotateZ"
    ]


def test_undo_chunks(maya: Session) -> None:
    from maya import cmds

    cmds.createNode("transform", name="a")
    before = len(maya.journal.undo_queue)
    cmds.undoInfo(openChunk=True, chunkName="many")
    cmds.setAttr("a.tx", 5)
    cmds.undoInfo(openChunk=True)
    cmds.createNode("transform", name="b", parent="a")
    cmds.aliasAttr("slide", "a.tx")
    cmds.undoInfo(closeChunk=True)
    cmds.connectAttr("a.tx", "b.ty")
    cmds.undoInfo(closeChunk=True)
    assert len(maya.journal.undo_queue) == before + 1
    assert cmds.undoInfo(query=True, undoName=True) == "many"
    cmds.undo()
    assert cmds.objExists("a")
    assert not cmds.objExists("b")
    assert cmds.getAttr("a.tx") == 0
    cmds.redo()
    assert cmds.getAttr("b.ty") == 5
    cmds.delete("a")
    assert not cmds.objExists("b")
    cmds.undo()
    assert cmds.listConnections("b.ty", plugs=True) == ["a.slide"]


def test_locks_limits_and_connections(maya: Session) -> None:
    from maya import cmds

    cmds.createNode("network", name="n")
    cmds.addAttr(
        "n",
        longName="amount",
        shortName="amt",
        attributeType="float",
        minValue=0,
        maxValue=2,
        defaultValue=0.5,
        keyable=True,
    )
    cmds.addAttr("n", longName="mode", attributeType="enum", enumName="learned:driven:added=5")
    cmds.addAttr("n", longName="path", dataType="string", usedAsFilename=True)
    assert cmds.getAttr("n.path") is None
    cmds.setAttr("n.path", "x.aim", type="string")
    with pytest.raises(RuntimeError):
        cmds.setAttr("n.path", "x.aim")
    cmds.setAttr("n.mode", 5)
    assert cmds.getAttr("n.mode", asString=True) == "added"
    assert cmds.getAttr("n.amount") == 0.5
    cmds.setAttr("n.amount", 0.1)
    assert cmds.getAttr("n.amt") == float(np.float32(0.1))
    with pytest.raises(RuntimeError, match="maximum"):
        cmds.setAttr("n.amount", 3)
    assert not cmds.attributeQuery("nothing", node="n", exists=True)
    assert cmds.attributeQuery("amt", node="n", exists=True)
    with pytest.raises(NotImplementedError, match="range"):
        cmds.attributeQuery("amount", node="n", range=True)
    cmds.setAttr("n.amount", lock=True)
    with pytest.raises(RuntimeError, match="locked"):
        cmds.setAttr("n.amount", 1)
    with pytest.raises(RuntimeError, match="cannot be connected"):
        cmds.connectAttr("n.path", "persp.tx")
    with pytest.raises(RuntimeError, match="There is no connection"):
        cmds.disconnectAttr("n.mode", "persp.tx")


def test_matrices_and_instances(maya: Session) -> None:
    from maya import cmds

    cmds.createNode("transform", name="parent")
    cmds.createNode("transform", name="child", parent="parent")
    cmds.setAttr("parent.translate", 1, 2, 3)
    cmds.setAttr("parent.rotateX", 30)
    cmds.setAttr("child.translate", 4, 5, 6)
    local = [np.array(cmds.getAttr(f"{n}.matrix")).reshape(4, 4) for n in ("child", "parent")]
    offset = np.eye(4)
    offset[3, :3] = 0, 0, 7
    cmds.setAttr("child.offsetParentMatrix", *offset.ravel(), type="matrix")
    world = np.array(cmds.getAttr("child.worldMatrix[0]")).reshape(4, 4)
    np.testing.assert_allclose(world, local[0] @ offset @ local[1], atol=1e-12)
    np.testing.assert_allclose(
        np.array(cmds.getAttr("child.parentMatrix[0]")).reshape(4, 4), offset @ local[1], atol=1e-12
    )
    mesh = cmds.polyPlane(name="box", constructionHistory=False)[0]
    twin = cmds.instance(mesh)[0]
    cmds.setAttr(f"{twin}.translateX", 9)
    assert cmds.getAttr("|box|boxShape.worldMatrix[1]")[12] == 9
    cmds.delete(twin)
    assert cmds.objExists("boxShape")


def test_selection_and_counts(maya: Session) -> None:
    from maya import cmds

    mesh = cmds.polyPlane(name="box", subdivisionsX=2, subdivisionsY=1, constructionHistory=False)[0]
    cmds.select(clear=True)
    assert cmds.ls(selection=True) == []
    cmds.select(mesh)
    assert cmds.ls(selection=True) == ["box"]
    with pytest.raises(ValueError, match="nobody"):
        cmds.select("nobody")
    assert [cmds.polyEvaluate("box", **{what: True}) for what in ("vertex", "edge", "face")] == [6, 7, 2]


def test_interface_is_refused_in_batch(maya: Session) -> None:
    from maya import cmds

    assert cmds.about(batch=True)
    assert not cmds.window("aim", exists=True)
    with pytest.raises(RuntimeError):
        cmds.window("aim")
    maya.deferred.append("raise SystemExit")
    maya.idle()


def test_shelf_and_dialogs(shown: Session) -> None:
    import maya.utils
    from maya import cmds, mel

    top = mel.eval("$tmp=$gShelfTopLevel")
    shelf = cmds.shelfLayout("AIM", parent=top)
    cmds.shelfButton(parent=shelf, label="Train", annotation="Train", command="print(1)", sourceType="python")
    assert cmds.shelfTabLayout(top, query=True, childArray=True)[-1] == "AIM"
    button = cmds.shelfLayout(shelf, query=True, childArray=True)[0]
    assert cmds.shelfButton(f"{shelf}|{button}", query=True, label=True) == "Train"
    cmds.deleteUI(shelf)
    assert not cmds.shelfLayout("AIM", exists=True)
    shown.dialog_answers.append("Attach")
    assert cmds.confirmDialog(message="?", button=["Attach", "Cancel"]) == "Attach"
    assert shown.dialogs[0]["message"] == "?"
    done: list[int] = []
    maya.utils.executeDeferred(done.append, 1)
    assert done == []
    shown.idle()
    assert done == [1]
