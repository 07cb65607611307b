"""A face as one block of bytes: what a page in a browser evaluates and colours, in a few MB.

The tables are those of FaceModel with detail on: rest, displacements before skinning, skinning weight,
twists of the jaw. Displacements are rounded to a two-thousandth of a millimetre and kept only where they are
not zero.

    block = length of the head (uint32), head (JSON, UTF-8), arrays (each begins at a multiple of 8), all
    little-endian

The head names every array with its type, shape and place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.controls import Control, Rig
from aim_maya.core.curves.take import key
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import STOPS, Mesh
from aim_maya.core.regions import smoothed
from aim_maya.core.typed import Floats, Ints
from aim_maya.runtime import FaceModel
from aim_maya.runtime.cached import edited_rest, edited_tables
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.skin_field import BentTables, need_together

_STEP_MM = 0.0005  # of displacements
_BENT_STEP_MM = 0.0015  # of what an edit changes about them
_COARSEST_MM = 0.001  # the largest step that sixteen bits are used with
_TURNS = 0.02  # radians: a control that turns the jaw by more belongs to the jaw

GROUPS = ("Brows", "Eyes", "Nose", "Cheeks", "Mouth", "Jaw", "Other")
_WORDS = {  # beginnings and ends of the words in names; the first group that fits
    "Brows": "brow forehead",
    "Jaw": "jaw chin mandible",
    "Nose": "nose nostril nasal sneer",
    "Cheeks": "cheek",
    "Eyes": "eye eyes lid lids blink squint pupil gaze look",
    "Mouth": "mouth lip lips smile frown pucker funnel kiss dimple tongue teeth phoneme viseme",
}
_REGIONS = {
    "forehead": "Brows",
    "brow": "Brows",
    "temple": "Brows",
    "eyes": "Eyes",
    "nose": "Nose",
    "cheeks": "Cheeks",
    "lips": "Mouth",
    "chin": "Jaw",
    "jaw_line": "Jaw",
}


class Beside(Protocol):
    """A mesh beside the skin, model unit, object space of the neutral. follows: 'jaw' or 'skull'."""

    @property
    def name(self) -> str:
        """As it is shown."""

    @property
    def mesh(self) -> Mesh:
        """At rest."""

    @property
    def follows(self) -> str:
        """What it moves with."""


@dataclass(frozen=True)
class PlayedTake:
    """What a page plays: weights (F, C), one a control.

    Of a performance also activations (F, T) of the targets, jaw (F, 4, 4) and head (F, 4, 4).
    """

    name: str
    fps: float
    weights: Floats
    activations: Floats | None = None
    jaw: Floats | None = None
    head: Floats | None = None


@dataclass
class Block:
    """Arrays and what is said of them, on the way into bytes."""

    head: dict[str, Any]
    arrays: list[np.ndarray] = field(default_factory=list)
    listed: list[list[Any]] = field(default_factory=list)

    def add(self, array: Any, dtype: str) -> int:
        """Keep an array; returns its number, which stands for it in the head."""
        kept = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
        self.arrays.append(kept)
        self.listed.append([dtype, list(kept.shape)])
        return len(self.arrays) - 1

    def to_bytes(self) -> bytes:
        """The whole block."""
        places, at = [], 0
        for array in self.arrays:
            places.append(at)
            at += -(-array.nbytes // 8) * 8
        listed = [[*entry, place] for entry, place in zip(self.listed, places, strict=True)]
        head = json.dumps(self.head | {"arrays": listed}, separators=(",", ":"), allow_nan=False).encode()
        head += b" " * (-(len(head) + 4) % 8)
        parts = [len(head).to_bytes(4, "little"), head]
        for array in self.arrays:
            parts += [array.tobytes(), bytes(-array.nbytes % 8)]
        return b"".join(parts)


def packed(
    model: FaceModel,
    edits: Mapping[str, tuple[str, FaceModel]],
    errors: Floats,
    parts: Iterable[Beside] = (),
    take: PlayedTake | None = None,
    detail: bool = True,
) -> Block:
    """A model and what is shown with it. edits: {name: (what it does, the model under it)}; errors (T, V)
    mm, of the networks at every target's trained pose."""
    data = model.data
    tables, block = data.tables(detail), Block({})
    bent = [edited_tables(data, under.edit, detail, under.moved) for _, under in edits.values()]
    need_together([t for t in bent if isinstance(t, BentTables)], np.arange(len(data.rig.targets)))
    block.head = {
        "name": str(data.manifest["name"]),
        "mm": model.mm_per_unit,
        "vertices": len(data.neutral),
        "targets": list(data.rig.targets),
        "frame": _frame(data),
        "centre": np.asarray(data.centre, np.float64).tolist(),
        "arc": data.baked.arc,
        "pose": _matrix(data.baked.pose),
        "controls": controls(model),
        "poses": [
            {"of": [[data.rig.names.index(c), v] for c, v in p.weights.items()], "method": p.method}
            for p in data.rig.poses
        ],
        "rest": block.add(tables.rest, "float32"),
        "triangles": block.add(_outwards(data.mesh), "uint32"),
        "weight": block.add(data.weight, "float32"),
        "twists": block.add(data.motion.twists, "float64"),
        "doubles": None if data.doubles is None else [block.add(ids, "uint32") for ids in data.doubles],
        "moves": [moved(block, row, model.mm_per_unit) for row in tables.displacements],
        "linear": _linear(block, data),
        "edits": [
            {"name": name, "about": about, **_edited(block, model, under, detail)}
            for name, (about, under) in edits.items()
        ],
        "anatomy": _anatomy(block, model) if data.has_anatomy else None,
        "thickest": float(np.quantile(data.thickness, 0.98)) * model.mm_per_unit,
        "errors": _errors(block, errors),
        "parts": [_part(block, part) for part in parts if len(part.mesh.counts)],
        "take": None if take is None else _take(block, take),
        "stops": {name: np.rint(stops).astype(int).tolist() for name, stops in STOPS.items()},
    }
    return block


