"""The mesh in blocks of vertices that move together, and the memory in which rows are summed (plans.py).

A facial target moves a part of the skin. The mesh is cut into blocks of as many vertices each, by a k-d tree
whose cuts are the ones that spare most (a cut pays where it leaves targets on one side only; surface area
heuristics do the same for rays: MacDonald and Booth 1990). A frame copies the rows of its active targets
together, blocks with as many rows side by side, and multiplies those at once: numpy is called a few times,
however many blocks there are. Rows that the next frame needs again stay where they were copied to. A mesh
whose targets move nearly all of it keeps its own order, and each of them is one row: of those only what the
frame before had elsewhere is copied. Where most targets are active, as in a capture of a face, nothing is
copied: all rows are multiplied where they lie, and those of targets that rest by zeros.
"""

from __future__ import annotations

import mmap
import sys
from collections import deque
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints

_LEAST, _MOST = 64, 2048  # vertices of a block
# What a frame pays beside the copied and summed rows of a vertex, counted in those:
_ROW = 40  # each row of a block
_BLOCK = 400  # each block
_BACK = 4  # each vertex that is put back into the mesh's order
_DENSE = 0.85  # of all rows: beyond, blocks in the mesh's order have all of them, and plans are short
_SHARE = 0.12  # of the targets: how many a busy frame uses
KEPT = 1 << 22  # numbers that are kept for the next frame, at most
# Of all rows: where more are used, all are multiplied where they lie. That reads more, and copies nothing
# when a control goes or comes; and where they are too many to be kept, copies nothing in every frame.
ALL, ALL_FAR = 0.6, 0.4


_Bits = NDArray[np.uint8]


class Steps(NamedTuple):
    """A row (3BW,) in steps, int16 or float32; and what stands at some of its places (N,) in their stead,
    float32 (N,)."""

    steps: NDArray[np.int16] | Floats
    places: Ints
    exact: Floats

    @classmethod
    def of(cls, row: Floats, scale: np.float32 | None = None, places: Ints | None = None) -> Steps:
        """A row as it is; or in steps of a scale, but at these places (N,)."""
        if scale is None or places is None:
            return cls(row, np.zeros(0, np.intp), np.zeros(0, np.float32))
        row = row / scale
        return cls(np.rint(row).astype(np.int16), places, row[places])

    def into(self, out: Floats) -> None:
        """The row in out (3BW,) float32."""
        out[:] = self.steps
        if len(self.places):
            out[self.places] = self.exact


