"""The bake against usd-core alone, and its peak memory.

python -m tests.bench.bench_bake MODEL.aim CURVES.csv [--frames 1000] [--rounds 7] [--memory-frames 10000]
[--actor FOLDER]

Time: the whole of `bake` (model and curves read, every frame evaluated, file renamed) and usd-core writing
the same points, which it is handed ready in memory, in the usual way: one attribute, `Set` at every frame,
one `Save`. In turns, each in a fresh process as a farm runs it (imports not counted), with the processor's
seconds of the process and of the one that it forks, and again both in one process. Memory: the peak of a
fresh process, or of the one it forks if that is larger, that bakes the curves repeated to that many frames,
to USD and to npz (on Linux). Blender, when bpy is there: the largest difference of any point of any frame
from FaceModel, USD and Alembic opened in Blender.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from aim_maya.core.curves import Curves, match_controls, read_curves, write_curves
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel
from trainer.bake.bake import BakeOptions, bake

# VmHWM is of this process alone: ru_maxrss of a process begins at the size of the one that started it
_PEAK = """
import resource, re, sys
from pathlib import Path
from trainer.bake.bake import bake
bake(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), style="none")
own = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024)
"""


def repeated(curves: Curves, frames: int, path: Path) -> Path:
    """The curves over and over, up to that many frames, at their own rate."""
    times = np.arange(frames) / curves.fps
    values = np.resize(curves.values, (frames, curves.values.shape[1]))
    write_curves(path, Curves(curves.names, values, times, curves.fps))
    return path


def usd_alone(mesh: Mesh, frames: list[np.ndarray], fps: float, out: Path) -> None:
    from pxr import Usd, UsdGeom, Vt

    out.unlink(missing_ok=True)
    stage = Usd.Stage.CreateNew(str(out))
    stage.SetTimeCodesPerSecond(fps)
    shape = UsdGeom.Mesh.Define(stage, "/skin")
    shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(mesh.counts))
    shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(mesh.corners))
    points = shape.CreatePointsAttr()
    for i, frame in enumerate(frames):
        points.Set(Vt.Vec3fArray.FromNumpy(frame), float(i + 1))
    stage.GetRootLayer().Save()


def ratios(model_path: Path, curves_path: Path, folder: Path, rounds: int) -> list[tuple[float, float]]:
    """Seconds of the bake and of usd-core alone, a round each, after one round that does not count."""
    model, curves = FaceModel.load(model_path, "cpu"), read_curves(curves_path)
    frames = [model.points(row) for row in match_controls(curves, model.targets)[0]]
    rows = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        bake(model_path, curves_path, folder / "ours.usdc", device="cpu", style="none")
        middle = time.perf_counter()
        usd_alone(model.mesh, frames, curves.fps, folder / "alone.usdc")
        rows.append((middle - began, time.perf_counter() - middle))
    return rows[1:]


_BAKE = """
import sys, pxr.Usd, pxr.UsdGeom, pxr.UsdShade, threadpoolctl
from pathlib import Path
from tests.bench.bench_bake import clocks
from trainer.bake.bake import bake
began = clocks()
bake(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), device="cpu", style="none")
print(*(clocks() - began))
"""

_ALONE = """
import sys, numpy as np, pxr.Usd, pxr.UsdGeom
from pathlib import Path
from aim_maya.runtime import FaceModel
from tests.bench.bench_bake import clocks, usd_alone
mesh, frames = FaceModel.load(sys.argv[1], "cpu").mesh, list(np.load(sys.argv[2])["frames"])
began = clocks()
usd_alone(mesh, frames, 30.0, Path(sys.argv[3]))
print(*(clocks() - began))
"""


def clocks() -> np.ndarray:
    """(3,) seconds: the clock on the wall, the processor's of this process, and of those it started that have
    ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return np.array([time.perf_counter(), *(use.ru_utime + use.ru_stime for use in spent)])


