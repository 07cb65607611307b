"""Cached evaluation on numpy alone, for the face as trained and as edited: a frame is one sum over the active
targets and one skinning.

    s(w) = p + k (arc (T p - p) + (1 - arc) linear),   p = rest + sum over active a_i e_i

A single frame reads every active target's rows for its sum; `displacements` reads them once for many frames.
A frame that moves few vertices and not the jaw touches these alone.
"""

from __future__ import annotations

import hashlib
import weakref
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.posing import displacement_form

from .bent_tables import bent_tables
from .blocks import Scratch
from .edit import Edit
from .model_data import ModelData
from .plans import Plan
from .skin_field import MovedSkin
from .tables import SkinTables, sculpted_tables

# What keeps an edit possible: bone never comes out of the skin above it, and no skin is torn or turned over.
# Clamped, and said where.

LEAST_MM = 0.2  # tissue that stays over a bone point; where the model itself has less, that
MOST_STRAIN = 0.8  # of the motion's gradient: at 1 space would turn over
_LIFTS = 2  # times that skin which came too near to its bone is asked to stay further out
_SURE, _THIN_MM = 0.75, 1.0  # which skin: whose anatomy is sure, and not so thin that it is no tissue


def clamped(data: ModelData, edit: Edit) -> tuple[Edit, tuple[str, ...], MovedSkin | None]:
    """A checked edit that leaves tissue over every bone point and tears nothing, what had to be changed for
    it, one sentence a reason, and the skin's motion; None where no tissue and no bone is edited.

    Thickness is held, a motion that is too strong is scaled down as a whole, and a neutral edit that sinks
    into the bone is lifted along the anatomy normals.
    """
    least = np.minimum(data.thickness, np.float32(LEAST_MM / float(data.manifest["mm_per_unit"])))
    moved: MovedSkin | None
    found, asked = _shared(data, edit), edit
    if found is not None:
        edit, moved, notes = found
    else:
        moved = moved_skin(data, edit)
        if moved is None:
            edit, notes = _thickness(data, edit, least)
        else:
            edit, moved, torn = _untorn(data, edit, moved)
            edit, moved, thin = _over_bone(data, edit, moved, least)
            notes = [*torn, *thin]
            _share(data, asked, edit, moved, notes)
    edit, sunk = _rest(data, edit, moved, least)
    return edit, (*edit.notes, *notes, *sunk), moved


# Faces of one model whose tissue and bones are edited alike share the motion, and with it the rows of their
# tables, as long as one of them is there.


def _asked(edit: Edit) -> bytes:
    asked = hashlib.sha256(str(id(edit.sculpts)).encode())  # which are kept: the rows are those of one base
    for value in (edit.thickness, edit.bone_offset):
        asked.update(str(np.shape(value)).encode())
        asked.update(np.asarray(value, np.float32).tobytes())
    return asked.digest()


def _shared(data: ModelData, edit: Edit) -> tuple[Edit, MovedSkin, list[str]] | None:
    """What `clamped` made of the same tissue and bones."""
    held = data.moved_kept.get(_asked(edit)) if data.moved_kept else None
    moved = None if held is None else held[0]()
    if held is None or moved is None:
        return None
    made: Edit = held[1]
    return replace(edit, thickness=made.thickness, bone_offset=made.bone_offset), moved, [*held[2]]


def _share(data: ModelData, asked: Edit, edit: Edit, moved: MovedSkin, notes: list[str]) -> None:
    key, kept = _asked(asked), data.moved_kept
    made = Edit(thickness=edit.thickness, bone_offset=edit.bone_offset, sculpts=edit.sculpts)
    kept[key] = weakref.ref(moved, lambda _: kept.pop(key, None)), made, notes


def moved_skin(data: ModelData, edit: Edit) -> MovedSkin | None:
    """The skin's motion under a checked edit; None where no tissue and no bone is edited, and for files
    that were written before the skin followed as a whole."""
    asks = np.any(np.asarray(edit.thickness) != 1.0) or np.any(edit.bone_offset)
    return None if not asks or data.skin_field is None else data.skin_field.moved(edit)


