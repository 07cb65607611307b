"""The stand-in for Maya: arguments, memory, registration, evaluation modes, threads and counting."""

from __future__ import annotations

import gc
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import ContractError, Session
from tests.fake_maya.signatures import SIGNATURES

PLUGIN = """
import ctypes
import maya.OpenMaya as om
import maya.OpenMayaMPx as mpx
from maya import cmds

INPUT, INPUT_GEOM = mpx.cvar.MPxGeometryFilter_input, mpx.cvar.MPxGeometryFilter_inputGeom
OUTPUT = mpx.cvar.MPxGeometryFilter_outputGeom
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
lifted = om.MPointArray()
for i in range(points.length()):
    lifted.append(points[i].x, points[i].y + lift, points[i].z)
iterator.setAllPositions(lifted)
"""


class Loader:
    """Loads the plug-in and puts its node on a plane of nine points: (module, node, mesh)."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder

    def __call__(
        self,
        body: str = LIFT,
        *,
        methods: str = "",
        initializer: str = "",
        creator: str = "lambda: mpx.asMPxPtr(Node())",
        name: str = "lifter",
    ) -> Any:
        """Write, load, create."""
        from maya import cmds

        parts = {
            "body": textwrap.indent(textwrap.dedent(body).strip(), " " * 8),
            "methods": textwrap.indent(textwrap.dedent(methods), " " * 4),
            "initializer": textwrap.indent(initializer, "    "),
        }
        path = self.folder / f"{name}_plugin.py"
        path.write_text(PLUGIN.format(**parts, creator=creator, name=name))
        cmds.loadPlugin(str(path))
        mesh = cmds.polyPlane(subdivisionsX=2, subdivisionsY=2, constructionHistory=False)[0]
        node = cmds.deformer(mesh, type=name)[0]
        return self.session.plugins.loaded[path.stem].module, node, mesh


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
    copied = np.frombuffer((ctypes.c_double * 8).from_address(int(out.asDouble4Ptr())))
    assert copied[6] == 6.0
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


@pytest.mark.parametrize(
    ("said", "broken"),
    [
        ("None", "neither set nor marked clean"),
        ("om.kUnknownParameter", "says that it does not know it"),
        ("7", "no status"),
    ],
)
def test_what_compute_returns_counts(maya: Session, plugin: Loader, said: str, broken: str) -> None:
    from maya import cmds

    sets = "pass" if said == "None" else "block.outputValue(plug).setFloat(1.0)"
    methods = f"""
    def compute(self, plug, block):
        if plug == Node.double:
            {sets}
            return {said}
        return mpx.MPxDeformerNode.compute(self, plug, block)
    """
    _, node, _ = plugin(methods=methods)
    cmds.getAttr(f"{node}.double")
    assert broken in str(maya.violations[0])
    maya.violations.clear()


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


MAKE = "made = number.create({}, om.MFnNumericData.kFloat)\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"initializer": MAKE.format("'weight', 'w'") + "Node.addAttribute(number.object())"}, "in use"),
        ({"initializer": MAKE.format("'envelope', 'evp'") + "Node.addAttribute(number.object())"}, "in use"),
        (
            {"initializer": MAKE.format("'stray', 'str'") + "Node.attributeAffects(made, OUTPUT)"},
            "does not belong",
        ),
        ({"name": "blendShape"}, "registered already"),
    ],
)
def test_registration_clashes(plugin: Loader, changes: dict[str, str], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        plugin(**changes)


def test_creator_must_wrap(plugin: Loader) -> None:
    with pytest.raises(ContractError, match="asMPxPtr"):
        plugin(creator="lambda: Node()")


def test_weight_with_another_short_name(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    _, node, _ = plugin(
        initializer=MAKE.format("'weight', 'wgt'") + "number.setArray(True)\nNode.addAttribute(made)"
    )
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
        NOTES.append(("dirty", plug.attribute() == Node.lift))

    def preEvaluation(self, context, evaluation):
        if context.isNormal() and evaluation.dirtyPlugExists(Node.lift):
            NOTES.append(("pre", True))
    """
    module, node, mesh = plugin(methods=methods)
    cmds.connectAttr("time1.outTime", f"{node}.lift")
    maya.points(mesh)
    module.NOTES.clear()
    before = maya.dependents_calls[node]
    maya.playback([2, 3], mode="parallel")
    assert maya.dependents_calls[node] == before
    assert module.NOTES == [("pre", True)] * 2
    module.NOTES.clear()
    maya.playback([4], mode="off")
    assert ("dirty", True) in module.NOTES
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
    assert calls["MPointArray.append"] == 9
    assert calls["MPxDeformerNode.compute"] == 0
    assert maya.api_seconds > 0