def fresh_clocks(model: Path, take: Path, folder: Path, rounds: int) -> np.ndarray:
    """(rounds, 2, 3) seconds as `clocks` has them, of the bake and of usd-core alone, every figure from a
    process of its own."""
    bake(model, take, folder / "points.npz", device="cpu", style="none")

    def measured(code: str, source: Path, out: Path) -> list[float]:
        out.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code, str(model), str(source), str(out)],
            capture_output=True,
            text=True,
            check=True,
        )
        return [float(text) for text in done.stdout.split()]

    return np.array(
        [
            (
                measured(_BAKE, take, folder / "ours.usdc"),
                measured(_ALONE, folder / "points.npz", folder / "alone.usdc"),
            )
            for _ in range(rounds)
        ]
    )


def print_processor(clock: np.ndarray) -> None:
    ours, alone = np.median(clock[:, 0, 1:], axis=0), np.median(clock[:, 1, 1])
    sys.stdout.write(
        f"    processor: bake {ours[0]:.3f} s and {ours[1]:.3f} s in its worker, usd-core alone "
        f"{alone:.3f} s\n"
    )


def print_ratios(what: str, seconds: ArrayLike) -> None:
    rows = np.asarray(seconds)
    ratio = rows[:, 0] / rows[:, 1]
    sys.stdout.write(
        f"{what}, {len(rows)} rounds: bake {np.median(rows[:, 0]):.3f} s, usd-core alone "
        f"{np.median(rows[:, 1]):.3f} s, "
        f"ratio {np.median(ratio):.2f} (from {ratio.min():.2f} to {ratio.max():.2f})\n"
    )


def differences_in_blender(model_path: Path, curves_path: Path, folder: Path, actor: Path | None) -> None:
    """Every frame of the take in Blender against FaceModel."""
    model, curves = FaceModel.load(model_path, "cpu"), read_curves(curves_path)
    weights = match_controls(curves, model.targets)[0]
    for ending, unit in (("usdc", model.mm_per_unit / 1000), ("abc", 1.0)):
        cache, seen = folder / f"b.{ending}", folder / "seen.npz"
        began = time.perf_counter()
        bake(model_path, curves_path, cache, BakeOptions(actor=actor), device="cpu", style="none")
        took = time.perf_counter() - began
        frames = [str(i + 1) for i in range(len(weights))]
        subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.helpers.blender_read",
                str(cache),
                str(seen),
                str(curves.fps),
                *frames,
            ],
            capture_output=True,
            check=True,
        )
        with np.load(seen) as found:
            worst = max(
                float(
                    np.abs(found[f"skin@{i + 1}"][:, [0, 2, 1]] * [1, 1, -1] / unit - model.points(row)).max()
                )
                for i, row in enumerate(weights)
            )
        sys.stdout.write(
            f"{len(weights)} frames to {ending} ({took:.1f} s), opened in Blender: at most {worst:.2g} "
            "units from FaceModel\n"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory-frames", type=int, default=10_000)
    parser.add_argument("--actor", type=Path)
    given = parser.parse_args()
    curves = read_curves(given.curves)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        take = repeated(curves, given.frames, folder / "take.csv")
        clock = fresh_clocks(given.model, take, folder, given.rounds)
        print_ratios(f"{given.frames} frames to usdc, fresh processes", clock[:, :, 0])
        print_processor(clock)
        print_ratios(
            f"{given.frames} frames to usdc, one process", ratios(given.model, take, folder, given.rounds)
        )
        if importlib.util.find_spec("bpy"):
            differences_in_blender(given.model, given.curves, folder, given.actor)
        for frames in (given.memory_frames // 10, given.memory_frames):
            take = repeated(curves, frames, folder / "long.csv")
            for ending in ("usdc", "npz"):
                out = folder / f"long.{ending}"
                done = subprocess.run(
                    [sys.executable, "-c", _PEAK, str(given.model), str(take), str(out)],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                sys.stdout.write(
                    f"{frames} frames to {ending}: peak memory {float(done.stdout):.0f} MiB, file "
                    f"{out.stat().st_size / 2**20:.0f} MiB\n"
                )
                out.unlink()


if __name__ == "__main__":
    main()
