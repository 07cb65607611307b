"""The stand-in for Maya: every contract is broken on purpose by a small plug-in, and seen to be caught."""

from __future__ import annotations

import gc
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import ContractError, Session

PLUGIN = """
import ctypes
import maya.OpenMaya as om
import maya.OpenMayaMPx as mpx
from maya import cmds

INPUT, INPUT_GEOM, OUTPUT = mpx.cvar.MPxGeometryFilter_input, mpx.cvar.MPxGeometryFilter_inputGeom, mpx.cvar.MPxGeometryFilter_outputGeom
NOTES = []


class Node(mpx.MPxDeformerNode):
    type_id = om.MTypeId(0x80123)

    def __init__(self):
        mpx.MPxDeformerNode.__init__(self)

    def mesh(self, block, index):
        array = block.outputArrayValue(INPUT)
        array.jumpToElement(index)
        return array.outputValue().child(INPUT_GEOM).asMesh()

    def deform(self, block, iterator, matrix, index):
{body}

{methods}


def initialize():
    number = om.MFnNumericAttribute()
    Node.lift = number.create("lift", "lft", om.MFnNumericData.kFloat, 0.0)
    number.setKeyable(True)
    Node.addAttribute(Node.lift)
    Node.attributeAffects(Node.lift, OUTPUT)
    Node.slots = number.create("slots", "slt", om.MFnNumericData.kFloat, 0.0)
    number.setArray(True)
    Node.addAttribute(Node.slots)
    Node.loose = number.create("loose", "lse", om.MFnNumericData.kFloat, 0.0)
    Node.addAttribute(Node.loose)
    Node.double = number.create("double", "dbl", om.MFnNumericData.kFloat, 0.0)
    number.setWritable(False)
    Node.addAttribute(Node.double)
    Node.attributeAffects(Node.lift, Node.double)
{initializer}


def initializePlugin(obj):
    plugin = mpx.MFnPlugin(obj, "tests", "1.0", "Any")
    plugin.registerNode("{name}", Node.type_id, {creator}, initialize, mpx.MPxNode.kDeformerNode)


def uninitializePlugin(obj):
    mpx.MFnPlugin(obj).deregisterNode(Node.type_id)
"""

LIFT = """
points = om.MPointArray()
iterator.allPositions(points)
lift = block.inputValue(Node.lift).asFloat() * block.inputValue(mpx.cvar.MPxGeometryFilter_envelope).asFloat()
for i in range(points.length()):
    p = points[i]
    points.set(i, p.x, p.y + lift, p.z)
iterator.setAllPositions(points)
"""


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


@pytest.fixture
def plugin(maya: Session, tmp_path: Path) -> Callable[..., Any]:
    """Loads a plug-in with this body of deform, puts its node on a plane, gives (module, node, mesh)."""
    from maya import cmds

    def load(body: str = LIFT, *, methods: str = "", initializer: str = "", creator: str = "lambda: mpx.asMPxPtr(Node())", name: str = "lifter") -> Any:
        text = PLUGIN.format(
            body=textwrap.indent(textwrap.dedent(body).strip(), " " * 8),
            methods=textwrap.indent(textwrap.dedent(methods), " " * 4),
            initializer=textwrap.indent(initializer, "    "),
            creator=creator,
            name=name,
        )
        path = tmp_path / f"{name}_plugin.py"
        path.write_text(text)
        cmds.loadPlugin(str(path))
        mesh = cmds.polyPlane(subdivisionsX=2, subdivisionsY=2, constructionHistory=False)[0]
        node = cmds.deformer(mesh, type=name)[0]
        return maya.plugins.loaded[path.stem].module, node, mesh

    return load


def broken(maya: Session, words: str) -> None:
    assert any(words in str(v) for v in maya.violations), [str(v) for v in maya.violations]


def test_deforms(maya: Session, plugin: Callable[..., Any]) -> None:
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


def test_undeclared_dependency_is_stale(maya: Session, plugin: Callable[..., Any]) -> None:
    from maya import cmds

    _, node, mesh = plugin(LIFT.replace("Node.lift", "Node.loose"))
    rest = maya.points(mesh)
    cmds.setAttr(f"{node}.loose", 1.0)
    assert np.array_equal(maya.points(mesh), rest)


def test_input_memory(maya: Session, plugin: Callable[..., Any]) -> None:
    from maya import cmds

    module, node, mesh = plugin("""
        address = int(om.MFnMesh(self.mesh(block, index)).getRawPoints())
        kept = (ctypes.c_float * 3).from_address(NOTES[0][0]) if NOTES else None
        NOTES.append((address, None if kept is None else list(kept), list((ctypes.c_float * 3).from_address(address))))
        """)
    rest = maya.points(mesh)
    cmds.setAttr(f"{node}.lift", 1.0)
    maya.points(mesh)
    (first, _, seen), (second, stale, _) = module.NOTES
    assert first != second
    assert np.isnan(stale).all()
    assert np.array_equal(np.float32(seen), rest[0])
    maya.check()


def test_writing_the_input(maya: Session, plugin: Callable[..., Any]) -> None:
    _, _, mesh = plugin("""
        address = int(om.MFnMesh(self.mesh(block, index)).getRawPoints())
        (ctypes.c_float * 3).from_address(address)[1] = 7.0
        """)
    maya.points(mesh)
    broken(maya, "wrote into its input geometry")


