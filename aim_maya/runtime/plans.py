"""How the rows of a set of active targets are summed over the blocks that they move (blocks.py)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from aim_maya.core.arrays import Floats, Ints

from .blocks import ALL, KEPT, Blocks, Scratch, Wholes

_COPIED = 1 << 17  # numbers that are copied and multiplied at once: they stay in a core's cache
_STEADY = 6  # frames of one set after which the way into the mesh's order is worth to be found in one step
_FEW = 0.3  # of the vertices: where fewer move, only they are touched

Ends = list[tuple[int, int]]  # of each block, which rows are its own: the first, and the one after the last
Named = tuple[Ints, dict[int, Wholes], Floats | None]  # SkinTables._named


class Group(NamedTuple):
    """Blocks that have `each` active rows: where they stand among the blocks of a layer (at, to), which of
    the layer's rows are theirs (begin, end), and the first of these in its table where all are neighbours,
    else -1."""

    at: int
    to: int
    each: int
    begin: int
    end: int
    first: int

    def part(self, at: int, to: int) -> Group:
        """Some of its blocks."""
        to, begin = min(to, self.to), self.begin + self.each * (at - self.at)
        return Group(at, to, self.each, begin, begin + self.each * (to - at), -1)


class Layer(NamedTuple):
    """What one table adds. which, rows (K,): pairs of an active target and its row in the table, block after
    block; order (B,): the blocks, those that nothing moves first; inverse (B,): where each is among them,
    None where they are as they were."""

    table: Floats
    which: Ints
    rows: Ints
    groups: list[Group]
    order: Ints
    inverse: Ints | None


class Sums:
    """How to sum one set of active targets. Which rows are multiplied, and in which order, follows from the
    set alone, so that the same weights give the same sums to the last bit, whatever was summed before and
    wherever the rows are read."""

    def sum(self, weights: Floats, scratch: Scratch) -> Floats:
        """(V, 3) float32 for weights (A,), the caller's own."""
        out = np.empty_like(scratch.sum)
        self._into(weights, scratch, out)
        return out

    def sums(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        """weights (N, A) float32 into out (N, V, 3) float32."""
        self._into(weights, scratch, out)

    def _into(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        """weights (A,) or (N, A) into out (V, 3) or (N, V, 3)."""
        raise NotImplementedError


class Plan(Sums):
    """Of as many blocks with as many active rows at once. What else follows from the set is found when it is
    asked for: a face in motion has another one in many frames."""

    def __init__(self, layers: list[Layer], blocks: Blocks) -> None:
        self._layers, self._blocks = layers, blocks
        self._key = object()  # not the plan itself: memory that is lent keeps no table alive
        self._copied = sum(g.end - g.begin for layer in layers for g in layer.groups if g.first < 0)
        still = sum(g.to - g.at for layer in layers for g in layer.groups if not g.each)
        self._moved = (len(blocks) - still if len(layers) == 1 else len(blocks)) if layers else 0
        self.size = min(self._moved * blocks.width, blocks.vertices)  # how many vertices they touch
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
        """As any; where nothing has to be put into the mesh's order, it is the blocks' own memory."""
        blocks = self._blocks
        memory = np.empty((len(blocks), 3 * blocks.width), np.float32)
        own = memory.reshape(-1)[: 3 * blocks.vertices].reshape(-1, 3)
        at_once = len(self._layers) == 1 and self._layers[0].inverse is None
        layers = self._summed(weights, scratch, memory if at_once else None)
        joined = self._joined(layers, scratch, own)
        if blocks.in_order and not at_once:
            own[...] = joined
        return own

    def _into(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        layers = self._summed(weights, scratch)
        for i, row in enumerate(out):
            joined = self._joined([sums[i] for sums in layers], scratch, row)
            if joined is not row:
                row[...] = joined

    def _joined(self, layers: list[Floats], scratch: Scratch, out: Floats) -> Floats:
        """(V, 3) of the sums (B, 3W) of each layer, in out or in their own memory."""
        placed = scratch.placed
        again = scratch.times >= _STEADY and len(layers) == 1
        if (
            again
            and scratch.kept is self._key
            and scratch.back is None
            and (inverse := self._layers[0].inverse) is not None
        ):
            scratch.back = self._blocks.back(inverse)
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
        """The rows of each layer side by side, where they are: copied when a plan is used twice in a row, and
        at once where the one before was."""
        if scratch.last is not self._key:
            scratch.last, scratch.lasted, scratch.times = self._key, scratch.times > 1, 0
        scratch.times += 1
        worth = scratch.times > 1 or scratch.lasted
        if scratch.kept is not self._key and not (worth and 0 < self._copied * wide <= KEPT):
            return None
        kept = [scratch.rows(f"kept {n}", len(layer.rows), wide) for n, layer in enumerate(self._layers)]
        if scratch.kept is not self._key:
            scratch.kept = None  # whoever is interrupted leaves no rows under a name that is not their own
            for layer, rows in zip(self._layers, kept, strict=True):
                for group in layer.groups:
                    if group.first < 0:
                        some = slice(group.begin, group.end)
                        layer.table.take(layer.rows[some], 0, rows[some], "clip")
            scratch.kept, scratch.back = self._key, None
        return kept


class SpreadPlan(Sums):
    """Of so many active targets that the rows of all are multiplied where they lie, block after block, those
    that rest by zeros."""

    def __init__(
        self,
        table: Floats,
        targets: Ints,
        ends: Ends,
        blocks: Blocks,
        active: Ints,
        many: Callable[[], Sums] | None = None,
    ) -> None:
        """table (K, 3W): all rows of the blocks, a block's side by side; targets (K,), ends: as of Blocks.
        active (A,). many: how to sum frames together, where more rows may come."""
        self._table, self._targets, self._ends = table, targets, ends
        self._blocks, self._active, self._many = blocks, active, many

    def sums(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        """As any."""
        if self._many is None:
            self._into(weights, scratch, out)
        else:
            self._many().sums(weights, scratch, out)

    def _into(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        spread = np.zeros((*weights.shape[:-1], self._blocks.touch.shape[1]), np.float32)
        spread[..., self._active] = weights
        shares = spread.take(self._targets, -1)
        one, placed = shares.ndim == 1, scratch.placed
        made = placed[None] if one else np.zeros((len(out), *placed.shape), np.float32)
        for i, (begin, end) in enumerate(self._ends):
            # numpy's own loop: rows come from far, and it reads them one after another; and it adds them so,
            # so that those of zeros change nothing, however many there are
            if one:
                np.einsum("k,kn->n", shares[begin:end], self._table[begin:end], out=placed[i])
            elif begin < end:
                np.matmul(shares[:, begin:end], self._table[begin:end], made[:, i])
        if one:
            placed += np.float32(0)  # zeros without a sign
        for row, sums in zip(out[None] if one else out, made, strict=True):
            joined = self._blocks.in_mesh(sums, row)
            if joined is not row:
                row[...] = joined


class WholePlan(Sums):
    """Of full blocks: rows are whole targets."""

    def __init__(self, active: Ints, names: Ints, tables: dict[int, Wholes], scales: Floats | None) -> None:
        """active (A,): rising; names (A,) of their rows and tables as Scratch.whole has them; scales (A,) of
        rows that are steps."""
        table, count = next(iter(tables.values())), len(active)
        self._names, self._tables, self._scales = names, tables, scales
        self._spread = active if count >= ALL * len(table) else None
        self._places: Ints = np.arange(count) if self._spread is None else active
        self._rows: Floats | None = None
        if len(tables) != 1 or not isinstance(table, np.ndarray):
            return
        if self._spread is not None:
            self._rows = table
        elif count < 3:  # two rows are an array where they lie
            self._rows = table[active[0] : active[-1] + 1 : max(int(active[-1] - active[0]), 1)]

    def _into(self, weights: Floats, scratch: Scratch, out: Floats) -> None:
        rows = scratch.whole(self._places, self._names, self._tables) if self._rows is None else self._rows
        if self._scales is not None:
            weights = weights * self._scales
        if self._spread is not None:
            few, weights = weights, np.zeros((*weights.shape[:-1], len(rows)), np.float32)
            weights[..., self._spread] = few
        count, width = weights.shape[-1], scratch.sum.size
        whole = out if out.flags.c_contiguous else np.empty(out.shape, np.float32)
        flat = whole.reshape(*weights.shape[:-1], width)
        if count == 1:
            np.multiply(weights, rows[0, :width], flat)
        else:
            np.matmul(weights, rows[:count, :width], flat)
            if self._rows is None and self._spread is not None:
                flat += np.float32(0)  # 0 times what was there before has its sign
        if whole is not out:
            out[...] = whole


def _multiplied(shares: Floats, rows: Floats, group: Group, out: Floats) -> None:
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
