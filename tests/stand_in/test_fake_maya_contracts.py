"""The stand-in for Maya: contracts of deform() are broken on purpose by a small plug-in, and seen to be
caught.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import ContractError, Session
from tests.stand_in.test_fake_maya_plugins import LIFT, Loader


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


@pytest.fixture
def plugin(maya: Session, tmp_path: Path) -> Loader:
    return Loader(maya, tmp_path)


def broken(maya: Session, words: str) -> None:
    assert any(words in str(v) for v in maya.violations), [str(v) for v in maya.violations]


def test_deforms(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    _, node, mesh = plugin()
    rest = maya.points(mesh)
    cmds.setAttr(f"{node}.lift", 2.5)
    assert np.array_equal(maya.points(mesh), rest + np.float32([0, 2.5, 0]))
    assert maya.deforms[node] == 2
    maya.points(mesh)
    assert maya.deforms[node] == 2  # clean: nothing is computed again
    cmds.setAttr(f"{node}.nodeState", 1)
    assert np.array_equal(maya.points(mesh), rest)
    maya.check()
    assert not maya.errors


def test_undeclared_dependency_is_stale(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    _, node, mesh = plugin(LIFT.replace("Node.lift", "Node.loose"))
    rest = maya.points(mesh)
    cmds.setAttr(f"{node}.loose", 1.0)
    assert np.array_equal(maya.points(mesh), rest)


def test_input_memory(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    module, node, mesh = plugin("""
        address = int(om.MFnMesh(self.mesh(block, index)).getRawPoints())
        kept = (ctypes.c_float * 3).from_address(NOTES[0][0]) if NOTES else None
        now = list((ctypes.c_float * 3).from_address(address))
        NOTES.append((address, None if kept is None else list(kept), now))
        """)
    rest = maya.points(mesh)
    cmds.setAttr(f"{node}.lift", 1.0)
    maya.points(mesh)
    (first, _, seen), (second, stale, _) = module.NOTES
    assert first != second
    assert np.isnan(stale).all()
    assert np.array_equal(np.float32(seen), rest[0])
    maya.check()


def test_writing_the_input(maya: Session, plugin: Loader) -> None:
    _, _, mesh = plugin("""
        address = int(om.MFnMesh(self.mesh(block, index)).getRawPoints())
        (ctypes.c_float * 3).from_address(address)[1] = 7.0
        """)
    maya.points(mesh)
    broken(maya, "wrote into its input geometry")


@pytest.mark.parametrize(
    "body",
    [
        """
    array = block.outputArrayValue(OUTPUT)
    array.jumpToElement(index)
    address = int(om.MFnMesh(array.outputValue().asMesh()).getRawPoints())
    (ctypes.c_float * 3).from_address(address)[1] = 7.0
    """,
        """
    array = block.outputArrayValue(OUTPUT)
    array.jumpToElement(index)
    points = om.MPointArray()
    iterator.allPositions(points)
    om.MFnMesh(array.outputValue().asMesh()).setPoints(points)
    """,
    ],
)
def test_writing_the_output_past_the_iterator(maya: Session, plugin: Loader, body: str) -> None:
    _, _, mesh = plugin(textwrap.dedent(body))
    maya.points(mesh)
    broken(maya, "MItGeometry.setAllPositions")


def test_membership(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    module, node, mesh = plugin("NOTES.append(iterator.count())\n" + LIFT)
    rest = maya.points(mesh)
    shape = next(s for s in cmds.ls(type="mesh") if s.endswith("Orig"))
    cmds.setAttr(f"{shape}.componentTags[0].componentTagName", "lips", type="string")
    cmds.setAttr(f"{shape}.componentTags[0].componentTagContents", 1, "vtx[2:4]", type="componentList")
    cmds.setAttr(f"{node}.input[0].componentTagExpression", "lips", type="string")
    cmds.setAttr(f"{node}.lift", 1.0)
    moved = maya.points(mesh) - rest
    assert np.flatnonzero(moved.any(1)).tolist() == [2, 3, 4]
    assert module.NOTES[-1] == 3


def test_wrong_number_of_points(maya: Session, plugin: Loader) -> None:
    _, _node, mesh = plugin("iterator.setAllPositions(om.MPointArray(3))")
    rest = maya.points(mesh)
    assert any("kInvalidParameter" in e for e in maya.errors)
    assert len(rest) == 9


def test_painted_weights_are_sparse(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    module, node, mesh = plugin("""
        outer = block.inputArrayValue(mpx.cvar.MPxDeformerNode_weightList)
        try:
            outer.jumpToElement(index)
            inner = om.MArrayDataHandle(outer.inputValue().child(mpx.cvar.MPxDeformerNode_weights))
            found = {}
            for position in range(inner.elementCount()):
                inner.jumpToArrayElement(position)
                found[inner.elementIndex()] = inner.inputValue().asFloat()
            NOTES.append(found)
            inner.jumpToElement(4)
        except RuntimeError as error:
            NOTES.append(str(error))
        """)
    maya.points(mesh)
    assert "No element" in module.NOTES[0]
    cmds.setAttr(f"{node}.weightList[0].weights[1:2]", 0.25, 0.5)
    maya.points(mesh)
    assert module.NOTES[1] == {1: 0.25, 2: 0.5}
    assert "No element" in module.NOTES[2]
    maya.check()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("cmds.ls()", "cmds.ls during evaluation"),
        ("om.MFnDependencyNode(self.thisMObject()).findPlug('lift', True)", "findPlug during evaluation"),
        ("om.MPlug(self.thisMObject(), Node.lift).asFloat()", "asFloat during evaluation"),
        ("om.MSelectionList().add('persp')", "MSelectionList.add during evaluation"),
        ("om.MGlobal.executeCommand('print 1')", "executeCommand during evaluation"),
        ("block.inputArrayValue(INPUT)", "all inputs are evaluated again"),
        ("block.outputValue(Node.lift).setFloat(2.0)", "hard crash"),
        ("block.inputValue(Node.lift).setFloat(2.0)", "inputs are read only"),
        ("block.inputValue(Node.lift).asDouble()", "Maya reads garbage"),
    ],
)
def test_forbidden_while_deforming(maya: Session, plugin: Loader, body: str, words: str) -> None:
    _, _, mesh = plugin(body)
    rest = maya.points(mesh)
    broken(maya, words)
    assert len(rest) == 9  # Maya swallows the exception and passes the copy of the input on
    with pytest.raises(ContractError):
        maya.check()
