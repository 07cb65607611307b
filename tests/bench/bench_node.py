"""What the node costs beside the model: `python -m tests.bench.bench_node [--vertices 40000] [--frames 400]`,
on the stand-in for Maya.

Prints medians in ms of one deform at 40,000 vertices, 50 targets, 10 active, cached evaluation: in all,
inside FaceModel, inside the stand-in (which is not Maya, and whose time means nothing), and what is left, our
own Python. Then the calls into Maya in one deform at several sizes, and the memory before and after many
evaluations.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.controls import Control, Rig
from aim_maya.core.mesh import Mesh


def big_head(vertices: int, targets: int) -> Any:
    """A grid of about so many vertices with smooth random targets, as tests.in_maya.tiny makes one."""
    from tests.in_maya.tiny import CENTRE, Tiny

    side = int(np.sqrt(vertices))
    y, x = np.mgrid[0:side, 0:side] / side
    points = CENTRE + 15 * np.stack([x.ravel() - 0.5, y.ravel() - 0.5, np.cos(x * 3).ravel() * 0.3], 1)
    ids = np.arange(side * side).reshape(side, side)
    quads = (
        np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], 2).reshape(-1, 4).astype(np.int32)
    )
    rng = np.random.default_rng(0)
    shapes = {
        f"t{i:02d}": points
        + rng.normal(size=3)
        * np.exp(-((points - points[rng.integers(len(points))]) ** 2).sum(1) / 8)[:, None]
        for i in range(targets)
    }
    rig = Rig(tuple(Control(name, i, ((1.0, name),)) for i, name in enumerate(shapes)))
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.95, -0.312], [0.312, 0.95]]
    normals = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return Tiny(
        Mesh(points, np.full(len(quads), 4, np.int32), quads.ravel()),
        rig,
        shapes,
        {"t00": turn},
        1 / (1 + np.exp(points[:, 1] - CENTRE[1])),
        normals,
    )


def scene(session: Any, folder: Path, vertices: int, targets: int) -> tuple[str, str]:
    """A mesh with a node on it, ten sliders up; returns both."""
    from maya import cmds

    from tests.in_maya.tiny import write_tiny

    cmds.file(newFile=True, force=True)
    head = big_head(vertices, targets)
    model = write_tiny(folder / f"big_{vertices}_{targets}.aim", head)
    mesh = session.add_mesh("big", head.mesh.points, head.mesh.counts, head.mesh.corners)
    node = cmds.deformer(mesh, type="aimDeformer")[0]
    cmds.setAttr(f"{node}.model", model.as_posix(), type="string")
    for i in range(targets):
        cmds.setAttr(f"{node}.weight[{i}]", 0.5 if i < 10 else 0.0)
    return mesh, node


def measure(session: Any, mesh: str, node: str, frames: int) -> dict[str, float]:
    """Median ms of one deform: total, model, stand-in, own."""
    from maya import OpenMaya, cmds

    from aim_maya.runtime import FaceModel
    from aim_maya.scene.node.node import AimDeformer

    inside, rows, plain_points, plain_deform = [0.0], [], FaceModel.points, AimDeformer.deform

    def points(self: Any, *a: Any, **k: Any) -> Any:
        begin = time.perf_counter()
        try:
            return plain_points(self, *a, **k)
        finally:
            inside[0] += time.perf_counter() - begin

    def border(calls: int) -> float:
        """Seconds that so many crossings into the stand-in cost beyond what it counts for itself."""
        before, begin = session.api_seconds, time.perf_counter()
        for _ in range(100):
            OpenMaya.MFileIO.isReadingFile()
        return (time.perf_counter() - begin - (session.api_seconds - before)) / 100 * calls

    def deform(self: Any, *a: Any) -> None:
        inside[0], before, crossed = 0.0, session.api_seconds, sum(session.calls.values())
        begin = time.perf_counter()
        plain_deform(self, *a)
        wall, counted, calls = (
            time.perf_counter() - begin,
            session.api_seconds - before,
            sum(session.calls.values()) - crossed,
        )
        rows.append((wall, inside[0], counted + border(calls)))

    FaceModel.points, AimDeformer.deform = points, deform  # type: ignore[method-assign]
    try:
        for frame in range(frames):
            cmds.setAttr(f"{node}.weight[0]", 0.3 + 0.4 * (frame % 50) / 50)
            session.points(mesh)
    finally:
        FaceModel.points, AimDeformer.deform = plain_points, plain_deform  # type: ignore[method-assign]
    table = np.array(rows[min(5, frames // 2) :]) * 1000
    total, model, stand_in = np.median(table, axis=0)
    return {
        "total": total,
        "FaceModel": model,
        "stand-in": stand_in,
        "own": float(np.median(table[:, 0] - table[:, 1] - table[:, 2])),
    }


def calls_of_one_deform(session: Any, mesh: str, node: str) -> int:
    """Calls into Maya inside deform, besides those that gather the weights: four a weight."""
    from maya import cmds

    from aim_maya.scene.node import node as of_node
    from aim_maya.scene.node.node import AimDeformer

    counted, plain, plain_gather = [0], AimDeformer.deform, of_node.gather

    def deform(self: Any, *a: Any) -> None:
        with session.counting() as calls:
            plain(self, *a)
        counted[0] += sum(calls.values())

    def gather(*a: Any) -> Any:
        with session.counting() as calls:
            found = plain_gather(*a)
        counted[0] -= sum(calls.values())
        return found

    session.points(mesh)
    AimDeformer.deform, of_node.gather = deform, gather  # type: ignore[method-assign]
    try:
        cmds.setAttr(f"{node}.weight[0]", 0.25)
        session.points(mesh)
    finally:
        AimDeformer.deform, of_node.gather = plain, plain_gather  # type: ignore[method-assign]
    return counted[0]


def growth(session: Any, mesh: str, node: str, frames: int) -> int:
    """Bytes of Python memory that `frames` evaluations leave behind."""
    from maya import cmds

    def run(count: int) -> None:
        for frame in range(count):
            cmds.setAttr(f"{node}.weight[1]", (frame % 97) / 97)
            session.points(mesh)

    cmds.undoInfo(stateWithoutFlush=False)  # what setAttr leaves in the undo queue is the host's
    run(200)
    tracemalloc.start()
    run(300)  # the stand-in keeps its last poisoned buffers
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    run(frames)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    cmds.undoInfo(stateWithoutFlush=True)
    return after - before


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vertices", type=int, default=40000)
    parser.add_argument("--frames", type=int, default=400)
    options = parser.parse_args()
    from tests import fake_maya

    session = fake_maya.install()
    from aim_maya.scene.node.registration import load

    load()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(session, *scene(session, Path(folder), options.vertices, 50), options.frames)
        sys.stdout.write("".join(f"{name:<10} {value:8.3f} ms\n" for name, value in figures.items()))
        for vertices, targets in ((400, 10), (400, 50), (10000, 50), (40000, 50)):
            sys.stdout.write(
                f"{calls_of_one_deform(session, *scene(session, Path(folder), vertices, targets)):4d} "
                f"calls in one deform at {vertices} vertices, {targets} targets\n"
            )
        sys.stdout.write(
            f"{growth(session, *scene(session, Path(folder), 400, 10), 10000)} bytes after 10,000 "
            "evaluations\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