def test_every_method_has_its_arity(maya: Session) -> None:
    """The table that our own calls can be checked against leaves nothing out."""
    import maya.OpenMaya as om
    import maya.OpenMayaMPx as mpx

    for module in (om, mpx):
        for name, cls in vars(module).items():
            methods = [
                m
                for m in dir(cls)
                if isinstance(cls, type)
                and not m.startswith("_")
                and hasattr(getattr(cls, m), "__stand_in__")
            ]
            assert set(methods) <= set(SIGNATURES.get(name, {})), (
                name,
                set(methods) - set(SIGNATURES.get(name, {})),
            )


def test_saved_with_its_plugin(
    maya: Session, plugin: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert notes[-1] is True  # ... and what it was given then stays, until something dirties it
    cmds.dgdirty(node)
    maya.points(mesh)
    assert notes[-1] is False
    maya.check()


def test_several_shapes(maya: Session, plugin: Loader) -> None:
    from maya import cmds

    plugin("NOTES.append((index, iterator.count(), block.outputArrayValue(INPUT).elementCount()))\n" + LIFT)
    shapes = [
        cmds.polyPlane(name=name, subdivisionsX=n, subdivisionsY=1)[0] for name, n in (("one", 1), ("two", 2))
    ]
    node = cmds.deformer(*shapes, type="lifter")[0]
    cmds.setAttr(f"{node}.lift", 1)
    for shape in shapes:
        assert (maya.points(shape)[:, 1] == 1).all()
    assert cmds.deformer(node, query=True, geometry=True) == ["oneShape", "twoShape"]
    assert maya.plugins.loaded["lifter_plugin"].module.NOTES[-2:] == [(0, 4, 2), (1, 6, 2)]
    maya.check()


def test_what_is_not_written_checks_the_same(maya: Session, plugin: Loader) -> None:
    """Methods of the API that the stand-in does not imitate: argument counts, and what is forbidden during
    evaluation.
    """
    import maya.OpenMaya as om

    with pytest.raises(TypeError):
        om.MGlobal.displayInfo()
    with pytest.raises(NotImplementedError, match=r"does not imitate MGlobal\.displayInfo"):
        om.MGlobal.displayInfo("a")
    with pytest.raises(NotImplementedError, match="does not imitate MVector"):
        om.MVector(1, 2, 3)
    _, _, mesh = plugin("om.MGlobal.executeCommand('print 1')")
    maya.points(mesh)
    assert "executeCommand during evaluation" in str(maya.violations[0])


def test_a_plug_in_that_leaves_something_behind(maya: Session, tmp_path: Path) -> None:
    """A callback left at unload is fatal, a failure after registering leaves a type without code."""
    from maya import cmds

    path = tmp_path / "careless.py"
    path.write_text(
        "import maya.OpenMaya as om, maya.OpenMayaMPx as mpx\n"
        "def initializePlugin(plugin):\n"
        "    fn = mpx.MFnPlugin(plugin)\n"
        "    fn.registerNode('careless', om.MTypeId(0x80124), lambda: None, lambda: None)\n"
        "    om.MSceneMessage.addCallback(om.MSceneMessage.kAfterOpen, print)\n"
        "    if FAIL: raise RuntimeError('half-way')\n"
        "def uninitializePlugin(plugin):\n"
        "    mpx.MFnPlugin(plugin).deregisterNode(om.MTypeId(0x80124))\n"
        "FAIL = False\n"
    )
    cmds.loadPlugin(str(path))
    cmds.unloadPlugin("careless")
    assert "left 1 callbacks" in str(maya.violations.pop())
    path.write_text(path.read_text().replace("FAIL = False", "FAIL = True"))
    with pytest.raises(RuntimeError, match="half-way"):
        cmds.loadPlugin(str(path))
    assert [e for e in maya.errors if "left careless registered" in e]
    assert [e for e in maya.errors if "left 1 callbacks" in e]
