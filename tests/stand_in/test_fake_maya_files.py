"""The stand-in for Maya: Maya ASCII is read and written, references keep their edits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import Session
from tests.fake_maya.values import Geometry, same_value

OLD_SCENE = """//Maya ASCII 2018ff07 scene
//Codeset: 1252
requires maya "2018ff07"; currentUnit -linear centimeter -angle degree -time film;
fileInfo "version" "2018";
createNode transform -n "face";
createNode mesh -n "faceShape" -p "face";
\tsetAttr -k off ".v";
\tsetAttr ".vir" yes;
createNode mesh -n "faceShapeOrig" -p "face";
\tsetAttr ".io" yes;
\tsetAttr -s 4 ".vt[0:3]"  0 0 0 1 0
\t\t0 0 1 0 1 1 0;
\tsetAttr ".pt[3]" -type "float3" 0 0 0.5 ;
\tsetAttr -s 4 ".ed[0:3]"  0 1 0 2 3 0 0 2 0 1 3 0;
\tsetAttr -ch 4 ".fc[0]" -type "polyFaces"
\t\tf 4 0 3 -2 -3
\t\tmu 0 4 0 1 3 2;
createNode blendShape -n "blendShape1";
\taddAttr -ci true -h true -sn "aal" -ln "attributeAliasList" -dt "attributeAlias";
\tsetAttr -s 2 ".w[0:1]"  0.5 0;
\tsetAttr -s 2 ".it[0].itg";
\tsetAttr ".it[0].itg[0].iti[6000].ipt" -type "pointArray" 2 0 0 2 1 0 0 4 1  ;
\tsetAttr ".it[0].itg[0].iti[6000].ict" -type "componentList" 2 "vtx[0]" "vtx[2]";
\tsetAttr ".it[0].itg[1].iti[6000].ipt" -type "pointArray" 0 ;
\tsetAttr ".it[0].itg[1].iti[6000].ict" -type "componentList" ;
\tsetAttr -av ".w[0]";
\tsetAttr ".aal" -type "attributeAlias" {"smile","weight[0]","empty"
\t\t,"weight[1]"} ;
createNode groupParts -n "parts";
\tsetAttr ".ic" -type "componentList" 1 "vtx[0:1]";
createNode groupId -n "group";
createNode animCurveTU -n "blendShape1_empty";
\tsetAttr ".tan" 18;
\tsetAttr -s 2 ".ktv[0:1]"  1 0 11 1;
select -ne :time1;
\tsetAttr ".o" 6;
connectAttr "blendShape1.og[0]" "faceShape.i";
connectAttr "parts.og" "blendShape1.ip[0].ig";
connectAttr "group.id" "blendShape1.ip[0].gi";
connectAttr "group.id" "parts.gi";
connectAttr "faceShapeOrig.w" "parts.ig"
\t\t;
connectAttr "blendShape1_empty.o" "blendShape1.w[1]";
connectAttr "faceShape.iog" ":initialShadingGroup.dsm" -na;
relationship "link" ":lightLinker1" ":initialShadingGroup.message" ":defaultLightSet.message";
// End of old.ma
"""


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


def save(path: Path) -> str:
    from maya import cmds

    cmds.file(rename=str(path))
    cmds.file(save=True, type="mayaAscii")
    return path.read_text()


def head(maya: Session) -> None:
    """A scene with some of everything."""
    from maya import cmds

    cmds.currentUnit(linear="mm")
    base = cmds.polyPlane(name="head", subdivisionsX=3, subdivisionsY=2)[0]
    for i in range(3):
        target = cmds.duplicate(base, name=f"shape{i}", returnRootsOnly=True)[0]
        cmds.setAttr(f"{target}.pnts[{i}].pnty", 1 + i / 3)
    cmds.blendShape("shape0", "shape1", base, name="bs")
    cmds.blendShape("bs", edit=True, inBetween=True, target=(base, 0, "shape2", 0.333))
    cmds.delete("shape1")
    cmds.setAttr("bs.it[0].itg[0].targetWeights[3:5]", 0.1, 0.2, 0.3)
    cmds.setAttr("bs.weightList[0].weights[7]", 0.5)
    cmds.setAttr("bs.shape1", 0.3)
    cmds.setKeyframe("bs.shape0", time=1.5, value=0)
    cmds.setKeyframe("bs.shape0", time=12, value=1, outTangentType="step")
    cmds.createNode("transform", name="ctrl")
    cmds.setAttr("ctrl.tx", 12.5)
    cmds.setAttr("ctrl.ty", lock=True)
    cmds.addAttr(
        "ctrl", longName="mode", attributeType="enum", enumName="a:b=4", defaultValue=4, keyable=True
    )
    cmds.addAttr("ctrl", longName="note", dataType="string")
    cmds.setAttr("ctrl.note", 'say "hello"\nagain\\', type="string")
    for at in (0, 1):
        cmds.setDrivenKeyframe("bs.envelope", currentDriver="ctrl.rotateZ", driverValue=90 * at, value=at)
    cmds.expression(string="ctrl.rotateZ = time * 90;", name="turn")
    cmds.instance("ctrl")
    cmds.currentTime(6)


def test_round_trip(maya: Session, tmp_path: Path) -> None:
    from maya import cmds

    head(maya)
    points, names = maya.points("head"), cmds.ls()
    first = save(tmp_path / "a.ma")
    values = {node.name: node.values for node in maya.graph if not node.default_node}
    cmds.file(str(tmp_path / "a.ma"), open=True, force=True)
    assert maya.extras["unread"] == []
    assert sorted(cmds.ls()) == sorted(names)
    np.testing.assert_array_equal(maya.points("head"), points)
    assert cmds.currentTime(query=True) == 6
    assert cmds.currentUnit(query=True, linear=True) == "mm"
    assert cmds.aliasAttr("bs", query=True) == ["shape0", "weight[0]", "shape1", "weight[1]"]
    assert cmds.getAttr("ctrl.note") == 'say "hello"\nagain\\'
    assert cmds.getAttr("ctrl.ty", lock=True)
    assert cmds.getAttr("bs.it[0].itg[0].iti", multiIndices=True) == [5333, 6000]
    assert cmds.listConnections("bs.it[0].itg[0].iti[6000].igt", plugs=True) == ["shapeShape0.worldMesh[0]"]
    for node in maya.graph:
        for attr, bucket in values.get(node.name, {}).items():
            if attr == "cachedInMesh" and ("inMesh", ()) in node.inputs:
                continue  # with history the original holds the geometry
            for indices, value in bucket.items():
                if (
                    not node.source((attr, indices))
                    and node.attr(attr).storable
                    and value is not None
                    and not node.attr(attr).kind.startswith("attr")
                ):
                    found = node.stored((attr, indices))
                    close = (
                        np.allclose(found.points, value.points, rtol=1e-6)
                        if isinstance(value, Geometry)
                        else same_value(found, value) or np.allclose(found, value, rtol=1e-6)
                    )
                    assert close, (node, attr, indices)
    assert save(tmp_path / "a.ma") == first


def test_live_targets_are_not_stored(maya: Session, tmp_path: Path) -> None:
    head(maya)
    text = save(tmp_path / "a.ma")
    assert '".it[0].itg[1].iti[6000].ipt"' in text  # its mesh was deleted
    assert '".it[0].itg[0].iti[6000].ipt"' not in text
    assert 'connectAttr "shapeShape0.w" "bs.it[0].itg[0].iti[6000].igt";' in text


def test_old_scenes(maya: Session, tmp_path: Path) -> None:
    from maya import cmds

    path = tmp_path / "old.ma"
    path.write_bytes(OLD_SCENE.encode("cp1252"))
    cmds.file(str(path), open=True, force=True)
    rest = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5]])
    rest[0, 2] += 1  # the group holds vertices 0 and 1 only: vertex 2 stays
    np.testing.assert_array_equal(maya.points("face"), rest)
    assert cmds.getAttr("blendShape1.empty") == pytest.approx(0.5)
    assert cmds.polyEvaluate("faceShapeOrig", vertex=True) == 4
    assert list(maya.shape("faceShapeOrig").stored(("cachedInMesh", ())).topology.corners) == [0, 1, 3, 2]
    assert cmds.aliasAttr("blendShape1", query=True) == ["smile", "weight[0]", "empty", "weight[1]"]
    cmds.delete("blendShape1")
    assert not cmds.objExists("parts")
    assert cmds.listConnections("faceShape.inMesh", plugs=True) == ["faceShapeOrig.worldMesh[0]"]


def test_alias_layout_follows_the_version(maya: Session, tmp_path: Path) -> None:
    head(maya)
    assert '-type "attributeAlias" 4 "shape0" "weight[0]"' in save(tmp_path / "a.ma")
    maya.version = "2022"
    assert '-type "attributeAlias" {"shape0","weight[0]","shape1","weight[1]"}' in save(tmp_path / "a.ma")


def test_a_plugin_that_is_not_there(maya: Session, tmp_path: Path) -> None:
    from maya import cmds

    path = tmp_path / "unknown.ma"
    path.write_text(
        OLD_SCENE.replace("createNode blendShape", "createNode aimDeformer").replace(
            "requires maya", 'requires -nodeType "aimDeformer" "aim_deformer.py" "1.0";\nrequires maya', 1
        )
    )
    cmds.file(str(path), open=True, force=True)
    assert cmds.nodeType("blendShape1") == "unknown"
    text = save(tmp_path / "again.ma")
    for line in (
        'createNode aimDeformer -n "blendShape1";',
        'setAttr -s 2 ".w[0:1]" 0.5 0;',
        'requires -nodeType "aimDeformer" "aim_deformer.py"',
        'connectAttr "parts.og" "blendShape1.ip[0].ig";',
    ):
        assert line in text
    assert maya.messages


def test_reading_state_and_events(maya: Session, tmp_path: Path) -> None:
    import maya.OpenMaya as om
    from maya import cmds

    path = tmp_path / "old.ma"
    path.write_text(OLD_SCENE)
    seen: list[tuple[str, bool]] = []
    numbers = [
        om.MSceneMessage.addCallback(
            om.MSceneMessage.kBeforeOpen,
            lambda data: seen.append((data, om.MFileIO.isReadingFile())),
            "before",
        ),
        om.MSceneMessage.addCallback(
            om.MSceneMessage.kBeforeFileRead,
            lambda data: seen.append((data, om.MFileIO.isReadingFile())),
            "reading",
        ),
        om.MSceneMessage.addCallback(
            om.MSceneMessage.kAfterOpen, lambda data: seen.append((data, om.MFileIO.isReadingFile())), "after"
        ),
    ]
    maya.pull_while_reading = True
    before = sum(maya.computes.values())
    cmds.file(str(path), open=True, force=True)
    assert sum(maya.computes.values()) > before  # the graph was pulled before all connections were there
    assert seen == [("before", False), ("reading", True), ("after", False)]
    for number in numbers:
        om.MMessage.removeCallback(number)
    cmds.createNode("transform")
    with pytest.raises(RuntimeError, match="Unsaved"):
        cmds.file(new=True)


def edit_reference() -> None:
    """One edit of each kind."""
    from maya import cmds

    cmds.setAttr("A:bs.shape1", 0.75)
    cmds.setAttr("A:ctrl.note", "shot", type="string")
    cmds.addAttr("A:bs", longName="extra", attributeType="double", defaultValue=2)
    cmds.aliasAttr("renamed", "A:bs.w[1]")
    cmds.createNode("network", name="own")
    cmds.addAttr("own", longName="into", attributeType="double", defaultValue=0.25)
    cmds.addAttr("own", longName="out", attributeType="double")
    cmds.disconnectAttr(
        cmds.listConnections("A:bs.envelope", source=True, destination=False, plugs=True)[0], "A:bs.envelope"
    )
    cmds.connectAttr("own.into", "A:bs.envelope")
    cmds.connectAttr("A:bs.renamed", "own.out")


def test_references(maya: Session, tmp_path: Path) -> None:
    from maya import cmds

    head(maya)
    save(tmp_path / "rig.ma")
    rest = maya.points("head")
    cmds.file(new=True, force=True)
    cmds.file(str(tmp_path / "rig.ma"), reference=True, namespace="A")
    cmds.currentTime(6)
    np.testing.assert_array_equal(maya.points("A:head"), rest)
    assert cmds.referenceQuery("A:bs", isNodeReferenced=True)
    assert cmds.file(query=True, reference=True) == [str(tmp_path / "rig.ma")]
    for forbidden in (lambda: cmds.delete("A:bs"), lambda: cmds.parent("A:shape0", "A:ctrl", relative=True)):
        with pytest.raises(RuntimeError):
            forbidden()
    edit_reference()
    points = maya.points("A:head")
    shot = save(tmp_path / "shot.ma")
    assert "A:head" not in "".join(line for line in shot.splitlines() if line.startswith("createNode"))
    cmds.file(str(tmp_path / "shot.ma"), open=True, force=True)
    np.testing.assert_array_equal(maya.points("A:head"), points)
    assert cmds.getAttr("A:ctrl.note") == "shot"
    assert cmds.getAttr("A:bs.extra") == 2
    assert cmds.getAttr("own.out") == 0.75
    assert cmds.listConnections("A:bs.envelope", plugs=True) == ["own.into"]
    assert cmds.aliasAttr("A:bs.w[1]", query=True) == "renamed"
    assert save(tmp_path / "shot.ma") == shot


def test_deforming_a_referenced_mesh(maya: Session, tmp_path: Path) -> None:
    from maya import cmds

    head(maya)
    save(tmp_path / "rig.ma")
    cmds.file(new=True, force=True)
    cmds.file(str(tmp_path / "rig.ma"), reference=True, namespace="A")
    rest = maya.points("A:head")
    _, handle = cmds.cluster("A:head")
    assert cmds.objExists("headShapeDeformed")
    cmds.setAttr(f"{handle}.translateY", 10)
    np.testing.assert_allclose(
        maya.points("A:head"),
        rest + np.float32([0, 10 if cmds.currentUnit(query=True, linear=True) == "cm" else 1, 0]),
        atol=1e-6,
    )
    save(tmp_path / "shot.ma")
    points = maya.points("A:head")
    cmds.file(str(tmp_path / "shot.ma"), open=True, force=True)
    np.testing.assert_allclose(maya.points("A:head"), points, atol=1e-6)


def events() -> list[tuple[str, bool]]:
    """What is told from now on, and whether a file is being read then."""
    import maya.OpenMaya as om

    told: list[tuple[str, bool]] = []
    for name in [
        "kBeforeFileRead",
        "kAfterFileRead",
        "kAfterReference",
        "kAfterCreateReference",
        "kAfterLoadReference",
        "kAfterUnloadReference",
        "kAfterSceneReadAndRecordEdits",
    ]:
        om.MSceneMessage.addCallback(
            getattr(om.MSceneMessage, name),
            lambda data: told.append((data, om.MFileIO.isReadingFile())),
            name,
        )
    return told


def test_references_load_and_unload_with_their_edits(maya: Session, tmp_path: Path) -> None:
    """Events and reading state as MSceneMessage.h has them; edits and connections live through an unload."""
    from maya import cmds

    head(maya)
    save(tmp_path / "rig.ma")
    cmds.file(new=True, force=True)
    told = events()
    cmds.file(str(tmp_path / "rig.ma"), reference=True, namespace="A")
    read = [("kBeforeFileRead", True), ("kAfterFileRead", True)]
    last = ("kAfterSceneReadAndRecordEdits", False)
    assert told == [*read, ("kAfterCreateReference", False), last]
    edit_reference()
    cmds.currentTime(6)
    points = maya.points("A:head")
    told.clear()
    cmds.file(unloadReference="ARN")
    assert told == [("kAfterUnloadReference", False)]
    assert cmds.ls("A:*") == []
    told.clear()
    for _ in range(2):  # load, and load again
        cmds.file(loadReference="ARN")
        np.testing.assert_array_equal(maya.points("A:head"), points)
        assert cmds.getAttr("A:ctrl.note") == "shot"
        assert cmds.listConnections("own.out", plugs=True) == ["A:bs.renamed"]
        assert cmds.listConnections("A:bs.envelope", plugs=True) == ["own.into"]
    assert told == 2 * [*read, ("kAfterLoadReference", False), last]
    with pytest.raises(RuntimeError, match="not found"):
        cmds.file(loadReference="BRN")


def test_references_are_listed_one_level_at_a_time(maya: Session, tmp_path: Path) -> None:
    """Public code recurses; a file that is there twice has a copy number."""
    from maya import cmds

    rig, character = str(tmp_path / "rig.ma"), str(tmp_path / "character.ma")
    head(maya)
    save(tmp_path / "rig.ma")
    cmds.file(new=True, force=True)
    cmds.file(rig, reference=True, namespace="rig")
    save(tmp_path / "character.ma")
    cmds.file(new=True, force=True)
    for space in ("a", "b"):
        cmds.file(character, reference=True, namespace=space)
    assert cmds.file(query=True, reference=True) == [character, character + "{1}"]
    assert cmds.file(character, query=True, reference=True) == [rig]
    assert cmds.file(character + "{1}", query=True, reference=True) == [rig + "{1}"]
    assert cmds.referenceQuery("b:rig:bs", filename=True) == rig + "{1}"
    assert cmds.referenceQuery("b:rig:bs", filename=True, withoutCopyNumber=True) == rig
    with pytest.raises(RuntimeError, match="not a referenced object"):
        cmds.referenceQuery("persp", filename=True)


def test_what_was_pulled_while_a_file_was_read_stays(maya: Session, tmp_path: Path) -> None:
    """Reading dirties what it changes, and nothing at its end."""
    from maya import cmds

    head(maya)
    save(tmp_path / "rig.ma")
    maya.pull_while_reading = True
    cmds.file(str(tmp_path / "rig.ma"), open=True, force=True)
    before = sum(maya.computes.values())
    maya.points("head")
    assert sum(maya.computes.values()) == before


def test_a_selection_list_takes_all_of_a_name(maya: Session) -> None:
    """Without a word; its first item is then any of them."""
    import maya.OpenMaya as om
    from maya import cmds

    for group in ("a", "b"):
        cmds.createNode("transform", name="same", parent=cmds.createNode("transform", name=group))
    chosen, paths = om.MSelectionList(), [om.MDagPath(), om.MDagPath()]
    chosen.add("same")
    names = []
    for i, path in enumerate(paths):
        chosen.getDagPath(i, path)
        names.append(om.MFnDagNode(path).fullPathName())
    assert names == ["|a|same", "|b|same"]
    with pytest.raises(ValueError, match="More than one object"):
        cmds.getAttr("same.tx")
