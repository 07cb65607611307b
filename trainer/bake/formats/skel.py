"""UsdSkel: blend shapes and a jaw joint in place of points over time; a few numbers a frame.

The model's own form is s = LBS(s0 + e'(w), T(w), k): blend shapes before skinning, then one joint. UsdSkel
evaluates in that order, so e' become its blend shapes, k the weights of its jaw joint and T(w) that joint's
motion: the arc is kept, and so are correctives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.runtime.native_rig import JOINTS, Knot, NativeRig, check_names
from trainer.bake.shot import Shot
from trainer.usd.stage import usd, usd_errors, valid_names, vec3f

from .usd import add_mesh, bind_material, set_stage

_CHECKED = 64


@dataclass(frozen=True)
class Channel:
    """One blend shape: it moves vertices ids (M,) by offsets (M, 3) at weight 1, and by those of `betweens`
    ((weight, offsets), ...) there.

    UsdSkel goes straight from one to the next, and on beyond the outermost.
    """

    name: str
    ids: Ints
    offsets: Floats
    betweens: tuple[tuple[float, Floats], ...] = ()


@dataclass(frozen=True)
class SkelRig:
    """weights(i): (N,) of the channels at frame i of the shot; without animated its first frame is the one
    value there is."""

    native: NativeRig
    channels: list[Channel]
    weights: Callable[[int], Floats]
    animated: bool = True


def write_skel(shot: Shot, out: Path, rig: SkelRig | None = None) -> dict[str, float]:
    """Write the shot as UsdSkel, a blend shape a target, or as the rig given; returns the largest and rms
    difference from the model in mm, on up to 64 of the frames.

    They are measured on the file that was written, by UsdSkel itself. Raises AimError when usd-core is
    missing or the disk is full.
    """
    usd("Writing USD")
    if rig is None:
        native = NativeRig.of(shot.model, shot.parts, shot.detail, any_arc=True)
        rig = SkelRig(native, target_channels(native), shot.source.activations)
    with atomic_path(out) as temporary, usd_errors(f"Writing {out} failed"):
        root = _write(shot, rig, temporary)
        residual = _residual(shot, rig, temporary, root)
        _note(temporary, residual)
    return residual


def target_channels(native: NativeRig) -> list[Channel]:
    """A blend shape a target, of its name: its weight is the activation."""
    return [Channel(t.name, t.ids, t.deltas) for t in native.targets]


def control_channels(native: NativeRig) -> tuple[list[Channel], Floats]:
    """A blend shape a control, its other knots as in-betweens, then one a combination; and (C,) what a
    control's weight is divided by: the knot that is at 1."""
    channels, ones = [], np.ones(len(native.rig.controls))
    for i, control in enumerate(native.rig.controls):
        ids, knots = native.knots_of(i)
        if not knots:
            continue
        ones[i] = max((v for v, _ in control.knots), key=lambda v: (abs(v), v))
        main = knots.pop(float(ones[i]))
        betweens = tuple((v / ones[i], knots[v]) for v in sorted(knots))
        channels.append(Channel(control.name, ids, main, betweens))
    combined = [t for t in native.targets if not isinstance(t.drive, Knot)]
    channels += [Channel(t.name, t.ids, t.deltas) for t in combined]
    check_names(c.name for c in channels)
    return channels, ones


def _write(shot: Shot, rig: SkelRig, path: Path) -> str:
    """Write everything but the residual; returns the root's path."""
    from pxr import Sdf, Usd

    layer = Sdf.Layer.CreateNew(str(path))
    stage = Usd.Stage.Open(layer)
    root = set_stage(stage, shot, "SkelRoot")
    skeleton, animation = _add_skeleton(stage, root, rig.native)
    _add_meshes(stage, root, skeleton, animation, shot, rig)
    _animate(animation, stage.GetPrimAtPath(f"{root}/skin"), shot, rig)
    if not rig.animated:
        stage.ClearMetadata("startTimeCode")
        stage.ClearMetadata("endTimeCode")
    layer.Save()
    return root


def _note(path: Path, residual: dict[str, float]) -> None:
    """Put the residual into the file."""
    from pxr import Sdf

    layer = Sdf.Layer.FindOrOpen(str(path))
    about = layer.customLayerData
    layer.customLayerData = about | {"aim": about["aim"] | residual}
    layer.Save()


def _add_skeleton(stage: Any, root: str, native: NativeRig) -> tuple[Any, Any]:
    """Two joints, skull and jaw, both at rest about the model's centre, and the animation that moves them."""
    from pxr import Gf, UsdSkel, Vt

    skeleton = UsdSkel.Skeleton.Define(stage, f"{root}/skeleton")
    skeleton.CreateJointsAttr(list(JOINTS))
    about_centre = Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(*native.centre.tolist()))
    bind = Vt.Matrix4dArray([Gf.Matrix4d(1), about_centre])
    skeleton.CreateBindTransformsAttr(bind)
    skeleton.CreateRestTransformsAttr(bind)
    animation = UsdSkel.Animation.Define(stage, f"{root}/skeleton/animation")
    animation.CreateJointsAttr(list(JOINTS))
    animation.CreateScalesAttr(Vt.Vec3hArray(2, Gf.Vec3h(1, 1, 1)))
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return skeleton, animation


