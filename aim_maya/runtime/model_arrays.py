"""Arrays of an actor.aim as its mesh.npz packs them, read and written; and as earlier schemas did."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints, check_faces, checked_array
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Columns, Detail

LARGEST = 1e7  # model units or radians: beyond, sums leave what float32 holds


def single(arrays: dict[str, Any], name: str, shape: tuple[int | None, ...], where: str) -> Floats:
    """A float32 array. Raises AimError for another type or shape, NaN, infinity, and numbers that no head
    has."""
    array = checked_array(arrays, name, shape, where)
    if array.dtype != np.float32 or (array.size and float(np.abs(array).max()) > LARGEST):
        wrong = array.dtype if array.dtype != np.float32 else f"up to {np.abs(array).max():.3g}"
        raise AimError(
            f"{where}: '{name}' is {wrong}, not float32 of a head's size.",
            "The file was altered.",
            "Export it again.",
        )
    return array


def unpacked_detail(arrays: dict[str, Any], name: str, shape: tuple[int, ...], where: str) -> Detail:
    """The displacements that `packed_detail` wrote under this name; whole ones, as before schema 2, too."""
    (targets, vertices, _), size = shape, (None, 3)
    scales = single(arrays, f"{name}_scales", (targets,), where)
    altered = AimError(f"{where}: its {name} is malformed.", "The file was altered.", "Export it again.")
    if scales.size and scales.min() < 0:
        raise altered
    if f"{name}_moved" not in arrays:
        steps = checked_array(arrays, f"{name}_steps", shape, where, kinds="fi")
        if steps.dtype not in (np.int16, np.float32):
            raise altered
        if steps.dtype == np.float32:
            single(arrays, f"{name}_steps", shape, where)
        return Detail.of_whole(steps, scales)

    moved = _inflated(arrays, f"{name}_moved", targets * -(-vertices // 8), where)
    moved = moved.reshape(targets, -(-vertices // 8))
    exact = single(arrays, f"{name}_exact", size, where)
    if f"{name}_low" in arrays:
        low = checked_array(arrays, f"{name}_low", size, where, kinds="u")
        if low.dtype != np.uint8:
            raise altered
        steps = np.empty(low.shape, "<i2")
        both = steps.view(np.uint8).reshape(*low.shape, 2)
        both[..., 0], both[..., 1] = low, _inflated(arrays, f"{name}_high", low.size, where).reshape(3, -1).T
    else:
        steps = checked_array(arrays, f"{name}_steps", size, where, kinds="i")
        if steps.dtype != np.int16:
            raise altered
    detail = Detail(moved, steps, exact, scales, vertices)
    beyond = np.uint8(0xFF >> vertices % 8) if vertices % 8 else np.uint8(0)
    exactly = scales == 0
    fits = detail.counts[~exactly].sum() == len(steps) and detail.counts[exactly].sum() == len(exact)
    if not fits or (moved.size and (moved[:, -1] & beyond).any()):
        raise altered
    return detail


def _inflated(arrays: dict[str, Any], name: str, size: int, where: str) -> NDArray[np.uint8]:
    """The bytes that zlib packed under this name: so many, or an AimError."""
    packed = checked_array(arrays, name, (None,), where, kinds="u")
    try:
        whole = zlib.decompressobj().decompress(packed.tobytes(), size + 1)  # never more than belongs there
    except zlib.error:
        whole = b""
    if len(whole) != size or packed.dtype != np.uint8:
        raise AimError(f"{where}: '{name}' is malformed.", "The file was altered.", "Export it again.")
    return np.frombuffer(whole, np.uint8)


def _deflated(plane: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress(plane.tobytes(), 6), np.uint8)


def packed_detail(detail: Detail, name: str) -> dict[str, Any]:
    """The members of mesh.npz that `detail` is read from; by zlib the bits, and the steps' high bytes, most
    of which are alike: coordinate after coordinate."""
    both = detail.steps.astype("<i2").view(np.uint8).reshape(-1, 3, 2)
    moved, high = _deflated(detail.moved), _deflated(both[..., 1].T)
    kept = {"moved": moved, "low": both[..., 0], "high": high, "exact": detail.exact, "scales": detail.scales}
    return {f"{name}_{part}": array for part, array in kept.items()}


def kept_basis(
    arrays: dict[str, Any], shape: tuple[int, ...], where: str
) -> Floats | Columns | Detail | None:
    """What files before schema 3 keep of the networks' displacements; None where the networks are asked."""
    if "basis" in arrays:
        return single(arrays, "basis", shape, where)
    if "basis_columns" in arrays:
        columns = checked_array(arrays, "basis_columns", (shape[1], None), where, kinds="i")
        if columns.dtype != np.int16:
            raise AimError(f"{where}: its basis is malformed.", "The file was altered.", "Export it again.")
        count = columns.shape[1]
        scales = single(arrays, "basis_scales", (count,), where)
        return Columns(columns, scales[:, None] * single(arrays, "basis_mix", (count, 3 * shape[0]), where))
    return unpacked_detail(arrays, "basis", shape, where) if "basis_scales" in arrays else None