def _untorn(data: ModelData, edit: Edit, moved: MovedSkin) -> tuple[Edit, MovedSkin, list[str]]:
    """So much of the edit as the skin holds."""
    places, strain = moved.strain()
    most = float(strain.max())
    if most <= MOST_STRAIN:
        return edit, moved, []
    amount = np.float32(MOST_STRAIN / most)
    where = np.zeros(len(data.neutral), bool)
    where[places[strain > MOST_STRAIN]] = True
    thickness = np.float32(1) + amount * (np.asarray(edit.thickness, np.float32) - np.float32(1))
    edit = replace(
        edit,
        thickness=thickness if thickness.ndim else float(thickness),
        bone_offset=np.asarray(amount * edit.bone_offset) if np.ndim(edit.bone_offset) else 0.0,
    )
    return (
        edit,
        moved.scaled(float(amount)),
        [
            f"The edit asks the skin to stretch by {most:.3g} of its length (most in "
            f"{_places(data, where)}); {MOST_STRAIN:g} is the most that it holds: "
            f"{amount:.0%} of the edit is done."
        ],
    )


def _over_bone(
    data: ModelData, edit: Edit, moved: MovedSkin, least: Floats
) -> tuple[Edit, MovedSkin, list[str]]:
    """Where the skin came nearer to its bone than `least` (V,), the anatomy asks for more, a few times
    over."""
    assert data.skin_field is not None
    own = data.thickness * float(data.manifest["mm_per_unit"])
    sure, low, deepest = (
        (data.skin_field.confidence > _SURE) & (own > _THIN_MM),
        np.zeros(len(least), bool),
        0.0,
    )
    for _ in range(_LIFTS):
        lack = np.where(sure, least - tissue_left(data, edit, moved), 0)
        now = lack > 0.25 * least
        if not now.any():
            break
        low, deepest = low | now, max(deepest, float(lack.max()))
        more = np.where(now, 1.5 * lack / np.maximum(data.thickness, 1e-12), 0).astype(np.float32)
        edit = replace(edit, thickness=np.asarray(edit.thickness, np.float32) + more)
        moved = data.skin_field.moved(edit)
    if not low.any():
        return edit, moved, []
    what, done = "Bone came through the skin by its thickness", "the skin around is held out, towards"
    return edit, moved, [_said(data, low, deepest, what, done)]


def tissue_left(data: ModelData, edit: Edit, moved: MovedSkin | None) -> Floats:
    """(V,) what lies along the anatomy normals between bone and skin under an edit, its neutral's offset left
    out, model unit."""
    if moved is None:
        return np.asarray(np.float32(edit.thickness) * data.thickness)
    return data.thickness + ((moved.offset - edit.bone_offset) * data.normals).sum(1)


def _thickness(data: ModelData, edit: Edit, least: Floats) -> tuple[Edit, list[str]]:
    if not np.ndim(edit.thickness) and edit.thickness >= 1.0:
        return edit, []
    asked = np.float32(edit.thickness) * data.thickness
    low = asked < least * (1 - 1e-6)
    if not low.any():
        return edit, []
    held = np.where(low, least / np.maximum(data.thickness, 1e-12), np.float32(edit.thickness)).astype(
        np.float32
    )
    return replace(edit, thickness=held), [
        _said(data, low, float((least - asked).max()), "Bone came through the skin by its thickness")
    ]


def _rest(data: ModelData, edit: Edit, moved: MovedSkin | None, least: Floats) -> tuple[Edit, list[str]]:
    if not np.ndim(edit.rest_offset):
        return edit, []
    lack = least - tissue_left(data, edit, moved) - (edit.rest_offset * data.normals).sum(1)
    low = lack > 1e-6 * np.maximum(data.thickness, least)
    if not low.any():
        return edit, []
    lifted = edit.rest_offset + np.where(low, lack, 0).astype(np.float32)[:, None] * data.normals
    return replace(edit, rest_offset=lifted), [
        _said(data, low, float(lack.max()), "The edited neutral sank into the bone")
    ]


def _said(
    data: ModelData, low: NDArray[np.bool_], largest: float, what: str, done: str = "clamped to"
) -> str:
    mm = largest * float(data.manifest["mm_per_unit"])
    return (
        f"{what} at {int(low.sum())} vertices ({_places(data, low)}), by up to {mm:.1f} mm: {done} "
        f"{LEAST_MM:g} mm of tissue."
    )