Wholes = Floats | list[Steps]  # of whole targets: (T, 3BW) float32, or T of them


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
        bits = np.zeros((v, -(-t // 64) * 8), np.uint8)
        for at in range(0, t, 64):  # a word of each vertex; packed in one piece, since short rows are slow
            word = np.zeros((v, 64), np.uint8)
            word[:, : min(64, t - at)] = np.unpackbits(moved[at : at + 64], axis=1, count=v).T
            bits[:, at // 8 : at // 8 + 8] = np.packbits(word).reshape(v, 8)
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
        side, so that all of them are one product; where there are all, a target's."""
        if self.full:
            return _numbered(np.ascontiguousarray(self.touch.T))
        return np.ascontiguousarray(_numbered(self.touch).T)

    def most(self, active: Ints) -> bool:
        """Whether the rows of active targets (A,) are so many that all are multiplied where they lie."""
        count, total = int(self._each[active].sum()), int(self._each.sum())
        kept = 3 * count * self.width <= KEPT
        return count > 0 and count >= (ALL if kept else ALL_FAR) * total

    @cached_property
    def _each(self) -> Ints:
        """(T,) how many rows each target has."""
        return np.count_nonzero(self.touch, axis=0)

    @cached_property
    def inside(self) -> tuple[Ints, Ints]:
        """(V,) the block of each vertex, and where it lies in there."""
        return np.divmod(self.place, self.width)

    @cached_property
    def targets(self) -> Ints:
        """(K,) the target of each row, block after block."""
        return self.touch.nonzero()[1]

    @cached_property
    def ends(self) -> list[tuple[int, int]]:
        """Which rows are a block's: the first, and the one after the last."""
        ends = np.cumsum(np.count_nonzero(self.touch, axis=1)).tolist()
        return [*zip([0, *ends], ends, strict=False)]

    @cached_property
    def flat(self) -> Ints:
        """(B, 3W) where each coordinate of a block lies among the mesh's (3V,)."""
        return (3 * self.order[:, :, None] + np.arange(3)).reshape(len(self), -1)

    @cached_property
    def _back(self) -> Ints:
        return (3 * self.place[:, None] + np.arange(3)).ravel()

    @cached_property
    def _block(self) -> Ints:
        return self._back // (3 * self.width)

    def back(self, at: Ints) -> Ints:
        """(3V,) where the mesh's coordinates lie among those of blocks that stand at these places (B,)."""
        back: Ints = (3 * self.width * (at - np.arange(len(self)))).take(self._block)
        back += self._back
        return back

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


def untouched(rows: int, width: int) -> Floats:
    """(rows, width) float32 zeros in small pages that cost no memory until they are written to; numpy would
    ask for huge ones. A forked process writes to pages of its own."""
    size = max(4 * rows * width, 1)
    if sys.platform == "win32":
        memory = mmap.mmap(-1, size)
    else:
        memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANON)
    return np.frombuffer(memory, np.float32, rows * width).reshape(rows, width)


class Scratch:
    """Working memory of one call at a time: sum, product (V, 3) float32; and the rows of one plan, which stay
    until another one's are kept, and how its sums are put into the mesh's order. Of full blocks each target's
    row stays until another one's is needed in its place."""

    def __init__(self, blocks: Blocks) -> None:
        self.sum, self.product = (np.empty((blocks.vertices, 3), np.float32) for _ in range(2))
        self.placed = np.empty((len(blocks), 3 * blocks.width), np.float32)
        self._memory: dict[str, Floats] = {}
        self.last: object = None
        self.kept: object = None
        self.back: Ints | None = None
        self.times = 0  # how often the last plan was used in a row
        self.lasted = False  # whether the one before was
        self._whole, self._names = np.empty((0, 0), np.float32), np.empty(0, np.int64)
        self._last: Ints | None = None  # the names that were asked for last, as they came

    def whole(self, places: Ints, names: Ints, tables: dict[int, Wholes]) -> Floats:
        """(P, 3BW) float32 with the named rows (N,) at these places (N,), rising, and what was there
        elsewhere. A name is the table's number times T plus the target; tables by their numbers."""
        if names is self._last:
            return self._whole
        count, asked = len(next(iter(tables.values()))), names
        if not len(self._whole):
            self._whole, self._names = untouched(count, self.placed.size), np.full(count, -1, np.int64)
        lacking = (self._names.take(places) != names).nonzero()[0]
        if not len(lacking):
            self._last = asked
            return self._whole
        self._last = None
        places, names = places.take(lacking), names.take(lacking)
        first, last = int(places[0]), int(places[-1])
        self._names[places] = -1  # whoever is interrupted leaves no row under a name that is not its own
        number, table = next(iter(tables.items()))
        if len(tables) == 1 and last - first == len(places) - 1 and isinstance(table, np.ndarray):
            table.take(names - number * count, 0, self._whole[first : last + 1], "clip")
        else:
            for place, name in zip(places.tolist(), names.tolist(), strict=True):
                row = tables[name // count][name % count]
                if isinstance(row, Steps):
                    row.into(self._whole[place])
                else:
                    self._whole[place] = row
        self._names[places], self._last = names, asked
        return self._whole

    def rows(self, name: str, count: int, width: int) -> Floats:
        """(count, width) float32 of the memory of that name."""
        size, memory = count * width, self._memory.get(name)
        if memory is None or size > len(memory):
            memory = self._memory[name] = np.empty(size + size // 4, np.float32)
        return memory[:size].reshape(count, width)
