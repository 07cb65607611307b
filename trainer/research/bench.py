"""Speed and memory of a model on this machine, as ratios taken in one run: frames as trained, edited, of a
performance; paired calls, medians.

The yardsticks are a bare linear blendshape in numpy that sums the same active targets over all vertices,
gather + gemv, in place, and blocked, of which the fastest counts; and one that sums only the points that they
move.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import subdivide
from aim_maya.core.performance import PerformanceData
from aim_maya.core.posing import Detail, tolerance
from aim_maya.runtime import Edit, FaceModel, Performance
from aim_maya.runtime.engine import Engine, FullEvaluator, full_evaluator
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.performance import build_performance
from aim_maya.runtime.tables import SkinTables

from .edit_costs import BURST, edited_frames, edits_built

_BLOCK = 16384


def subdivided(data: ModelData) -> ModelData:
    """The same face with about four times the vertices: every table carried by one linear subdivision."""
    finer = subdivide(data.mesh)

    def carry(array: Floats) -> Floats:
        return finer.carry(array).astype(np.float32)

    tables, request = data.tables(True), data.skin_request
    if request is not None:  # its nodes are vertices that stay
        confidence, tissue = (
            finer.carry(a.astype(np.float64)).astype(np.uint8) for a in (request.confidence, request.tissue)
        )
        request = replace(request, confidence=confidence, tissue=tissue)
    return replace(
        data,
        skin_request=request,
        mesh=finer.refined,
        neutral=carry(data.neutral),
        template=carry(data.template),
        bone=carry(data.bone),
        normals=carry(data.normals),
        thickness=carry(data.thickness),
        weight=carry(data.weight),
        learned=np.stack([carry(b) for b in data.basis]),
        detail=Detail.encode(
            map(carry, tables.rows()), tolerance(data.neutral, data.manifest["mm_per_unit"])
        ),
        region_maps={},
        _made={},
    )


def bare_sums(rest: Floats, table: Floats) -> dict[str, Callable[[NDArray[np.intp], Floats], Floats]]:
    """Three ways to sum active rows of table (T, 3V) onto rest (3V,) float32, each as good as numpy
    allows.
    """
    scratch = np.empty_like(rest)

    def gather(active: NDArray[np.intp], weights: Floats) -> Floats:
        out: Floats = weights @ table[active]
        out += rest
        return out

    def in_place(active: NDArray[np.intp], weights: Floats) -> Floats:
        out = rest.copy()
        for i, w in zip(active, weights, strict=True):
            np.multiply(table[i], w, out=scratch)
            out += scratch
        return out

    def blocked(active: NDArray[np.intp], weights: Floats) -> Floats:
        out = rest.copy()
        for begin in range(0, len(out), _BLOCK):
            part = out[begin : begin + _BLOCK]
            for i, w in zip(active, weights, strict=True):
                np.multiply(table[i, begin : begin + _BLOCK], w, out=scratch[: len(part)])
                part += scratch[: len(part)]
        return out

    return {"gather+gemv": gather, "in place": in_place, "blocked": blocked}


def paired(calls: dict[str, Callable[[int], object]], rounds: int) -> dict[str, Floats]:
    """Milliseconds of every call in every round; all calls in each round, in rotating order, so that drift
    hits all alike."""
    names = list(calls)
    times: dict[str, Floats] = {name: np.empty(rounds) for name in names}
    for i in range(min(20, rounds)):
        for call in calls.values():
            call(i)
    for i in range(rounds):
        for k in range(len(names)):
            name = names[(i + k) % len(names)]
            begin = time.perf_counter_ns()
            calls[name](i)
            times[name][i] = (time.perf_counter_ns() - begin) / 1e6
    return times


def sparse_sums(rest: Floats, tables: SkinTables) -> dict[str, Callable[[Ints, Floats], Floats]]:
    """Two ways to sum the points that active targets move onto rest (V, 3), by numpy's own indices: a point
    at a time, and a coordinate at a time."""
    moves: dict[int, tuple[Ints, Floats]] = {}
    flat: dict[int, tuple[Ints, Floats]] = {}

    def kept(i: int) -> None:
        row = tables.row(i)
        ids = np.flatnonzero(row.any(1))
        moves[i] = ids, row[ids]
        flat[i] = (3 * ids[:, None] + np.arange(3)).ravel(), row[ids].ravel()

    def points(active: Ints, weights: Floats) -> Floats:
        out = rest.copy()
        for i, w in zip(active.tolist(), weights, strict=True):
            ids, values = moves[i]
            out[ids] += w * values
        return out

    def coordinates(active: Ints, weights: Floats) -> Floats:
        out = rest.reshape(-1).copy()
        for i, w in zip(active.tolist(), weights, strict=True):
            ids, values = flat[i]
            out[ids] += w * values
        return out

    def ready(call: Callable[[Ints, Floats], Floats], active: Ints, weights: Floats) -> Floats:
        for i in active.tolist():
            if i not in flat:
                kept(i)
        return call(active, weights)

    return {"by point": partial(ready, points), "by coordinate": partial(ready, coordinates)}


def cached_against_bare(model: FaceModel, active_count: int, rounds: int) -> dict[str, Any]:
    """One row: a cached frame against the fastest bare sum of the same active targets, over all vertices and
    over the points that they move; control weights change every frame."""
    data = model.data
    rng = np.random.default_rng(0)
    table = np.ascontiguousarray(data.tables(True).displacements.reshape(len(data.rig.targets), -1))
    rest = np.ascontiguousarray(data.neutral.reshape(-1))
    chosen = np.sort(rng.choice(len(data.rig.names), min(active_count, len(data.rig.names)), replace=False))
    frames = np.zeros((64, len(data.rig.names)))
    frames[:, chosen] = rng.uniform(0.05, 0.95, (64, len(chosen)))
    activations = [data.rig.activations(f) for f in frames]
    actives = [np.flatnonzero(a) for a in activations]
    weights = [a[i].astype(np.float32) for a, i in zip(activations, actives, strict=True)]
    # the two kinds of sums in runs of their own: one's tables would push the other's out of the cache
    cached: dict[str, Callable[[int], object]] = {"cached": lambda i: model.points(frames[i % 64])}
    whole, sparse = bare_sums(rest, table), sparse_sums(data.neutral, data.tables(True))
    times, others = (
        paired(
            cached
            | {
                name: lambda i, call=call: call(actives[i % 64], weights[i % 64])  # type: ignore[misc]
                for name, call in sums.items()
            },
            rounds,
        )
        for sums in (whole, sparse)
    )
    medians = {name: float(np.median(t)) for name, t in (others | times).items()}
    best, fewest = (min(kind, key=medians.__getitem__) for kind in (whole, sparse))
    return {
        "vertices": len(data.neutral),
        "active": int(np.mean([len(a) for a in actives])),
        "moved": float(np.mean(data.detail.counts[actives[0]])) / len(data.neutral),
        "cached_ms": medians["cached"],
        "bare_ms": medians[best],
        "bare": best,
        "ratio": float(np.median(times["cached"] / times[best])),
        "sparse_ms": medians[fewest],
        "sparse_ratio": float(np.median(others["cached"] / others[fewest])),
        "cached_p99_ms": float(np.quantile(times["cached"], 0.99)),
        "p99_over_median": float(np.quantile(times["cached"], 0.99)) / medians["cached"],
    }


_SETS = 16  # of active controls


def changing_sets(model: FaceModel, active_count: int, rounds: int) -> dict[str, float]:
    """ms of a cached frame: of active controls that stay; of which one goes and another comes every fourth
    frame, as in a capture of a face, and in every frame; and that are all others in every frame. The sets
    that stay are those that change: some move the jaw, others do not. Bursts in turn, the first frames of
    each left out; the mean over the frames of the least time of each."""
    rng = np.random.default_rng(1)
    controls = len(model.targets)
    count = min(active_count, controls)
    sets = [rng.permutation(controls)[:count] for _ in range(_SETS)]

    def burst(period: int, exchanged: int, first: int) -> Floats:
        frames, active, n = np.zeros((2 * BURST, controls)), sets[first], first
        for i, f in enumerate(frames):
            if period and i % period == 0:
                if exchanged >= count:
                    n = (n + 1) % _SETS
                    active = sets[n]
                else:
                    coming = rng.permutation(np.setdiff1d(np.arange(controls), active))[:exchanged]
                    active = np.concatenate([rng.permutation(active)[len(coming) :], coming])
            f[active] = rng.uniform(0.05, 0.95, len(active))
        return frames

    ways = {
        "the same": (0, 0),
        "one every fourth frame": (4, 1),
        "one every frame": (1, 1),
        "all every frame": (1, count),
    }
    bursts = {name: [burst(*how, first) for first in range(_SETS)] for name, how in ways.items()}
    least = {name: np.full((_SETS, 2 * BURST), np.inf) for name in ways}
    for i in range(_SETS * max(rounds // (_SETS * BURST), 3)):
        for name in ways:
            frames, times = bursts[name][i % _SETS], least[name][i % _SETS]
            for k, f in enumerate(frames):
                begin = time.perf_counter_ns()
                model.points(f)
                times[k] = min(times[k], (time.perf_counter_ns() - begin) / 1e6)
    return {name: float(times[:, BURST:].mean()) for name, times in least.items()}


def full_frames(data: ModelData, device: str, rounds: int) -> list[dict[str, Any]]:
    """Median ms of all networks every frame, detail on, and which device it came to: by the file's best
    graph, and by full.onnx as any runtime reads it, in turns."""
    evaluators = {e.graph: e for e in (full_evaluator(data, device), FullEvaluator(data, device))}
    rng, edit = np.random.default_rng(0), Edit().checked(len(data.neutral))
    frames = [data.rig.activations(rng.uniform(0, 0.5, len(data.rig.names))) for _ in range(8)]
    times = paired(
        {
            name: lambda i, e=e: e.points(frames[i % 8], None, edit, True)  # type: ignore[misc]
            for name, e in evaluators.items()
        },
        rounds,
    )
    return [
        {
            "graph": name,
            "device": evaluator.session.device,
            "report": evaluator.session.report,
            "median_ms": float(np.median(times[name])),
            "p99_ms": float(np.quantile(times[name], 0.99)),
        }
        for name, evaluator in evaluators.items()
    ]


def table_size(model: FaceModel) -> dict[str, float]:
    """MB of the rows of all targets as frames are summed from them, of the moved points alone (float32, three
    numbers each), and of a table of all vertices."""
    data, tables = model.data, model.data.tables(True)
    tables.need(np.arange(tables.count))
    return {
        "rows_mb": tables.nbytes / 1e6,
        "moved_mb": 12e-6 * float(data.detail.counts.sum()),
        "whole_mb": 12e-6 * tables.count * len(data.neutral),
    }


_COLD = """
import time, sys
t, begun = time.perf_counter(), time.process_time()
import aim_maya.runtime
imported = time.perf_counter() - t
assert "onnxruntime" not in sys.modules
m = aim_maya.runtime.FaceModel.load(sys.argv[1], "cpu")
m.points([0.3] * len(m.targets))
first, used = time.perf_counter() - t, time.process_time() - begun
try:  # not ru_maxrss, which a process has from the one that began it
    lines = open("/proc/self/status").read().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
