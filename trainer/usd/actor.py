"""An actor from one USD file: a mesh with UsdSkel blend shapes, and meshes named skull, jaw and lower_teeth
beside it.

In-betweens become knots of their control. Everything is taken into the face's object space; metersPerUnit,
upAxis and winding are honoured. What UsdSkel reads is read; what it cannot, or what has no one meaning, is
refused by the path of its prim.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor, check_names
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control, Rig
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh

from .mesh import mesh_of, only_value, points_of, tokens_of, turned
from .stage import broken_references, open_stage, usd, usd_reading

USD_ENDINGS = (".usd", ".usda", ".usdc", ".usdz")
_BESIDE = ("skull", "jaw", "lower_teeth")


def read_usd_actor(path: Path) -> Actor:
    """Read without the checks of load_actor.

    Raises AimError when usd-core is missing, the file holds no blend shapes, or a prim is not what UsdSkel
    can evaluate.
    """
    usd("Reading USD")
    if not path.exists():
        raise AimError(
            f"There is no actor at {path}.",
            "The path is misspelt or the drive is not mounted.",
            "Give the right path.",
        )
    stage = open_stage(path)
    with usd_reading(path):
        return _actor(path, stage)


def _actor(path: Path, stage: Any) -> Actor:
    from pxr import Usd, UsdGeom, UsdSkel

    meshes = [prim for prim in stage.Traverse(Usd.TraverseInstanceProxies()) if prim.IsA(UsdGeom.Mesh)]
    named = {prim.GetName().lower(): prim for prim in meshes}
    shaped = [p for p in meshes if UsdSkel.BindingAPI(p).GetBlendShapeTargetsRel().GetTargets()]
    faces = [p for p in shaped if p.GetName().lower() not in _BESIDE] or [
        p for p in shaped if p.GetName().lower() != "lower_teeth"
    ]
    if not faces:
        raise AimError(
            f"{path} has no mesh with UsdSkel blend shapes.",
            broken_references(stage) or "The blend shapes were not exported.",
            "Export the face with them.",
        )
    warnings: list[str] = []
    face = max(faces, key=lambda prim: len(points_of(prim)))
    if others := [str(prim.GetPath()) for prim in faces if prim != face]:
        warnings.append(
            f"The face is {face.GetPath()}; other meshes with blend shapes are left out: "
            f"{', '.join(others[:8])}."
        )
    world = _to_world(face)
    neutral = mesh_of(face, warnings)
    shapes, controls = _blend_shapes(stage, face, neutral.points)
    check_names(shapes, str(path))
    beside: dict[str, Mesh] = {}
    teeth: dict[str, Floats] = {}
    for name in _BESIDE:
        prim = named.get(name)
        if prim is not None and prim != face:
            matrix = _to_world(prim) @ np.linalg.inv(world)
            rest = mesh_of(prim, warnings)
            beside[name] = _moved(rest, matrix)
            if name == "lower_teeth":
                moved, _ = _blend_shapes(stage, prim, rest.points)
                teeth = {
                    target: _carried(points, matrix) for target, points in moved.items() if target in shapes
                }
    return Actor(
        name=path.stem,
        neutral=neutral,
        shapes=shapes,
        rig=Rig(tuple(controls)),
        mm_per_unit=1000 * UsdGeom.GetStageMetersPerUnit(stage) * _scale(face, world),
        up=str(UsdGeom.GetStageUpAxis(stage)).lower(),
        skull=beside.get("skull"),
        jaw=beside.get("jaw"),
        lower_teeth=beside.get("lower_teeth"),
        lower_teeth_shapes=teeth,
        warnings=warnings,
    )


def _to_world(prim: Any) -> Floats:
    """(4, 4) float64 row-vector matrix from the prim's object space to the scene's, at the first moment that
    has one.

    Raises AimError for one that cannot be undone.
    """
    from pxr import Usd, UsdGeom

    matrix = np.array(UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(Usd.TimeCode.EarliestTime()))
    sides = np.linalg.norm(matrix[:3, :3], axis=1)
    if not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix[:3, :3])) > 1e-9 * sides.prod() > 0:
        raise AimError(
            f"The mesh {prim.GetPath()} is scaled to nothing, or its transform is not finite.",
            remedy="Freeze it and export again.",
        )
    return matrix


def _scale(face: Any, world: Floats) -> float:
    """The face's uniform scale in the scene. Raises AimError for an uneven one."""
    product = world[:3, :3] @ world[:3, :3].T
    square = float(np.trace(product)) / 3
    if np.abs(product - square * np.eye(3)).max() > 2e-3 * square:
        lengths = np.linalg.norm(world[:3, :3], axis=1).round(4).tolist()
        raise AimError(
            f"The face {face.GetPath()} is scaled unevenly or sheared ({lengths}).",
            remedy="Freeze its transform and export again.",
        )
    return math.sqrt(square)


