"""Cached evaluation on numpy alone: the fields are constants of the mesh, so a frame is one sum over the active targets and one
planar (3, 4) x (4, V) product.

    s(w) = p + k (arc (T p - p) + (1 - arc) linear),   p = rest + sum over active a_i e_i

A single frame reads every active table for its sum; `displacements` reads them once for many frames.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.skinning import displacement_form

from .edit import Edit
from .model_data import ModelData, Scratch

Floats = NDArray[np.floating]


def edited_rest(data: ModelData, edit: Edit, detail: bool) -> Floats:
    """(V, 3) float32 rest after a checked edit: thickness adds (t - 1) d0 n0, a bone offset moves b0, a neutral edit s0."""
    rest = data.tables(detail).rest
    if np.ndim(edit.thickness) or edit.thickness != 1.0:
        factor = np.asarray(edit.thickness, np.float32) - np.float32(1)
        rest = rest + np.reshape(factor * data.thickness, (-1, 1)) * data.normals
    if np.ndim(edit.skin_offset):
        rest = rest + edit.skin_offset
    return rest


class CachedEvaluator:
    """Points of one model under one edit, with or without detail. Thread-safe: scratch memory is lent to one call at a time."""

    def __init__(self, data: ModelData, edit: Edit, detail: bool) -> None:
        self._data, self._edit = data, edit
        self._tables = data.tables(detail)
        self._table = self._tables.planar
        self._arc = edit.jaw_arc * data.baked.arc
        self._rest_points = edited_rest(data, edit, detail)

    @cached_property
    def _rest(self) -> Floats:
        return np.ascontiguousarray(self._rest_points.T)

    @cached_property
    def _centred(self) -> Floats:
        return np.ascontiguousarray((self._rest_points - self._data.centre).astype(np.float32).T)

    def displacements(self, activations: Floats, out: Floats | None = None) -> Floats:
        """(N, 3, V) float32, in `out` when it is given: sums over the active targets for activations (N, T), before skinning, for `points`.

        Row i is the same to the last bit for equal N, i, activations[i] and set of columns that are not zero in all rows.
        """
        active = np.flatnonzero(activations.any(0))
        e = np.empty((len(activations), *self._rest.shape), np.float32) if out is None else out
        with self._tables.scratch() as scratch:
            np.dot(np.ascontiguousarray(activations[:, active], np.float32), scratch.rows(active), out=e.reshape(len(e), -1))
        self._apply_gain(e)
        return e

    def points(self, activations: Floats, jaw: Floats | None, displacement: Floats | None = None) -> Floats:
        """(V, 3) float32 for activations (T,) float64; jaw (4, 4) replaces the learned one; displacement (3, V) is a row of `displacements`."""
        active = np.flatnonzero(activations)
        transform = self._data.motion.transform(activations, self._edit.jaw_gain) if jaw is None else jaw
        blended = self._arc != 1.0 and jaw is None
        moved = blended or not np.array_equal(transform, np.eye(4))
        if not len(active) and not moved:
            return self._rest_points.copy()
        out = np.empty(self._rest_points.shape, np.float32)
        with self._tables.scratch() as scratch:
            e = self._displacement(scratch, active, activations) if displacement is None else displacement
            if moved:
                carried = self._carried(scratch, e, transform)
                if blended:
                    arc = np.float32(self._arc)
                    carried = arc * carried + (1 - arc) * self._linear(active, activations)
                carried *= self._data.weight
                e = np.add(e, carried, out=carried)
            self._put(e, out)
        return out

    def local_points(self, coefficients: Floats, offsets: Floats | None, jaw: Floats) -> Floats:
        """(V, 3) float32 for coefficients (T, V) float32 that vary over the face, offsets (3, V) before skinning or None, jaw (4, 4).

        The expression gain acts on the offsets, too; the linear look (jaw_arc 0) is not defined here, the jaw turns on its arc.
        """
        out = np.empty(self._rest_points.shape, np.float32)
        with self._tables.scratch() as scratch:
            e, product = scratch.sum
            e[:] = 0 if offsets is None else offsets
            for row, share in zip(self._table, coefficients, strict=True):
                if share.any():
                    e += np.multiply(row.reshape(3, -1), share, out=product)
            self._apply_gain(e)
            carried = self._carried(scratch, e, jaw)
            carried *= self._data.weight
            self._put(np.add(e, carried, out=carried), out)
        return out

    def _put(self, e: Floats, out: Floats) -> None:
        for axis in range(3):
            np.add(e[axis], self._rest[axis], out=out[:, axis])

    def _apply_gain(self, e: Floats) -> None:
        if np.ndim(self._edit.expression_gain) or self._edit.expression_gain != 1.0:
            e *= np.asarray(self._edit.expression_gain, np.float32)

    def _displacement(self, scratch: Scratch, active: NDArray[np.intp], activations: Floats) -> Floats:
        """(3, V) float32 sum over the active targets, in scratch memory, times the expression gain."""
        rows, e = scratch.rows(active), scratch.sum[0]
        np.dot(activations[active].astype(np.float32), rows, out=e.reshape(-1))
        self._apply_gain(e)
        return e

    def _carried(self, scratch: Scratch, e: Floats, transform: Floats) -> Floats:
        """(3, V): T p - p for p = rest + e, planar, about the model's centre."""
        turn, offset = displacement_form(transform, self._data.centre)
        at: Floats = np.add(e, self._centred, out=scratch.sum[1])
        carried = turn.astype(np.float32) @ at
        carried += offset.astype(np.float32)[:, None]
        return carried

    def _linear(self, active: NDArray[np.intp], activations: Floats) -> Floats:
        """(3, V): the jaw's share of the linear sum of the shapes."""
        turn, offset, turns = self._data.linear.combine(activations)
        result = turn.astype(np.float32) @ self._centred + offset.astype(np.float32)[:, None]
        gain = np.asarray(self._edit.expression_gain, np.float32)
        for i in active:
            if turns[i].any():
                result += gain * (turns[i].astype(np.float32) @ self._table[i].reshape(3, -1))
        return np.float32(self._edit.jaw_gain) * result