def _add_meshes(stage: Any, root: str, skeleton: Any, animation: Any, shot: Shot, rig: SkelRig) -> None:
    from pxr import UsdGeom

    native = rig.native
    skin = add_mesh(stage, f"{root}/skin", native.mesh, native.rest)
    bind_material(stage, root, skin, shot.material)
    _bind(skin, skeleton, np.stack([1 - native.weight, native.weight], 1), UsdGeom.Tokens.vertex)
    animation.CreateBlendShapesAttr(_add_shapes(stage, skin, rig.channels))
    for part in native.parts:
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


def _add_shapes(stage: Any, skin: Any, channels: list[Channel]) -> list[str]:
    """The blend shapes, each with only the points it moves; returns their names, which are the channels' own.

    UsdSkel takes any text as such a name; only the prims' names are made valid.
    """
    from pxr import UsdSkel, Vt

    paths, names = [], [c.name for c in channels]
    for valid, channel in zip(valid_names(names), channels, strict=True):
        shape = UsdSkel.BlendShape.Define(stage, f"{skin.GetPath()}/{valid}")
        shape.CreateOffsetsAttr(vec3f(channel.offsets))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(channel.ids.astype(np.int32)))
        for number, (weight, offsets) in enumerate(channel.betweens):
            between = shape.CreateInbetween(f"{valid}_{number + 1}")
            between.SetWeight(float(weight))
            between.SetOffsets(vec3f(offsets))
        paths.append(shape.GetPath())
    binding = UsdSkel.BindingAPI.Apply(skin.GetPrim())
    binding.CreateBlendShapesAttr(names)
    binding.CreateBlendShapeTargetsRel().SetTargets(paths)
    return names


def _animate(animation: Any, skin: Any, shot: Shot, rig: SkelRig) -> None:
    """Sample the animation at every frame; the one value it has, where nothing is animated."""
    from pxr import Gf, Usd, UsdGeom, Vt

    centre, box = rig.native.centre, UsdGeom.Mesh(skin).GetExtentAttr()
    values, places, turns = (
        animation.CreateBlendShapeWeightsAttr(),
        animation.CreateTranslationsAttr(),
        animation.CreateRotationsAttr(),
    )
    with shot.frames() as frames:
        for i, frame in enumerate(frames):
            code = Usd.TimeCode(float(frame.number)) if rig.animated else Usd.TimeCode.Default()
            head = shot.source.head(i)
            jaw = head @ shot.source.jaw(i)
            quaternions = [
                Gf.Quatf(Gf.Matrix4d(joint.T.tolist()).ExtractRotationQuat()) for joint in (head, jaw)
            ]
            values.Set(Vt.FloatArray.FromNumpy(rig.weights(i).astype(np.float32)), code)
            places.Set(vec3f(np.stack([head[:3, 3], jaw[:3, :3] @ centre + jaw[:3, 3]])), code)
            turns.Set(Vt.QuatfArray(quaternions), code)
            box.Set(vec3f(frame.box), code)


def _residual(shot: Shot, rig: SkelRig, path: Path, root: str) -> dict[str, float]:
    """How far the skin of the file at `path`, evaluated by UsdSkel, lies from the model's, in mm."""
    errors = []
    skinned = _Skinned(path, root)
    for i in np.linspace(0, len(shot.numbers) - 1, min(_CHECKED, len(shot.numbers))).astype(int).tolist():
        difference = skinned.points(float(shot.numbers[i]) if rig.animated else None) - shot.source.points(i)
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

    def points(self, frame: float | None) -> Floats:
        """(V, 3) float32 of the skin at a time code, or without one. Raises AimError when UsdSkel cannot
        evaluate it."""
        from pxr import Usd

        code = Usd.TimeCode.Default() if frame is None else Usd.TimeCode(frame)
        points = self._rest.Get()
        weights = self._skeleton.GetAnimQuery().ComputeBlendShapeWeights(code)
        active = self._shapes.ComputeSubShapeWeights(self._skinning.GetBlendShapeMapper().Remap(weights))
        shaped = self._shapes.ComputeDeformedPoints(*active, *self._tables, points)
        transforms = self._skeleton.ComputeSkinningTransforms(code)
        if not shaped or not self._skinning.ComputeSkinnedPoints(transforms, points, code):
            raise AimError(
                f"UsdSkel cannot evaluate what was written at frame {code}.",
                "The disk may be full.",
                "Try again.",
            )
        return np.array(points)