def _places(data: ModelData, low: NDArray[np.bool_]) -> str:
    """The regions that hold them, most first; vertex ids for a model without regions."""
    try:
        regions = data.regions
    except AimError:
        return "vertex " + ", ".join(map(str, np.flatnonzero(low)[:3].tolist()))
    names = np.array([*regions, "elsewhere"])
    maps = np.stack([*regions.values(), np.full(len(low), 0.3, np.float32)])[:, low]
    found, counts = np.unique(names[maps.argmax(0)], return_counts=True)
    order = np.argsort(-counts)
    return ", ".join(f"{found[i]} {counts[i]}" for i in order)


def edited_rest(data: ModelData, edit: Edit, detail: bool, moved: MovedSkin | None = None) -> Floats:
    """(V, 3) float32 rest after a checked edit: what the skin's motion, formed when it is not given, and a
    neutral edit add to it.

    Without a motion, in files that were written before there was any: thickness adds (t - 1) d0 n0, a bone
    offset itself.
    """
    rest = data.tables(detail).rest
    moved = moved_skin(data, edit) if moved is None else moved
    if moved is not None:
        rest = rest + moved.offset
        return rest + edit.rest_offset if np.ndim(edit.rest_offset) else rest
    if np.ndim(edit.thickness) or edit.thickness != 1.0:
        factor = np.asarray(edit.thickness, np.float32) - np.float32(1)
        rest = rest + np.reshape(factor * data.thickness, (-1, 1)) * data.normals
    if np.ndim(edit.skin_offset):
        rest = rest + edit.skin_offset
    return rest


def edited_tables(data: ModelData, edit: Edit, detail: bool, moved: MovedSkin | None) -> SkinTables:
    """The tables that a frame is summed from: the trained and sculpted shapes are carried by the skin's
    motion; what comes from the networks alone is left as they gave it."""
    tables = data.tables(detail)
    if not detail:
        return tables
    if edit.sculpts is not None:
        tables = sculpted_tables(tables, edit.sculpts, data.linear.matrix)
    return tables if moved is None else bent_tables(moved, tables, data.trained_poses)


_LIKE = 96  # vertices: an offset of all is added to so many at once, since numpy is slow with rows of three
_REPEATED = np.tile(np.eye(3, dtype=np.float32), _LIKE)  # (3, 3 * _LIKE)


