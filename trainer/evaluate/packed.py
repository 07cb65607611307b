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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from aim_maya.core.actor_check import connected
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import STOPS, Mesh
from aim_maya.core.posing import moving
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.bent_tables import BentTables, need_together
from aim_maya.runtime.cached import edited_rest, edited_tables
from aim_maya.runtime.face_parts import controls, outwards, sure_bone
from aim_maya.runtime.model_data import ModelData

_STEP_MM = 0.0005  # of displacements
_BENT_STEP_MM = 0.0015  # of what an edit changes about them
_CROWN_MM, _ROOTED_MM, _MOLAR_MM = 10.0, 14.0, 16.0  # of a tooth: seen, higher with its root, widest
_COARSEST_MM = 0.001  # the largest step that sixteen bits are used with


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
    progress: Progress | None = None,
) -> Block:
    """A model and what is shown with it. edits: {name: (what it does, the model under it)}; errors (T, V)
    mm, of the networks at every target's trained pose. Raises Cancelled where a stop is asked for."""
    data, told = model.data, progress or Progress("none")
    tables, block, targets = data.tables(detail), Block({}), len(data.rig.targets)
    bent = [edited_tables(data, under.edit, detail, under.moved) for _, under in edits.values()]
    told.stage("the interactive face", targets)
    for i in range(targets):  # each at once under all edits
        need_together([t for t in bent if isinstance(t, BentTables)], np.array([i]))
        told.step(i + 1, targets)
    block.head = {
        "name": str(data.manifest["name"]),
        "mm": model.mm_per_unit,
        "vertices": len(data.neutral),
        "targets": list(data.rig.targets),
        "frame": _frame(data),
        "centre": np.asarray(data.centre, np.float64).tolist(),
        "arc": data.baked.arc,
        "pose": _matrix(data.baked.pose),
        "controls": controls(data),
        "poses": [
            {"of": [[data.rig.names.index(c), v] for c, v in p.weights.items()], "method": p.method}
            for p in data.rig.poses
        ],
        "rest": block.add(tables.rest, "float32"),
        "triangles": block.add(outwards(data.mesh), "uint32"),
        "weight": block.add(data.weight, "float32"),
        "twists": block.add(data.motion.twists, "float64"),
        "doubles": None if data.doubles is None else [block.add(ids, "uint32") for ids in data.doubles],
        "moves": [moved(block, row, model.mm_per_unit) for row in tables.rows()],
        "linear": _linear(block, data),
        "edits": [
            {"name": name, "about": about, **_edited(block, model, under, detail)}
            for name, (about, under) in edits.items()
        ],
        "anatomy": _anatomy(block, model) if data.has_anatomy else None,
        "thickest": float(np.quantile(data.thickness, 0.98)) * model.mm_per_unit,
        "errors": _errors(block, errors),
        "parts": [_part(block, part, data) for part in parts if len(part.mesh.counts)],
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
    moves = moving(steps)
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
        top = float(sites.to_head(data.neutral)[:, 1].max()) + 10 * size
        over = min(max(top - focus[1] - span / 2, 0.0), 80 * size)  # a high head: all of it in sight
        focus[1], span = focus[1] + over / 2, span + over
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
        bent = (a - b for a, b in zip(tables.rows(), data.tables(detail).rows(), strict=True))
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
        "sure": block.add(np.rint(255 * np.clip(sure_bone(model.data), 0, 1)), "uint8"),
    }


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


def _part(block: Block, part: Beside, data: ModelData) -> dict[str, Any]:
    points = part.mesh.points
    if re.search(r"teeth|tooth", part.name, re.I):
        axes = np.asarray(_frame(data)["axes"]) * float(data.manifest["mm_per_unit"])
        points = crowns(part.mesh, axes, up=part.follows == "jaw")
    return {
        "name": part.name,
        "jaw": part.follows == "jaw",
        "points": block.add(points, "float32"),
        "triangles": block.add(part.mesh.triangles, "uint32"),
    }


def crowns(mesh: Mesh, axes: Floats, up: bool) -> Floats:
    """(P, 3) the points of teeth with every root drawn into its crown: bare roots would stand out of a
    guessed jaw. axes: rows left, up and front, mm; up: of the lower teeth.

    A piece is one tooth where it is no wider and deeper than a molar, and higher than any crown; teeth with
    gums stay as they are. Crowns are 7 to 11 mm high (S. Nelson, Wheeler's Dental Anatomy).
    """
    inside = mesh.points @ axes.T
    height = inside[:, 1] if up else -inside[:, 1]
    label = connected(mesh.edges, len(mesh.points))
    points = np.array(mesh.points)
    for piece in np.unique(label[mesh.corners]):
        own = np.flatnonzero(label == piece)
        wide, high, deep = np.ptp(inside[own], axis=0)
        if max(wide, deep) > _MOLAR_MM or high < _ROOTED_MM:
            continue
        crown = height[own] > height[own].max() - _CROWN_MM
        lowest = own[crown][np.argsort(height[own[crown]])[: max(6, crown.sum() // 4)]]
        points[own[~crown]] = mesh.points[lowest].mean(0)  # the gum's end of the crown, closed
    return points


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
