"""An actor from one USD file: a mesh with UsdSkel blend shapes, and meshes named skull, jaw and lower_teeth beside it.

In-betweens become knots of their control. Everything is taken into the face's object space; metersPerUnit and upAxis are honoured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor, check_actor, check_names
from aim_maya.core.actor_folder import read_actor
from aim_maya.core.controls import Control, Rig
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh

from .caches.crate import open_stage, usd

Floats = NDArray[np.floating]
USD_ENDINGS = (".usd", ".usda", ".usdc", ".usdz")


def load_actor(path: str | Path, *, mm_per_unit: float | None = None, any_size: bool = False) -> Actor:
    """Read an actor folder, a dataset.npz or a USD file, by its ending. Raises AimError for what cannot be trained on."""
    if Path(path).suffix.lower() not in USD_ENDINGS:
        return read_actor(path, mm_per_unit=mm_per_unit, any_size=any_size)
    actor = read_usd_actor(Path(path))
    if mm_per_unit is not None:
        actor.mm_per_unit = mm_per_unit
    check_actor(actor, any_size=any_size)
    return actor


def read_usd_actor(path: Path) -> Actor:
    """Read without the checks of load_actor. Raises AimError when usd-core is missing or the file holds no blend shapes."""
    usd("Reading USD")
    from pxr import UsdGeom, UsdSkel

    if not path.exists():
        raise AimError(f"There is no actor at {path}.", "The path is misspelt or the drive is not mounted.")
    stage = open_stage(path)
    meshes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    named = {prim.GetName().lower(): prim for prim in meshes}
    shaped = [p for p in meshes if UsdSkel.BindingAPI(p).GetBlendShapeTargetsRel().GetTargets() and p.GetName().lower() != "lower_teeth"]
    if not shaped:
        raise AimError(f"{path} has no mesh with UsdSkel blend shapes.", "The blend shapes were not exported.", "Export the face with them.")
    face = max(shaped, key=lambda p: len(UsdGeom.Mesh(p).GetPointsAttr().Get() or []))
    to_face, scale = _spaces(UsdGeom, face)
    neutral = _mesh(UsdGeom, face)
    shapes, controls = _blend_shapes(UsdSkel, stage, face, neutral.points)
    check_names(shapes, str(path))
    extra = {name: _moved(_mesh(UsdGeom, named[name]), to_face(named[name])) for name in ("skull", "jaw", "lower_teeth") if name in named}
    teeth: dict[str, Floats] = {}
    if "lower_teeth" in named:
        matrix = to_face(named["lower_teeth"])
        moved, _ = _blend_shapes(UsdSkel, stage, named["lower_teeth"], _mesh(UsdGeom, named["lower_teeth"]).points)
        teeth = {name: _carried(points, matrix) for name, points in moved.items() if name in shapes}
    return Actor(
        name=path.stem, neutral=neutral, shapes=shapes, rig=Rig(tuple(controls)), mm_per_unit=1000 * UsdGeom.GetStageMetersPerUnit(stage) * scale,
        up=str(UsdGeom.GetStageUpAxis(stage)).lower(), skull=extra.get("skull"), jaw=extra.get("jaw"), lower_teeth=extra.get("lower_teeth"), lower_teeth_shapes=teeth,
    )  # fmt: skip


def _spaces(geom: Any, face: Any) -> tuple[Any, float]:
    """A function prim -> (4, 4) row-vector matrix into the face's object space, and the face's uniform scale in the scene."""
    world = np.array(geom.Xformable(face).ComputeLocalToWorldTransform(0))
    lengths = np.linalg.norm(world[:3, :3], axis=1)
    if np.ptp(lengths) > 1e-3 * lengths.max():
        raise AimError(f"The face '{face.GetName()}' is scaled unevenly ({lengths.round(4).tolist()}).", remedy="Freeze its transform and export again.")

    def to_face(prim: Any) -> Floats:
        return np.array(geom.Xformable(prim).ComputeLocalToWorldTransform(0)) @ np.linalg.inv(world)

    return to_face, float(lengths.mean())


def _mesh(geom: Any, prim: Any) -> Mesh:
    mesh = geom.Mesh(prim)
    points, counts, corners = (attribute.Get() for attribute in (mesh.GetPointsAttr(), mesh.GetFaceVertexCountsAttr(), mesh.GetFaceVertexIndicesAttr()))
    if points is None or counts is None or corners is None:
        raise AimError(f"The mesh '{prim.GetPath()}' has no points or faces.")
    return Mesh(np.array(points, np.float64), np.array(counts, np.int32), np.array(corners, np.int32))


def _carried(points: Floats, matrix: Floats) -> Floats:
    return points @ matrix[:3, :3] + matrix[3, :3]


def _moved(mesh: Mesh, matrix: Floats) -> Mesh:
    return mesh.with_points(_carried(mesh.points, matrix))


def _blend_shapes(skel: Any, stage: Any, prim: Any, rest: Floats) -> tuple[dict[str, Floats], list[Control]]:
    """Absolute shapes by name, and one control a blend shape with its in-betweens as knots."""
    binding = skel.BindingAPI(prim)
    names = [str(n) for n in binding.GetBlendShapesAttr().Get() or []]
    targets = binding.GetBlendShapeTargetsRel().GetTargets()
    shapes: dict[str, Floats] = {}
    controls = []
    for i, (name, target) in enumerate(zip(names, targets, strict=True)):
        shape = skel.BlendShape(stage.GetPrimAtPath(target))
        ids = np.array(shape.GetPointIndicesAttr().Get() or np.arange(len(rest)), np.int64)
        shapes[name] = _offset(rest, ids, shape.GetOffsetsAttr().Get(), name)
        knots = [(1.0, name)]
        for between in shape.GetInbetweens():
            target_name = f"{name}_{between.GetAttr().GetName().split(':')[-1]}"
            shapes[target_name] = _offset(rest, ids, between.GetOffsets(), target_name)
            knots.append((float(between.GetWeight()), target_name))
        controls.append(Control(name, i, tuple(sorted(knots))))
    return shapes, controls


def _offset(rest: Floats, ids: NDArray[np.int64], offsets: Any, name: str) -> Floats:
    moved = rest.copy()
    values = np.array(offsets, np.float64).reshape(-1, 3)
    if len(values) != len(ids) or (len(ids) and ids.max() >= len(rest)):
        raise AimError(f"Blend shape '{name}' has {len(values)} offsets for {len(ids)} of {len(rest)} points.", "The file was written for another mesh.")
    moved[ids] += values
    return moved
