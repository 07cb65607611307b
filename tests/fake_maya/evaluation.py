"""Lazy evaluation: a data block of clean values per context, dirty propagation through declared dependencies,
pulls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import CycleError
from .graph import Graph
from .node import Key, Node
from .values import Geometry

if TYPE_CHECKING:
    from .session import Session

FLOATS = {"double", "doubleLinear", "doubleAngle", "time"}
INTEGERS = {"long", "short", "byte", "char", "enum"}


def coerce(kind: str, value: Any) -> Any:
    """A value as an attribute of this kind keeps it (float is single precision)."""
    if value is None:
        return None
    if kind in ("float", "floatLinear"):
        return float(np.float32(value))
    if kind in FLOATS:
        return float(value)
    if kind in INTEGERS:
        return round(value) if isinstance(value, float) else int(value)
    if kind == "bool":
        return bool(value)
    if kind in ("matrix", "fltMatrix") and value is not None:
        return np.asarray(value, np.float64).reshape(4, 4)
    return value


class Context:
    """One data block for all nodes. The normal one follows the scene's time; a background one has its own."""

    def __init__(self, time: float | None = None) -> None:
        self.time = time
        self.managed = False  # while the Evaluation Manager evaluates in it
        self.cache: dict[Node, dict[str, dict[tuple[int, ...], Any]]] = {}
        self.active: list[tuple[Node, Key]] = []

    @property
    def normal(self) -> bool:
        """Whether this is the main context."""
        return self.time is None

    def bucket(self, node: Node, attr: str) -> dict[tuple[int, ...], Any]:
        """Clean values of one attribute of one node."""
        return self.cache.setdefault(node, {}).setdefault(attr, {})


class Frame:
    """An evaluation of one plug-in node in progress on this thread: what it may do, what it was given."""

    def __init__(self, node: Node, context: Context, kind: str) -> None:
        self.node = node
        self.context = context
        self.kind = kind  # compute, dirty or prepare
        self.lent: list[tuple[Geometry, np.ndarray]] = []
        self.lent_for: dict[int, Geometry] = {}
        self.written: list[tuple[Geometry, np.ndarray]] = []
        self.cleaned: set[Key] = set()
        self.assigned: set[Key] = set()

    def allows(self, name: str) -> bool:
        """Whether a call forbidden during computation is harmless here."""
        return self.kind != "compute" and name in (
            "MPlug.isConnected",
            "MPlug.evaluateNumElements",
            "MPlug.getExistingArrayAttributeIndices",
        )

    def lend(self, geometry: Geometry) -> Geometry:
        """Input geometry as the plug-in sees it: in memory of its own that dies with the evaluation."""
        if id(geometry) not in self.lent_for:
            copy = geometry.clone()
            self.lent_for[id(geometry)] = copy
            self.lent.append((copy, copy.points.copy()))
        return self.lent_for[id(geometry)]


class Data:
    """What a built-in node sees while it computes: its own data block."""

    def __init__(self, evaluator: Evaluator, context: Context, node: Node) -> None:
        self.evaluator = evaluator
        self.context = context
        self.node = node

    def get(self, attr: str, *indices: int) -> Any:
        """Value of a plug of this node."""
        return self.evaluator.value(self.context, self.node, (attr, indices))

    def put(self, attr: str, indices: tuple[int, ...], value: Any) -> None:
        """Set an output and mark it clean."""
        self.context.bucket(self.node, attr)[indices] = value

    def indices(self, attr: str, *prefix: int) -> list[int]:
        """Elements of a multi that exist."""
        return self.node.indices(attr, prefix)

    def connected(self, attr: str, *indices: int) -> bool:
        """Whether something is connected to a plug."""
        return self.node.source((attr, indices)) is not None