except OSError:  # not Linux
    peak = 0.0
print(imported, first, used, peak)
"""


def cold_start(path: Path, times: int = 5) -> dict[str, float]:
    """Median seconds, in a fresh process, of importing the runtime and of import + load to first points, by
    the clock and of the processor; peak memory in MiB. Python may keep what it compiles, as it does for
    users."""
    rows = []
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", _COLD, str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        if done.returncode:
            raise AimError(
                f"A fresh process could not load {path}.", "".join(done.stderr.strip().splitlines()[-1:])
            )
        rows.append([float(x) for x in done.stdout.split()])
    imported, first, used, memory = np.median(np.array(rows), axis=0)
    return {
        "import_s": float(imported),
        "load_to_first_points_s": float(first),
        "processor_s": float(used),
        "peak_memory_mib": float(memory),
    }


def bench(path: Path, rounds: int, device: str) -> dict[str, Any]:
    """Every figure that `aimface bench` prints."""
    model = FaceModel.load(path, "cpu")
    fine_data = subdivided(model.data)
    finer = FaceModel(fine_data, model.edit, Engine(fine_data, "cpu", "cached"))
    built = [*edits_built(model), *edits_built(finer)]  # before any other edit: the first costs more
    everything = len(model.targets)
    rows = [cached_against_bare(m, n, rounds) for m in (model, finer) for n in (1, 10, everything)]
    full = full_frames(model.data, "cpu", min(rounds, 50))
    if device != "cpu":
        try:
            full += [
                row for d in (model.data, finer.data) for row in full_frames(d, "cuda", min(rounds, 200))
            ]
        except AimError as why:
            full.append(
                {"graph": "", "device": "cuda", "report": why.what, "median_ms": None, "p99_ms": None}
            )
    return {
        "model": path.name,
        "bytes": path.stat().st_size,
        "rounds": rounds,
        "frames": rows,
        "changing_sets_ms": {
            "model": changing_sets(model, 10, rounds // 5),
            "subdivided": changing_sets(finer, 10, rounds // 5),
        },
        "edits_built": built,
        "edited": [
            *edited_frames(model, 10, rounds // 5, paired),
            *edited_frames(finer, 10, rounds // 5, paired),
        ],
        "full": full,
        "tables": table_size(model),
        "cold": cold_start(path),
    }


# What a frame of a performance costs: one weight a target, weights that vary over the face, and those blended
# with the sliders.

_FRAMES, _COLUMNS = 64, 150  # as many functions as fits have


def made_up(model: FaceModel, columns: int) -> Performance:
    """A performance of random numbers on `columns` spatial functions (1: global); every target moves in every
    frame."""
    rng, t, v = np.random.default_rng(0), len(model.data.rig.targets), len(model.data.neutral)
    basis = (
        np.ones((v, 1), np.float32) if columns == 1 else rng.dirichlet(np.ones(columns), v).astype(np.float32)
    )
    motion = np.stack([rigid.exp(x) for x in rng.normal(0, 0.1, (_FRAMES, 6))])
    coefficients = rng.uniform(0.05, 0.95, (_FRAMES, t, columns)).astype(np.float32)
    offsets = None if columns == 1 else rng.normal(0, 0.1, (_FRAMES, columns, 3)).astype(np.float32)
    arrays = PerformanceData(30.0, motion, motion, coefficients, basis, offsets=offsets)
    return Performance(build_performance(model.data, arrays, tied=False, figures={}))


def performance_frames(model: FaceModel, rounds: int) -> dict[str, Any]:
    """Median and 99th percentile in ms of moments between frames, in the head's space and with the head's
    motion in the local one."""
    one, local = made_up(model, 1), made_up(model, _COLUMNS)
    weights = np.linspace(0, 0.5, len(model.targets))
    times = paired(
        {
            "global": lambda i: model.performance_points(one, i % _FRAMES + 0.5, head=False),
            "local": lambda i: model.performance_points(local, i % _FRAMES + 0.5, head=False),
            "local, blended": lambda i: model.performance_points(
                local, i % _FRAMES + 0.5, head=False, weights=weights, blend=0.5
            ),
            "local, head": lambda i: model.performance_points(local, i % _FRAMES + 0.5),
        },
        rounds,
    )
    rows = {
        name: {"median_ms": float(np.median(t)), "p99_ms": float(np.quantile(t, 0.99))}
        for name, t in times.items()
    }
    return {
        "vertices": len(model.data.neutral),
        "targets": len(model.data.rig.targets),
        "columns": _COLUMNS,
        "moments": rows,
    }
