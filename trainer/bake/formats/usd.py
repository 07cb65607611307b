"""USD point caches: what stays in the scene, the skin's points over time, the moving parts under a matrix
over time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import Mesh, vertex_normals
from aim_maya.runtime.native_rig import RigidPart
from trainer.bake.shot import Frame, Provenance, Shot
from trainer.usd.stage import CrateStream, usd, usd_errors, usd_failures, vec3f, write_as_text

# What stays in a baked USD scene: metadata, meshes with faces and UVs, materials bound by name.

COLOURS = {"skin": (0.72, 0.52, 0.43), "teeth": (0.86, 0.83, 0.76), "bone": (0.80, 0.74, 0.60)}


def set_stage(stage: Any, shot: Shot, kind: str = "Xform") -> str:
    """Units, up axis, rate, range, default prim and fingerprints; returns the default prim's path."""
    from pxr import Kind, Tf, Usd, UsdGeom

    model = shot.model
    root = stage.DefinePrim(f"/{Tf.MakeValidIdentifier(shot.name)}", kind)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    stage.SetDefaultPrim(root)
    UsdGeom.SetStageMetersPerUnit(stage, model.mm_per_unit / 1000)
    UsdGeom.SetStageUpAxis(
        stage, UsdGeom.Tokens.z if str(model.manifest.get("up", "y")).lower() == "z" else UsdGeom.Tokens.y
    )
    stage.SetTimeCodesPerSecond(float(shot.fps))
    stage.SetFramesPerSecond(float(shot.fps))
    stage.SetStartTimeCode(float(shot.numbers[0]))
    stage.SetEndTimeCode(float(shot.numbers[-1]))
    stage.GetRootLayer().customLayerData = {
        "aim": shot.provenance.to_dict() | {"model": model.data.path.name}
    }
    return str(root.GetPath())


def add_mesh(stage: Any, path: str, mesh: Mesh, points: Floats | None = None) -> Any:
    """A polygon mesh (or a cloud of points when it has no faces) with UVs; points None leaves them to be
    sampled over time."""
    from pxr import UsdGeom, Vt

    if not len(mesh.counts):
        cloud = UsdGeom.Points.Define(stage, path)
        cloud.CreateWidthsAttr(Vt.FloatArray([float(np.ptp(mesh.points, axis=0).max()) / 200]))
        cloud.SetWidthsInterpolation(UsdGeom.Tokens.constant)
        shape: Any = cloud
    else:
        shape = UsdGeom.Mesh.Define(stage, path)
        shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.counts, np.int32)))
        shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(mesh.corners, np.int32)))
        shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        _add_uvs(shape, mesh)
    if points is not None:
        shape.CreatePointsAttr(vec3f(points))
        shape.CreateExtentAttr(vec3f(np.stack([points.min(0), points.max(0)])))
    return shape


def _add_uvs(shape: Any, mesh: Mesh) -> None:
    """primvars:st, face-varying and indexed as in the OBJ; a corner without a UV gets (0, 0)."""
    from pxr import Sdf, UsdGeom, Vt

    if mesh.uvs is None or mesh.uv_corners is None:
        return
    table = np.vstack([mesh.uvs, np.zeros((1, 2))]) if (mesh.uv_corners < 0).any() else mesh.uvs
    primvar = UsdGeom.PrimvarsAPI(shape).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
    )
    primvar.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(table, np.float32)))
    corners = np.where(mesh.uv_corners < 0, len(table) - 1, mesh.uv_corners)
    primvar.SetIndices(Vt.IntArray.FromNumpy(np.ascontiguousarray(corners, np.int32)))


def bind_material(stage: Any, root: str, shape: Any, name: str) -> None:
    """Bind the material root/Looks/<name>, made with a plain colour when it is new: a look file overrides it
    by that path."""
    from pxr import Gf, Sdf, Tf, UsdGeom, UsdShade

    path = f"{root}/Looks/{Tf.MakeValidIdentifier(name)}"
    material = UsdShade.Material.Get(stage, path)
    if not material:
        UsdGeom.Scope.Define(stage, f"{root}/Looks")
        material = UsdShade.Material.Define(stage, path)
        shader = UsdShade.Shader.Define(stage, f"{path}/surface")
        shader.CreateIdAttr("UsdPreviewSurface")
        shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(
            Gf.Vec3f(*COLOURS.get(name, COLOURS["skin"]))
        )
        shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(0.6)
        material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)