class Evaluator:
    """Pulls values and propagates dirt."""

    def __init__(self, session: Session, graph: Graph) -> None:
        self.session = session
        self.graph = graph
        self.normal = Context()
        self.pending: dict[Node, set[Key]] = {}  # dirtied since the Evaluation Manager last evaluated
        self.all_pending = False
        graph.dirty = self.dirty

    # pull -----------------------------------------------------------------------------------------------
    def value(self, context: Context, node: Node, key: Key) -> Any:
        """Value of a plug in a context, computed if it is dirty. A compound gives a tuple."""
        attr = node.attr(key[0])
        if attr.children:
            return tuple(self.value(context, node, (child, key[1])) for child in attr.children)
        bucket = context.bucket(node, key[0])
        if key[1] in bucket:
            return bucket[key[1]]
        if context.managed and self.outside_the_graph(node, key[0]):
            return node.stored(key)
        end = node.source(key)
        if end is not None:
            value = coerce(attr.kind, self.value(context, *end))
            if attr.cached or node.type.base == "deformer":
                bucket[key[1]] = value
            return value
        if key[0] in node.type.outputs and (node.mpx is not None or node.type.compute is not None):
            return self.computed(context, node, key)
        bucket[key[1]] = node.stored(key)
        return bucket[key[1]]

    def computed(self, context: Context, node: Node, key: Key) -> Any:
        """Let the node compute a dirty output."""
        if (node, key) in context.active:
            error = CycleError(f"cycle: {node.name}.{key[0]} depends on itself")
            self.session.errors.append(str(error))
            raise error
        context.active.append((node, key))
        self.session.computes[node.name] += 1
        try:
            if node.mpx is not None:
                from .mpx_run import run_compute

                result = run_compute(self.session, context, node, key)
            else:
                assert node.type.compute is not None
                node.type.compute(Data(self, context, node), key)
                result = context.bucket(node, key[0]).get(key[1])
        finally:
            context.active.pop()
        bucket = context.bucket(node, key[0])
        if key[1] in bucket:  # an attribute that is not cached is computed again each time it is asked for
            return bucket[key[1]] if node.attr(key[0]).cached or node.mpx is None else bucket.pop(key[1])
        return result if result is not None else node.stored(key)

    def normal_value(self, node: Node, key: Key) -> Any:
        """Value in the normal context; what the viewport shows is evaluated by the manager in strict mode."""
        if key[0] == "outMesh" and self.session.manager_skips_hidden and not self.normal.managed:
            return self.session.player.shown(node, key)
        return self.value(self.normal, node, key)

    def outside_the_graph(self, node: Node, name: str) -> bool:
        """In strict mode: a hidden output of a plug-in node that nothing is connected to. The list that
        custom evaluators are given holds "all plugs required by downstream dependents" (MEvaluationNode,
        devkit): whether others are dirtied or computed is told nowhere, so that here they are neither."""
        if not self.session.manager_skips_hidden or node.mpx is None or name not in node.type.outputs:
            return False
        return node.attr(name).hidden and not any(end and k[0] == name for k, end in node.outputs.items())

    def take_pending(self) -> dict[Node, list[Key]]:
        """What was dirtied in plug-in nodes since this was last asked; everything after undo or reading."""
        alive = set(self.graph)
        found = {node: list(keys) for node, keys in self.pending.items() if node in alive}
        if self.all_pending:
            for node in self.graph:
                if node.mpx is not None:
                    found[node] = [(name, i) for name, held in node.values.items() for i in held]
        self.pending, self.all_pending = {}, False
        return found

    # dirt -----------------------------------------------------------------------------------------------
    def dirty(self, node: Node, key: Key) -> None:
        """Propagate dirt as the DG does: plug-in nodes that override setDependentsDirty are asked."""
        self.spread([(node, key)], ask=True)

    def dirty_all(self) -> None:
        """Everything is dirty (after undo, after reading a file)."""
        self.normal.cache.clear()
        self.all_pending = True

    def spread(self, starts: Iterable[tuple[Node, Key]], *, ask: bool) -> dict[Node, list[Key]]:
        """Dirty these plugs and all that depends on them; the plugs touched, by node."""
        touched: dict[Node, list[Key]] = {}
        seen: set[tuple[Node, Key]] = set()
        stack = list(starts)
        while stack:
            node, key = stack.pop()
            if (node, key) in seen:
                continue
            seen.add((node, key))
            if not ask and self.outside_the_graph(node, key[0]):
                continue
            touched.setdefault(node, []).append(key)
            if ask and node.mpx is not None:
                self.pending.setdefault(node, set()).add(key)
            self._forget(node, key)
            stack.extend((node, (name, ())) for name in self._affected(node, key))
            if ask and node.mpx is not None:
                from .mpx_run import ask_dependents

                stack.extend(ask_dependents(self.session, self.normal, node, key))
            stack.extend(self._downstream(node, key))
        return touched

    def _forget(self, node: Node, key: Key) -> None:
        cache = self.normal.cache.get(node)
        if cache is None:
            return
        depth = len(key[1])
        for name in node.subtree(key[0]):
            bucket = cache.get(name)
            if bucket and depth == node.depth(name):
                bucket.pop(key[1], None)
            elif bucket:
                for indices in [i for i in bucket if i[:depth] == key[1]]:
                    del bucket[indices]

    @staticmethod
    def _affected(node: Node, key: Key) -> set[str]:
        affects = node.type.affects
        names: set[str] = set()
        for attr in (*node.chain(key[0]), *(node.attr(n) for n in node.subtree(key[0]))):
            names |= affects.get(attr.long, set())
        return names

    def _downstream(self, node: Node, key: Key) -> Iterator[tuple[Node, Key]]:
        below = set(node.subtree(key[0]))
        above = {attr.long for attr in node.chain(key[0])}
        for (name, indices), ends in node.outputs.items():
            if name not in below and name not in above:
                continue
            shared = min(len(indices), len(key[1]))
            if indices[:shared] != key[1][:shared]:
                continue
            yield from ends
        if key[0] in ("worldMatrix", "parentMatrix") and node.is_dag:
            for child in node.children:
                yield child, ("parentMatrix", ())