class CachedEvaluator:
    """Points of one model under one edit, with or without detail. Thread-safe: scratch memory is lent to one
    call at a time."""

    def __init__(self, data: ModelData, edit: Edit, detail: bool, moved: MovedSkin | None = None) -> None:
        """moved: the edit's motion of the skin, where the model has any."""
        self._data, self._edit = data, edit
        self._tables = edited_tables(data, edit, detail, moved)
        self._arc = edit.jaw_arc * data.baked.arc
        self._turns = data.motion.twists.any(1)  # (T,): which targets move the jaw
        # the rest of the blocks that the last plan of few moved
        self._part: tuple[Plan | None, Floats] = None, np.zeros(0, np.float32)
        self._rest_points = edited_rest(data, edit, detail, moved)
        gain = np.asarray(edit.expression_gain, np.float32)
        self._gain: Floats | None = None if not gain.ndim and gain == 1 else gain
        if gain.ndim:
            self._gain = np.repeat(gain[:, None], 3, 1)

    def displacements(self, activations: Floats, out: Floats | None = None) -> Floats:
        """(N, V, 3) float32, in `out` when it is given: sums over the active targets for activations (N, T),
        before skinning.

        Row i is the same to the last bit for equal N, i, activations[i] and set of columns that are not zero
        in all rows.
        """
        active = np.flatnonzero(activations.any(0))
        e = np.empty((len(activations), *self._rest_points.shape), np.float32) if out is None else out
        plan = self._tables.plan(active)
        weights, scratch = (
            np.ascontiguousarray(activations[:, active], np.float32),
            self._tables.blocks.lent(),
        )
        try:
            plan.sums(weights, scratch, e)
        finally:
            self._tables.blocks.given_back(scratch)
        self._apply_gain(e)
        return e

    def points(self, activations: Floats, jaw: Floats | None, displacement: Floats | None = None) -> Floats:
        """(V, 3) float32 for activations (T,) float64; jaw (4, 4) replaces the learned one; displacement (V,
        3) is a row of `displacements`."""
        active = activations.nonzero()[0]
        blended = self._arc != 1.0 and jaw is None
        if jaw is None:
            transform = None
            if blended or self._turns.take(active).any():
                twist = self._edit.jaw_gain * (activations @ self._data.motion.twists)
                transform = rigid.exp(twist) if blended or twist.any() else None
        else:
            transform = None if (jaw == np.eye(4)).all() else jaw
        if transform is None and not len(active):
            return self._rest_points.copy()
        scratch = self._tables.blocks.lent()
        try:
            if displacement is not None:
                moved: Floats = displacement + self._rest_points
            else:
                plan, weights = self._tables.plan(active), activations[active].astype(np.float32)
                if transform is None and isinstance(plan, Plan) and plan.few:
                    return self._moved_alone(plan, weights, scratch)
                moved = plan.sum(weights, scratch)
                self._apply_gain(moved)
                moved += self._rest_points
            if transform is None:
                return moved
            carried = self._carried(scratch, moved, transform)
            if blended:
                arc = np.float32(self._arc)
                carried = arc * carried + (1 - arc) * self._linear(active, activations)
            carried *= self._data.weights
            moved += carried
            return moved
        finally:
            self._tables.blocks.given_back(scratch)

    def _moved_alone(self, plan: Plan, weights: Floats, scratch: Scratch) -> Floats:
        """The rest, but of the blocks that the plan's targets move."""
        out, flat, held = self._rest_points.copy(), plan.flat, self._part
        if held[0] is not plan:
            held = self._part = plan, self._rest_points.reshape(-1).take(flat)
        part = plan.touched(weights, scratch)
        if self._gain is not None:
            part *= self._gain.reshape(-1).take(flat) if self._gain.ndim else self._gain
        part += held[1]
        out.reshape(-1)[flat] = part
        return out

    def local_points(self, coefficients: Floats, offsets: Floats | None, jaw: Floats) -> Floats:
        """(V, 3) float32 for coefficients (T, V) float32 that vary over the face, offsets (3, V) before
        skinning or None, jaw (4, 4).

        The expression gain acts on the offsets, too; the linear look (jaw_arc 0) is not defined here, the jaw
        turns on its arc.
        """
        total = np.zeros((3, len(self._rest_points)), np.float32) if offsets is None else offsets.copy()
        self._tables.local(coefficients, total)
        moved = np.ascontiguousarray(total.T)
        self._apply_gain(moved)
        moved += self._rest_points
        scratch = self._tables.blocks.lent()
        carried = self._carried(scratch, moved, jaw)
        carried *= self._data.weights
        moved += carried
        self._tables.blocks.given_back(scratch)
        return moved

    def _apply_gain(self, e: Floats) -> None:
        if self._gain is not None:
            e *= self._gain

    def _carried(self, scratch: Scratch, points: Floats, transform: Floats) -> Floats:
        """(V, 3), in scratch memory: T p - p for points p (V, 3), about the model's centre."""
        turn, offset = displacement_form(transform, self._data.centre)
        at = _shifted(points, -self._data.centre, scratch.product)
        carried: Floats = np.matmul(at, np.ascontiguousarray(turn.T, np.float32), out=scratch.sum)
        return _shifted(carried, offset, carried)

    def _linear(self, active: Ints, activations: Floats) -> Floats:
        """(V, 3): the jaw's share of the linear sum of the shapes."""
        turn, offset, turns = self._data.linear.combine(activations)
        centred = (self._rest_points - self._data.centre).astype(np.float32)
        result = centred @ turn.T.astype(np.float32)
        _shifted(result, offset, result)
        gain = np.float32(1) if self._gain is None else self._gain
        for i in active.tolist():
            if turns[i].any():
                result += gain * (self._tables.row(i) @ turns[i].T.astype(np.float32))
        linear: Floats = np.float32(self._edit.jaw_gain) * result
        return linear


def _shifted(points: Floats, offset: Floats, out: Floats) -> Floats:
    """points (V, 3) with offset (3,) added, in out (V, 3)."""
    whole, many = len(points) - len(points) % _LIKE, offset.astype(np.float32) @ _REPEATED
    np.add(points[:whole].reshape(-1, 3 * _LIKE), many, out[:whole].reshape(-1, 3 * _LIKE))
    last = points[whole:].reshape(-1)
    np.add(last, many[: len(last)], out[whole:].reshape(-1))
    return out
