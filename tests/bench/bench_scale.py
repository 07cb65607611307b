"""Large rigs made of a given actor: its skin refined where it moves, its targets split by side and place, and
combinations of those, as rigs of films have them.

python -m tests.bench.bench_scale ACTOR [-o FOLDER] [--model FILE.aim] [--vertices 24000] [--targets 800]
python -m tests.bench.bench_scale --measure FILE.aim [--rounds 60] [--curves CURVES.csv ...]

The folder is an actor as `aimface train` takes it. --model writes an actor.aim of that size too, through the
product's own export, without a training: its networks are as they are drawn, so that it has the size and,
with detail on, the shapes of a trained one. --measure: its cached frames against bare sums of the moved
points and of all vertices, and against the dense evaluation that was before (rows of all vertices, copied
where the set changes), in one run. --curves: frames of captures, too, as they follow each other and each one
again at once; parts of a target that was split follow its control.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.container import read_aim, unpack_arrays
from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.curves.files import read_curves
from aim_maya.core.curves.take import match_controls
from aim_maya.core.mesh import Mesh
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.session import one_thread
from trainer.actor import load_actor
from trainer.evaluate.tables import markdown
from trainer.research.bench import cold_start, sparse_sums, table_size

SEED = 0
LEAST_MM = 0.5  # that a target moves some point by
COMBINED = 0.15  # of all targets


def refined(mesh: Mesh, faces: Ints) -> tuple[Mesh, tuple[Ints, Ints]]:
    """The mesh with these faces (F,) split as `subdivide` does; their neighbours take the new points of common
    edges in, as n-gons. And (edges, faces): (E, 2) vertex pairs and face ids whose means the new points
    are."""
    chosen = np.zeros(len(mesh.counts), bool)
    chosen[faces] = True
    following = mesh.corners[mesh.following]
    low, high = np.minimum(mesh.corners, following), np.maximum(mesh.corners, following)
    split = {
        (a, b) for a, b, c in zip(low.tolist(), high.tolist(), mesh.corner_face, strict=True) if chosen[c]
    }
    edges = sorted(split)
    middle = {edge: len(mesh.points) + i for i, edge in enumerate(edges)}
    centre = len(mesh.points) + len(edges) + np.cumsum(chosen) - 1
    counts, corners = [], []
    for f, (start, count) in enumerate(zip(mesh.starts.tolist(), mesh.counts.tolist(), strict=True)):
        ring = mesh.corners[start : start + count].tolist()
        between = [middle.get((min(a, b), max(a, b))) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
        if chosen[f]:
            counts += [4] * count
            for i in range(count):
                corners += [ring[i], between[i], int(centre[f]), between[i - 1]]
        else:
            whole = [v for pair in zip(ring, between, strict=True) for v in pair if v is not None]
            counts.append(len(whole))
            corners += whole
    parts = np.array(edges, np.int64).reshape(-1, 2), np.flatnonzero(chosen)
    points = _carried(mesh, parts, mesh.points)
    return Mesh(points, np.array(counts, np.int32), np.array(corners, np.int32)), parts


def _carried(mesh: Mesh, parts: tuple[Ints, Ints], values: Floats) -> Floats:
    """values (V, 3) with those of the new points behind them."""
    edges, faces = parts
    sums = np.add.reduceat(values[mesh.corners], mesh.starts, axis=0) / mesh.counts[:, None]
    return np.concatenate([values, values[edges].mean(1), sums[faces]])


def large_rig(actor: Actor, vertices: int, targets: int, seed: int = SEED) -> Actor:
    """An actor of about so many vertices, at least its own, and exactly so many targets; all of its own where
    it has as many, and targets that move the jaw, stay whole."""
    rng = np.random.default_rng(seed)
    names = list(actor.rig.targets)
    mesh, moves = actor.neutral, {t: actor.shapes[t] - actor.neutral.points for t in names}
    while len(mesh.points) < 0.97 * vertices:
        energy = np.max([np.linalg.norm(m, axis=1) for m in moves.values()], axis=0)
        by = np.add.reduceat(energy[mesh.corners], mesh.starts) / mesh.counts
        count = min(len(by), int((vertices - len(mesh.points)) / 3.05))
        finer, parts = refined(mesh, np.argsort(-by, kind="stable")[:count])
        moves = {t: _carried(mesh, parts, m) for t, m in moves.items()}
        mesh = finer
    if targets == len(names):
        shapes = {t: mesh.points + m for t, m in moves.items()}
        return dataclasses.replace(
            actor, name=f"{actor.name}_{len(mesh.points)}x{targets}", neutral=mesh, shapes=shapes
        )
    still = {t for t in names if not _jaw_moves(actor, t)}
    shapes = {t: m for t, m in moves.items() if t not in still}
    combined = int(COMBINED * targets)
    shapes |= _split(
        mesh.points, {t: moves[t] for t in names if t in still}, targets - combined - len(shapes), rng
    )
    controls = tuple(Control(t, i, ((1.0, t),)) for i, t in enumerate(shapes))
    poses, absolute = [], {t: mesh.points + m for t, m in shapes.items()}
    local = [t for t in shapes if "_at_" in t]
    while len(poses) < combined:
        one, other = rng.choice(len(local), 2, replace=False)
        a, b = local[one], local[other]
        name = f"{a}__{b}"
        both = np.minimum(np.linalg.norm(shapes[a], axis=1), np.linalg.norm(shapes[b], axis=1))
        if name in absolute or both.max() < 0.1:
            continue
        absolute[name] = mesh.points + shapes[a] + shapes[b] + 0.3 * both[:, None] * rng.normal(size=3)
        poses.append(Pose(name, {a: 1.0, b: 1.0}))
    teeth = {t: p for t, p in actor.lower_teeth_shapes.items() if t in absolute}
    return dataclasses.replace(
        actor,
        lower_teeth_shapes=teeth,
        name=f"{actor.name}_{len(mesh.points)}x{targets}",
        neutral=mesh,
        shapes=absolute,
        rig=Rig(controls, tuple(poses)),
    )


def _jaw_moves(actor: Actor, target: str) -> bool:
    if actor.jaw_poses is not None:
        return target in actor.jaw_poses
    teeth, posed = actor.lower_teeth, actor.lower_teeth_shapes.get(target)
    if teeth is None or posed is None:
        return False
    return float(np.abs(posed - teeth.points).max()) * actor.mm_per_unit > 0.01


def _split(
    points: Floats, moves: dict[str, Floats], count: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """So many parts of displacements (V, 3): each on one side or both, and round one place that it moves, a
    twentieth to a quarter of the vertices."""
    made: dict[str, Floats] = {}
    centre, width = points[:, 0].mean(), 0.02 * np.ptp(points[:, 0])
    left = 1 / (1 + np.exp(-(points[:, 0] - centre) / width))
    sides = {
        "L": np.where(left > 0.02, left, 0),
        "R": np.where(left < 0.98, 1 - left, 0),
        "M": np.ones_like(left),
    }
    names = list(moves)
    for i in range(count):
        name, side = names[i % len(names)], "LRM"[(i // len(names)) % 3]
        row = moves[name] * sides[side][:, None]
        size = np.linalg.norm(row, axis=1)
        if size.max() < LEAST_MM:
            row, side = moves[name], "M"
            size = np.linalg.norm(row, axis=1)
        lively = np.flatnonzero(size > 0.3 * size.max())
        seed = points[rng.choice(lively)]
        square = ((points - seed) ** 2).sum(1)
        reach = np.partition(square, k := int(rng.uniform(0.05, 0.25) * len(points)))[k]
        mask = np.clip(1 - square / reach, 0, None) ** 2
        made[f"{name}_{side}_at_{i}"] = row * mask[:, None]
    return made


def untrained_model(actor: Actor, path: Path) -> None:
    """Write a model of the actor by the product's export, its networks as they are drawn."""
    from trainer.export.aim import export
    from trainer.learn.model import JawPoses, networks_for
    from trainer.learn.problem import prepare

    config = TrainConfig()
    problem = prepare(actor, config)
    networks = networks_for(config, len(actor.rig.targets), 1.0, 0.1)
    jaw = JawPoses(torch.tensor(problem.normalised_transforms(), dtype=torch.float32), learn=False)
    export(problem, networks, jaw, path, {"skin": {"mean": 0.0, "max": 0.0}})


