"""UsdSkel: blend shapes and a jaw joint in place of points over time; a few numbers a frame.

The model's own form is s = LBS(s0 + e'(w), T(w), k): blend shapes before skinning, then one joint. UsdSkel
evaluates in that order, so e' become its blend shapes, k the weights of its jaw joint and T(w) that joint's
motion: the arc is kept, and so are correctives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.typed import Floats
from trainer.bake.shot import Shot
from trainer.usd.stage import usd, usd_errors, valid_names

from .usd import add_mesh, bind_material, set_stage, vec3f

_JOINTS = ["skull", "jaw"]
_CHECKED = 64


def write_skel(shot: Shot, out: Path) -> dict[str, float]:
    """Write the shot as UsdSkel; returns the largest and rms difference from the model in mm, on up to 64 of
    the frames.

    They are measured on the file that was written, by UsdSkel itself. Raises AimError when usd-core is
    missing or the disk is full.
    """
    usd("Baking to USD")

    with atomic_path(out) as temporary, usd_errors(f"Writing {out} failed"):
        root = _write(shot, temporary)
        residual = _residual(shot, temporary, root)
        _note(temporary, residual)
    return residual


def _write(shot: Shot, path: Path) -> str:
    """Write everything but the residual; returns the root's path."""
    from pxr import Sdf, Usd

    layer = Sdf.Layer.CreateNew(str(path))
    stage = Usd.Stage.Open(layer)
    root = set_stage(stage, shot, "SkelRoot")
    skeleton, animation = _add_skeleton(stage, root, shot)
    _add_meshes(stage, root, skeleton, animation, shot)
    _animate(animation, stage.GetPrimAtPath(f"{root}/skin"), shot)
    layer.Save()
    return root


def _note(path: Path, residual: dict[str, float]) -> None:
    """Put the residual into the file."""
    from pxr import Sdf

    layer = Sdf.Layer.FindOrOpen(str(path))
    about = layer.customLayerData
    layer.customLayerData = about | {"aim": about["aim"] | residual}
    layer.Save()


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
        _bind(
            shape,
            skeleton,
            np.array([[0.0, 1.0]] if part.follows == "jaw" else [[1.0, 0.0]]),
            UsdGeom.Tokens.constant,
        )


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


def _add_shapes(stage: Any, skin: Any, targets: tuple[str, ...], displacements: Floats) -> tuple[str, ...]:
    """A blend shape a target, with only the points it moves; returns their names, which are the targets' own.

    UsdSkel takes any text as such a name; only the prims' names are made valid.
    """
    from pxr import UsdSkel, Vt

    paths = []
    for name, offsets in zip(valid_names(targets), displacements, strict=True):
        shape = UsdSkel.BlendShape.Define(stage, f"{skin.GetPath()}/{name}")
        moving = np.flatnonzero(np.abs(offsets).max(1) > 0)
        shape.CreateOffsetsAttr(vec3f(offsets[moving]))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moving.astype(np.int32)))
        paths.append(shape.GetPath())
    binding = UsdSkel.BindingAPI.Apply(skin.GetPrim())
    binding.CreateBlendShapesAttr(targets)
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)
    return targets


def _animate(animation: Any, skin: Any, shot: Shot) -> None:
    """Sample the animation at every frame."""
    from pxr import Gf, UsdGeom, Vt

    centre, box = shot.model.data.centre, UsdGeom.Mesh(skin).GetExtentAttr()
    values, places, turns = (
        animation.CreateBlendShapeWeightsAttr(),
        animation.CreateTranslationsAttr(),
        animation.CreateRotationsAttr(),
    )
    with shot.frames() as frames:
        for i, frame in enumerate(frames):
            code, head = float(frame.number), shot.source.head(i)
            jaw = head @ shot.source.jaw(i)
            quaternions = [
                Gf.Quatf(Gf.Matrix4d(joint.T.tolist()).ExtractRotationQuat()) for joint in (head, jaw)
            ]
            values.Set(Vt.FloatArray.FromNumpy(shot.source.activations(i).astype(np.float32)), code)
            places.Set(vec3f(np.stack([head[:3, 3], jaw[:3, :3] @ centre + jaw[:3, 3]])), code)
            turns.Set(Vt.QuatfArray(quaternions), code)
            box.Set(vec3f(frame.box), code)


def _residual(shot: Shot, path: Path, root: str) -> dict[str, float]:
    """How far the skin of the file at `path`, evaluated by UsdSkel, lies from the model's, in mm."""
    errors = []
    skinned = _Skinned(path, root)
    for i in np.linspace(0, len(shot.numbers) - 1, min(_CHECKED, len(shot.numbers))).astype(int).tolist():
        difference = skinned.points(float(shot.numbers[i])) - shot.source.points(i)
        errors.append(np.linalg.norm(difference, axis=1) * shot.model.mm_per_unit)
    return {
        "residual_max_mm": float(np.max(errors)),
        "residual_rms_mm": float(np.sqrt(np.mean(np.square(errors)))),
    }


class _Skinned:
    """The skin of a UsdSkel file, read from disk and evaluated by UsdSkel's own functions."""

    def __init__(self, path: Path, root: str) -> None:
        from pxr import Sdf, Usd, UsdGeom, UsdSkel

        self._stage = Usd.Stage.Open(Sdf.Layer.OpenAsAnonymous(str(path)))  # never what is still in memory
        prim = self._stage.GetPrimAtPath(f"{root}/skin")
        cache, binding = UsdSkel.Cache(), UsdSkel.BindingAPI(prim)
        cache.Populate(UsdSkel.Root(self._stage.GetPrimAtPath(root)), Usd.PrimDefaultPredicate)
        self._skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(self._stage.GetPrimAtPath(f"{root}/skeleton")))
        self._skinning = cache.GetSkinningQuery(prim)
        self._shapes = UsdSkel.BlendShapeQuery(binding)
        self._tables = (
            self._shapes.ComputeBlendShapePointIndices(),
            self._shapes.ComputeSubShapePointOffsets(),
        )
        self._rest = UsdGeom.Mesh(prim).GetPointsAttr()

    def points(self, code: float) -> Floats:
        """(V, 3) float32 of the skin at a time code. Raises AimError when UsdSkel cannot evaluate it."""
        points = self._rest.Get()
        weights = self._skeleton.GetAnimQuery().ComputeBlendShapeWeights(code)
        active = self._shapes.ComputeSubShapeWeights(self._skinning.GetBlendShapeMapper().Remap(weights))
        shaped = self._shapes.ComputeDeformedPoints(*active, *self._tables, points)
        transforms = self._skeleton.ComputeSkinningTransforms(code)
        if not shaped or not self._skinning.ComputeSkinnedPoints(transforms, points, code):
            raise AimError(
                f"UsdSkel cannot evaluate what was written at frame {code:g}.",
                "The disk may be full.",
                "Try again.",
            )
        return np.array(points)
