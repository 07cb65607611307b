"""Frames of a check: parity of every way against numpy, a device that fails, and times."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.engine import Engine, FullEvaluator, ResidentEvaluator
from aim_maya.runtime.frame import DeviceMemory, FullFrame, PoseFrame
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.session import Session
from aim_maya.runtime.skin_field import MovedSkin

from .machine import memory_mib

PARITY_MM = 1e-3
_SPLIT = 12  # frames whose parts are measured apart
_JAW = rigid.exp([0.2, 0.05, -0.1, 1.0, -2.0, 3.0])


class Evaluator(Protocol):
    """What forms points on a device."""

    session: Session

    def points(
        self,
        activations: Floats,
        jaw: Floats | None,
        edit: Edit,
        detail: bool,
        moved: MovedSkin | None = None,
    ) -> Floats:
        """(V, 3) float32."""


Way = Callable[[ModelData, str], Evaluator]
WAYS: dict[str, Way] = {
    "full": lambda data, device: FullFrame(data, device, whole=True),
    "full, kernel by kernel": lambda data, device: FullFrame(data, device, whole=True, capture=False),
    "cached resident": lambda data, device: PoseFrame(data, device, whole=True),
    "cached resident, kernel by kernel": lambda data, device: PoseFrame(
        data, device, whole=True, capture=False
    ),
    "full, portable graph": FullEvaluator,
    "cached resident, portable graph": ResidentEvaluator,
}
"""Captured as CUDA graphs where there is CUDA, kernel by kernel, and as an older file would be."""


def _weights(model: FaceModel, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, len(model.targets)) * (rng.random(len(model.targets)) < 0.5)


def edits(model: FaceModel) -> list[Edit]:
    """As trained; every gain; every map."""
    rng, v, unit = np.random.default_rng(5), len(model.mesh.points), 1 / model.mm_per_unit
    return [
        Edit(),
        Edit(thickness=1.3, jaw_gain=0.5, jaw_arc=0.4, expression_gain=0.8),
        Edit(
            thickness=rng.uniform(0.8, 1.5, v),
            bone_offset=unit * rng.normal(size=(v, 3)),
            expression_gain=rng.uniform(0.5, 1.5, v),
        ),
    ]


def parity(model: FaceModel, device: str) -> list[dict[str, Any]]:
    """A row a way: the largest difference in mm from numpy's cached points over edits, detail and jaws, in an
    order in which nothing of a frame may stay for the next."""
    faces = [model.edited(edit) for edit in edits(model)]
    asked = [
        (face, _weights(model, seed), detail, jaw)
        for seed, face in enumerate([*faces, faces[0]])
        for detail in (True, False)
        for jaw in (None, _JAW)
    ]
    wanted = [face.points(weights, jaw=jaw, detail=detail) for face, weights, detail, jaw in asked]
    rows = []
    for name, way in WAYS.items():
        evaluator, worst = way(model.data, device), 0.0
        for (face, weights, detail, jaw), right in zip(asked, wanted, strict=True):
            active = model.data.rig.activations(weights)
            got = evaluator.points(active, jaw, face.edit, detail, face.moved)
            worst = max(worst, float(np.abs(got - right).max()) * model.mm_per_unit)
        rows.append(
            {
                "way": name,
                "mm": worst,
                "report": evaluator.session.report,
                "right": worst <= PARITY_MM and "recording failed" not in evaluator.session.report,
            }
        )
        del evaluator
    return rows


def failing(model: FaceModel, device: str) -> list[dict[str, Any]]:
    """A row an evaluation: whether a face goes on where its device fails in the third frame, and what it
    says."""
    rows = []
    for evaluation in ("cached", "full"):
        engine = Engine(model.data, "cpu", evaluation)
        graph = (FullFrame if evaluation == "full" else PoseFrame)(model.data, device, whole=True)
        run, calls = graph.memory.run, 0

        def lost(run: Callable[[], Floats] = run) -> Floats:
            nonlocal calls
            calls += 1
            if calls >= 3:
                raise RuntimeError("CUDA failure 719: unspecified launch failure (pretended)")
            return run()

        graph.memory.run = lost  # type: ignore[method-assign]
        engine._graph = graph
        face, worst = FaceModel(model.data, model.edit, engine), 0.0
        for seed in range(6):
            weights = _weights(model, seed)
            difference = float(np.abs(face.points(weights) - model.points(weights)).max())
            worst = max(worst, difference * model.mm_per_unit)
        right = worst <= PARITY_MM and calls == 3 and "719" in face.status
        rows.append({"evaluation": evaluation, "mm": worst, "status": face.status, "right": right})
    return rows


def times(model: FaceModel, device: str, frames: int, seconds: float) -> list[dict[str, Any]]:
    """A row a way, numpy's first: ms of a frame from weights to points in the caller's memory, detail on,
    every control active and other weights every frame; s from the opened file to the first points; MiB of
    the card."""
    rng, v = np.random.default_rng(0), len(model.mesh.points)
    active = [model.data.rig.activations(rng.uniform(0.05, 0.5, len(model.targets))) for _ in range(16)]
    edit = model.edited(Edit()).edit
    rows = [
        {
            "vertices": v,
            "way": "cached, numpy",
            **_measured(lambda a: model.posed(a, None), active, frames, seconds),
        }
    ]
    for name, way in WAYS.items():
        gc.collect()  # what the way before held is given back first
        before, begin = memory_mib(), time.perf_counter()
        evaluator = way(model.data, device)
        opened = time.perf_counter() - begin
        evaluator.points(active[0], None, edit, True)
        first, after = time.perf_counter() - begin, memory_mib()
        measured = _measured(lambda a, e=evaluator: e.points(a, None, edit, True), active, frames, seconds)
        taken = None if before is None or after is None else after - before
        measured |= {"opened_s": opened, "first_s": first, "memory_mib": taken}
        rows.append({"vertices": v, "way": name, **measured, **_parts(evaluator, active, edit)})
        del evaluator
    return rows


def _parts(evaluator: Evaluator, active: list[Floats], edit: Edit) -> dict[str, float]:
    """ms of a frame's parts, medians: copies to the device, the run, the copy back, and the rest, which is
    numpy and Python; nothing where the memory is not bound once."""
    memory = getattr(evaluator, "memory", None)
    if not isinstance(memory, DeviceMemory):
        return {}
    names, spent = ("copy_in", "evaluate", "copy_out"), dict[str, float]()

    def timed(name: str) -> Callable[[], Any]:
        work = getattr(memory, name)

        def call() -> Any:
            begin = time.perf_counter_ns()
            found = work()
            spent[name] = (time.perf_counter_ns() - begin) / 1e6
            return found

        return call

    for name in names:
        setattr(memory, name, timed(name))
    frames = []
    for weights in active[:_SPLIT]:
        begin = time.perf_counter_ns()
        evaluator.points(weights, None, edit, True)
        whole = (time.perf_counter_ns() - begin) / 1e6
        frames.append([*(spent[name] for name in names), whole - sum(spent.values())])
    middle = np.median(frames, axis=0).tolist()
    return dict(zip(("copies_in_ms", "run_ms", "copy_out_ms", "rest_ms"), middle, strict=True))


def _measured(
    call: Callable[[Floats], object], active: list[Floats], frames: int, seconds: float
) -> dict[str, Any]:
    """Median and 99th percentile in ms of at most `frames` calls in at most about `seconds`."""
    for i in range(3):
        call(active[i])
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < frames and (len(taken) < 5 or time.perf_counter() < end):
        begin = time.perf_counter_ns()
        call(active[len(taken) % len(active)])
        taken.append((time.perf_counter_ns() - begin) / 1e6)
    return {
        "median_ms": float(np.median(taken)),
        "p99_ms": float(np.quantile(taken, 0.99)),
        "frames": len(taken),
        "first_s": None,
        "memory_mib": None,
    }
