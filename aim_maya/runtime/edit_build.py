"""From an edit as people write it to an edit of one model: regions and handles become arrays, files are read,
mm become the model's unit."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.actor import check_space
from aim_maya.core.arrays import Floats, read_array, read_arrays
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_text
from aim_maya.core.obj import read_obj, read_points
from aim_maya.core.posing import displacement_form, tolerance
from aim_maya.core.regions import SIDES, one_side

from .cached import CachedEvaluator
from .edit import ALL, LARGEST, Edit, EditRecipe, Factor, Sculpts, read_recipe
from .model_data import ModelData

OFFSET_KEY = "bone_offset_mm"


def read_edit(path: str | Path, data: ModelData) -> Edit:
    """The edit in a JSON file, for one model. Raises AimError for what the file or those it names hold
    wrongly."""
    return build_edit(read_recipe(path), data)


def build_edits(recipes: Iterable[EditRecipe], data: ModelData) -> Edit:
    """Recipes one after the other (Edit.then); a handle that several move ends where their sum does. Raises
    AimError as build_edit does."""
    several, edit, bones = list(recipes), Edit(), dict[str, float]()
    if len(several) == 1:
        return build_edit(several[0], data)
    for recipe in several:
        edit = edit.then(build_edit(replace(recipe, bones={}), data))
        for name, mm in recipe.bones.items():
            bones[name] = bones.get(name, 0.0) + mm
    return edit.then(build_edit(EditRecipe(bones=bones), data)) if bones else edit


def build_edit(recipe: EditRecipe, data: ModelData) -> Edit:
    """A recipe on one model. Raises AimError for files that lack or do not fit, and where the model has no
    regions."""
    thickness = _thickness(recipe.thickness, data)
    if recipe.thickness_map is not None:
        thickness = thickness * _read_map(recipe.folder / recipe.thickness_map, len(data.neutral))
    bones, notes = _held_bones(recipe.bones, data)
    return Edit(
        thickness=thickness,
        bone_offset=_bone_offset(recipe, bones, data),
        jaw_gain=recipe.jaw_gain,
        expression_gain=_factor(recipe.expression_gain, data),
        jaw_arc=recipe.jaw_arc,
        rest_offset=_rest_offset(recipe, data),
        jaw_pose=_jaw_pose(recipe, data),
        sculpts=_sculpts(recipe, data),
        notes=notes,
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


def _held_bones(bones: Mapping[str, float], data: ModelData) -> tuple[dict[str, float], tuple[str, ...]]:
    """The handles, no further than this face holds, and a sentence for each that was held."""
    ends, held, notes = data.handle_ends, dict(bones), []
    for name, mm in bones.items():
        low, high = ends.get(name, (mm, mm))
        held[name] = min(max(mm, low), high)
        if held[name] != mm:
            most = f"{held[name]:.4g} mm is the most that this face holds without a fold: that is done."
            notes.append(f"{name} is {mm:.4g}; {most}")
    return held, tuple(notes)


def _bone_offset(recipe: EditRecipe, bones: Mapping[str, float], data: ModelData) -> float | Floats:
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
    for handle, mm in bones.items():
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


# Targets sculpted after the build: what a sculpt adds at the trained pose, before skinning.


def sculpts_of(data: ModelData, shapes: Mapping[str, Floats]) -> Sculpts | None:
    """Shapes (V, 3) at the targets' trained poses, of the unedited face, model unit, object space, as what
    they add to it; None for none. Points that are where they were, to half the tolerance, add nothing.

    Raises AimError for a target that there is not, for another number of points, another unit or place, NaN,
    and for a shape that is the neutral.
    """
    shifts, evaluator = dict[int, Floats](), CachedEvaluator(data, Edit(), True)
    for name, shape in shapes.items():
        i = data.rig.targets.index(target_named(data, name))
        now = data.together(evaluator.points(data.linear.matrix[i], data.baked.pose))
        points = checked_sculpt(data, name, shape, now)
        shifts[i] = before_skinning(data, Edit(), i, points - now).astype(np.float32)
    return Sculpts(shifts) if shifts else None


def target_named(data: ModelData, name: str) -> str:
    """The target of this name, or the only one of the control of this name. Raises AimError with the
    nearest."""
    names = {c.name: c.knots[0][1] for c in data.rig.controls if len(c.knots) == 1}
    names |= {target: target for target in data.rig.targets}
    if name not in names:
        of = next((c for c in data.rig.controls if c.name == name), None)
        raise AimError(
            f"There is no target '{name}'.",
            nearest_name(name, names) if of is None else f"The control '{name}' has several.",
            f"Targets: {', '.join(data.rig.targets if of is None else [t for _, t in of.knots])}.",
        )
    return names[name]


def before_skinning(
    data: ModelData, edit: Edit, i: int, change: Floats, given: Floats | None = None
) -> Floats:
    """(V, 3) float64 what moves the points at the trained pose i of a face under an edit by change (V, 3):
    the frame is p + k (arc (T p - p) + (1 - arc) linear), and linear is there LBS at the trained jaw. given
    (4, 4): the jaw that the points have instead."""
    pose = data.baked.pose if edit.jaw_pose is None else edit.jaw_pose
    pose = pose if given is None else given
    jaw = data.motion.transform(data.linear.matrix[i], edit.jaw_gain) if pose is None else pose
    turn = displacement_form(jaw, data.centre)[0]
    if pose is None:
        arc = edit.jaw_arc * data.baked.arc
        turn = arc * turn + (1 - arc) * edit.jaw_gain * data.linear.turns[i]
    change = np.where(np.abs(change).max(1) > tolerance(data.neutral, _mm(data)) / 2, change.T, 0).T
    x, y, z = (np.eye(3) + data.weight.astype(np.float64)[:, None, None] * turn).transpose(1, 0, 2)
    # by cofactors: in a host that evaluates LAPACK is better not called
    inverse = np.stack([np.cross(y, z), np.cross(z, x), np.cross(x, y)], 2)
    inverse /= (x * inverse[:, :, 0]).sum(1)[:, None, None]
    before: Floats = (inverse @ change[..., None])[..., 0]
    return before if data.owners is None else before[data.owners]


def _sculpts(recipe: EditRecipe, data: ModelData) -> Sculpts | None:
    """What the recipe's files say, read again when one of them changed."""
    if not recipe.targets:
        return None
    files = [(name, str((recipe.folder / file).absolute())) for name, file in recipe.targets.items()]
    stats = [os.stat(file) if os.path.exists(file) else None for _, file in files]
    key = (*files, *((s.st_mtime_ns, s.st_size) for s in stats if s is not None))
    found = data.sculpts_read.get(key)
    if found is None and (found := sculpts_of(data, _read_sculpts(recipe, data))) is not None:
        data.sculpts_read.clear()
        data.sculpts_read[key] = found
    return found


