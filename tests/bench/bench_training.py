"""Time, memory and accuracy of a training against vertices and targets.

    python -m tests.bench.bench_training [ACTOR] [--sizes 2812x53 11248x53 11248x200 ...] [--preset draft]
    [--steps N] [--width N] [--first N] [--plot PICTURE.png] [--json FILE] [--keep FOLDER] [--add FILE ...]

Each size is an actor made from the given one (the built-in sample where none is named) as `bench_scale` makes
it: the mesh refined where it moves, its targets split by side and place, combinations among them. Every
training is a process of its own.

Printed: processor seconds of all and of each stage, peak memory, how large the shapes are as float64, errors
in mm, and of every target the RMS error over the RMS of its own motion: the worst, all but a twentieth of
them, the median. --steps: of the skin, and as many or the usual ones of the anatomy, whichever is less.
--width: of E; 0 lets it follow from the targets. --first: only the first N vertices of ACTOR's mesh. --keep:
where the models go. --add: files that --json wrote, in the table and the plot beside what is run now.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh
from trainer.evaluate.tables import markdown

from .bench_scale import large_rig

STAGES = ("prepare", "linear", "train", "score_export")


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


def one_training(options: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Train the first of the sizes in this process; returns its figures."""
    import resource

    from aim_maya.core.run_folder import RunFolder
    from aim_maya.core.training_options import TrainConfig
    from trainer import train as training
    from trainer.actor import load_actor
    from trainer.sample import sample_actor

    vertices, targets = map(int, options.sizes[0].split("x"))
    actor = load_actor(options.actor) if options.actor else sample_actor()
    actor = large_rig(cropped(actor, options.first) if options.first else actor, vertices, targets)
    config = TrainConfig(preset=options.preset, steps=options.steps)
    if options.steps:
        config.anatomy_steps = min(config.anatomy_steps, options.steps)
    if options.width:
        config.expression = replace(config.expression, width=options.width)
    processor, peaks, ends = dict[str, float](), dict[str, float](), [time.process_time()]

    class Clock(training._Clock):
        def lap(self, name: str) -> None:
            super().lap(name)
            ends.append(time.process_time())
            processor[name.removesuffix("_s")] = ends[-1] - ends[-2]
            peaks[name.removesuffix("_s")] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    training._Clock = Clock  # type: ignore[misc]
    metrics = training.train(actor, out, config, RunFolder(out.with_suffix(".run")), style="none").metrics
    motion = np.sqrt(
        np.mean([np.square(s - actor.neutral.points).sum(1).mean() for s in actor.shapes.values()])
    )
    return {
        "vertices": len(actor.neutral.points),
        "targets": len(actor.rig.targets),
        "preset": options.preset,
        "steps": metrics["steps"],
        "width": metrics["config"]["expression"]["width"],
        "clock_s": metrics["seconds"]["total"],
        "processor_s": processor,
        "peaks_mib": peaks,
        "shapes_mib": actor.neutral.points.nbytes * len(actor.shapes) / 2**20,
        "file_mb": out.stat().st_size / 1e6,
        "motion_rms_mm": float(motion) * actor.mm_per_unit,
        "skin": metrics["skin"],
        "relative": {row["target"]: row["relative"] for row in metrics["targets"]},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A line a training."""
    head = ["vertices", "targets", "steps", "width", "processor s", *(s.replace("_", ", ") for s in STAGES)]
    head += ["peak MiB", "of the shapes", "file MB", "mean mm", "moving mm", "max mm"]
    head += ["worst %", "p95 %", "median %"]
    lines = []
    for row in rows:
        s, share = row["processor_s"], 100 * np.array(list(row["relative"].values()))
        peak = max(row["peaks_mib"].values())
        lines.append(
            [
                *(row["vertices"], row["targets"], row["steps"], row["width"], f"{sum(s.values()):.0f}"),
                *(f"{s.get(name, 0):.0f}" for name in STAGES),
                *(f"{peak:.0f}", f"{peak / row['shapes_mib']:.1f}", f"{row['file_mb']:.1f}"),
                *(f"{row['skin']['mean']:.4f}", f"{row['skin']['moving_mean']:.4f}"),
                f"{row['skin']['max']:.2f}",
                *(f"{value:.1f}" for value in (share.max(), np.quantile(share, 0.95), np.median(share))),
            ]
        )
    return markdown(head, lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Processor seconds and memory against the number of targets, one line a number of vertices."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    sides = [
        ("processor, s", lambda row: sum(row["processor_s"].values())),
        ("peak memory, GiB", lambda row: max(row["peaks_mib"].values()) / 1024),
    ]
    for axis, (label, value) in zip(axes, sides, strict=True):
        for vertices in sorted({row["vertices"] for row in rows}):
            line = sorted((row["targets"], value(row)) for row in rows if row["vertices"] == vertices)
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
    parser.add_argument("--sizes", nargs="*", default=["658x20", "658x60", "2600x60"])
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--width", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--add", type=Path, nargs="*", default=[])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            figures = one_training(options, (options.keep or Path(folder)) / f"{options.sizes[0]}.aim")
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    rows = []
    for size in options.sizes:
        command = [sys.executable, "-m", "tests.bench.bench_training", *filter(None, [options.actor])]
        command += ["--one", "--sizes", size, "--preset", options.preset, "--steps", str(options.steps)]
        command += ["--width", str(options.width), "--first", str(options.first)]
        command += ["--keep", str(options.keep)] if options.keep else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
        sys.stderr.write(table(rows[-1:]) + "\n")
    for path in options.add:
        rows += json.loads(path.read_text())
    rows.sort(key=lambda row: (row["vertices"], row["targets"]))
    sys.stdout.write(table(rows) + "\n")
    if options.plot:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