class Dense:
    """Cached frames as they were before tables were sparse: planar rows of all vertices, those of the last set
    kept side by side, one product, and the rest added axis by axis; without the jaw."""

    def __init__(self, model: FaceModel) -> None:
        self._table = np.stack([row.T.ravel() for row in model.data.tables(True).rows()])
        self._rest = np.ascontiguousarray(model.data.neutral.T)
        self._rows, self._held = np.empty((0, 0), np.float32), np.zeros(0, np.intp)

    def __call__(self, activations: Floats) -> Floats:
        active = np.flatnonzero(activations)
        if len(self._held) != len(active):
            self._rows = np.empty((len(active), self._table.shape[1]), np.float32)
            self._held = np.full(len(active), -1)
        for at in np.flatnonzero(self._held != active).tolist():
            self._rows[at] = self._table[active[at]]
        self._held = active
        e = np.dot(activations[active].astype(np.float32), self._rows).reshape(3, -1)
        out = np.empty(self._rest.shape[::-1], np.float32)
        for axis in range(3):
            np.add(e[axis], self._rest[axis], out=out[:, axis])
        return out


def measure(path: Path, rounds: int, curves: list[Path]) -> None:
    """Print the table of one model, and that of captures (CSV) played on it."""
    model = FaceModel.load(path, "cpu")
    data, dense = model.data, Dense(model)
    sparse = sparse_sums(data.neutral, data.tables(True))
    still = [i for i, c in enumerate(data.rig.controls) if not _turns(model, c.name)]
    rows = []
    for count in (1, 10, 100):
        for kind in ("the same", "all others"):
            rng = np.random.default_rng(count)
            frames, chosen = (
                np.zeros((16, len(model.targets))),
                rng.choice(still, min(count, len(still)), False),
            )
            for f in frames:
                chosen = rng.choice(still, len(chosen), False) if kind == "all others" else chosen
                f[chosen] = rng.uniform(0.05, 0.95, len(chosen))
            activations = [data.rig.activations(f) for f in frames]
            active = [np.flatnonzero(a) for a in activations]
            shares = [a[i].astype(np.float32) for a, i in zip(activations, active, strict=True)]
            calls = {
                "cached": lambda k, f=frames: model.points(f[k]),
                "before": lambda k, a=activations: dense(a[k]),
            }
            for name, call in sparse.items():
                calls[name] = lambda k, call=call, a=active, s=shares: call(a[k], s[k])
            least = {name: np.full(16, np.inf) for name in calls}
            for _ in range(rounds):
                for name, call in calls.items():  # bursts, so that each has the caches for itself
                    for k in range(16):
                        begin = time.perf_counter()
                        call(k)
                        least[name][k] = min(least[name][k], time.perf_counter() - begin)
            ms = {name: 1e3 * float(times[1:].mean()) for name, times in least.items()}
            bare = min(ms[name] for name in sparse)
            rows.append(
                [
                    *(count, kind, int(np.mean([len(a) for a in active])), ms["cached"], bare),
                    *(ms["cached"] / bare, ms["before"], ms["cached"] / ms["before"]),
                ]
            )
    captures, under_edit = capture_rows(model, curves, rounds), edited_rows(model, rounds)
    size, cold = table_size(model), cold_start(path, 7)
    head = [
        "controls",
        "sets",
        "targets",
        "cached ms",
        "moved points ms",
        "ratio",
        "dense before ms",
        "ratio",
    ]
    sys.stdout.write(markdown(head, rows) + "\n")
    head = ["targets", "sets", "ms unedited", "ms, tissue edited", "ratio", "MB of edited rows so far"]
    sys.stdout.write(markdown(head, under_edit) + "\n")
    if captures:
        head = [
            *("capture", "frames", "controls", "targets", "share of other sets", "ms a frame", "of steady"),
            *("ms, another set", "of steady"),
        ]
        sys.stdout.write(markdown(head, captures) + "\n")
    sys.stdout.write(
        f"{len(data.neutral)} vertices, {len(data.rig.targets)} targets; file {path.stat().st_size / 1e6:.1f} MB "
        f"({contents(path)}); "
        f"rows {size['rows_mb']:.1f} MB, moved points {size['moved_mb']:.1f}, all {size['whole_mb']:.1f}; "
        f"first points after {cold['load_to_first_points_s']:.2f} s ({cold['processor_s']:.2f} of the processor), "
        f"of it import {cold['import_s']:.2f}; peak {cold['peak_memory_mib']:.0f} MiB; "
        "first frame without detail, 1, 30, 100 controls: "
        f"{', '.join(f'{first_without_detail(path, n):.2f}' for n in (1, 30, 100))} s\n"
    )