def _read_sculpts(recipe: EditRecipe, data: ModelData) -> dict[str, Floats]:
    found = {}
    for name, file in recipe.targets.items():
        target_named(data, name)
        path = recipe.folder / file
        if path.suffix.lower() == ".npy":
            found[name] = read_array(path)
            continue
        mesh = read_obj(path)
        if len(mesh.counts) and mesh.topology_hash != data.mesh.topology_hash:
            raise AimError(
                f"{path} has {len(mesh.points)} vertices and {len(mesh.counts)} faces; the model has "
                f"{len(data.neutral)} and {len(data.mesh.counts)}, or its faces are in another order.",
                "It is another mesh, or its topology or vertex order changed.",
                "Sculpt a copy of the target's own shape, and add or remove no vertices.",
            )
        found[name] = mesh.points
    return found


def checked_sculpt(data: ModelData, name: str, shape: Floats, now: Floats) -> Floats:
    """(V, 3) float64. now: where the face has these points. Raises AimError as sculpts_of does."""
    what, mm = f"The sculpt of '{name}'", _mm(data)
    points = _of_model(np.asarray(shape), now.shape, what).astype(np.float64)
    neutral = data.neutral.astype(np.float64)
    check_space(what, points, neutral)
    size = float(np.sqrt(np.square(neutral - neutral.mean(0)).sum(1).mean()))
    change = points - now
    beside = float(np.linalg.norm(np.median(change, axis=0)))
    if beside > 0.05 * size:
        raise AimError(
            f"{what} stands {beside * mm:.3g} mm beside the face.",
            "It was moved, or exported where it stands in the scene.",
            "Put it where the model's neutral is: at its own origin.",
        )
    far = np.linalg.norm(change, axis=1)
    if far.max() > 3 * size:
        raise AimError(
            f"{what} has vertex {int(far.argmax())} {far.max() * mm:.3g} mm from where the face has it.",
            "A vertex was lost in sculpting, or the vertices are in another order.",
            "Mend it, or export it with its vertices in order.",
        )
    if np.abs(points - neutral).max() <= tolerance(neutral, mm):
        raise AimError(
            f"{what} is the neutral: the target would move nothing.",
            "The face was exported at rest.",
            "Sculpt the face as it is with the target on.",
        )
    return points


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


# What an edit may not take apart: doubles on UV seams stay together, eyes and teeth stay whole. And what a
# face without anatomy cannot be asked for.

_MAPS = ("thickness", "bone_offset", "expression_gain", "rest_offset")


def tied(data: ModelData, edit: Edit) -> Edit:
    """A checked edit whose maps are the mean over vertices that are the same point, and over each separate
    piece; pieces keep their thickness.

    Raises AimError for thickness and bones of a face that was trained without bones.
    """
    if np.any(np.asarray(edit.thickness) != 1.0) or np.any(edit.bone_offset):
        data.need_anatomy("its tissue and bones cannot be edited")
    if data.pieces is not None:
        edit = _with_rigid_pieces(data.pieces, edit)
    if data.owners is None:
        return edit
    return replace(edit, **_means(edit, _MAPS, data.owners))


def _with_rigid_pieces(pieces: NDArray[np.integer], edit: Edit) -> Edit:
    """Tissue is not what eyes and teeth have; bone offsets and gains move each of them as one. The neutral's
    own edit is left as it is."""
    if np.ndim(edit.thickness) or edit.thickness != 1.0:
        edit = replace(edit, thickness=np.where(pieces > 0, np.float32(1), np.float32(edit.thickness)))
    first = np.unique(pieces, return_index=True, return_inverse=True)
    group = np.where(pieces > 0, first[1][first[2].ravel()], np.arange(len(pieces)))
    return replace(edit, **_means(edit, ("bone_offset", "expression_gain"), group))


def _means(edit: Edit, names: tuple[str, ...], owners: NDArray[np.integer]) -> dict[str, Any]:
    """The entries of those names that are maps, each as its mean."""
    return {name: _mean(value, owners) for name in names if np.ndim(value := getattr(edit, name))}


def _mean(values: Floats, owners: NDArray[np.integer]) -> Floats:
    """(V, ...) float32, the mean of values over each owner's vertices; bit for bit the value of a vertex that
    is alone."""
    count = np.bincount(owners, minlength=len(owners))
    total = np.zeros(values.shape, np.float64)
    np.add.at(total, owners, values)
    mean = total / np.maximum(count, 1).reshape(-1, *[1] * (values.ndim - 1))
    return mean[owners].astype(np.float32)