def moved(block: Block, row: Floats, mm: float, finest: float = _STEP_MM) -> dict[str, Any]:
    """One target's displacements (V, 3), model unit: a bit for each vertex that moves, and its steps, x of
    all, then y, then z."""
    most = float(np.abs(row).max(initial=0)) * mm
    step = max(finest, most / 32767)
    plain = step > max(_COARSEST_MM, finest)  # more than 33 mm before skinning: kept as it is
    steps = row if plain else np.rint(row.astype(np.float64) * (mm / step))
    moves = steps.any(1)
    return {
        "mask": block.add(np.packbits(moves, bitorder="little"), "uint8"),
        "steps": block.add(steps[moves].T, "float32" if plain else "int16"),
        "scale": 1.0 if plain else step / mm,
    }


def _frame(data: ModelData) -> dict[str, Any]:
    """Rows of axes: the head's left, up and front in object space, and its origin; the middle of the picture
    (3,) and its height, both in mm and the head's frame."""
    mm = float(data.manifest["mm_per_unit"])
    try:
        sites = data.sites
        axes, origin, size = sites.axes, sites.origin, sites.size
        low, high = (sites.points[name] for name in ("menton", "nasion"))
        focus, span = [0.0, (low[1] + high[1]) / 2 + 14 * size, high[2] - 60 * size], 325 * size
    except AimError:  # a face without bones or landmarks: by the axis that is up
        up = str(data.manifest["up"])
        axes = {
            "y": np.eye(3),
            "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
            "x": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        }[up]
        origin = data.neutral.mean(0, np.float64)
        inside = (data.neutral - origin) @ axes.T * mm
        focus, span = (inside.max(0) + inside.min(0)) / 2, 1.15 * float(np.ptp(inside, axis=0).max())
    return {
        "axes": np.asarray(axes).tolist(),
        "origin": np.asarray(origin).tolist(),
        "focus": np.asarray(focus).tolist(),
        "span": float(span),
    }


def _outwards(mesh: Mesh) -> Ints:
    """(F, 3) triangles, turned over where the faces as a whole look inwards; a sheet that is nearly flat has
    no inside."""
    triangles = mesh.triangles
    a, b, c = mesh.points[triangles].transpose(1, 0, 2)
    facing, middle = 0.5 * np.cross(b - a, c - a), (a + b + c) / 3
    area = np.linalg.norm(facing, axis=1)
    centre = area @ middle / max(float(area.sum()), 1e-30)
    extent = float(np.ptp(mesh.points, axis=0).max())
    inwards = ((middle - centre) * facing).sum() < -0.01 * extent * area.sum()
    return triangles[:, ::-1] if inwards else triangles


def _linear(block: Block, data: ModelData) -> dict[str, Any] | None:
    """What the linear look needs; the matrices are left out where every target is captured alone."""
    if not data.motion.twists.any():
        return None
    linear = data.linear
    plain = np.array_equal(linear.matrix, np.eye(len(linear.matrix)))
    return {
        "turns": block.add(linear.turns, "float64"),
        "offsets": block.add(linear.offsets, "float64"),
        "matrix": None if plain else block.add(linear.matrix, "float64"),
        "inverse": None if plain else block.add(linear.inverse, "float64"),
    }