def contents(path: Path) -> str:
    """What takes how many MB of a file, in words."""
    members = read_aim(path)[1]
    arrays = unpack_arrays(members["mesh.npz"], str(path))
    sizes = {name.removesuffix(".onnx"): len(member) for name, member in members.items() if "onnx" in name}
    for part in ("detail", "basis", "skin"):
        sizes[part] = sum(array.nbytes for name, array in arrays.items() if name.startswith(part))
    return ", ".join(f"{name} {size / 1e6:.1f}" for name, size in sizes.items() if size > 5e4)


def first_without_detail(path: Path, controls: int) -> float:
    """Median seconds of the first frame without detail of a model just loaded, so many controls active, on
    one thread, as in a host."""
    times = []
    for _ in range(5):
        model = FaceModel.load(path, "cpu")
        weights = np.where(np.arange(len(model.targets)) < controls, 0.5, 0.0)
        with one_thread():
            begin = time.perf_counter()
            model.points(weights, detail=False)
            times.append(time.perf_counter() - begin)
    return float(np.median(times))


def capture_rows(model: FaceModel, curves: list[Path], rounds: int) -> list[list[object]]:
    """A row a capture: how many controls and targets are active, in what share of frames others than in the
    frame before; ms of its frames one after another, of each called again, and of those whose set is
    another."""
    whole = [re.sub(r"_[LRM]_at_\d+$", "", name) for name in model.targets]
    controls = list(dict.fromkeys(whole))
    rows: list[list[object]] = []
    for path in curves:
        weights, _ = match_controls(read_curves(path), controls)
        weights = weights[:, [controls.index(name) for name in whole]]
        active = weights != 0
        other = np.concatenate([[False], (active[1:] != active[:-1]).any(1)])
        played, again = np.full((2, len(weights)), np.inf)
        for _ in range(max(rounds // 8, 3)):
            for k, w in enumerate(weights):
                begin = time.perf_counter()
                model.points(w)
                played[k] = min(played[k], time.perf_counter() - begin)
            for k, w in enumerate(weights):
                for _ in range(3):
                    begin = time.perf_counter()
                    model.points(w)
                again[k] = min(again[k], time.perf_counter() - begin)
        targets = np.mean([np.count_nonzero(model.data.rig.activations(w)) for w in weights])
        rows.append(
            [
                *(path.name, len(weights), float(active.sum(1).mean()), float(targets), float(other.mean())),
                *(1e3 * float(played.mean()), float(played.mean() / again.mean())),
                *(1e3 * float(played[other].mean()), float(played[other].mean() / again[other].mean())),
            ]
        )
    return rows


def edited_rows(model: FaceModel, rounds: int) -> list[list[object]]:
    """A row a number of targets, the same in all frames or one exchanged in every second: ms unedited, and
    with the tissue edited, in bursts; what the edited rows take."""
    edited, rows = model.edited(Edit(thickness=1.2)), list[list[object]]()
    targets, still = len(model.data.rig.targets), ~model.data.motion.twists.any(1)
    for count in (1, 10, 100, targets * 3 // 4):
        for kind in ("the same", "one exchanged"):
            rng = np.random.default_rng(count)
            active, frames = np.zeros(targets, bool), list[Floats]()
            active[rng.choice(np.flatnonzero(still), min(count, int(still.sum())), False)] = True
            for k in range(16):
                if kind != "the same" and k % 2:
                    active[rng.choice(np.flatnonzero(active))] = False
                    active[rng.choice(np.flatnonzero(still & ~active))] = True
                frames.append(np.where(active, rng.uniform(0.05, 0.6, targets), 0.0))
            least = np.full((2, 16), np.inf)
            for _ in range(max(rounds // 4, 3)):
                for face, times in zip((model, edited), least, strict=True):
                    for k, a in enumerate(frames):
                        begin = time.perf_counter()
                        face.posed(a, None)
                        times[k] = min(times[k], time.perf_counter() - begin)
            ms = 1e3 * least[:, 1:].mean(1)
            size = edited._evaluator(True)._tables.nbytes / 1e6
            rows.append([count, kind, float(ms[0]), float(ms[1]), float(ms[1] / ms[0]), size])
    return rows


def _turns(model: FaceModel, control: str) -> bool:
    return bool((model.data.rig.activations({control: 1.0}) @ model.data.motion.twists).any())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("actor", type=Path, nargs="?")
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--curves", type=Path, nargs="*", default=[])
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--vertices", type=int, default=24000)
    parser.add_argument("--targets", type=int, default=800)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.rounds, options.curves)
        return
    if options.actor is None:
        parser.error("an actor to begin with, or --measure FILE.aim")
    actor = large_rig(load_actor(options.actor), options.vertices, options.targets)
    moved = np.mean([(s != actor.neutral.points).any(1).mean() for s in actor.shapes.values()])
    sys.stdout.write(
        f"{len(actor.neutral.points)} vertices, {len(actor.shapes)} targets, {moved:.1%} moved by each\n"
    )
    if options.out:
        write_actor(actor, options.out)
    if options.model:
        untrained_model(actor, options.model)
        sys.stdout.write(f"{options.model}: {options.model.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