# USD point caches: the skin's points over time, the moving parts under a matrix over time. Memory does not
# grow with the length.

USD_ENDINGS = (".usd", ".usdc", ".usda")


def write_usd(shot: Shot, out: Path) -> None:
    """Write the shot: binary for .usd and .usdc, text for .usda. Raises AimError when usd-core is missing or
    the disk is full."""
    usd("Baking to USD")
    with atomic_path(out) as temporary:
        as_text_if_wanted(lambda path: _write(shot, path, out), temporary, out)


def as_text_if_wanted(write: Callable[[Path], None], path: Path, named: Path) -> None:
    """write(path); for .usda it writes binary beside it, since only that can be streamed, and the text is
    made of it."""
    if path.suffix.lower() != ".usda":
        write(path)
        return
    binary = path.with_suffix(".usdc")
    try:
        write(binary)
        write_as_text(binary, path, named)
    finally:
        binary.unlink(missing_ok=True)


def _write(shot: Shot, path: Path, out: Path) -> None:
    from pxr import Sdf, Usd

    with shot.frames() as frames:
        with usd_errors(f"Writing {out} failed"):
            layer = Sdf.Layer.CreateNew(
                str(path), args={"format": "usdc"} if path.suffix.lower() == ".usd" else {}
            )
            stage = Usd.Stage.Open(layer)
            root = set_stage(stage, shot)
            skin, carried = _still(stage, root, shot)
            del stage  # no stage may listen: it would be told of every sample
        stream = CrateStream(layer, out)
        stream.finish()
        for frame in frames:
            _sample(stream, frame, skin, carried, shot)
        stream.finish()


def _still(stage: Any, root: str, shot: Shot) -> tuple[str, dict[str, RigidPart]]:
    """Define every prim; returns the skin's path and the parts that move, by their paths."""
    from pxr import UsdGeom

    skin = add_mesh(stage, f"{root}/skin", shot.model.mesh)
    skin.CreatePointsAttr()
    skin.CreateExtentAttr()
    if shot.normals:
        skin.CreateNormalsAttr()
        skin.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    bind_material(stage, root, skin, shot.material)
    carried = {}
    for part in shot.parts:
        shape = add_mesh(stage, f"{root}/{part.name}", part.mesh, part.mesh.points)
        bind_material(stage, root, shape, part.material)
        if shot.moves(part):
            shape.AddTransformOp()
            carried[str(shape.GetPath())] = part
    return str(skin.GetPath()), carried


def _sample(stream: CrateStream, frame: Frame, skin: str, carried: dict[str, RigidPart], shot: Shot) -> None:
    from pxr import Gf

    code = float(frame.number)
    stream.set(f"{skin}.points", code, vec3f(frame.points), frame.points.nbytes)
    stream.set(f"{skin}.extent", code, vec3f(frame.box))
    if shot.normals:
        normals = vertex_normals(shot.model.mesh, frame.points.astype(np.float64))
        stream.set(f"{skin}.normals", code, vec3f(normals), frame.points.nbytes)
    for path, part in carried.items():
        # USD has row vectors
        stream.set(f"{path}.xformOp:transform", code, Gf.Matrix4d(shot.motion(part, frame.index).T.tolist()))


def usd_provenance(path: Path) -> Provenance | None:
    """What it was made from, as it stands in a baked USD file, or None when it is none."""
    usd("Reading USD")
    from pxr import Sdf

    try:
        layer = Sdf.Layer.OpenAsAnonymous(str(path), metadataOnly=True) if path.is_file() else None
        about = layer.customLayerData.get("aim") if layer else None
    except usd_failures():
        return None
    return Provenance.from_dict(about) if about else None
