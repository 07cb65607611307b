"""USD point caches: the skin's points over time, the moving parts under a matrix over time. Memory does not grow with the length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import vertex_normals

from .crate import CrateStream, usd, usd_errors, usd_failures
from .shot import Frame, Marks, Part, Shot
from .usd_scene import add_mesh, bind_material, set_stage, vec3f
from .usda import write_as_text

USD_ENDINGS = (".usd", ".usdc", ".usda")


def write_usd(shot: Shot, out: Path) -> None:
    """Write the shot: binary for .usd and .usdc, text for .usda. Raises AimError when usd-core is missing or the disk is full."""
    usd("Baking to USD")
    with atomic_path(out) as temporary:
        as_text_if_wanted(lambda path: _write(shot, path, out), temporary, out)


def as_text_if_wanted(write: Callable[[Path], None], path: Path, named: Path) -> None:
    """write(path); for .usda it writes binary beside it, since only that can be streamed, and the text is made of it."""
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
            layer = Sdf.Layer.CreateNew(str(path), args={"format": "usdc"} if path.suffix.lower() == ".usd" else {})
            stage = Usd.Stage.Open(layer)
            root = set_stage(stage, shot)
            skin, carried = _still(stage, root, shot)
            del stage  # no stage may listen: it would be told of every sample
        stream = CrateStream(layer, out)
        stream.finish()
        for frame in frames:
            _sample(stream, frame, skin, carried, shot)
        stream.finish()


def _still(stage: Any, root: str, shot: Shot) -> tuple[str, dict[str, Part]]:
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


def _sample(stream: CrateStream, frame: Frame, skin: str, carried: dict[str, Part], shot: Shot) -> None:
    from pxr import Gf

    code = float(frame.number)
    stream.set(f"{skin}.points", code, vec3f(frame.points), frame.points.nbytes)
    stream.set(f"{skin}.extent", code, vec3f(frame.box))
    if shot.normals:
        normals = vertex_normals(shot.model.mesh, frame.points.astype(np.float64))
        stream.set(f"{skin}.normals", code, vec3f(normals), frame.points.nbytes)
    for path, part in carried.items():
        stream.set(f"{path}.xformOp:transform", code, Gf.Matrix4d(shot.motion(part, frame.index).T.tolist()))  # USD has row vectors


def usd_marks(path: Path) -> Marks | None:
    """The fingerprints in a baked USD file, or None when it is none."""
    usd("Reading USD")
    from pxr import Sdf

    try:
        layer = Sdf.Layer.OpenAsAnonymous(str(path), metadataOnly=True) if path.is_file() else None
        about = layer.customLayerData.get("aim") if layer else None
    except usd_failures():
        return None
    return Marks.from_dict(about) if about else None
