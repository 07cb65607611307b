"""An actor from USD: sparse offsets, in-betweens, units, and meshes under other transforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from trainer.usd_actor import load_actor

pxr = pytest.importorskip("pxr", reason="usd-core is not installed")


def write_usd(actor: Actor, path: Path, scale: tuple[float, float, float] = (1, 1, 1)) -> None:
    """The sample in centimetres, z up said, the face lifted and its bones under another parent."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    face = UsdGeom.Xform.Define(stage, "/head")
    face.AddTranslateOp().Set(Gf.Vec3d(0, 17, 3))
    face.AddScaleOp().Set(Gf.Vec3f(*scale))

    def mesh(at: str, source, points) -> UsdGeom.Mesh:
        made = UsdGeom.Mesh.Define(stage, at)
        made.CreatePointsAttr([Gf.Vec3f(*p) for p in points.tolist()])
        made.CreateFaceVertexCountsAttr(source.counts.tolist())
        made.CreateFaceVertexIndicesAttr(source.corners.tolist())
        return made

    skin = mesh("/head/skin", actor.neutral, actor.neutral.points / 10)
    binding = UsdSkel.BindingAPI.Apply(skin.GetPrim())
    names = ["jawOpen", "eyeBlink_L"]
    targets = []
    for name in names:
        shape = UsdSkel.BlendShape.Define(stage, f"/head/skin/{name}")
        delta = (actor.shapes[name] - actor.neutral.points) / 10
        moved = np.flatnonzero(np.abs(delta).max(1) > 0)
        shape.CreateOffsetsAttr([Gf.Vec3f(*d) for d in delta[moved].tolist()])
        shape.CreatePointIndicesAttr(moved.tolist())
        if name == "eyeBlink_L":
            between = shape.CreateInbetween("half")
            between.SetWeight(0.5)
            half = (actor.shapes["eyeBlink_L_half"] - actor.neutral.points) / 10
            between.SetOffsets([Gf.Vec3f(*d) for d in half[moved].tolist()])
        targets.append(shape.GetPath())
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    assert actor.skull is not None
    mesh("/bones/skull", actor.skull, actor.skull.points / 10 + [0, 17, 3])  # another parent: the same place in the world
    stage.Save()


def test_reads_what_was_written(sample: Actor, tmp_path: Path) -> None:
    write_usd(sample, tmp_path / "a.usda")
    actor = load_actor(tmp_path / "a.usda")
    assert actor.mm_per_unit == pytest.approx(10)
    assert actor.up == "z"
    assert actor.neutral.topology_hash == sample.neutral.topology_hash
    assert actor.rig.names == ("jawOpen", "eyeBlink_L")
    assert actor.rig.controls[1].knots == ((0.5, "eyeBlink_L_half"), (1.0, "eyeBlink_L"))
    assert actor.shapes["jawOpen"] * 10 == pytest.approx(sample.shapes["jawOpen"], abs=1e-4)
    assert actor.skull is not None
    assert sample.skull is not None
    assert actor.skull.points * 10 == pytest.approx(sample.skull.points, abs=1e-4)


def test_bad_usd(sample: Actor, tmp_path: Path) -> None:
    (tmp_path / "x.usda").write_text("hello")
    with pytest.raises(AimError, match="cannot be opened as USD"):
        load_actor(tmp_path / "x.usda")
    with pytest.raises(AimError, match="no actor at"):
        load_actor(tmp_path / "none.usd")
    (tmp_path / "empty.usda").write_text("#usda 1.0\n")
    with pytest.raises(AimError, match="no mesh with UsdSkel"):
        load_actor(tmp_path / "empty.usda")
    write_usd(sample, tmp_path / "s.usda", (1, 2, 1))
    with pytest.raises(AimError, match="scaled unevenly"):
        load_actor(tmp_path / "s.usda")
