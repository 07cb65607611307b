"""The tables that frames are summed from: per target the blocks of vertices that it moves, and only those.

A facial target moves a part of the skin. The mesh is cut into blocks of vertices that move together, by a k-d
tree whose cuts are the ones that spare most (a cut pays where it leaves targets on one side only; surface
area heuristics do the same for rays: MacDonald and Booth 1990). Each block holds a row for every target that
touches it, so that a frame is a short dense product a block: the rows of the active targets, copied together
where they are not neighbours, times their weights. A table that moves everywhere becomes plain blocks.

Inside, vertices are in the order of the blocks; x, y, z lie side by side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Detail, Principal, inverse_of_poses

from .edit import Sculpts

_LEAST, _MOST = 64, 4096  # vertices of a block: few enough that the rows of a frame stay in a core's cache
# what a block costs by itself, in rows of one vertex: so many are copied and summed while numpy is called
_CALL = 2000
_BACK = 4  # what it costs a vertex to be put back into the mesh's order, in the same
_AT_ONCE = 0.12  # of the targets: how many a busy frame uses


class Blocks:
    """The vertices of a mesh in blocks. order (V,): vertex ids block after block; starts (B + 1,): where each
    begins in it."""

    def __init__(self, order: Ints, starts: Sequence[int], touch: NDArray[np.bool_]) -> None:
        """touch (B, T): which targets move something in each."""
        self.order, self.starts, self.touch = order, [int(s) for s in starts], touch
        self.counts = touch.sum(1).tolist()
        self.reserved = np.where(touch, np.cumsum(touch, axis=1) - 1, -1).astype(np.int32)
        self.place = np.empty(len(order), np.intp)
        self.place[order] = np.arange(len(order))
        self.spans = [(3 * a, 3 * b) for a, b in pairwise(self.starts)]
        self._free: deque[Scratch] = deque()

    @classmethod
    def of(cls, points: Floats, moved: NDArray[np.uint8]) -> Blocks:
        """For points (V, 3) of which target t moves those in moved[t], (T, ceil(V / 8)) bits as
        numpy.packbits gives them. The mesh's own order is kept where it is as good: it need not be restored
        in every frame."""
        v, t = len(points), len(moved)
        by_vertex = np.packbits(np.unpackbits(moved, axis=1, count=v).T, axis=1)
        bits = np.zeros((v, -(-by_vertex.shape[1] // 8) * 8), np.uint8)
        bits[:, : by_vertex.shape[1]] = by_vertex
        share = max(_AT_ONCE, min(1.0, 10 / max(t, 1)))
        kept, cost = _cut(np.arange(v)[:, None], bits.view(np.uint64), share)
        if cost > _BACK * v:
            cut, other = _cut(points, bits.view(np.uint64), share)
            kept = cut if other + _BACK * v < cost else kept
        order = np.concatenate([np.zeros(0, np.intp), *(ids for ids, _ in kept)])
        touch = np.array([touching for _, touching in kept], np.uint8).reshape(len(kept), bits.shape[1])
        starts = np.cumsum([0, *(len(ids) for ids, _ in kept)]).tolist()
        return cls(order, starts, np.unpackbits(touch, axis=1)[:, :t].astype(bool))

    @cached_property
    def in_order(self) -> bool:
        """Whether it is the mesh's own."""
        return bool((self.order == np.arange(len(self.order))).all())

    def __len__(self) -> int:
        return len(self.spans)

    @cached_property
    def flat(self) -> Ints:
        """(3V,) where each coordinate of a block order lies among those of the mesh's order."""
        return (3 * self.order[:, None] + np.arange(3)).ravel()

    @cached_property
    def _back(self) -> Ints:
        return (3 * self.place[:, None] + np.arange(3)).ravel()

    def carried(self, values: Floats) -> Floats:
        """(V, ...) float32 of a mesh's vertices in the order of the blocks."""
        values = np.asarray(values, np.float32)
        return np.array(values, order="C") if self.in_order else np.ascontiguousarray(values[self.order])

    def back(self, values: Floats, out: Floats) -> Floats:
        """values (V, 3) in the order of the blocks, into out (V, 3) in the mesh's."""
        if self.in_order:
            out[...] = values
        else:
            values.reshape(-1).take(self._back, None, out.reshape(-1), "clip")
        return out

    def lent(self) -> Scratch:
        """Working memory, shared by all tables of these blocks: a scene may hold hundreds of nodes on a
        model. Whoever borrows it calls `given_back`.

        Lent, the last one first, not thread-local: a host's own threads forget what Python keeps for them
        between two calls.
        """
        try:
            return self._free.pop()
        except IndexError:
            return Scratch(len(self.order))

    def given_back(self, scratch: Scratch) -> None:
        """Let the next one have it."""
        self._free.append(scratch)


