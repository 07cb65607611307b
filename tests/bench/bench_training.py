"""Time and memory of a training against vertices and targets.

    python -m tests.bench.bench_training [ACTOR] [--sizes 2812x53 11248x53 11248x200 ...] [--preset draft]
    [--first N] [--plot PICTURE.png] [--json FILE]

Each size is an actor made from the given one (the built-in sample where none is named) as `bench_scale` makes
it: the mesh refined where it moves, its targets split by side and place, combinations among them. Every training is a process of its own. Printed: processor and clock seconds of
each stage, peak memory, how large the shapes are as float64, errors against the motion. --first: only the
first N vertices of ACTOR's mesh.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh
from trainer.evaluate.tables import markdown

from .bench_scale import large_rig


def cropped(actor: Actor, first: int) -> Actor:
    """The actor's first vertices, and the faces that have no others."""
    mesh = actor.neutral
    faces = np.maximum.reduceat(mesh.corners, mesh.starts) < first
    corners = mesh.corners[faces[mesh.corner_face]]
    return replace(
        actor,
        neutral=Mesh(mesh.points[:first], mesh.counts[faces], corners),
        shapes={name: points[:first] for name, points in actor.shapes.items()},
        landmarks=None,
    )


def one_training(source: str, first: int, size: str, preset: str, out: Path) -> dict[str, Any]:
    """Train one size in this process; returns its figures."""
    import resource

    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from trainer.actor.load import load_actor
    from trainer.sample import sample_actor
    from trainer.train import train

    vertices, targets = map(int, size.split("x"))
    actor = load_actor(source) if source else sample_actor()
    actor = large_rig(cropped(actor, first) if first else actor, vertices, targets)
    config = TrainConfig(preset=preset)  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF)
    metrics = train(actor, out / "big.aim", config, RunFolder(out / "big.run"), style="none").metrics
    used = resource.getrusage(resource.RUSAGE_SELF)
    motion = np.sqrt(
        np.mean([np.square(s - actor.neutral.points).sum(1).mean() for s in actor.shapes.values()])
    )
    return {
        "vertices": len(actor.neutral.points),
        "targets": len(actor.rig.targets),
        "preset": preset,
        "processor_s": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "shapes_mib": actor.neutral.points.nbytes * len(actor.shapes) / 2**20,
        "file_mib": (out / "big.aim").stat().st_size / 2**20,
        "motion_rms_mm": float(motion) * actor.mm_per_unit,
        "skin": metrics["skin"],
        "seconds": metrics["seconds"],
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds and memory against the number of coordinates, one line a number of vertices."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    sides = [("processor_s", "processor, s", 1.0), ("peak_mib", "peak memory, GiB", 1024.0)]
    for axis, (key, label, unit) in zip(axes, sides, strict=True):
        for vertices in sorted({row["vertices"] for row in rows}):
            line = sorted((r["targets"], r[key] / unit) for r in rows if r["vertices"] == vertices)
            axis.plot(*zip(*line, strict=True), "o-", label=f"{vertices:,} vertices")
        axis.set(xlabel="targets", ylabel=label, xlim=(0, None), ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """All sizes, one after the other, and the table of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("actor", nargs="?", default="")
    parser.add_argument("--sizes", nargs="+", default=["658x20", "658x60", "2600x60"])
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            figures = one_training(
                options.actor, options.first, options.sizes[0], options.preset, Path(folder)
            )
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    rows = []
    for size in options.sizes:
        command = [sys.executable, "-m", "tests.bench.bench_training", "--one", "--sizes", size]
        command += ["--preset", options.preset, "--first", str(options.first)]
        command += [options.actor] if options.actor else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        sys.stderr.write(f"{size}: {rows[-1]['processor_s']:.0f} s, {rows[-1]['peak_mib']:.0f} MiB\n")
    head = ["vertices", "targets", "processor s", "clock s", "prepare", "linear", "train", "score, export"]
    head += ["peak MiB", "of the shapes", "mean mm", "max mm", "mean / motion"]
    table = []
    for row in rows:
        s = row["seconds"]
        table.append(
            [
                row["vertices"],
                row["targets"],
                f"{row['processor_s']:.0f}",
                f"{s['total']:.0f}",
                *(f"{s.get(f'{name}_s', 0):.0f}" for name in ("prepare", "linear", "train", "score_export")),
                f"{row['peak_mib']:.0f}",
                f"{row['peak_mib'] / row['shapes_mib']:.1f}",
                f"{row['skin']['mean']:.4f}",
                f"{row['skin']['max']:.2f}",
                f"{row['skin']['mean'] / row['motion_rms_mm']:.4f}",
            ]
        )
    sys.stdout.write(markdown(head, table) + "\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.plot:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