def _edited(block: Block, model: FaceModel, under: FaceModel, detail: bool) -> dict[str, Any]:
    """An edit as the arithmetic takes it: what it adds to the rest, and what it multiplies."""
    data, edit = model.data, under.edit
    rest = edited_rest(data, edit, detail, under.moved).astype(np.float64) - data.tables(detail).rest
    tables = edited_tables(data, edit, detail, under.moved)
    bent: Any = ()
    if tables is not data.tables(detail):
        bent = tables.displacements - data.tables(detail).displacements
    gain = np.asarray(edit.expression_gain, np.float32)
    made = {
        "rest": moved(block, rest, model.mm_per_unit) if rest.any() else None,
        "moves": [moved(block, row, model.mm_per_unit, _BENT_STEP_MM) for row in bent] or None,
        "gain": float(gain) if not gain.ndim else None,
        "gains": block.add(gain, "float32") if gain.ndim else None,
        "jawGain": edit.jaw_gain,
        "arc": edit.jaw_arc,
        "pose": _matrix(edit.jaw_pose),
        "notes": list(under.edit_notes),
        "thickness": None,
        "bone": None,
    }
    if data.has_anatomy:
        before, after = model.anatomy, under.anatomy
        thicker = (after.thickness - before.thickness).astype(np.float32)
        bone = after.bone_points - before.bone_points
        made["thickness"] = block.add(thicker, "float32") if thicker.any() else None
        made["bone"] = moved(block, bone, model.mm_per_unit) if bone.any() else None
    return made


def _anatomy(block: Block, model: FaceModel) -> dict[str, int]:
    anatomy = model.anatomy
    return {
        "bone": block.add(anatomy.bone_points, "float32"),
        "thickness": block.add(anatomy.thickness, "float32"),
        "sure": block.add(np.rint(255 * np.clip(_bony(model), 0, 1)), "uint8"),
    }