_Bits = NDArray[np.uint8]


def _cut(
    points: Floats | Ints, words: NDArray[np.uint64], share: float
) -> tuple[list[tuple[Ints, _Bits]], float]:
    """Blocks of points (V, D), each (ids in order, bits of the targets that touch it), and what a frame
    costs, in rows of one vertex. words (V, W): the bits of the targets that move each."""

    def touching(ids: Ints) -> tuple[_Bits, int]:
        bits = np.bitwise_or.reduce(words[ids], axis=0).view(np.uint8)
        return bits, int(np.unpackbits(bits).sum())

    done: list[tuple[Ints, _Bits]] = []
    cost = 0.0
    waiting = [(np.arange(len(points)), touching(np.arange(len(points))))] if len(points) else []
    while waiting:
        ids, (bits, count) = waiting.pop()
        half = len(ids) // 2
        if count and half >= _LEAST:
            cuts = []
            for axis in range(points.shape[1]):
                by = np.argpartition(points[ids, axis], half)
                one, other = ids[by[:half]], ids[by[half:]]
                cuts.append((one, touching(one), other, touching(other)))
            one, k, other, n = min(cuts, key=lambda cut: len(cut[0]) * cut[1][1] + len(cut[2]) * cut[3][1])
            spared = share * (len(ids) * count - len(one) * k[1] - len(other) * n[1])
            if spared > _CALL or len(ids) > _MOST:
                waiting += [(other, n), (one, k)]
                continue
        done.append((np.sort(ids), bits))
        cost += share * len(ids) * count + (_CALL if count else 0)
    return done, cost


class Scratch:
    """Working memory of one call at a time: sum and product (V, 3) float32 in the order of blocks."""

    def __init__(self, vertices: int) -> None:
        self.sum, self.product = (np.empty((vertices, 3), np.float32) for _ in range(2))
        self._rows = np.empty(0, np.float32)

    def rows(self, size: int) -> Floats:
        """(size,) float32 and more, for rows that are copied together."""
        if size > len(self._rows):
            self._rows = np.empty(2 * size, np.float32)
        return self._rows


class _Layer(NamedTuple):
    """What one table adds. which, rows (K,): pairs of an active target and its row in a block's table, block
    after block; steps: of each block its number, where it begins and ends in (3V,), where its pairs do in
    (K,), the first row where all are neighbours, else -1, and whether another layer was there before."""

    tables: list[Floats]
    which: Ints
    rows: Ints
    steps: list[tuple[int, int, int, int, int, int, bool]]


