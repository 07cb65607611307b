"""The running application: scene, time, units, plug-ins, messages, and helpers for tests."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import node_types as node_types
from .boundary import stand_in, user_code
from .errors import ContractError
from .evaluation import Evaluator
from .graph import Graph
from .journal import Journal
from .node import Key, Node
from .nodes_blend import bake_live_target
from .om_script import bury
from .playback import Player
from .plugin_registry import PluginRegistry, give_object
from .plugs import resolve_node, resolve_plug
from .schema import Attr, NodeType
from .values import Geometry, Topology, UVSet

_PER_FRAME = (
    "game 400 film 250 pal 240 ntsc 200 show 125 palf 120 ntscf 100 24fps 250 25fps 240 30fps 200 60fps 100"
)
TICKS = {
    name: float(ticks) for name, ticks in zip(_PER_FRAME.split()[::2], _PER_FRAME.split()[1::2], strict=True)
}
CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0, "km": 100000.0, "in": 2.54, "ft": 30.48, "yd": 91.44}


class Session:
    """One Maya."""

    def __init__(self, *, batch: bool = True) -> None:
        self.batch = batch
        self.version = "2025"
        self.api_version = 20250000
        self.main_thread = threading.current_thread()
        self.count_lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        self.api_seconds = 0.0
        self.violations: list[ContractError] = []
        self.errors: list[str] = []
        self.tracebacks: list[str] = []
        self.messages: list[tuple[str, str]] = []  # (info, warning or error; text)
        self.computes: Counter[str] = Counter()
        self.deforms: Counter[str] = Counter()
        self.dependents_calls: Counter[str] = Counter()
        self.registering: NodeType | None = None
        self.evaluation_mode = "parallel"
        self.manager_skips_hidden = False  # strict: see Evaluator.outside_the_graph
        self.pull_while_reading = False
        self.reading = False
        self.callbacks: dict[int, tuple[Any, Callable[..., None], Any]] = {}
        self.deferred: list[Any] = []
        self.dir_maps: list[tuple[str, str]] = []
        self.dialogs: list[dict[str, Any]] = []
        self.dialog_answers: list[str] = []
        self.paintable: dict[str, dict[str, Any]] = {}
        self.ui: dict[str, Any] = {}
        self.workspace = ""
        self.extras: dict[str, Any] = {}
        self._loose: deque[Geometry] = deque()
        # installed with this Maya; a test may take some away
        self.native_plugins = {"AbcExport", "mayaUsdPlugin", "fbxmaya"}
        self.plugins = PluginRegistry(self)
        self.player = Player(self)
        self.graph: Graph
        self.reset_scene()

    # scene ----------------------------------------------------------------------------------------------
    def reset_scene(self) -> None:
        """An empty scene; types of loaded plug-ins stay."""
        types = self.graph.types if hasattr(self, "graph") else None
        self.journal = Journal()
        self.graph = Graph(self.journal)
        if types is not None:
            self.graph.types = types
        self.evaluator = Evaluator(self, self.graph)
        self.graph.on_break.append(self._before_break)
        self.units = {"linear": "cm", "angle": "deg", "time": "film"}
        self.time = 250.0
        self.selection: list[str] = []
        self.scene_name = ""
        self.file_type = "mayaAscii"
        self.modified = False
        self.references: list[Any] = []
        self.file_info: dict[str, str] = {}
        self.playback_range = {"minTime": 1.0, "maxTime": 120.0}
        self.playback_range |= {"animationStartTime": 1.0, "animationEndTime": 200.0}
        for name in ("persp", "top", "front", "side"):
            camera = self.graph.create("transform", name)
            shape = self.graph.create("camera", name + "Shape", camera)
            camera.default_node = shape.default_node = True
        for kind, name in (
            ("time", "time1"),
            ("shadingEngine", "initialShadingGroup"),
            ("displayLayer", "defaultLayer"),
            ("shapeEditorManager", "shapeEditorManager"),
        ):
            self.graph.create(kind, name).default_node = True

    def _before_break(self, source: Node, source_key: Key, target: Node, target_key: Key) -> None:
        """What Maya keeps when a connection breaks: the last value, and the deltas of a live target."""
        if target.type.name == "blendShape" and target_key[0] == "inputGeomTarget":
            bake_live_target(self.graph, self.evaluator.normal_value, target, target_key)
            return
        attr = target.attr(target_key[0])
        kept = attr.kind not in ("message", "geometry", "mesh", "compound") and attr.disconnect == "nothing"
        if attr.children or not kept or target.is_array(target_key):
            return
        try:
            value = self.evaluator.normal_value(target, target_key)
        except RuntimeError:
            return
        self.journal.put(target.values.setdefault(target_key[0], {}), target_key[1], value)

    def create_node(self, type_name: str, name: str | None = None, parent: Node | None = None) -> Node:
        """A node with its Python object when a plug-in defines it."""
        node = self.graph.create(type_name, name, parent)
        if node.type.creator is not None:
            give_object(node)
        return node

    def add_dynamic(self, node: Node, attr: Attr) -> None:
        """Add an attribute to one node."""

        def add(one: Attr, parent: str | None) -> None:
            if node.find_attr(one.long) is not None or node.find_attr(one.short) is not None:
                raise RuntimeError(
                    f"Found an attribute named '{one.long}' or '{one.short}' on {node.name} already"
                )
            one.dynamic, one.on_node, one.parent = True, node, parent
            one.children = [draft.long for draft in one.drafts] or one.children
            self.journal.put(node.dynamic, one.long, one)
            for draft in one.drafts:
                add(draft, one.long)

        add(attr, attr.parent)

    # geometry -------------------------------------------------------------------------------------------
    def make_mesh(self, name: str, geometry: Geometry, parent: Node | None = None) -> tuple[Node, Node]:
        """Transform and mesh shape without history."""
        transform = parent or self.graph.create("transform", name)
        stem = transform.name.rstrip("0123456789")
        shape = self.graph.create("mesh", f"{stem}Shape{transform.name[len(stem) :]}", transform)
        self.graph.set_value(shape, ("cachedInMesh", ()), geometry)
        return transform, shape

    def add_mesh(
        self, name: str, points: Any, counts: Sequence[int], corners: Sequence[int], uvs: Any = None
    ) -> str:
        """Add a mesh: points (V, 3) in centimetres, corners per face, vertex ids; uvs is (u, v, counts, ids).
        The transform's name."""
        points = np.asarray(points, np.float32)
        topology = Topology(len(points), np.asarray(counts, np.int32), np.asarray(corners, np.int32))
        if uvs is not None:
            u, v, uv_counts, ids = uvs
            topology.uv_sets["map1"] = UVSet(
                np.asarray(u, np.float32),
                np.asarray(v, np.float32),
                np.asarray(uv_counts, np.int32),
                np.asarray(ids, np.int32),
            )
        with stand_in(), self.journal.command("add_mesh"):
            transform, _ = self.make_mesh(name, Geometry(points.copy(), topology=topology))
            return self.graph.path_name(self.graph.paths(transform)[0])

    def shape(self, name: str) -> Node:
        """The visible shape of a transform (or the shape itself)."""
        path = resolve_node(self.graph, name)
        if path is None:
            raise ValueError(f"No object matches name: {name}")
        node = path[-1]
        if node.type.base == "transform":
            node = next(
                c
                for c in node.children
                if c.type.base == "shape" and not c.stored(("intermediateObject", ()))
            )
        return node

    def points(self, name: str) -> np.ndarray:
        """Evaluated points (V, 3) float32 of a mesh, object space, centimetres."""
        shape = self.shape(name)
        with stand_in():
            geometry = self.evaluator.normal_value(shape, ("outMesh", ()))
        return np.array(geometry.points, np.float32)

    def value(self, plug: str) -> Any:
        """Evaluated value of a plug, internal units."""
        found = resolve_plug(self.graph, plug)
        if found is None:
            raise ValueError(f"No object matches name: {plug}")
        with stand_in():
            return self.evaluator.normal_value(found.node, found.key)

    def keep_loose(self, geometry: Geometry) -> Geometry:
        """Keep the memory behind a raw pointer into a mesh node a little, then poison it."""
        self._loose.append(geometry)
        while len(self._loose) > 16:
            bury(self._loose.popleft().points)
        return geometry

    # time -----------------------------------------------------------------------------------------------
    @property
    def ticks_per_frame(self) -> float:
        """Ticks (1/6000 s) of one frame."""
        return TICKS[self.units["time"]]

    @property
    def centimetres(self) -> float:
        """Centimetres in the user's linear unit."""
        return CENTIMETRES[self.units["linear"]]

    def set_time(self, frame: float) -> None:
        """Go to a frame as cmds.currentTime does: through the Evaluation Manager unless that is off."""
        self.player.go(frame)

    def playback(self, frames: Sequence[float], mode: str = "parallel") -> None:
        """Play frames in the mode parallel, serial or off."""
        self.player.play(frames, mode)

    def evaluate_background(self, plug: str, frame: float) -> Any:
        """Value of a plug at another frame in a data block of its own; may be called from another thread."""
        return self.player.background(plug, frame)

    # messages -------------------------------------------------------------------------------------------
    def fire(self, event: Any, *args: Any) -> None:
        """Call the callbacks of an event."""
        for kind, function, data in list(self.callbacks.values()):
            if kind == event:
                with user_code():
                    function(*args, data)

    def say(self, level: str, text: str) -> None:
        """Record a message to the user."""
        self.messages.append((level, text))

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count the calls that cross the border inside the block."""
        before = Counter(self.calls)
        result: Counter[str] = Counter()
        try:
            yield result
        finally:
            result.update(self.calls - before)

    def idle(self) -> None:
        """Run what was deferred (never in batch mode)."""
        if self.batch:
            return
        while self.deferred:
            job = self.deferred.pop(0)
            with user_code():
                exec(job, {}) if isinstance(job, str) else job()

    def check(self) -> None:
        """Raise the first broken contract, if any."""
        if self.violations:
            raise self.violations[0]
