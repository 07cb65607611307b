"""The stand-in for Maya: blendShape, chains and drivers against a few lines of numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests import fake_maya
from tests.fake_maya import CycleError, Session


@pytest.fixture
def maya() -> Iterator[Session]:
    yield fake_maya.install()
    fake_maya.uninstall()


def shapes(
    maya: Session, *deltas: tuple[int, tuple[float, float, float]]
) -> tuple[str, list[str], np.ndarray]:
    """A plane and targets that move one vertex each."""
    from maya import cmds

    base = cmds.polyPlane(name="face", subdivisionsX=2, subdivisionsY=2, constructionHistory=False)[0]
    rest = maya.points(base)
    names = []
    for i, (vertex, delta) in enumerate(deltas):
        points = rest.copy()
        points[vertex] += delta
        names.append(
            maya.add_mesh(
                f"target{i}", points, [4] * 4, maya.shape(base).stored(("cachedInMesh", ())).topology.corners
            )
        )
    return base, names, rest


def test_sum_of_targets(maya: Session) -> None:
    from maya import cmds

    base, targets, rest = shapes(maya, (0, (1, 0, 0)), (3, (0, 2, 0)))
    node = cmds.blendShape(*targets, base, name="bs")[0]
    cmds.setAttr("bs.target0", 0.5)
    cmds.setAttr("bs.w[1]", -2.0)  # a single full target goes on linearly, both ways
    cmds.setAttr("bs.supportNegativeWeights", True)
    cmds.setAttr("bs.envelope", 0.5)
    cmds.setAttr("bs.inputTarget[0].inputTargetGroup[1].targetWeights[3]", 0.25)
    cmds.setAttr("bs.weightList[0].weights[0]", 0.5)
    expected = rest.copy()
    expected[0, 0] += 0.5 * 0.5 * 0.5
    expected[3, 1] += -4 * 0.5 * 0.25
    np.testing.assert_allclose(maya.points(base), expected, atol=1e-6)
    cmds.setAttr(f"{node}.targetVisibility[0]", False)
    assert maya.points(base)[0, 0] == rest[0, 0]
    cmds.setAttr("bs.supportNegativeWeights", False)
    assert np.array_equal(maya.points(base), rest)


def test_live_target_and_its_deletion(maya: Session) -> None:
    from maya import cmds

    base, (target,), rest = shapes(maya, (0, (1, 0, 0)))
    cmds.blendShape(target, base, name="bs")
    cmds.setAttr("bs.target0", 1)
    cmds.setAttr(f"{target}.pnts[5].pnty", 3)
    assert maya.points(base)[5, 1] == pytest.approx(3)  # live
    assert cmds.getAttr(
        "bs.inputTarget[0].inputTargetGroup[0].inputTargetItem[6000].inputComponentsTarget"
    ) == ["vtx[0]", "vtx[5]"]
    cmds.delete(target)
    moved = maya.points(base) - rest
    np.testing.assert_allclose(moved[[0, 5]], [[1, 0, 0], [0, 3, 0]], atol=1e-6)
    assert cmds.aliasAttr("bs", query=True) == ["target0", "weight[0]"]


def test_inbetweens(maya: Session) -> None:
    from maya import cmds

    base, (full, half), rest = shapes(maya, (0, (1, 0, 0)), (0, (0, 4, 0)))
    cmds.blendShape(full, base, name="bs")
    cmds.blendShape("bs", edit=True, inBetween=True, target=(base, 0, half, 0.5))
    assert cmds.getAttr("bs.it[0].itg[0].iti", multiIndices=True) == [5500, 6000]
    knots, values = np.array([0, 0.5, 1]), np.array([[0, 0, 0], [0, 4, 0], [1, 0, 0]])
    for weight in (0.0, 0.25, 0.5, 0.8, 1.0):
        cmds.setAttr("bs.w[0]", weight)
        expected = [np.interp(weight, knots, values[:, i]) for i in range(3)]
        np.testing.assert_allclose((maya.points(base) - rest)[0], expected, atol=1e-6)
    cmds.setAttr("bs.w[0]", 2.0)
    np.testing.assert_allclose(
        (maya.points(base) - rest)[0], [3, -8, 0], atol=1e-5
    )  # the last segment goes on


def test_post_modes_are_not_the_stored_deltas(maya: Session) -> None:
    from maya import cmds

    base, (target,), rest = shapes(maya, (0, (1, 0, 0)))
    cmds.blendShape(target, base, name="bs")
    cmds.setAttr("bs.w[0]", 1)
    cmds.setAttr("bs.it[0].itg[0].postDeformersMode", 1)
    np.testing.assert_allclose((maya.points(base) - rest)[0], [0, 1, 0], atol=1e-6)


def test_world_origin(maya: Session) -> None:
    from maya import cmds

    base, (target,), rest = shapes(maya, (0, (1, 0, 0)))
    cmds.blendShape(target, base, name="bs", origin="world")
    cmds.setAttr("bs.w[0]", 1)
    cmds.setAttr(f"{target}.translateY", 5)
    np.testing.assert_allclose((maya.points(base) - rest)[1], [0, 5, 0], atol=1e-5)
    cmds.setAttr("bs.origin", 1)
    np.testing.assert_allclose((maya.points(base) - rest)[1], [0, 0, 0], atol=1e-5)


def test_combination_and_driven_keys(maya: Session) -> None:
    from maya import cmds

    base, targets, _ = shapes(maya, (0, (1, 0, 0)), (1, (1, 0, 0)), (2, (1, 0, 0)))
    cmds.blendShape(*targets, base, name="bs")
    combination = cmds.createNode("combinationShape", name="combo", skipSelect=True)
    cmds.connectAttr("bs.target0", "combo.inputWeight[0]")
    cmds.connectAttr("bs.target1", "combo.inputWeight[1]")
    cmds.connectAttr(f"{combination}.outputWeight", "bs.target2")
    cmds.setAttr("bs.target0", 0.5)
    cmds.setAttr("bs.target1", 0.25)
    assert cmds.getAttr("bs.target2") == 0.125
    cmds.setAttr("combo.combinationMethod", 1)
    assert cmds.getAttr("bs.target2") == 0.25
    with pytest.raises(RuntimeError, match="connected"):
        cmds.setAttr("bs.target2", 1)
    control, other = cmds.createNode("transform", name="ctrl"), cmds.createNode("transform", name="other")
    for at, value in ((0, 0), (10, 1)):
        cmds.setDrivenKeyframe(
            "bs.target0", currentDriver=f"{control}.translateX", driverValue=at, value=value
        )
    cmds.setAttr("ctrl.translateX", 2.5)
    assert cmds.getAttr("bs.target0") == pytest.approx(0.25)
    for at, value in ((0, 0), (90, 1)):
        cmds.setDrivenKeyframe("bs.target0", currentDriver=f"{other}.rotateZ", driverValue=at, value=value)
    cmds.setAttr("other.rotateZ", 45)
    assert cmds.getAttr("bs.target0") == pytest.approx(0.75)
    assert (
        cmds.nodeType(cmds.listConnections("bs.target0", source=True, destination=False)[0])
        == "blendWeighted"
    )
    assert cmds.listConnections("bs.target2", source=True, destination=False, plugs=True) == [
        "combo.outputWeight"
    ]
    assert cmds.listConnections("combo.inputWeight[0]", plugs=True) == ["bs.target0"]


def test_an_expression_of_several_lines_drives_a_joint(maya: Session) -> None:
    """Variables from the top to the bottom, several outputs; a 4x4 by its rows; the joint carries its
    share."""
    from maya import cmds

    mesh = maya.add_mesh("face", np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]]), [3], [0, 1, 2])
    joint = cmds.createNode("joint", name="jaw")
    skin = cmds.skinCluster(joint, mesh, toSelectedBones=True)[0]
    cmds.setAttr(f"{skin}.weightList[1].weights[0]", 0.25)
    slider, matrix = cmds.createNode("transform", name="slider"), cmds.createNode("fourByFourMatrix")
    cmds.connectAttr(f"{matrix}.output", f"{joint}.offsetParentMatrix")
    cmds.expression(
        string=f"float $t = max({slider}.translateX, -1.0) * 0.5;\nfloat $c = cos($t);\n"
        f"{matrix}.in00 = $c;\n{matrix}.in01 = sin($t);\n{matrix}.in10 = -sin($t);\n{matrix}.in11 = $c;\n"
        f"{matrix}.in31 = sqrt(min(4.0, 9.0));"
    )
    for x in (0.0, 1.2, -5.0):
        cmds.setAttr(f"{slider}.translateX", x)
        t = max(x, -1.0) / 2
        turned = [[0, 2, 0], [4 * np.cos(t), 4 * np.sin(t) + 2, 0], [-4 * np.sin(t), 4 * np.cos(t) + 2, 0]]
        expected = np.array(turned)
        expected[1] = 0.25 * expected[1] + 0.75 * np.array([4, 0, 0])
        assert maya.points("face") == pytest.approx(expected, abs=1e-5)


def test_keys_and_expression(maya: Session) -> None:
    from maya import cmds

    base, targets, _ = shapes(maya, (0, (1, 0, 0)), (1, (1, 0, 0)))
    cmds.blendShape(*targets, base, name="bs")
    cmds.setKeyframe("bs.target0", time=1, value=0)
    cmds.setKeyframe("bs", attribute="target0", time=11, value=1)
    cmds.currentTime(6)
    assert cmds.getAttr("bs.target0") == pytest.approx(0.5)
    assert cmds.getAttr("bs.target0", time=3) == pytest.approx(0.2)
    assert cmds.keyframe("bs.target0", query=True, timeChange=True) == [1.0, 11.0]
    assert cmds.keyframe("bs.target0", query=True, valueChange=True) == [0.0, 1.0]
    assert cmds.keyframe("bs.target1", query=True, timeChange=True) is None
    cmds.expression(string="bs.target1 = bs.target0 * 2 + 1;", name="double")
    assert cmds.getAttr("bs.target1") == pytest.approx(2.0)


def test_chain_order_and_deletion(maya: Session) -> None:
    from maya import cmds

    base, (target,), rest = shapes(maya, (0, (1, 0, 0)))
    cluster, handle = cmds.cluster(base)
    cmds.blendShape(target, base, name="bs", frontOfChain=True)
    cmds.setAttr(f"{handle}.translateZ", 2)
    cmds.setAttr("bs.target0", 1)
    expected = rest + np.float32([0, 0, 2])
    expected[0, 0] += 1
    np.testing.assert_allclose(maya.points(base), expected, atol=1e-6)
    cmds.delete("bs")
    np.testing.assert_allclose(maya.points(base), rest + np.float32([0, 0, 2]), atol=1e-6)
    copy = cmds.duplicate(base, name="baked", returnRootsOnly=True)[0]
    assert np.array_equal(maya.points(copy), maya.points(base))
    cmds.delete(base, constructionHistory=True)
    assert not cmds.objExists(cluster)
    assert np.array_equal(maya.points(copy), maya.points(base))


def test_skin_and_cycle(maya: Session) -> None:
    from maya import cmds

    base, _, rest = shapes(maya)
    joints = [cmds.createNode("joint", name=n) for n in ("left", "right")]
    cmds.setAttr("left.translateX", -0.5)
    cmds.setAttr("right.translateX", 0.5)
    cmds.skinCluster(*joints, base, toSelectedBones=True, name="skin")
    assert cmds.skinCluster("skin", query=True, influence=True) == joints
    cmds.setAttr("right.translateY", 1)
    moved = maya.points(base)[:, 1] - rest[:, 1]
    np.testing.assert_allclose(moved, (rest[:, 0] > 0.01).astype(float), atol=1e-6)
    cmds.connectAttr("right.parentMatrix[0]", "right.offsetParentMatrix")
    with pytest.raises(CycleError):
        cmds.getAttr("right.worldMatrix[0]")