@pytest.mark.parametrize("body", [
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
])  # fmt: skip
def test_writing_the_output_past_the_iterator(maya: Session, plugin: Callable[..., Any], body: str) -> None:
    _, _, mesh = plugin(textwrap.dedent(body))
    maya.points(mesh)
    broken(maya, "MItGeometry.setAllPositions")


def test_membership(maya: Session, plugin: Callable[..., Any]) -> None:
    from maya import cmds

    module, node, mesh = plugin("NOTES.append(iterator.count())\n" + LIFT)
    rest = maya.points(mesh)
    shape = cmds.ls(type="mesh", intermediateObjects=True)[0]
    cmds.setAttr(f"{shape}.componentTags[0].componentTagName", "lips", type="string")
    cmds.setAttr(f"{shape}.componentTags[0].componentTagContents", 1, "vtx[2:4]", type="componentList")
    cmds.setAttr(f"{node}.input[0].componentTagExpression", "lips", type="string")
    cmds.setAttr(f"{node}.lift", 1.0)
    moved = maya.points(mesh) - rest
    assert np.flatnonzero(moved.any(1)).tolist() == [2, 3, 4]
    assert module.NOTES[-1] == 3


def test_wrong_number_of_points(maya: Session, plugin: Callable[..., Any]) -> None:
    _, _node, mesh = plugin("iterator.setAllPositions(om.MPointArray(3))")
    rest = maya.points(mesh)
    assert any("kInvalidParameter" in e for e in maya.errors)
    assert len(rest) == 9


def test_painted_weights_are_sparse(maya: Session, plugin: Callable[..., Any]) -> None:
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
        NOTES.append(self.weightValue(block, index, 4))
        """)
    maya.points(mesh)
    assert "No element" in module.NOTES[0]
    cmds.setAttr(f"{node}.weightList[0].weights[1:2]", 0.25, 0.5)
    maya.points(mesh)
    assert module.NOTES[2] == {1: 0.25, 2: 0.5}
    assert "No element" in module.NOTES[3]
    assert module.NOTES[4] == 1.0
    maya.check()


@pytest.mark.parametrize(("body", "words"), [
    ("cmds.ls()", "cmds.ls during evaluation"),
    ("om.MFnDependencyNode(self.thisMObject()).findPlug('lift', True)", "findPlug during evaluation"),
    ("om.MPlug(self.thisMObject(), Node.lift).asFloat()", "asFloat during evaluation"),
    ("om.MSelectionList().add('persp')", "MSelectionList.add during evaluation"),
    ("om.MGlobal.executeCommand('print 1')", "executeCommand during evaluation"),
    ("block.inputArrayValue(INPUT)", "all inputs are evaluated again"),
    ("block.outputValue(Node.lift).setFloat(2.0)", "hard crash"),
    ("block.inputValue(Node.lift).setFloat(2.0)", "inputs are read only"),
    ("block.inputValue(Node.lift).asDouble()", "Maya reads garbage"),
])  # fmt: skip
def test_forbidden_while_deforming(maya: Session, plugin: Callable[..., Any], body: str, words: str) -> None:
    _, _, mesh = plugin(body)
    rest = maya.points(mesh)
    broken(maya, words)
    assert len(rest) == 9  # Maya swallows the exception and passes the copy of the input on
    with pytest.raises(ContractError):
        maya.check()


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


def test_computed_on_demand_and_cleaning(maya: Session, plugin: Callable[..., Any]) -> None:
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


def test_never_marked_clean(maya: Session, plugin: Callable[..., Any]) -> None:
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
def test_registration_clashes(plugin: Callable[..., Any], changes: dict[str, str], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        plugin(**changes)


def test_creator_must_wrap(plugin: Callable[..., Any]) -> None:
    with pytest.raises(ContractError, match="asMPxPtr"):
        plugin(creator="lambda: Node()")


def test_weight_with_another_short_name(maya: Session, plugin: Callable[..., Any]) -> None:
    from maya import cmds

    _, node, _ = plugin(initializer="Node.weight = number.create('weight', 'wgt', om.MFnNumericData.kFloat)\nnumber.setArray(True)\nNode.addAttribute(Node.weight)")
    cmds.aliasAttr("jawOpen", f"{node}.weight[7]")
    cmds.setAttr(f"{node}.jawOpen", 0.5)
    assert cmds.getAttr(f"{node}.weight", multiIndices=True) == [7]
    assert cmds.aliasAttr(node, query=True) == ["jawOpen", "weight[7]"]


def test_unload(maya: Session, plugin: Callable[..., Any]) -> None:
    from maya import cmds

    plugin()
    assert cmds.pluginInfo("lifter_plugin", query=True, loaded=True)
    with pytest.raises(RuntimeError, match="still in use"):
        cmds.unloadPlugin("lifter_plugin")
    cmds.file(new=True, force=True)
    cmds.unloadPlugin("lifter_plugin")
    assert not cmds.pluginInfo("lifter_plugin", query=True, loaded=True)


def test_evaluation_modes(maya: Session, plugin: Callable[..., Any]) -> None:
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


def test_two_contexts_in_two_threads(maya: Session, plugin: Callable[..., Any]) -> None:
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


def test_counting(maya: Session, plugin: Callable[..., Any]) -> None:
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