def _carried(points: Floats, matrix: Floats) -> Floats:
    return points @ matrix[:3, :3] + matrix[3, :3]


def _moved(mesh: Mesh, matrix: Floats) -> Mesh:
    """The mesh under a row-vector matrix; faces are turned round where it mirrors."""
    moved = mesh.with_points(_carried(mesh.points, matrix))
    return turned(moved) if np.linalg.det(matrix[:3, :3]) < 0 else moved


def _blend_shapes(stage: Any, prim: Any, rest: Floats) -> tuple[dict[str, Floats], list[Control]]:
    """Absolute shapes by name, and one control a blend shape with its in-betweens as knots.

    Raises AimError for what UsdSkel does not evaluate: names and targets that do not pair, two of one name,
    targets that are not there, and what _offset and _knots refuse.
    """
    from pxr import UsdSkel

    binding = UsdSkel.BindingAPI(prim)
    names = tokens_of(binding.GetBlendShapesAttr())
    targets = binding.GetBlendShapeTargetsRel().GetTargets()
    if len(names) != len(targets):
        raise AimError(
            f"The mesh {prim.GetPath()} has {len(names)} skel:blendShapes for {len(targets)} "
            "skel:blendShapeTargets.",
            "A blend shape was removed from one list alone.",
            "Export it again.",
        )
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise AimError(
            f"Two blend shapes of {prim.GetPath()} are named '{twice[0]}'.", remedy="Rename one of them."
        )
    if bad := [
        name for name in names if not name.strip() or set(name) & set("/\\") or not name.isprintable()
    ]:
        raise AimError(
            f"A blend shape of {prim.GetPath()} is named {bad[0]!r}, which no file can be.",
            remedy="Rename it.",
        )
    shapes: dict[str, Floats] = {}
    taken = {name.lower() for name in names}
    controls = []
    for i, (name, target) in enumerate(zip(names, targets, strict=True)):
        shape = UsdSkel.BlendShape(stage.GetPrimAtPath(target))
        if not shape:
            raise AimError(
                f"The blend shape '{name}' of {prim.GetPath()} is to be at {target}, where there is none.",
                broken_references(stage) or "It was deleted, renamed or not exported.",
                "Export it again.",
            )
        ids = only_value(shape.GetPointIndicesAttr(), np.int64)
        shapes[name] = _offset(rest, ids, only_value(shape.GetOffsetsAttr(), np.float64, 3), target)
        knots = [(1.0, name)]
        for between in shape.GetInbetweens():
            label = between.GetAttr().GetName().split(":", 1)[-1].replace(":", "_")
            target_name = _free(f"{name}_{label}", taken)
            offsets = only_value(between.GetAttr(), np.float64, 3)
            if offsets is None:
                raise AimError(
                    f"The in-between '{label}' of {target} has no offsets.",
                    "It was not exported.",
                    "Export it again.",
                )
            shapes[target_name] = _offset(rest, ids, offsets, target)
            knots.append(
                (_weight(between.GetWeight(), [value for value, _ in knots], label, target), target_name)
            )
        controls.append(Control(name, i, tuple(sorted(knots))))
    return shapes, controls


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where another target has it; it is then taken."""
    free, number = name, 2
    while free.lower() in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free.lower())
    return free


def _weight(weight: float | None, taken: list[float], label: str, target: Any) -> float:
    if weight is None or not math.isfinite(weight) or weight == 0 or float(weight) in taken:
        raise AimError(
            f"The in-between '{label}' of {target} has the weight {weight}.",
            "It needs one of its own, and neither 0 nor 1.",
            "Mend it and export again.",
        )
    return float(weight)


def _offset(rest: Floats, ids: NDArray[np.int64] | None, offsets: Floats | None, target: Any) -> Floats:
    """(V, 3) rest points moved as UsdSkel moves them: without indices every point has its offset, without
    offsets nothing moves.

    Raises AimError for indices out of range and numbers of offsets that do not fit.
    """
    moved = rest.copy()
    if offsets is None or not len(offsets):
        return moved
    if ids is None or not len(ids):
        ids = np.arange(len(rest))
    if (out := ids[(ids < 0) | (ids >= len(rest))]).size:
        raise AimError(
            f"The blend shape {target} moves point {out[0]}, and the mesh has points 0 to {len(rest) - 1}.",
            "It was written for another mesh.",
            "Export it again.",
        )
    if len(offsets) != len(ids):
        raise AimError(
            f"The blend shape {target} has {len(offsets)} offsets for {len(ids)} of {len(rest)} points.",
            "It was written for another mesh.",
            "Export it again.",
        )
    np.add.at(moved, ids, offsets)  # an index that is there twice moves its point twice, as in UsdSkel
    return moved
