"""The tables that frames are summed from: per target the blocks of vertices that it moves, and only those.

A facial target moves a part of the skin. The mesh is cut into blocks of as many vertices each that move
together, by a k-d tree whose cuts are the ones that spare most (a cut pays where it leaves targets on one
side only; surface area heuristics do the same for rays: MacDonald and Booth 1990). A table holds one row for
each block that a target touches. A frame copies the rows of its active targets together, blocks with as many rows
side by side, and multiplies those at once: numpy is called a few times, however many blocks there are. Rows
that the next frame needs again stay where they were copied to. A mesh whose targets move nearly all of it
keeps its own order, and its blocks are runs of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Detail, Principal, inverse_of_poses

from .edit import Sculpts

_LEAST, _MOST = 64, 2048  # vertices of a block
# What a frame pays beside the copied and summed rows of a vertex, counted in those:
_ROW = 40  # each row of a block
_BLOCK = 400  # each block
_BACK = 4  # each vertex that is put back into the mesh's order
_DENSE = 0.85  # of all rows: beyond, blocks in the mesh's order have all of them, and plans are short
_SHARE = 0.12  # of the targets: how many a busy frame uses
_COPIED = 1 << 17  # numbers that are copied and multiplied at once: they stay in a core's cache
_KEPT = 1 << 22  # numbers that are kept for the next frame, at most
_FEW = 0.3  # of the vertices: where fewer move, only they are touched
_PLANS = 8  # sets of active targets that a table remembers


_Bits = NDArray[np.uint8]


class Blocks:
    """The vertices of a mesh in blocks. order (B, W): vertex ids; the last block is filled up with its last
    one. touch (B, T): which targets move something in each."""

    def __init__(self, order: Ints, width: int, touch: NDArray[np.bool_]) -> None:
        """order (V,): vertex ids block after block, each of so many."""
        count, vertices = len(touch), len(order)
        self.vertices, self.width, self.touch = vertices, width, touch
        self.in_order = bool((order == np.arange(vertices)).all())
        self.full = self.in_order and bool(touch.all())
        self.place = np.empty(vertices, np.intp)
        self.place[order] = np.arange(vertices)
        filled = np.full(count * self.width, order[-1] if vertices else 0, np.intp)
        filled[:vertices] = order
        self.order = filled.reshape(count, self.width)
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
        share = max(_SHARE, min(1.0, 10 / max(t, 1)))
        order: Ints = np.arange(v)
        cut = _cut(order, bits, share)
        if cut.cost > _BACK * v:
            other = _tree(points, bits.view(np.uint64))
            by_place = _cut(other, bits, share)
            if by_place.cost + _BACK * v < cut.cost:
                order, cut = other, by_place
        touch = np.unpackbits(cut.touch, axis=1)[:, :t].astype(bool)
        if touch.mean() > _DENSE and (order[1:] > order[:-1]).all():
            touch[:] = True
        return cls(order, cut.width, touch)

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def rows(self) -> Ints:
        """(T, B) int32 the row that each target has for a block among all of them, or -1: a block's side by
        side where blocks are in the mesh's order, so that all of them are one product, else a target's."""
        if self.in_order:
            return np.ascontiguousarray(_numbered(self.touch).T)
        return _numbered(np.ascontiguousarray(self.touch.T))

    @cached_property
    def flat(self) -> Ints:
        """(B, 3W) where each coordinate of a block lies among the mesh's (3V,)."""
        return (3 * self.order[:, :, None] + np.arange(3)).reshape(len(self), -1)

    @cached_property
    def _back(self) -> Ints:
        return self.back(np.arange(len(self)))

    def back(self, at: Ints) -> Ints:
        """(3V,) where the mesh's coordinates lie among those of blocks that stand at these places (B,)."""
        block, inside = np.divmod(self.place, self.width)
        return (3 * (at[block] * self.width + inside)[:, None] + np.arange(3)).ravel()

    def in_mesh(self, values: Floats, out: Floats) -> Floats:
        """values (B, 3W) as (V, 3) in the mesh's order: a part of the same memory where that is the blocks',
        else in out."""
        if self.in_order:
            return values.reshape(-1)[: 3 * self.vertices].reshape(-1, 3)
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
            return Scratch(self)

    def given_back(self, scratch: Scratch) -> None:
        """Let the next one have it."""
        self._free.append(scratch)