def _bony(model: FaceModel) -> Floats:
    """(V,) in [0, 1]: above a half where the bone points make a bone's surface. They look the way the tissue
    over them goes, are not torn, hang together, and are on a skull or jaw. Elsewhere (lips, lids, ears,
    neck, inside the head) bone is a guess."""
    data, mesh = model.data, model.data.sewn
    triangles = _outwards(mesh)
    skin, bone = data.neutral.astype(np.float64), data.bone.astype(np.float64)
    corners = bone[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along = data.normals[triangles].sum(1, dtype=np.float64)
    cosine = (facing * along).sum(1) / np.maximum(
        np.linalg.norm(facing, axis=1) * np.linalg.norm(along, axis=1), 1e-30
    )
    torn = (_sides(corners) > 2.5 * _sides(skin[triangles]) + 1.0 / model.mm_per_unit).any(1)
    kept = (cosine > 0.45) & ~torn & ~_no_bone(data)[triangles].any(1)
    kept[kept] = _largest_pieces(triangles[kept], len(skin))
    count = np.bincount(triangles.ravel(), minlength=len(skin))
    share = np.bincount(triangles[kept].ravel(), minlength=len(skin)) / np.maximum(count, 1)
    soft = smoothed(mesh, share[:, None].astype(np.float64), 3)[:, 0]
    return soft if data.owners is None else soft[data.owners]


def _sides(corners: Floats) -> Floats:
    """(F, 3) lengths of the sides of triangles (F, 3, 3)."""
    lengths: Floats = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    return lengths


def _no_bone(data: ModelData) -> NDArray[np.bool_]:
    """(V,) of neck and ears: below the chin, behind the jaw below the skull's base, outside the skull at the
    ears."""
    try:
        sites = data.sites
    except AimError:
        return np.zeros(len(data.neutral), bool)
    at, size = sites.to_head(data.bone), sites.size
    ear, angle, chin = sites.site("tragion"), sites.site("gonion"), sites.points["menton"]
    skull = data.weight < 0.4 * float(data.weight.max())
    neck = (at[:, 1] < chin[1] - 8 * size) | (
        skull & (at[:, 1] < ear[1] - 34 * size) & (at[:, 2] < angle[2] + 25 * size)
    )
    above = at[:, 1] - ear[1]
    beside = (np.abs(at[:, 0]) > ear[0] - 2 * size) & (at[:, 2] < ear[2] + 10 * size)
    ears: NDArray[np.bool_] = beside & (above > -40 * size) & (above < 22 * size)
    return neck | ears


def _largest_pieces(triangles: Ints, vertices: int) -> NDArray[np.bool_]:
    """(F,) which triangles belong to pieces of at least a twentieth of all."""
    label = np.arange(vertices)
    while True:  # the least id spreads over each piece
        least = label[triangles].min(1)
        spread = label.copy()
        for corner in range(3):
            np.minimum.at(spread, triangles[:, corner], least)
        spread = spread[spread]
        if np.array_equal(spread, label):
            break
        label = spread
    piece = label[triangles[:, 0]] if len(triangles) else np.zeros(0, int)
    large: NDArray[np.bool_] = np.bincount(piece, minlength=1)[piece] * 20 >= len(triangles)
    return large


def _errors(block: Block, errors: Floats) -> dict[str, Any]:
    """Errors (T, V) mm in a byte each, as shares of each target's largest; and the mean of all, for the
    legend."""
    most = errors.max(1, initial=0)
    shares = np.rint(errors / np.maximum(most, 1e-12)[:, None] * 255)
    return {
        "shares": block.add(shares, "uint8"),
        "most": most.tolist(),
        "mean": float(errors.mean()) if errors.size else 0.0,
        "limit": max(float(np.quantile(errors, 0.999)), 0.01) if errors.size else 0.01,
    }


def _part(block: Block, part: Beside) -> dict[str, Any]:
    return {
        "name": part.name,
        "jaw": part.follows == "jaw",
        "points": block.add(part.mesh.points, "float32"),
        "triangles": block.add(part.mesh.triangles, "uint32"),
    }


def _take(block: Block, take: PlayedTake) -> dict[str, Any]:
    def kept(array: Floats | None) -> int | None:
        return None if array is None else block.add(array.reshape(len(array), -1), "float32")

    jaw = None if take.jaw is None else block.add(take.jaw.reshape(len(take.jaw), -1), "float64")
    return {
        "name": take.name,
        "fps": take.fps,
        "frames": len(take.weights),
        "weights": kept(take.weights),
        "activations": kept(take.activations),
        "jaw": jaw,
        "head": kept(take.head),
    }


def _matrix(matrix: Floats | None) -> list[float] | None:
    return None if matrix is None else np.asarray(matrix, np.float64).ravel().tolist()


# Which controls stand together: by the words in their names; where these say nothing, by where the face
# moves.


def controls(model: FaceModel) -> list[dict[str, Any]]:
    """Every control: name, range, knots, group, and where it is one of two sides, the stem and the side."""
    data = model.data
    rig, pairs = data.rig, _pairs(data.rig.names)
    places = {target: i for i, target in enumerate(rig.targets)}
    made = []
    for control in rig.controls:
        values = [v for v, _ in control.knots] or [1.0]
        stem, side = pairs.get(control.name, (control.name, ""))
        made.append(
            {
                "name": control.name,
                "low": min(0.0, *values),
                "high": max(0.0, *values),
                "knots": [[v, places[t]] for v, t in control.knots],
                "group": named_group(control.name) or _moving_group(data, control, rig),
                "stem": stem,
                "side": side,
            }
        )
    return made


def _pairs(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{name: (stem, 'l' or 'r')} of controls that come in two sides. 'jawLeft' and 'jawRight' are
    directions, not sides of one."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        stem, side = key(name)
        if side and stem not in ("jaw", "mouth", "tongue", "head"):
            found.setdefault(stem, {}).setdefault(side, name)
    shown: dict[str, tuple[str, str]] = {}
    for sides in found.values():
        if len(sides) == 2:
            stem = _stem(sides["l"], sides["r"])
            shown |= {sides["l"]: (stem, "l"), sides["r"]: (stem, "r")}
    return shown


def _stem(left: str, right: str) -> str:
    """What two names have in common, as it is shown: 'eyeBlink' of 'eyeBlink_L' and 'eyeBlink_R'."""
    head = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    tail = left[head:]
    for word in ("left", "l"):
        if tail.lower().startswith(word):
            return (left[:head] + tail[len(word) :]).strip("_-. ") or left
    return left[:head].strip("_-. ") or left


def named_group(name: str) -> str:
    """The group that a control's name speaks of; '' where it speaks of none."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", re.split(r"[:|]", name)[-1])
    for group, known in _WORDS.items():
        for stem in known.split():
            for word in map(str.lower, words):
                if word.startswith(stem) or (len(stem) > 3 and word.endswith(stem)):
                    return group
    return ""


def _moving_group(data: ModelData, control: Control, rig: Rig) -> str:
    if not control.knots or not data.has_anatomy:
        return "Other"
    target = rig.targets.index(control.knots[-1][1])
    if np.linalg.norm(data.motion.twists[target, :3]) > _TURNS:
        return "Jaw"
    try:
        regions = data.regions
    except AimError:
        return "Other"
    energy = np.square(data.tables(True).displacements[target]).sum(1)
    totals: dict[str, float] = {}
    for name, region in regions.items():
        totals[_REGIONS[name]] = totals.get(_REGIONS[name], 0.0) + float(energy @ region)
    return max(totals, key=lambda group: totals[group]) if energy.any() else "Other"
