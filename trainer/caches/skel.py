"""UsdSkel: blend shapes and a jaw joint in place of points over time; a few numbers a frame.

The model's own form is s = LBS(s0 + e'(w), T(w), k): blend shapes before skinning, then one joint. UsdSkel evaluates in that order,
so e' become its blend shapes, k the weights of its jaw joint and T(w) that joint's motion: the arc is kept, and so are correctives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.files import atomic_path

from .crate import usd, usd_errors
from .shot import Shot
from .usd_scene import add_mesh, bind_material, set_stage, vec3f

Floats = NDArray[np.floating]
_JOINTS = ["skull", "jaw"]
_CHECKED = 64


def write_skel(shot: Shot, out: Path) -> dict[str, float]:
    """Write the shot as UsdSkel; returns the largest and rms difference from the model in mm, on up to 64 of the frames.

    Raises AimError when usd-core is missing or the disk is full.
    """
    usd("Baking to USD")
    from pxr import Sdf, Usd

    with atomic_path(out) as temporary, usd_errors(f"Writing {out} failed"):
        layer = Sdf.Layer.CreateNew(str(temporary))
        stage = Usd.Stage.Open(layer)
        root = set_stage(stage, shot, "SkelRoot")
        skeleton, animation = _add_skeleton(stage, root, shot)
        _add_meshes(stage, root, skeleton, animation, shot)
        residual = _animate(animation, stage.GetPrimAtPath(f"{root}/skin"), shot)
        about = layer.customLayerData
        layer.customLayerData = about | {"aim": about["aim"] | residual}
        layer.Save()
        del stage
    return residual


def _add_skeleton(stage: Any, root: str, shot: Shot) -> tuple[Any, Any]:
    """Two joints, skull and jaw, both at rest about the model's centre, and the animation that moves them."""
    from pxr import Gf, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, f"{root}/skeleton")
    skeleton.CreateJointsAttr(_JOINTS)
    about_centre = Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(*shot.model.data.centre.tolist()))
    bind = Vt.Matrix4dArray([Gf.Matrix4d(1), about_centre])
    skeleton.CreateBindTransformsAttr(bind)
    skeleton.CreateRestTransformsAttr(bind)
    animation = UsdSkel.Animation.Define(stage, f"{root}/skeleton/animation")
    animation.CreateJointsAttr(_JOINTS)
    animation.CreateScalesAttr(Vt.Vec3hArray(2, Gf.Vec3h(1, 1, 1)))
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return skeleton, animation


def _add_meshes(stage: Any, root: str, skeleton: Any, animation: Any, shot: Shot) -> None:
    from pxr import UsdGeom

    data = shot.model.data
    tables = data.tables(shot.detail)
    skin = add_mesh(stage, f"{root}/skin", shot.model.mesh, tables.rest)
    bind_material(stage, root, skin, shot.material)
    _bind(skin, skeleton, np.stack([1 - data.weight, data.weight], 1), UsdGeom.Tokens.vertex)
    animation.CreateBlendShapesAttr(_add_shapes(stage, skin, data.rig.targets, tables.displacements))
    for part in shot.parts:
        shape = add_mesh(stage, f"{root}/{part.name}", part.mesh, part.mesh.points)
        bind_material(stage, root, shape, part.material)
        _bind(shape, skeleton, np.array([[0.0, 1.0]] if part.follows == "jaw" else [[1.0, 0.0]]), UsdGeom.Tokens.constant)


def _bind(shape: Any, skeleton: Any, weights: Floats, interpolation: str) -> None:
    """Weights (N, 2) to skull and jaw: one row a vertex, or one for the whole prim."""
    from pxr import UsdSkel, Vt

    binding = UsdSkel.BindingAPI.Apply(shape.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    indices = binding.CreateJointIndicesPrimvar(False, 2)
    indices.SetInterpolation(interpolation)
    indices.Set(Vt.IntArray.FromNumpy(np.tile(np.array([0, 1], np.int32), len(weights))))
    primvar = binding.CreateJointWeightsPrimvar(False, 2)
    primvar.SetInterpolation(interpolation)
    primvar.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(weights, np.float32).reshape(-1)))


def _add_shapes(stage: Any, skin: Any, targets: tuple[str, ...], displacements: Floats) -> list[str]:
    """A blend shape a target, with only the points it moves; returns their names, which are the targets' made valid."""
    from pxr import Tf, UsdSkel, Vt

    names, paths = [], []
    for target, offsets in zip(targets, displacements, strict=True):
        name = Tf.MakeValidIdentifier(target)
        shape = UsdSkel.BlendShape.Define(stage, f"{skin.GetPath()}/{name}")
        moving = np.flatnonzero(np.abs(offsets).max(1) > 0)
        shape.CreateOffsetsAttr(vec3f(offsets[moving]))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moving.astype(np.int32)))
        names.append(name)
        paths.append(shape.GetPath())
    binding = UsdSkel.BindingAPI.Apply(skin.GetPrim())
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)
    return names


def _animate(animation: Any, skin: Any, shot: Shot) -> dict[str, float]:
    """Sample the animation at every frame; returns the residual of what was written against the model."""
    from pxr import Gf, UsdGeom, Vt

    data, box = shot.model.data, UsdGeom.Mesh(skin).GetExtentAttr()
    values, places, turns = animation.CreateBlendShapeWeightsAttr(), animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    checked = set(np.linspace(0, len(shot.numbers) - 1, min(_CHECKED, len(shot.numbers))).astype(int).tolist())
    errors = []
    with shot.frames() as frames:
        for i, frame in enumerate(frames):
            code = float(frame.number)
            activations, head = shot.source.activations(i).astype(np.float32), shot.source.head(i)
            jaw = head @ shot.source.jaw(i)
            motions = np.stack([head[:3, 3], jaw[:3, :3] @ data.centre + jaw[:3, 3]]).astype(np.float32)
            quaternions = [Gf.Quatf(Gf.Matrix4d(joint.T.tolist()).ExtractRotationQuat()) for joint in (head, jaw)]
            values.Set(Vt.FloatArray.FromNumpy(activations), code)
            places.Set(vec3f(motions), code)
            turns.Set(Vt.QuatfArray(quaternions), code)
            box.Set(vec3f(frame.box), code)
            if i in checked:
                matrices = [np.array(Gf.Matrix3d(quaternion)).T for quaternion in quaternions]
                errors.append(np.linalg.norm(_skinned(shot, activations, matrices, motions) - frame.points, axis=1) * shot.model.mm_per_unit)
    return {"residual_max_mm": float(np.max(errors)), "residual_rms_mm": float(np.sqrt(np.mean(np.square(errors))))}


def _skinned(shot: Shot, activations: Floats, turns: list[Floats], places: Floats) -> Floats:
    """(V, 3) what a UsdSkel reader makes of the numbers as they were written: turns, places of skull and jaw."""
    data = shot.model.data
    tables = data.tables(shot.detail)
    rest = tables.rest + np.tensordot(activations, tables.displacements, 1)
    still = rest @ turns[0].T + places[0]
    carried = (rest - data.centre.astype(np.float32)) @ turns[1].T + places[1]
    points: Floats = still + data.weight[:, None] * (carried - still)
    return points