def _numbered(chosen: NDArray[np.bool_]) -> Ints:
    """int32 numbers of what is chosen, in order; -1 elsewhere."""
    return np.where(chosen, np.cumsum(chosen).reshape(chosen.shape) - 1, -1).astype(np.int32)


def _leaf(vertices: int) -> tuple[int, int]:
    """Vertices of the smallest blocks, and how often a mesh is halved until then."""
    depth = max(vertices // _LEAST, 1).bit_length() - 1
    return max(-(-vertices >> depth), 1), depth


def _tree(points: Floats, words: NDArray[np.uint64]) -> Ints:
    """(V,) vertices in the order of the leaves of a k-d tree; words (V, W): the bits of the targets that move
    each. Every cut leaves whole blocks on its left."""

    def moves(ids: Ints) -> int:
        bits = np.bitwise_or.reduce(words[ids], axis=0).view(np.uint8)
        return len(ids) * int(np.unpackbits(bits).sum())

    leaf, depth = _leaf(len(points))
    parts: list[Ints] = [np.arange(len(points))]
    for level in reversed(range(depth)):
        half = leaf << level
        halves: list[Ints] = []
        for ids in parts:
            if len(ids) <= half:
                halves.append(ids)
                continue
            cuts: list[tuple[Ints, Ints]] = []
            for along in points.T:
                by = ids[np.argpartition(along[ids], half)]
                cuts.append((by[:half], by[half:]))
            one, other = min(cuts, key=lambda cut: moves(cut[0]) + moves(cut[1]))
            halves += [one, other]
        parts = halves
    return np.concatenate([np.sort(ids) for ids in parts])


class _Cut(NamedTuple):
    """Blocks of so many vertices, touch (B, N): the bits of the targets that touch each; what a frame costs,
    in rows of a vertex."""

    width: int
    touch: _Bits
    cost: float


def _cut(order: Ints, bits: _Bits, share: float) -> _Cut:
    """The best size of blocks for vertices in this order (V,). bits (V, N): of the targets that move each."""
    width = _leaf(len(order))[0]
    touch = np.bitwise_or.reduceat(bits[order], np.arange(0, len(order), width)) if len(order) else bits
    sizes: list[_Cut] = []
    while True:
        rows = int(np.unpackbits(touch).sum())
        sizes.append(_Cut(width, touch, share * rows * (width + _ROW) + _BLOCK * len(touch)))
        if len(touch) <= 1 or 2 * width > _MOST:
            return min(sizes, key=lambda size: size.cost)
        touch, width = np.bitwise_or.reduceat(touch, np.arange(0, len(touch), 2)), 2 * width


class Scratch:
    """Working memory of one call at a time: sum, product (V, 3) float32; and the rows of one plan, which stay
    until another one's are kept, and how its sums are put into the mesh's order."""

    def __init__(self, blocks: Blocks) -> None:
        self.sum, self.product = (np.empty((blocks.vertices, 3), np.float32) for _ in range(2))
        self.placed = np.empty((len(blocks), 3 * blocks.width), np.float32)
        self._memory: dict[str, Floats] = {}
        self.last: object = None
        self.kept: object = None
        self.back: Ints | None = None

    def rows(self, name: str, count: int, width: int) -> Floats:
        """(count, width) float32 of the memory of that name."""
        size, memory = count * width, self._memory.get(name)
        if memory is None or size > len(memory):
            memory = self._memory[name] = np.empty(size + size // 4, np.float32)
        return memory[:size].reshape(count, width)


class _Group(NamedTuple):
    """Blocks that have `each` active rows: where they stand among the blocks of a layer, which of
    the layer's rows are theirs, and the first of these in its table where all are neighbours, else -1."""

    at: int
    to: int
    each: int
    begin: int
    end: int
    first: int

    def part(self, at: int, to: int) -> _Group:
        """Some of its blocks."""
        to, begin = min(to, self.to), self.begin + self.each * (at - self.at)
        return _Group(at, to, self.each, begin, begin + self.each * (to - at), -1)


class _Layer(NamedTuple):
    """What one table adds. which, rows (K,): pairs of an active target and its row in the table, block after
    block; order (B,): the blocks, those that nothing moves first; inverse (B,): where each is among them,
    None where they are as they were."""

    table: Floats
    which: Ints
    rows: Ints
    groups: list[_Group]
    order: Ints
    inverse: Ints | None


class Plan:
    """How to sum one set of active targets, which touch `size` vertices. What else follows from it is found
    when it is asked for: a face in motion has another set in many frames.

    The same weights give the same sums to the last bit, wherever the rows are read.
    """

    def __init__(self, layers: list[_Layer], blocks: Blocks) -> None:
        self._layers, self._blocks = layers, blocks
        self._key = object()  # not the plan itself: memory that is lent keeps no table alive
        self._copied = sum(g.end - g.begin for layer in layers for g in layer.groups if g.first < 0)
        still = sum(g.to - g.at for layer in layers for g in layer.groups if not g.each)
        self._moved = (len(blocks) - still if len(layers) == 1 else len(blocks)) if layers else 0
        self.size = min(self._moved * blocks.width, blocks.vertices)
        self.few = len(layers) == 1 and self.size < _FEW * blocks.vertices

    @cached_property
    def flat(self) -> Ints:
        """(K,) which of the mesh's coordinates (3V,) few touched blocks hold, as `touched` has them."""
        order = self._layers[0].order
        return self._blocks.flat[order[len(order) - self._moved :]].ravel()

    def touched(self, weights: Floats, scratch: Scratch) -> Floats:
        """(K,) float32 the sums for weights (A,), in scratch memory, of blocks that few touch."""
        sums = self._summed(weights, scratch, clear=False)[0]
        return sums[len(sums) - self._moved :].reshape(-1)

    def sum(self, weights: Floats, scratch: Scratch) -> Floats:
        """(V, 3) float32 for weights (A,), the caller's own."""
        blocks = self._blocks
        memory = np.empty((len(blocks), 3 * blocks.width), np.float32)
        own = memory.reshape(-1)[: 3 * blocks.vertices].reshape(-1, 3)
        at_once = len(self._layers) == 1 and self._layers[0].inverse is None
        layers = self._summed(weights, scratch, memory if at_once else None)
        joined = self._joined(layers, scratch, own)
        if blocks.in_order and not at_once:
            own[...] = joined
        return own

    def sums(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        """weights (N, A) float32 into out (N, V, 3) float32."""
        layers = self._summed(weights, scratch)
        for i, row in enumerate(out):
            joined = self._joined([sums[i] for sums in layers], scratch, row)
            if joined is not row:
                row[...] = joined

    def _joined(self, layers: list[Floats], scratch: Scratch, out: Floats) -> Floats:
        """(V, 3) of the sums (B, 3W) of each layer, in out or in their own memory."""
        placed = scratch.placed
        if scratch.kept is self._key and scratch.back is not None:
            layers[0].reshape(-1).take(scratch.back, None, out.reshape(-1), "clip")
            return out
        if not layers:
            placed[...] = 0
        for number, (sums, layer) in enumerate(zip(layers, self._layers, strict=True)):
            if number:
                placed += sums if layer.inverse is None else sums[layer.inverse]
            elif layer.inverse is not None:
                sums.take(layer.inverse, 0, placed, "clip")
            elif len(layers) == 1:
                placed = sums
            else:
                placed[...] = sums
        return self._blocks.in_mesh(placed, out)

    def _summed(
        self, weights: Floats, scratch: Scratch, into: Floats | None = None, *, clear: bool = True
    ) -> list[Floats]:
        """(B, 3W) or (N, B, 3W) of each layer, in its order, for weights (A,) or (N, A), in scratch memory or
        the only one's in `into`. clear False leaves anything where nothing moves."""
        many, blocks, wide = weights.shape[:-1], len(self._blocks), 3 * self._blocks.width
        kept = None if many else self._kept(scratch, wide)
        result = []
        for number, layer in enumerate(self._layers):
            shares = weights.take(layer.which, -1)
            if many:
                out = np.empty((*many, blocks, wide), np.float32)
            else:
                out = scratch.rows(f"sums {number}", blocks, wide) if into is None else into
            for group in layer.groups:
                at, to, count, begin, end, first = group
                if not count:
                    if clear:
                        out[..., at:to, :] = 0
                elif first >= 0:
                    _multiplied(shares, layer.table[first : first + end - begin], group, out)
                elif kept is not None:
                    _multiplied(shares, kept[number][begin:end], group, out)
                else:
                    step = max(_COPIED // (count * wide), 1)
                    for part in (group.part(some, some + step) for some in range(at, to, step)):
                        rows = scratch.rows("some", part.end - part.begin, wide)
                        layer.table.take(layer.rows[part.begin : part.end], 0, rows, "clip")
                        _multiplied(shares, rows, part, out)
            result.append(out)
        return result

    def _kept(self, scratch: Scratch, wide: int) -> list[Floats] | None:
        """The rows of each layer side by side, where they are: copied when a plan is used twice in a row."""
        again, scratch.last = scratch.last is self._key, self._key
        if scratch.kept is not self._key and not (again and 0 < self._copied * wide <= _KEPT):
            return None
        kept = [scratch.rows(f"kept {n}", len(layer.rows), wide) for n, layer in enumerate(self._layers)]
        if scratch.kept is not self._key:
            for layer, rows in zip(self._layers, kept, strict=True):
                for group in layer.groups:
                    if group.first < 0:
                        some = slice(group.begin, group.end)
                        layer.table.take(layer.rows[some], 0, rows[some], "clip")
            scratch.kept, scratch.back = self._key, None
            inverse = self._layers[0].inverse
            if len(self._layers) == 1 and inverse is not None:
                scratch.back = self._blocks.back(inverse)
        return kept


def _multiplied(shares: Floats, rows: Floats, group: _Group, out: Floats) -> None:
    """The sums of a group's rows by their shares (K,) or (N, K), into out (B, 3W) or (N, B, 3W)."""
    at, to, count, begin, end, _ = group
    some, into = rows.reshape(to - at, count, -1), out[..., at:to, :]
    if out.ndim == 3:
        few = shares[:, begin:end].reshape(len(out), to - at, count)
        np.matmul(few.transpose(1, 0, 2), some, into.transpose(1, 0, 2))
    elif count == 1:
        np.multiply(shares[begin:end, None], rows, into)
    else:
        np.matmul(shares[begin:end].reshape(to - at, 1, count), some, into[:, None])


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
        self._slots: Ints = np.full((count, len(blocks)), -1, np.int32) if of is not None else blocks.rows
        self._used = 0
        self._table = np.empty((0, 3 * blocks.width), np.float32)
        self._lock = threading.RLock()
        self._plans: dict[bytes, Plan] = {}
        self._local: tuple[bytes, list[tuple[Ints | slice, Ints, Floats]]] = b"none", []

    def need(self, rows: NDArray[np.integer]) -> None:
        """Make sure that the rows of these targets are there."""
        if self._ready[rows].all():
            return
        with self._lock:
            whole = np.zeros((self.blocks.order.size, 3), np.float32)
            for i in rows[~self._ready[rows]].tolist():
                if self._ready[i]:
                    continue
                if self._points_of is None:
                    self._leave(i)
                else:
                    self._lay(i, *self._points_of(i), whole)

    def _lay(self, i: int, ids: Ints, values: Floats, whole: Floats | None = None) -> None:
        """Lay out the displacements (M, 3) of points ids (M,), under the lock. whole (B * W, 3): zeros, and
        zeros again."""
        blocks = self.blocks
        whole = np.zeros((blocks.order.size, 3), np.float32) if whole is None else whole
        at = blocks.place[ids]
        whole[at] = values
        whole[blocks.vertices :] = whole[blocks.vertices - 1]
        placed = whole.reshape(len(blocks), -1)
        if self.of is None:
            some = (self._slots[i] >= 0).nonzero()[0]
            slots = self._slots[i, some]
            if not len(self._table):  # memory that is set aside and not touched yet costs nothing
                self._table = np.empty((int(self._slots.max(initial=-1)) + 1, placed.shape[1]), np.float32)
        else:
            some = np.flatnonzero(placed.any(1))
            slots = np.arange(self._used, self._used + len(some), dtype=np.int32)
            self._room(self._used + len(some))
        self._table[slots] = placed[some]
        self._used += len(some)
        whole[at] = whole[blocks.vertices :] = 0
        self._slots[i, some] = slots
        self._own[i] = self._ready[i] = True

    def _room(self, rows: int) -> None:
        """Let the table hold so many rows."""
        if rows > len(self._table):
            grown = np.empty((rows + rows // 4, self._table.shape[1]), np.float32)
            grown[: self._used] = self._table[: self._used]
            self._table = grown  # not before: another thread may be summing its rows

    def _leave(self, i: int) -> None:
        """Let target i be what it is in the table that this one was made from."""
        assert self.of is not None
        self.of.need(np.array([i]))
        self._ready[i] = True

    def plan(self, active: Ints) -> Plan:
        """How to sum the active targets (A,), whose rows are there then. An animation keeps its active set
        for many frames."""
        key = active.tobytes()
        held = self._plans.get(key)
        if held is None:
            self.need(active)
            held = Plan(self._layers(active, np.arange(len(active))), self.blocks)
            if len(self._plans) >= _PLANS:
                self._plans = {}
            self._plans[key] = held
        return held

    def _layers(self, active: Ints, which: Ints) -> list[_Layer]:
        """which (A,): where the active targets (A,) stand among all that are."""
        layers: list[_Layer] = []
        if self.of is not None:
            own = self._own[active]
            if not own.all():
                layers = self.of._layers(active[~own], which[~own])
            active, which = active[own], which[own]
        if not len(active):
            return layers
        blocks = len(self.blocks)
        if self.blocks.full and self.of is None:
            rows = (self.count * np.arange(blocks)[:, None] + active).ravel()
            whole = _Group(0, blocks, len(active), 0, len(rows), 0 if len(active) == self.count else -1)
            return [_Layer(self._table, np.tile(which, blocks), rows, [whole], np.arange(blocks), None)]
        slots = self._slots.take(active, 0).T
        counts = np.add.reduce(slots >= 0, 1, np.int16)
        # rows of blocks in the mesh's order are neighbours: only those that nothing moves come first
        order = (counts > 0 if self.blocks.in_order else counts).argsort(kind="stable")
        counts = counts.take(order)
        inverse: Ints | None = None
        if not (self.blocks.in_order and counts[0]):
            inverse = np.empty_like(order)
            inverse[order] = np.arange(blocks)
        slots = slots.take(order, 0).ravel()
        there = (slots >= 0).nonzero()[0]
        rows = slots.take(there).astype(np.intp)
        groups = self._groups(counts, rows)
        return [*layers, _Layer(self._table, which.take(there % len(active)), rows, groups, order, inverse)]

    def _groups(self, counts: Ints, rows: Ints) -> list[_Group]:
        """Of blocks with so many rows each, (B,) in the layer's order, those that follow each other."""
        groups, begin = [], 0
        cuts = [0, *(1 + (counts[1:] != counts[:-1]).nonzero()[0]).tolist()]
        # where all rows of a block are used they are neighbours, in blocks of the mesh's order
        apart = np.cumsum(np.diff(rows, prepend=rows[:1]) != 1) if self.blocks.in_order else None
        for at, to, count in zip(cuts, [*cuts[1:], len(counts)], counts[cuts].tolist(), strict=True):
            end = begin + count * (to - at)
            near = count and apart is not None and apart[begin] == apart[end - 1]
            groups.append(_Group(at, to, count, begin, end, int(rows[begin]) if near else -1))
            begin = end
        return groups

    def at(self, vertex: int) -> Floats:
        """(T, 3) float32 displacements of one vertex by every target."""
        self.need(np.arange(self.count))
        block, inside = divmod(int(self.blocks.place[vertex]), self.blocks.width)
        found = np.zeros((self.count, 3), np.float32) if self.of is None else self.of.at(vertex)
        found[self._own] = 0
        there = self._slots[:, block] >= 0
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
