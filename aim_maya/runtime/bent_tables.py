"""Tables of trained shapes under an edit, carried by its motion: formed when they are first asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.posing import moving, tolerance

from .blocks import Steps
from .plans import Ends, Layer, Named, Plan, SpreadPlan, Sums
from .skin_field import MovedSkin, TrainedPoses, carried
from .tables import SkinTables


class BentTables(SkinTables):
    """Tables whose rows are carried by an edit's motion when they are first asked for: an animation uses a
    few targets at a time, and a slider that is dragged forgets them again.

    A combination's row is what its trained pose, carried, leaves over from its parents'.
    """

    def __init__(self, of: SkinTables, moved: MovedSkin, poses: TrainedPoses) -> None:
        super().__init__(of.rest, of.count, of.blocks, of=of)
        self._moved, self._poses = moved, poses
        self._parents = (poses.matrix != 0).sum(1)
        self._laid: tuple[Ints, Ends] | None = None  # of rows block after block, as SpreadPlan has them

    def need(self, rows: NDArray[np.integer]) -> None:
        """Carry those of these rows that are not there yet."""
        if self._ready[rows].all():
            return
        need_together([self], rows)

    def _spread(self, active: Ints) -> Sums | None:
        """As of any table: rows lie as they were first used, and are put block after block where most are."""
        with self._lock:
            if self._laid is None or len(self._laid[0]) != self._used:
                there = self._slots.T >= 0
                table, slots = self._table[self._slots.T[there]], np.full_like(self._slots, -1)
                slots.T[there] = np.arange(len(table))
                self._table, self._slots, self._used, self._plans = table, slots, len(table), {}
                after = np.cumsum(there.sum(1)).tolist()
                self._laid = there.nonzero()[1], [*zip([0, *after], after, strict=False)]
            targets, ends = self._laid
            return SpreadPlan(
                self._table,
                targets,
                ends,
                self.blocks,
                active,
                lambda: Plan(self._layers(active, np.arange(len(active))), self.blocks),
            )

    def _layers(self, active: Ints, which: Ints) -> list[Layer]:
        with self._lock:
            return super()._layers(active, which)

    def row(self, i: int) -> Floats:
        """As of any table."""
        with self._lock:
            return super().row(i)

    def at(self, vertex: int) -> Floats:
        """As of any table."""
        with self._lock:
            return super().at(vertex)

    def _by_coordinate(self, active: Ints) -> Iterator[tuple[Ints | slice, Ints, Floats]]:
        with self._lock:
            yield from [*super()._by_coordinate(active)]

    def _carry(self, i: int, carried: Floats) -> None:
        """carried (V, 3): of the trained pose i, whose parents' rows are there."""
        assert self.of is not None
        share = self._poses.matrix[i]
        for j in np.flatnonzero(share).tolist():
            if j != i:
                known = self._parents[j] < self._parents[i]
                carried = carried - share[j] * (self if known else self.of).row(j)
        row = (carried / share[i]).astype(np.float32)
        ids = np.flatnonzero(moving(row))
        self._lay(i, ids, row[ids])


class BentWholes(BentTables):
    """Those of full blocks. A row is kept as a file keeps it, in steps of 16 bits, half as large, where these
    are within tolerance; sealed skin, which micrometres put through itself, as it is. Frames copy steps to
    where they sum them as fast as they copy rows."""

    def __init__(self, of: SkinTables, moved: MovedSkin, poses: TrainedPoses) -> None:
        super().__init__(of, moved, poses)
        self._steps = [Steps.of(np.zeros(0, np.float32))] * of.count
        self._scales = np.ones(of.count, np.float32)

    def _lay(self, i: int, ids: Ints, values: Floats) -> None:
        row = np.zeros((self.blocks.order.size, 3), np.float32)
        row[ids] = values
        within, sealed = tolerance(self.rest, self._moved.field.mm), self._moved.field.sealed
        scale = np.float32(max(float(np.abs(values).max(initial=0)) / 32767, within / 16))
        if scale <= within / 2:
            self._scales[i] = scale
            self._steps[i] = Steps.of(row.reshape(-1), scale, sealed[1 + i if 1 + i < len(sealed) else 0])
        else:
            self._steps[i] = Steps.of(row.reshape(-1))
        self._own[i] = self._ready[i] = True

    def _named(self, active: Ints) -> Named:
        return active + self._number * self.count, {self._number: self._steps}, self._scales.take(active)

    def row(self, i: int) -> Floats:
        """As of any table."""
        self.need(np.array([i]))
        row = np.empty(len(self._steps[i].steps), np.float32)
        self._steps[i].into(row)
        return (self._scales[i] * row[: self.rest.size]).reshape(self.rest.shape)

    def at(self, vertex: int) -> Floats:
        """As of any table."""
        return np.array([row[vertex] for row in self.rows()], np.float32)

    def _by_coordinate(self, active: Ints) -> Iterator[tuple[Ints | slice, Ints, Floats]]:
        if len(active):
            yield slice(None), active, np.array([self.row(i).T for i in active.tolist()])

    @property
    def nbytes(self) -> int:
        """As of any table."""
        return sum(row.steps.nbytes + row.exact.nbytes for row in self._steps)


def bent_tables(moved: MovedSkin, of: SkinTables, poses: TrainedPoses) -> BentTables:
    """The trained shapes under an edit; the same object every time."""
    with moved.lock:
        bent = moved.bent
        if not isinstance(bent, BentTables) or bent.of is not of:
            bent = moved.bent = (BentWholes if of.blocks.full else BentTables)(of, moved, poses)
        return bent


def need_together(tables: Sequence[BentTables], rows: NDArray[np.integer]) -> None:
    """Make sure of these rows in the tables of several edits of one model."""
    tables = sorted(set(tables), key=id)  # one order, so that no two threads wait for each other
    if not tables:
        return
    poses, parents = tables[0]._poses, tables[0]._parents
    with contextlib.ExitStack() as locks:
        for each in tables:
            locks.enter_context(each._lock)
        needed, asked = set(), rows.tolist()
        while asked:
            if (i := asked.pop()) not in needed:
                needed.add(i)
                asked += [j for j in np.flatnonzero(poses.matrix[i]).tolist() if parents[j] < parents[i]]
        for i in sorted(needed, key=lambda i: int(parents[i])):
            lacking = [each for each in tables if not each._ready[i]]
            while lacking:
                first = lacking[0]
                alike = [e for e in lacking if e.of is first.of and e._moved.bending == first._moved.bending]
                active = np.flatnonzero(poses.matrix[i])
                share = poses.matrix[i][active].astype(np.float32)
                of = alike[0].of
                assert of is not None
                total = np.zeros(of.rest.shape, np.float32)
                for j, amount in zip(active.tolist(), share, strict=True):
                    total += amount * of.row(j)
                made = carried([t._moved for t in alike], alike[0].rest, total, poses, i)
                for each, row in zip(alike, made, strict=True):
                    each._carry(i, row)
                lacking = [each for each in lacking if each not in alike]
