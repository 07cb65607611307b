"""Changing the time: by the Evaluation Manager (parallel, serial), by the DG (off), and in background
contexts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .boundary import local, stand_in
from .evaluation import Context
from .mpx import MPxNode
from .mpx_run import conclude, prepare
from .node import Key, Node
from .plugs import resolve_plug

if TYPE_CHECKING:
    from .session import Session


class Player:
    """Moves the time of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def go(self, frame: float) -> None:
        """To one frame, in the session's evaluation mode."""
        self._frame(frame, self.session.evaluation_mode)

    def play(self, frames: Sequence[float], mode: str) -> None:
        """Through frames."""
        if mode not in ("parallel", "serial", "off"):
            raise ValueError(f"mode is parallel, serial or off, not {mode!r}")
        for frame in frames:
            self._frame(frame, mode)

    def _frame(self, frame: float, mode: str) -> None:
        session = self.session
        session.journal.assign(session, "time", float(frame) * session.ticks_per_frame)
        clocks = self._clocks()
        if mode == "off":
            session.evaluator.spread(clocks, ask=True)
            self._pull(self._ends())
            return
        touched = session.evaluator.spread(clocks, ask=False)
        job = lambda: self._managed(touched)  # noqa: E731
        if mode == "parallel":
            _in_thread(job)
        else:
            job()

    def _clocks(self) -> list[tuple[Node, Key]]:
        """What a change of the time makes dirty."""
        session = self.session
        clocks: list[tuple[Node, Key]] = [
            (n, ("outTime", ())) for n in session.graph if n.type.name == "time"
        ]
        # a time curve with nothing connected to its input follows the time by itself
        clocks += [
            (n, ("input", ()))
            for n in session.graph
            if n.type.name.startswith("animCurveT") and ("input", ()) not in n.inputs
        ]
        clocks += [
            (n, ("time", ()))
            for n in session.graph
            if n.type.name == "expression" and ("time", ()) not in n.inputs
        ]
        return clocks

    def _managed(self, touched: dict[Node, list[Key]]) -> None:
        with self._prepared(touched):
            ends = self._ends()
            free = [e for e in ends if e[0].mpx and e[0].mpx.schedulingType() == MPxNode.kParallel]
            with ThreadPoolExecutor() as threads:  # MPxNode.h: at the same time, unless they say otherwise
                list(threads.map(self._pull, [[end] for end in free]))
            self._pull(ends)

    @contextmanager
    def _prepared(self, touched: dict[Node, list[Key]]) -> Iterator[None]:
        """preEvaluation and postEvaluation of the plug-in nodes, with what the manager knows to be dirty."""
        session = self.session
        context = session.evaluator.normal
        dirty = session.evaluator.take_pending()
        for node, keys in touched.items():
            dirty.setdefault(node, []).extend(keys)
        nodes = [(node, keys) for node, keys in dirty.items() if node.mpx is not None]
        for node, keys in nodes:
            prepare(session, context, node, keys)
        context.managed = True
        try:
            yield
        finally:
            context.managed = False
        for node, keys in nodes:
            conclude(session, context, node, keys)

    def shown(self, node: Node, key: Key) -> Any:
        """What the viewport shows of a plug: what was changed since the last frame is evaluated first."""
        if self.session.evaluation_mode == "off":
            return self.session.evaluator.value(self.session.evaluator.normal, node, key)
        with self._prepared({}):
            return self.session.evaluator.value(self.session.evaluator.normal, node, key)

    def _ends(self) -> list[tuple[Node, Key]]:
        """What the viewport pulls: visible shapes and the outputs of deformers."""
        ends: list[tuple[Node, Key]] = []
        for node in self.session.graph:
            if node.type.name == "mesh" and not node.stored(("intermediateObject", ())):
                ends.append((node, ("outMesh", ())))
            elif node.is_deformer and node.mpx is not None:
                ends.extend(
                    (node, key) for key, to in node.outputs.items() if to and key[0] == "outputGeometry"
                )
        return ends

    def refresh(self) -> None:
        """Evaluate what the viewport shows."""
        self._pull(self._ends())

    def _pull(self, ends: list[tuple[Node, Key]]) -> None:
        with stand_in():
            for node, key in ends:
                self.session.evaluator.normal_value(node, key)

    def background(self, plug: str, frame: float) -> Any:
        """Value of a plug at a frame in a context of its own."""
        session = self.session
        found = resolve_plug(session.graph, plug)
        if found is None:
            raise ValueError(f"No object matches name: {plug}")
        context = Context(float(frame) * session.ticks_per_frame)
        if session.manager_skips_hidden:  # strict: cached playback fills its frames through the manager, too
            for node, keys in session.evaluator.spread(self._clocks(), ask=False).items():
                if node.mpx is not None:
                    prepare(session, context, node, keys)
            context.managed = True
        with stand_in():
            return session.evaluator.value(context, found.node, found.key)


def _in_thread(job: Callable[[], None]) -> None:
    """Run on a worker thread, as the parallel Evaluation Manager does, and wait."""
    raised: list[BaseException] = []
    depth = local.depth

    def run() -> None:
        try:
            with stand_in():
                job()
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            raised.append(error)

    thread = threading.Thread(target=run, name="maya-evaluation-worker")
    thread.start()
    thread.join()
    local.depth = depth
    if raised:
        raise raised[0]
