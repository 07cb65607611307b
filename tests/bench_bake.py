"""The bake against usd-core alone, and its peak memory.

python -m tests.bench_bake MODEL.aim CURVES.csv [--frames 1000] [--rounds 7] [--memory-frames 10000]

Time: in one process, in turns, the whole of `bake` (model and curves read, every frame evaluated, file renamed) and usd-core writing
the same points, which it is handed ready in memory, in the usual way: one attribute, `Set` at every frame, one `Save`.
Memory: the peak of a fresh process that bakes the curves repeated to that many frames, to USD and to npz.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from aim_maya.core.curves import Curves, match_controls, read_curves, write_curves
from aim_maya.core.mesh import Mesh
from aim_maya.runtime import FaceModel
from trainer.bake import bake

_PEAK = """
import resource, sys
from pathlib import Path
from trainer.bake import bake
bake(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), style="none")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("curves", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory-frames", type=int, default=10_000)
    given = parser.parse_args()
    curves = read_curves(given.curves)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = np.array(ratios(given.model, repeated(curves, given.frames, folder / "take.csv"), folder, given.rounds))
        ratio = rows[:, 0] / rows[:, 1]
        sys.stdout.write(
            f"{given.frames} frames to usdc, {given.rounds} rounds: bake {np.median(rows[:, 0]):.3f} s, usd-core alone {np.median(rows[:, 1]):.3f} s, "
            f"ratio {np.median(ratio):.2f} (from {ratio.min():.2f} to {ratio.max():.2f})\n"
        )
        for frames in (given.memory_frames // 10, given.memory_frames):
            take = repeated(curves, frames, folder / "long.csv")
            for ending in ("usdc", "npz"):
                out = folder / f"long.{ending}"
                done = subprocess.run([sys.executable, "-c", _PEAK, str(given.model), str(take), str(out)], capture_output=True, text=True, check=True)
                sys.stdout.write(f"{frames} frames to {ending}: peak memory {float(done.stdout):.0f} MiB, file {out.stat().st_size / 2**20:.0f} MiB\n")
                out.unlink()


if __name__ == "__main__":
    main()