def unpacked_seals(arrays: dict[str, Any], v: int, targets: int, where: str) -> Ints:
    """SkinRequest.seals as `packed_seals` wrote them; files before schema 3 have the rows themselves, or
    none."""
    if "skin_seal_sizes" in arrays:
        sizes = checked_array(arrays, "skin_seal_sizes", (None,), where, kinds="i")
        groups = checked_array(arrays, "skin_seal_groups", (1 + targets,), where, kinds="i")
        many = int(sizes.sum(dtype=np.int64))
        held = ((sizes > 0) & (sizes <= v)).all() and ((groups >= 0) & (groups <= len(sizes))).all()
        if not held or int(groups.sum(dtype=np.int64)) != len(sizes) or many > (1 + targets) * v:
            raise AimError(
                f"{where}: 'skin_seal_sizes' is malformed.", "The file was altered.", "Export it again."
            )
        seals = np.empty((many, 3), np.int32)
        first = np.repeat(np.cumsum(groups) - groups, groups)  # each group's pose begins at this one
        seals[:, 0] = np.repeat(np.repeat(np.arange(1 + targets), groups), sizes)
        seals[:, 1] = np.repeat(np.arange(len(sizes)) - first, sizes)
        seals[:, 2] = _inflated(arrays, "skin_seals", 4 * many, where).view("<i4")
    elif "skin_seals" in arrays:
        seals = checked_array(arrays, "skin_seals", (None, 3), where, kinds="i")
    else:
        return np.zeros((0, 3), np.int32)
    most = [targets, len(seals), v - 1]
    if len(seals) > (1 + targets) * v or (len(seals) and (seals.min() < 0 or (seals.max(0) > most).any())):
        raise AimError(
            f"{where}: 'skin_seals' names pose {seals[:, 0].max()} of {targets} or vertex "
            f"{seals[:, 2].max()} of {v}.",
            "The file was altered.",
            "Export it again.",
        )
    return seals


def packed_seals(seals: Ints, targets: int) -> dict[str, Any]:
    """The members of mesh.npz that rows (S, 3) of SkinRequest.seals are read from: how many groups each pose
    has, how many vertices each group, and the vertices by zlib: most poses have what the neutral has."""
    rows = seals[np.lexsort((seals[:, 1], seals[:, 0]))]
    named, sizes = np.unique(rows[:, :2], axis=0, return_counts=True)
    return {
        "skin_seal_groups": np.bincount(named[:, 0], minlength=1 + targets).astype(np.int32),
        "skin_seal_sizes": sizes.astype(np.int32),
        "skin_seals": _deflated(rows[:, 2].astype("<i4")),
    }


def read_mesh(arrays: dict[str, Any], where: str) -> Mesh:
    """The neutral and its faces. Raises AimError for faces that are none."""
    v = len(arrays["neutral"])
    counts, corners = check_faces(arrays.get("counts"), arrays.get("corners"), v, where)
    uvs = uv_corners = None
    if "uvs" in arrays:
        uvs = checked_array(arrays, "uvs", (None, 2), where)
        uv_corners = checked_array(arrays, "uv_corners", (len(corners),), where, kinds="iu")
        if len(uv_corners) and not -1 <= uv_corners.min() <= uv_corners.max() < len(uvs):
            what = f"{where}: a face names texture point {uv_corners.max()}, and there are {len(uvs)}."
            raise AimError(what, "The file was altered.", "Export it again.")
    return Mesh(arrays["neutral"].astype(np.float64), counts, corners, uvs, uv_corners)


def read_owners(arrays: dict[str, Any], v: int, where: str) -> Ints | None:
    """'owners' where the file has them, checked: nobody's owner comes after it, and every owner is its
    own.
    """
    if "owners" not in arrays:
        return None
    owners: Ints = arrays["owners"]
    whole = (
        owners.shape == (v,)
        and owners.dtype == np.int32
        and bool(((owners >= 0) & (owners <= np.arange(v))).all())
    )
    if not whole or not np.array_equal(owners[owners], owners):
        raise AimError(
            f"{where}: 'owners' does not say which of its {v} vertices are the same.",
            "The file was altered.",
            "Export it again.",
        )
    return owners
