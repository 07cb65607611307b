"""The tables that frames are summed from: per target the rows of the blocks of vertices that it moves, and
only those (blocks.py).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Detail, inverse_of_poses, moving

from .blocks import Blocks, Wholes, untouched
from .edit import Sculpts
from .plans import Group, Layer, Named, Plan, SpreadPlan, Sums, WholePlan

_PLANS = 8  # sets of active targets that a table remembers
_numbers = itertools.count()


class Rows(Protocol):
    """What a target displaces, formed when it is asked for, or an array (T, V, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Floats: ...


def _zeros(rows: int, width: int) -> Floats:
    return np.zeros((rows, width), np.float32)


class SkinTables:
    """One way to form the skin: rest (V, 3) float32 and the displacements of T targets before skinning, model
    unit, object space; each target's rows are laid out when it is first asked for.

    A table made from another one holds what is different, and leaves the rest where it is.
    """

    def __init__(
        self,
        rest: Floats,
        count: int,
        blocks: Blocks,
        points_of: Callable[[int], tuple[Ints, Floats]] | None = None,
        of: SkinTables | None = None,
    ) -> None:
        """points_of: ids (M,) and displacements (M, 3) of a target. of: where the rows of targets are that
        this table does not keep."""
        self.rest, self.count, self.blocks, self.of = rest, count, blocks, of
        self._points_of, self._number = points_of, next(_numbers)
        self._ready = np.zeros(count, bool)
        self._own = np.zeros(count, bool)
        self._placed = of is None or blocks.full  # every row has its place in the table from the beginning
        self._slots: Ints = blocks.rows if self._placed else np.full((count, len(blocks)), -1, np.int32)
        self._used = 0
        self._table = np.empty((0, 3 * blocks.width), np.float32)
        self._lock = threading.RLock()
        self._plans: dict[bytes, Sums] = {}
        self._local: tuple[bytes, list[tuple[Ints | slice, Ints, Floats]]] = b"none", []

    def need(self, rows: NDArray[np.integer]) -> None:
        """Make sure that the rows of these targets are there."""
        if self._ready[rows].all():
            return
        with self._lock:
            for i in rows[~self._ready[rows]].tolist():
                if self._ready[i]:
                    continue
                if self._points_of is None:
                    self._leave(i)
                else:
                    self._lay(i, *self._points_of(i))

    def _lay(self, i: int, ids: Ints, values: Floats) -> None:
        """Lay out the displacements (M, 3) of points ids (M,), under the lock."""
        blocks = self.blocks
        block, inside = blocks.inside
        of = block.take(ids)
        slots = self._slots[i]
        if self._placed:
            if not len(self._table):
                memory = untouched if blocks.full else _zeros
                self._table = memory(int(self._slots.max(initial=-1)) + 1, 3 * blocks.width)
        else:
            some = np.unique(of)
            slots[some] = np.arange(self._used, self._used + len(some), dtype=np.int32)
            self._room(self._used + len(some))
            self._used += len(some)
        at = blocks.width * slots.take(of).astype(np.intp) + inside.take(ids)
        self._table.reshape(-1, 3)[at] = values
        last, left = slots[-1], blocks.vertices - (len(blocks) - 1) * blocks.width
        if last >= 0 and left < blocks.width:  # a block that is not full is filled up with its last vertex
            row = self._table[last].reshape(-1, 3)
            row[left:] = row[left - 1]
        self._own[i] = self._ready[i] = True

    def _room(self, rows: int) -> None:
        """Let the table hold so many rows."""
        if rows > len(self._table):
            grown = np.zeros((rows + rows // 4, self._table.shape[1]), np.float32)
            grown[: self._used] = self._table[: self._used]
            self._table = grown  # not before: another thread may be summing its rows

    def _leave(self, i: int) -> None:
        """Let target i be what it is in the table that this one was made from."""
        assert self.of is not None
        self.of.need(np.array([i]))
        self._ready[i] = True

    def plan(self, active: Ints) -> Sums:
        """How to sum the active targets (A,), whose rows are there then. An animation keeps its active set
        for many frames."""
        key = active.tobytes()
        held = self._plans.get(key)
        if held is None:
            self.need(active)
            if self.blocks.full and len(active):
                held = WholePlan(active, *self._named(active))
            else:
                held = self._spread(active) if self.blocks.most(active) else None
                held = held or Plan(self._layers(active, np.arange(len(active))), self.blocks)
            if len(self._plans) >= _PLANS:
                self._plans = {}
            self._plans[key] = held
        return held

    def _named(self, active: Ints) -> Named:
        """The names (A,) of the rows of active targets (A,) of full blocks, and the tables that have them, as
        Scratch.whole takes them; and what their weights are to be multiplied by, None for nothing."""
        names: Ints = active + self._number * self.count
        tables: dict[int, Wholes] = {}
        if self.of is not None and not (own := self._own[active]).all():
            names[~own], tables, _ = self.of._named(active[~own])
            if not own.any():
                return names, tables, None
        tables[self._number] = self._table.reshape(self.count, -1)
        return names, tables, None

    def _spread(self, active: Ints) -> Sums | None:
        """How to sum most targets where their rows lie; None where these do not lie block after block."""
        blocks = self.blocks
        if self.of is not None:
            return None
        return SpreadPlan(self._table, blocks.targets, blocks.ends, blocks, active)

    def _layers(self, active: Ints, which: Ints) -> list[Layer]:
        """which (A,): where the active targets (A,) stand among all that are."""
        layers: list[Layer] = []
        if self.of is not None:
            own = self._own[active]
            if not own.all():
                layers = self.of._layers(active[~own], which[~own])
            active, which = active[own], which[own]
        if not len(active):
            return layers
        blocks = len(self.blocks)
        slots = self._slots.take(active, 0).T
        counts = np.add.reduce(slots >= 0, 1, np.int16)
        # in the mesh's order only blocks that nothing moves come first: the others' rows may be neighbours
        order = (counts > 0 if self.blocks.in_order else counts).argsort(kind="stable")
        counts = counts.take(order)
        inverse: Ints | None = None
        if not (self.blocks.in_order and counts[0]):
            inverse = np.empty_like(order)
            inverse[order] = np.arange(blocks)
        slots = slots.take(order, 0).ravel()
        there = (slots >= 0).nonzero()[0]
        rows = slots.take(there).astype(np.intp)
        groups = _groups(counts, rows, self.blocks.in_order)
        return [*layers, Layer(self._table, which.take(there % len(active)), rows, groups, order, inverse)]

    def at(self, vertex: int) -> Floats:
        """(T, 3) float32 displacements of one vertex by every target."""
        self.need(np.arange(self.count))
        block, inside = divmod(int(self.blocks.place[vertex]), self.blocks.width)
        found = np.zeros((self.count, 3), np.float32) if self.of is None else self.of.at(vertex)
        found[self._own] = 0
        there = self._own & (self._slots[:, block] >= 0)
        found[there] = self._table[self._slots[there, block], 3 * inside : 3 * inside + 3]
        return found

    def row(self, i: int) -> Floats:
        """(V, 3) float32 displacements of target i, in the mesh's order."""
        one = np.array([i])
        self.need(one)
        if self.of is not None and not self._own[i]:
            return self.of.row(i)
        placed = np.zeros((len(self.blocks), 3 * self.blocks.width), np.float32)
        some = (self._slots[i] >= 0).nonzero()[0]
        placed[some] = self._table[self._slots[i, some]]
        return self.blocks.in_mesh(placed, np.empty((len(self.rest), 3), np.float32))

    def rows(self) -> Iterator[Floats]:
        """`row` of every target."""
        return (self.row(i) for i in range(self.count))

    @property
    def displacements(self) -> Floats:
        """(T, V, 3) float32, all of it: made anew every time."""
        return np.array([*self.rows()], np.float32).reshape(self.count, len(self.rest), 3)

    def local(self, shares: Floats, out: Floats) -> None:
        """Add to out (3, V) float32 the displacements by shares (T, V) float32 that vary over the face. Rows
        of the targets that have any lie by block and coordinate, and are kept as long as those are the
        same."""
        active = np.flatnonzero(shares.any(1))
        held = self._local
        if held[0] != active.tobytes():
            self.need(active)
            held = self._local = active.tobytes(), [*self._by_coordinate(active)]
        for ids, which, rows in held[1]:
            some = shares[which, ids] if isinstance(ids, slice) else shares[which[:, None], ids]
            out[:, ids] += np.einsum("tv,tcv->cv", some, rows)

    def _by_coordinate(self, active: Ints) -> Iterator[tuple[Ints | slice, Ints, Floats]]:
        """Of each block its vertices (W,), the targets (N,) that touch it and their rows (N, 3, W)."""
        blocks, own = self.blocks, self._own[active]
        if self.of is not None:
            yield from self.of._by_coordinate(active[~own])
        active = active[own]
        for b, ids in enumerate(blocks.order):
            slots = self._slots[active, b]
            some = slots >= 0
            count = min(blocks.width, blocks.vertices - b * blocks.width)
            rows = self._table[slots[some]].reshape(-1, blocks.width, 3)[:, :count]
            if len(rows):
                at = slice(b * blocks.width, b * blocks.width + count) if blocks.in_order else ids[:count]
                yield at, active[some], np.ascontiguousarray(rows.transpose(0, 2, 1))

    @property
    def nbytes(self) -> int:
        """Bytes of the rows that are there, those of other tables left out."""
        return int((self._slots[self._own] >= 0).sum()) * 4 * self._table.shape[1]


def _groups(counts: Ints, rows: Ints, in_order: bool) -> list[Group]:
    """Of blocks with so many rows each, (B,) in the layer's order, those that follow each other."""
    groups, begin = [], 0
    cuts = [0, *(1 + (counts[1:] != counts[:-1]).nonzero()[0]).tolist()]
    # where all rows of a block are used they are neighbours, in blocks of the mesh's order
    apart = np.cumsum(np.diff(rows, prepend=rows[:1]) != 1) if in_order else None
    for at, to, count in zip(cuts, [*cuts[1:], len(counts)], counts[cuts].tolist(), strict=True):
        end = begin + count * (to - at)
        near = count and apart is not None and apart[begin] == apart[end - 1]
        groups.append(Group(at, to, count, begin, end, int(rows[begin]) if near else -1))
        begin = end
    return groups


def dense_tables(rest: Floats, displacements: Rows) -> SkinTables:
    """Tables of displacements, T times (V, 3) float32, at rest (V, 3)."""
    if isinstance(displacements, np.ndarray):
        moved = np.packbits((displacements != 0).any(2), axis=1)
    else:
        moved = np.full((len(displacements), -(-len(rest) // 8)), 255, np.uint8)

    def points_of(i: int) -> tuple[Ints, Floats]:
        whole = displacements[i]
        ids = np.flatnonzero(moving(whole))
        return ids, whole[ids]

    return SkinTables(rest, len(displacements), Blocks.of(rest, moved), points_of)


def sparse_tables(rest: Floats, detail: Detail) -> SkinTables:
    """Tables of a file's detail at rest (V, 3)."""
    return SkinTables(rest, len(detail), Blocks.of(rest, detail.moved), detail.points)


def difference_tables(rest: Floats, detail: Detail, learned: Detail) -> SkinTables:
    """Tables of detail plus what is learned beside it, at rest (V, 3)."""

    def points_of(i: int) -> tuple[Ints, Floats]:
        row = detail[i] + learned[i]
        ids = np.flatnonzero(moving(row))
        return ids, row[ids]

    return SkinTables(rest, len(detail), Blocks.of(rest, detail.moved | learned.moved), points_of)


def sculpted_tables(of: SkinTables, sculpts: Sculpts, matrix: Floats) -> SkinTables:
    """The trained shapes with the sculpted ones in their places; the same object every time.

    matrix (T, T): the activations at the trained poses. What a sculpt adds at its pose is its own row's:
    other rows are left to the last bit, so that a combination goes along with its sculpted parent; where both
    are sculpted, each is met. Raises AimError where sculpts cannot be told apart.
    """
    made = sculpts.made
    if made is not None and made[0] is of:
        result: SkinTables = made[1]
        return result
    ids = sorted(sculpts.shifts)
    shifts = np.stack([sculpts.shifts[i] for i in ids]).astype(np.float64)
    try:
        rows = np.tensordot(inverse_of_poses(matrix[np.ix_(ids, ids)]), shifts, 1)
    except np.linalg.LinAlgError:
        raise AimError(
            "Two of the sculpted combinations cannot be told apart without a third.",
            "At each one's pose both are active in the same proportion.",
            "Sculpt one of them alone, bake, and sculpt the other on that.",
        ) from None
    tables = SkinTables(of.rest, of.count, of.blocks, of=of)
    for i, shift in zip(ids, rows, strict=True):
        row = (of.row(i) + shift).astype(np.float32)
        moves = np.flatnonzero(moving(row))
        tables._lay(i, moves, row[moves])
    sculpts.made = of, tables
    return tables
