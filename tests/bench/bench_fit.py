"""What a fit costs: `python -m tests.bench.bench_fit MODEL.aim performance.npz`.

Prints, on this machine: seconds a frame for global and local fits (without what is done once for a take),
seconds done once, and the peak memory of fitting 3,000 frames, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from trainer.fit.fit import fit_scans
from trainer.fit.options import FitOptions
from trainer.fit.scans import open_frames


def one(model_path: Path, frames: Path, mode: str) -> dict[str, float]:
    """Seconds and MiB of one fit; the first frame stands for what is done once."""
    model = FaceModel.load(model_path, "cpu")
    source = open_frames(frames, len(model.data.neutral))
    stamps: list[float] = []

    class Watch(Progress):
        def step(self, done: int, steps: int, **figures: float) -> None:
            stamps.append(time.perf_counter())
            super().step(done, steps, **figures)

    began = time.perf_counter()
    with Watch("none") as progress:
        fit_scans(model, source, FitOptions(mode=mode), progress)  # type: ignore[arg-type]
    whole = time.perf_counter() - began
    a_frame = (stamps[-1] - stamps[0]) / max(len(stamps) - 1, 1)
    return {
        "frames": source.count,
        "seconds": whole,
        "a_frame": a_frame,
        "once": whole - a_frame * source.count,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def lengthened(source: Path, count: int, out: Path) -> Path:
    """The take of `source` to and fro until it has `count` frames."""
    frames = np.load(source)["frames"]
    there_and_back = np.r_[np.arange(len(frames)), np.arange(len(frames) - 2, 0, -1)]
    np.savez(out, frames=frames[np.resize(there_and_back, count)], fps=30.0)
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--long", type=int, default=3000, help="frames of the long take; 0 leaves it out")
    parser.add_argument("--one", choices=["local", "global"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(one(arguments.model, arguments.frames, arguments.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        takes = [
            arguments.frames,
            *(
                [lengthened(arguments.frames, arguments.long, Path(folder) / "long.npz")]
                if arguments.long
                else []
            ),
        ]
        for mode in ("global", "local"):
            for take in takes:
                command = [
                    sys.executable,
                    "-m",
                    "tests.bench.bench_fit",
                    str(arguments.model),
                    str(take),
                    "--one",
                    mode,
                ]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                sys.stdout.write(
                    f"{mode:6} {found['frames']:5} frames: {found['a_frame']:.4f} s a frame, "
                    f"{found['once']:.1f} s once, peak memory {found['peak_mib']:.0f} MiB\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
