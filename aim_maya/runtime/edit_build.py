"""From an edit as people write it to an edit of one model: regions and handles become arrays, files are read,
mm become the model's unit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import read_array, read_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_text
from aim_maya.core.obj import read_points
from aim_maya.core.regions import SIDES, one_side
from aim_maya.core.typed import Floats

from .edit import ALL, LARGEST, Edit, EditRecipe, Factor, read_recipe
from .model_data import ModelData

OFFSET_KEY = "bone_offset_mm"


def read_edit(path: str | Path, data: ModelData) -> Edit:
    """The edit in a JSON file, for one model. Raises AimError for what the file or those it names hold
    wrongly."""
    return build_edit(read_recipe(path), data)


def build_edit(recipe: EditRecipe, data: ModelData) -> Edit:
    """A recipe on one model. Raises AimError for files that lack or do not fit, and where the model has no
    regions."""
    thickness = _thickness(recipe.thickness, data)
    if recipe.thickness_map is not None:
        thickness = thickness * _read_map(recipe.folder / recipe.thickness_map, len(data.neutral))
    return Edit(
        thickness=thickness,
        bone_offset=_bone_offset(recipe, data),
        jaw_gain=recipe.jaw_gain,
        expression_gain=_factor(recipe.expression_gain, data),
        jaw_arc=recipe.jaw_arc,
        rest_offset=_rest_offset(recipe, data),
        jaw_pose=_jaw_pose(recipe, data),
    )


def region(name: str, data: ModelData) -> Floats:
    """(V,) a region by its name, or its one side."""
    if name[-2:] in SIDES:
        return one_side(data.regions[name[:-2]], name[-2:], data.mesh, data.sites)
    return data.regions[name]


def _factor(value: Factor, data: ModelData) -> float | Floats:
    """A number, or (V,): regions take the place of what the rest has, softly; where several overlap beyond 1
    they share."""
    if not isinstance(value, dict):
        if not np.ndim(value):
            return float(value)  # type: ignore[arg-type]
        return _of_model(np.asarray(value, np.float32), (len(data.neutral),), "The edit")
    rest = value.get(ALL, 1.0)
    parts = _parts(value, rest, data)
    if not parts:
        return rest
    share = sum(part for part, _ in parts)
    change = sum(part * np.float32(more) for part, more in parts)
    factor: Floats = np.float32(rest) + change / np.maximum(share, 1)
    return factor


def _parts(value: dict[str, float], rest: float, data: ModelData) -> list[tuple[Floats, float]]:
    return [(region(name, data), v - rest) for name, v in value.items() if name != ALL and v != rest]


def _thickness(value: Factor, data: ModelData) -> float | Floats:
    """As _factor, but tissue that a region gains or loses lies evenly over it.

    The learned thickness has every form of the bone below in it; the same factor everywhere would draw that
    bone onto the skin. Gained tissue is a share of the region's mean thickness m; lost tissue a share of 3 m
    d / (m + 2 d), which is m where d is and 3 d where d is small: skin over thin places keeps some.
    """
    if not isinstance(value, dict):
        return _factor(value, data)
    rest = value.get(ALL, 1.0)
    parts = _parts(value, rest, data)
    if not parts:
        return rest
    share = np.maximum(sum(part for part, _ in parts), 1)
    d = np.maximum(data.thickness, 1e-6 * np.abs(data.thickness).max())
    change = np.zeros_like(d)
    for part, more in parts:
        mean = np.float32(np.average(d, weights=part))
        change += part / share * np.float32(more) * (mean if more > 0 else 3 * mean * d / (mean + 2 * d))
    factor: Floats = np.float32(rest) + change / d
    return factor


def _bone_offset(recipe: EditRecipe, data: ModelData) -> float | Floats:
    offset: float | Floats = 0.0
    given = recipe.bone_offset
    if isinstance(given, str):
        offset = _read_offset(recipe.folder / given, len(data.neutral)) / _mm(data)
    elif given is not None:
        whole = np.asarray(given, np.float32)
        offset = (
            _of_model(whole, (len(data.neutral), 3), "'bone_offset' of the edit")
            if whole.ndim
            else float(whole)
        )
    for handle, mm in recipe.bones.items():
        if mm != 0.0:
            offset = offset + np.float32(mm) * data.handles[handle]
    return offset


def _rest_offset(recipe: EditRecipe, data: ModelData) -> float | Floats:
    if recipe.neutral is None:
        return 0.0
    path = recipe.folder / recipe.neutral
    points = read_array(path) if path.suffix.lower() == ".npy" else read_points(path)
    offset: Floats = _of_model(points, (len(data.neutral), 3), path).astype(np.float32) - data.neutral
    return offset if offset.any() else 0.0


def _jaw_pose(recipe: EditRecipe, data: ModelData) -> Floats | None:
    if recipe.jaw_pose is None:
        return None
    pose = np.asarray(recipe.jaw_pose, np.float64)
    if not rigid.is_rigid(pose):
        raise AimError(
            f"'jaw_pose' is no rigid motion (shape {pose.shape}).",
            "A scale in it, or row vectors: the translation belongs in the last column.",
            "Give four rows of four numbers, p' = M p, translation in mm.",
        )
    scaled = pose.copy()
    scaled[:3, 3] /= _mm(data)
    return scaled


def _mm(data: ModelData) -> float:
    return float(data.manifest["mm_per_unit"])


def _read_map(path: Path, vertices: int) -> Floats:
    """(V,) float32 from .npy, or .csv: a number a line, or vertex and number, missing vertices 1."""
    if path.suffix.lower() == ".npy":
        return _of_model(read_array(path), (vertices,), path).astype(np.float32)
    try:
        rows = [row for row in csv.reader(read_text(path).splitlines()) if row]
        numbers = np.array(
            [[float(x) for x in row] for row in (rows[1:] if rows and not _is_number(rows[0][0]) else rows)]
        )
    except (ValueError, csv.Error) as error:
        raise AimError(
            f"{path} cannot be read as a map ({error}).",
            "It holds something else than numbers.",
            "Give .npy, or .csv with a number a line.",
        ) from error
    if numbers.ndim != 2 or numbers.shape[1] != 2:
        return _of_model(numbers.ravel(), (vertices,), path).astype(np.float32)
    ids, values = _of_model(numbers, numbers.shape, path).T
    wrong = ids[(ids < 0) | (ids >= vertices) | (ids != np.floor(ids))]
    if len(wrong):
        raise AimError(
            f"{path} names vertex {wrong[0]:g}; the model has {vertices}.", "It was made for another mesh."
        )
    full = np.ones(vertices, np.float32)
    full[ids.astype(int)] = values
    return full


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_offset(path: Path, vertices: int) -> Floats:
    """(V, 3) float32 mm from .npz (bone_offset_mm) or .npy."""
    if path.suffix.lower() == ".npy":
        return _of_model(read_array(path), (vertices, 3), path).astype(np.float32)
    arrays = read_arrays(path)
    if OFFSET_KEY not in arrays:
        raise AimError(
            f"{path} holds no array '{OFFSET_KEY}'.", f"It holds {', '.join(arrays)[:200] or 'nothing'}."
        )
    return _of_model(arrays[OFFSET_KEY], (vertices, 3), path).astype(np.float32)


def _of_model(array: Floats, shape: tuple[int, ...], path: Path | str) -> Floats:
    if array.shape != shape:
        raise AimError(
            f"{path} holds {' x '.join(map(str, array.shape))} numbers; the model needs "
            f"{' x '.join(map(str, shape))}.",
            "It was made for another mesh.",
            "Make it on this model's vertices.",
        )
    if array.dtype.kind not in "fiu" or not (np.abs(array) <= LARGEST).all():
        raise AimError(
            f"{path} holds NaN, infinity, more than {LARGEST:g}, or no numbers.", remedy="Make it again."
        )
    return array