class Plan:
    """How to sum one set of active targets, which move `size` of (3V,) numbers. What else follows from it is
    found when it is asked for: a face in motion has another set in many frames."""

    def __init__(self, key: bytes, layers: list[_Layer], blocks: Blocks) -> None:
        self.key, self._layers, self._blocks = key, layers, blocks
        self.size = self._room = 0
        for layer in layers:
            for _, a, e, i, j, first, onto in layer.steps:
                self.size += 0 if onto else e - a
                if first < 0:
                    self._room = max(self._room, (e - a) * (j - i))

    @cached_property
    def _touched(self) -> set[int]:
        return {step[0] for layer in self._layers for step in layer.steps}

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Runs of (3V,) that the targets move."""
        return _runs([self._blocks.spans[b] for b in sorted(self._touched)])

    @cached_property
    def _still(self) -> list[tuple[int, int]]:
        if self.size == 3 * len(self._blocks.order):
            return []
        return _runs([span for b, span in enumerate(self._blocks.spans) if b not in self._touched])

    def sum(self, weights: Floats, scratch: Scratch, out: Floats, *, clear: bool = True) -> None:
        """weights (A,) or (N, A) float32 into out (3V,) or (N, 3V) float32, in the order of the blocks. clear
        False leaves what no target touches as it was."""
        memory, single = scratch.rows(self._room), out.ndim == 1
        for tables, which, rows, steps in self._layers:
            shares = weights.take(which, -1)
            for b, a, e, i, j, first, onto in steps:
                if first >= 0:
                    some = tables[b][first : first + j - i]
                else:
                    n, width = j - i, e - a
                    some = memory[: n * width].reshape(n, width)
                    tables[b].take(rows[i:j], 0, some, "clip")
                if onto:
                    out[..., a:e] += shares[..., i:j] @ some
                elif single:
                    np.dot(shares[i:j], some, out[a:e])
                else:
                    out[:, a:e] = shares[:, i:j] @ some
        if clear:
            for a, e in self._still:
                out[..., a:e] = 0


def _runs(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that meet as one."""
    runs: list[tuple[int, int]] = []
    for a, e in spans:
        if runs and runs[-1][1] == a:
            runs[-1] = runs[-1][0], e
        else:
            runs.append((a, e))
    return runs


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
        self._points_of = points_of
        self._ready = np.zeros(count, bool)
        self._own = np.zeros(count, bool)
        self._slots = np.full((len(blocks), count), -1, np.int32)
        self._tables = [np.empty((0, b - a), np.float32) for a, b in blocks.spans]
        self._used = list(blocks.counts)
        self._lock = threading.RLock()
        self._plan = Plan(b"none", [], blocks)
        self._planar: dict[int, Floats] = {}

    def need(self, rows: NDArray[np.integer]) -> None:
        """Make sure that the rows of these targets are there."""
        if self._ready[rows].all():
            return
        with self._lock:
            for i in rows[~self._ready[rows]].tolist():
                if not self._ready[i]:
                    self._make(i)

    def _make(self, i: int) -> None:
        if self._points_of is None:
            self._leave(i)
        else:
            self._lay(i, *self._points_of(i))

    def _lay(self, i: int, ids: Ints, values: Floats) -> None:
        """Lay out the displacements (M, 3) of points ids (M,), under the lock."""
        blocks = self.blocks
        whole = np.zeros((len(blocks.order), 3), np.float32)
        at = blocks.place[ids]
        whole[at] = values
        flat = whole.reshape(-1)
        for b in np.unique(np.searchsorted(blocks.starts, at, side="right") - 1).tolist():
            a, e = blocks.spans[b]
            slot = int(blocks.reserved[b, i])
            if slot < 0:  # an edit moves what the target left alone
                slot = self._used[b]
                self._used[b] += 1
            table = self._tables[b]
            if slot >= len(table):  # memory that is set aside and not touched yet costs nothing
                grown = np.empty((max(blocks.counts[b], slot + 1 + slot // 4), e - a), np.float32)
                grown[: len(table)] = table
                self._tables[b] = grown  # not before: another thread may be summing its rows
            self._tables[b][slot] = flat[a:e]
            self._slots[b, i] = slot
        self._own[i] = self._ready[i] = True

    def _leave(self, i: int) -> None:
        """Let target i be what it is in the table that this one was made from."""
        assert self.of is not None
        self.of.need(np.array([i]))
        self._ready[i] = True

    def plan(self, active: Ints) -> Plan:
        """How to sum the active targets (A,), whose rows are there then. An animation keeps its active set
        for many frames."""
        key = active.tobytes()
        held = self._plan
        if held.key != key:
            self.need(active)
            layers = self._layers(active, np.arange(len(active)))
            held = self._plan = Plan(key, layers, self.blocks)
        return held

    def _layers(self, active: Ints, which: Ints) -> list[_Layer]:
        """which (A,): where the active targets (A,) stand among all that are."""
        layers: list[_Layer] = []
        if self.of is not None:
            own = self._own[active]
            if not own.all():
                layers = self.of._layers(active[~own], which[~own])
            active, which = active[own], which[own]
        before = {step[0] for layer in layers for step in layer.steps}
        slots = self._slots[:, active]
        touched, columns = (slots >= 0).nonzero()
        rows = slots[touched, columns].astype(np.intp)
        bounds = np.searchsorted(touched, np.arange(len(slots) + 1))
        apart = np.concatenate([[0, 0], np.cumsum(np.diff(rows) != 1)])  # [i + 1]: gaps up to row i
        begins, ends = bounds[:-1], bounds[1:]
        some = (ends > begins).nonzero()[0]
        begins, ends = begins[some], ends[some]
        near = apart[ends] == apart[begins + 1]
        firsts = np.where(near, rows[begins], -1)
        spans = self.blocks.spans
        steps = [
            (b, *spans[b], i, j, first, b in before)
            for b, i, j, first in zip(
                some.tolist(), begins.tolist(), ends.tolist(), firsts.tolist(), strict=True
            )
        ]
        return [*layers, _Layer(self._tables, which[columns], rows, steps)]

    def blocked_row(self, i: int) -> Floats:
        """(V, 3) float32 of target i in the order of the blocks."""
        one = np.array([i])
        self.need(one)
        if self.of is not None and not self._own[i]:
            return self.of.blocked_row(i)
        flat = np.zeros(3 * len(self.rest), np.float32)
        for b in np.flatnonzero(self._slots[:, i] >= 0).tolist():
            a, e = self.blocks.spans[b]
            flat[a:e] = self._tables[b][self._slots[b, i]]
        return flat.reshape(-1, 3)

    def at(self, vertex: int) -> Floats:
        """(T, 3) float32 displacements of one vertex by every target."""
        self.need(np.arange(self.count))
        place = int(self.blocks.place[vertex])
        b = int(np.searchsorted(self.blocks.starts, place, side="right")) - 1
        found = np.zeros((self.count, 3), np.float32) if self.of is None else self.of.at(vertex)
        found[self._own] = 0
        there, k = self._slots[b] >= 0, 3 * (place - self.blocks.starts[b])
        found[there] = self._tables[b][self._slots[b, there], k : k + 3]
        return found

    def row(self, i: int) -> Floats:
        """(V, 3) float32 displacements of target i, in the mesh's order."""
        return self.blocks.back(self.blocked_row(i), np.empty((len(self.rest), 3), np.float32))

    def rows(self) -> Iterator[Floats]:
        """`row` of every target."""
        return (self.row(i) for i in range(self.count))

    @property
    def displacements(self) -> Floats:
        """(T, V, 3) float32, all of it: made anew every time."""
        return np.array([*self.rows()], np.float32).reshape(self.count, len(self.rest), 3)

    def planar_row(self, i: int) -> Floats:
        """(3, V) float32 of target i in the mesh's order, kept from then on: for weights that vary over the
        face, which every frame multiplies with all targets."""
        found = self._planar.get(i)
        if found is None:
            found = self._planar[i] = np.ascontiguousarray(self.row(i).T)
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of the rows that are there, those of other tables left out."""
        there = (self._slots >= 0).sum(1)
        return 4 * sum(int(n) * (e - a) for n, (a, e) in zip(there, self.blocks.spans, strict=True))


def dense_tables(rest: Floats, displacements: Floats | Principal) -> SkinTables:
    """Tables of displacements (T, V, 3) float32 at rest (V, 3), or of those that few columns give."""
    if isinstance(displacements, Principal):
        moved = np.full((len(displacements), -(-len(rest) // 8)), 255, np.uint8)
    else:
        moved = np.packbits((displacements != 0).any(2), axis=1)

    def points_of(i: int) -> tuple[Ints, Floats]:
        whole = displacements.row(i) if isinstance(displacements, Principal) else displacements[i]
        ids = np.flatnonzero(whole.any(1))
        return ids, whole[ids]

    return SkinTables(rest, len(displacements), Blocks.of(rest, moved), points_of)


def sparse_tables(rest: Floats, detail: Detail) -> SkinTables:
    """Tables of a file's detail at rest (V, 3)."""
    return SkinTables(rest, len(detail), Blocks.of(rest, detail.moved), detail.points)


def difference_tables(rest: Floats, detail: Detail, learned: Detail) -> SkinTables:
    """Tables of detail plus what is learned beside it, at rest (V, 3)."""

    def points_of(i: int) -> tuple[Ints, Floats]:
        row = detail.row(i) + learned.row(i)
        ids = np.flatnonzero(row.any(1))
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
        moves = np.flatnonzero(row.any(1))
        tables._lay(i, moves, row[moves])
    sculpts.made = of, tables
    return tables
