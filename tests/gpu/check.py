"""`make gpu-check`, or `python -m tests.gpu.check`: in at most four minutes whether and how fast a face runs
on this machine's NVIDIA card.

It trains on the card, looks where every node runs, compares every way of evaluating with numpy, lets the
device fail, and measures frames. Needs the package with its extra `dev`, and onnxruntime-gpu (for CUDA 12 or
13) in onnxruntime's place. Prints tables and writes gpu_check.md and gpu_check.json; exit code 0 when
everything is right, 1 when something is not, 2 with one sentence where there is no CUDA.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from aim_maya.runtime.engine import Engine
from aim_maya.runtime.session import open_session
from trainer.actor import load_actor
from trainer.evaluate.tables import markdown
from trainer.export.graphs import pose_frame_graph
from trainer.research.bench import subdivided
from trainer.sample import sample_actor
from trainer.train import train

from . import frames, machine

ICT_RIG = Path(__file__).resolve().parents[3] / "shared" / "data" / "ict_rig"
GOALS = {"full": ("median_ms", 1.0), "cached resident": ("median_ms", 0.3)}
_RIGHT, _WRONG = "everything right", "SOMETHING IS WRONG"
_COLUMNS = ("median_ms", "p99_ms", "frames", "first_s", "memory_mib")
_P99, _FIRST, _MEMORY, _FINE, _TRAINING = 1.5, 1.0, 400.0, 40_000, 20.0


def main(arguments: list[str] | None = None) -> int:
    """Check, print, write; the exit code."""
    options = _options(arguments)
    begin = time.perf_counter()
    try:
        open_session(pose_frame_graph(1, np.zeros(3)), options.device)
        figures = check(options)
    except AimError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    figures["seconds"] = round(time.perf_counter() - begin, 1)
    text = report(figures)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu_check.md").write_text(text)
    write_json(options.out / "gpu_check.json", figures)
    sys.stdout.write(text)
    return 0 if figures["right"] else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.gpu.check", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument(
        "--actor", type=Path, help="train this one; ict_rig where it is there, else the sample"
    )
    parser.add_argument("--model", type=Path, help="train nothing, and take this .aim file")
    parser.add_argument("--preset", default="standard", help="of the training")
    parser.add_argument(
        "--coarse", action="store_true", help="a coarse head and few frames: the script itself"
    )
    return parser.parse_args(arguments)


def check(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure. Raises AimError where the device cannot be had, or the actor not be trained."""
    figures: dict[str, Any] = {"device": options.device, "versions": machine.versions(), "training": None}
    path = options.model
    if path is None:
        path = options.out / "trained.aim"
        figures["training"] = _trained(options, path)
    model = FaceModel.load(path, "cpu")
    fine = subdivided(model.data)
    finer = FaceModel(fine, model.edit, Engine(fine, "cpu", "cached"))
    count, seconds = (5, 0.2) if options.coarse else (500, 4.0)
    figures["placement"] = machine.placement(model.data, options.device)
    figures["parity"] = frames.parity(model, options.device)
    figures["failing"] = frames.failing(model, options.device)
    figures["times"] = [
        row for m in (model, finer) for row in frames.times(m, options.device, count, seconds)
    ]
    rows = [
        *(row for row in figures["placement"] if row["graph"] in machine.OF_A_FRAME),
        *figures["parity"],
        *figures["failing"],
    ]
    figures["right"] = all(row["right"] for row in rows)
    return figures


def _trained(options: argparse.Namespace, path: Path) -> dict[str, Any]:
    if options.actor is None and ICT_RIG.is_dir() and not options.coarse:
        options.actor = ICT_RIG
    actor = (
        load_actor(options.actor) if options.actor else sample_actor(*([(20, 26)] if options.coarse else []))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    config = TrainConfig(preset="draft" if options.coarse else options.preset, device=options.device)
    metrics = train(actor, path, config, RunFolder(path.with_suffix(".run")), style="none").metrics
    skin = FaceModel.load(path, "cpu").manifest["training"]["skin"]
    return {
        "actor": actor.name,
        "preset": config.preset,
        "device": metrics["device"],
        "seconds": round(time.perf_counter() - begin, 1),
        "mean_mm": skin["mean"],
        "max_mm": skin["max"],
    }


def report(figures: dict[str, Any]) -> str:
    """The figures as markdown."""
    trained, short = figures["training"], lambda value: "" if value is None else f"{value:.3g}"
    parts = [
        f"# Check on {figures['device']}: {_RIGHT if figures['right'] else _WRONG}\n",
        markdown(["", "found"], [list(row) for row in figures["versions"].items()]),
    ]
    if trained is not None:
        parts.append(
            f"Training of {trained['actor']} ({trained['preset']}) on {trained['device']}: "
            f"{trained['seconds']} s, skin mean {trained['mean_mm']:.3g}, max {trained['max_mm']:.3g} mm.\n"
        )
    parts += [
        markdown(
            ["graph", "nodes by provider", "elsewhere", "copies", "right"],
            [
                [
                    row["graph"],
                    _counts(row["nodes"]),
                    _counts(row["elsewhere"]),
                    row["copies"],
                    _yes(row["right"]),
                ]
                for row in figures["placement"]
            ],
        ),
        markdown(
            ["largest difference from numpy, mm", "", "right"],
            [[row["way"], f"{row['mm']:.2e}", _yes(row["right"])] for row in figures["parity"]],
        ),
        markdown(
            ["the device fails in the third frame", "mm", "what the face says", "right"],
            [
                [row["evaluation"], f"{row['mm']:.2e}", row["status"], _yes(row["right"])]
                for row in figures["failing"]
            ],
        ),
        markdown(
            ["vertices", "way", "median ms", "p99 ms", "frames", "first points s", "MiB of the card"],
            [
                [row["vertices"], row["way"], *(short(row[key]) for key in _COLUMNS)]
                for row in figures["times"]
            ],
        ),
        _goals(figures),
        f"{figures['seconds']} s in all.\n",
    ]
    return "\n\n".join(parts)


def _goals(figures: dict[str, Any]) -> str:
    """What was wanted of a data-centre card, and whether it was reached; nothing on the CPU."""
    if figures["device"] != "cuda":
        return "Goals are for CUDA; these times are the processor's."
    rows: list[list[Any]] = []

    def goal(what: str, wanted: float, got: float | None) -> None:
        if got is not None:
            rows.append([what, wanted, f"{got:.3g}", _yes(got <= wanted)])

    for row in figures["times"]:
        if row["vertices"] >= _FINE and row["way"] in GOALS:
            key, wanted = GOALS[row["way"]]
            goal(f"{row['way']}, {row['vertices']} vertices, median ms", wanted, row[key])
            if row["way"] == "full":
                goal("full, p99 ms", _P99, row["p99_ms"])
                goal("full, first points s", _FIRST, row["first_s"])
                goal("full, MiB of the card", _MEMORY, row["memory_mib"])
    trained = figures["training"]
    if trained is not None and trained["preset"] == "standard":
        goal(f"training of {trained['actor']}, s", _TRAINING, trained["seconds"])
    return markdown(["goal (H100 or H200)", "at most", "measured", "reached"], rows)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _yes(right: bool) -> str:
    return "yes" if right else "NO"


if __name__ == "__main__":
    sys.exit(main())
