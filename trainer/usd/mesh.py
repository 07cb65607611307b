"""A polygon mesh out of a USD stage: points, faces the right way round, UVs. Faults are told by the path of
the prim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh

from .stage import bounded_memory

_UV_TYPES = ("texCoord2f[]", "texCoord2d[]", "texCoord2h[]", "float2[]", "double2[]", "half2[]")


def only_value(attribute: Any, kind: type, width: int = 0) -> NDArray[Any] | None:
    """The value of an array attribute, as (N,) or (N, width) numbers of `kind`, or None when it has none.

    Without a default value its time samples count, which are there where a range of frames was exported.
    Raises AimError when those differ, and for values of another type.
    """
    value = _value(attribute) if attribute else None
    if value is not None:
        return numbers(attribute, value, kind, width)
    found = None
    for code in attribute.GetTimeSamples() if attribute else ():
        if (value := _value(attribute, code)) is None:
            continue
        array = numbers(attribute, value, kind, width)
        if found is None:
            found, first = array, code
        elif array.shape != found.shape or np.abs(array - found).max(initial=0) > 1e-6 * np.abs(found).max(
            initial=0
        ):
            raise AimError(
                f"{attribute.GetPath()} changes over time: it is not the same at {code:g} as at {first:g}.",
                "An animation was exported, and which frame is the rest is not known.",
                "Export the rest alone.",
            )
    return found


def _value(attribute: Any, *code: float) -> Any:
    with bounded_memory():
        return attribute.Get(*code)


def numbers(attribute: Any, value: Any, kind: type, width: int = 0) -> NDArray[Any]:
    """A value of the attribute as (N,) or (N, width) numbers of `kind`. Raises AimError for one of another
    type."""
    try:
        array: NDArray[Any] = np.array(value, kind)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(())
    if width and array.size == 0:
        array = array.reshape(-1, width)
    if array.ndim != (2 if width else 1) or (width and array.shape[1] != width):
        raise AimError(
            f"{attribute.GetPath()} does not hold the numbers that belong there.",
            "It was written with another type.",
        )
    return array


def tokens_of(attribute: Any) -> list[str]:
    """The tokens of an attribute, none when it has no value. Raises AimError for a value of another type."""
    value = attribute.Get() if attribute else None
    try:
        tokens = list(value or ())
    except TypeError:
        tokens = [None]
    if not all(isinstance(token, str) for token in tokens):
        raise AimError(f"{attribute.GetPath()} holds no tokens: the names of blend shapes belong there.")
    return tokens


def points_of(prim: Any) -> Floats:
    """(V, 3) float64 points of a mesh. Raises AimError when there are none, or they are not finite."""
    from pxr import UsdGeom

    points = only_value(UsdGeom.Mesh(prim).GetPointsAttr(), np.float64, 3)
    if points is None or not len(points):
        raise AimError(
            f"The mesh {prim.GetPath()} has no points.",
            "It was not exported, or a file is missing.",
            "Export it again.",
        )
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
        raise AimError(
            f"The mesh {prim.GetPath()} has point {bad} at {points[bad].tolist()}.", remedy="Export it again."
        )
    return points


def mesh_of(prim: Any, warnings: list[str]) -> Mesh:
    """The mesh of a prim in its object space, faces turned round where its orientation is leftHanded.

    UVs that do not fit the faces are left out with a warning. Raises AimError for points or faces that are
    missing or broken.
    """
    from pxr import UsdGeom

    mesh = UsdGeom.Mesh(prim)
    points = points_of(prim)
    counts = only_value(mesh.GetFaceVertexCountsAttr(), np.int64)
    corners = only_value(mesh.GetFaceVertexIndicesAttr(), np.int64)
    if counts is None or corners is None or not len(counts):
        raise AimError(
            f"The mesh {prim.GetPath()} has no faces.",
            "Its points were exported alone.",
            "Export it with its polygons.",
        )
    if counts.min() < 3:
        raise AimError(
            f"The mesh {prim.GetPath()} has a face of {counts.min()} corners.",
            remedy="Clean the mesh up and export it again.",
        )
    if counts.sum() != len(corners):
        raise AimError(
            f"The mesh {prim.GetPath()} has {len(corners)} face corners, and its faces ask for "
            f"{counts.sum()}.",
            remedy="Export it again.",
        )
    if (out := corners[(corners < 0) | (corners >= len(points))]).size:
        raise AimError(
            f"A face of the mesh {prim.GetPath()} names point {out[0]}; it has points 0 to "
            f"{len(points) - 1}.",
            remedy="Export it again.",
        )
    made = Mesh(
        points, counts.astype(np.int32), corners.astype(np.int32), *_uvs(prim, corners, len(points), warnings)
    )
    return turned(made) if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded else made


def turned(mesh: Mesh) -> Mesh:
    """The same faces seen from their other side: each keeps its first corner and runs the other way round."""
    start, count = mesh.starts[mesh.corner_face], mesh.counts[mesh.corner_face]
    back = start + (start - np.arange(len(mesh.corners))) % count
    return replace(
        mesh,
        corners=mesh.corners[back],
        uv_corners=None if mesh.uv_corners is None else mesh.uv_corners[back],
    )


def _uvs(
    prim: Any, corners: NDArray[np.int64], vertices: int, warnings: list[str]
) -> tuple[Floats | None, NDArray[np.int32] | None]:
    """(U, 2) UVs and (C,) the one of every corner: primvars:st, else the first set of UVs; None and None
    without."""
    from pxr import UsdGeom

    api = UsdGeom.PrimvarsAPI(prim)
    primvars = [p for p in api.GetPrimvars() if p.HasValue() and str(p.GetTypeName()) in _UV_TYPES]
    primvars = [p for p in primvars if p.GetPrimvarName() == "st"] + [
        p for p in primvars if str(p.GetTypeName()).startswith("texCoord")
    ]
    if not primvars:
        return None, None
    primvar = primvars[0]
    interpolation = str(primvar.GetInterpolation())
    values, indices = (
        only_value(primvar.GetAttr(), np.float64, 2),
        only_value(primvar.GetIndicesAttr(), np.int64),
    )
    if values is None or interpolation not in ("vertex", "varying", "faceVarying"):
        return None, None
    size = len(corners) if interpolation == "faceVarying" else vertices
    ids = np.arange(len(values)) if indices is None else indices
    if (
        len(ids) != size
        or (size and (ids.min() < 0 or ids.max() >= len(values)))
        or not np.isfinite(values).all()
    ):
        warnings.append(f"The UVs {primvar.GetAttr().GetPath()} do not fit the faces and are left out.")
        return None, None
    of_corner = ids if interpolation == "faceVarying" else ids[corners]
    return values, of_corner.astype(np.int32)
