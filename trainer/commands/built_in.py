"""The head that comes with the package: written as an actor folder, and taken through the whole line."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import read_actor, write_actor
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json, write_text
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from trainer.sample import write_ict_head, write_ict_model

Head = Literal["ict", "procedural"]


@dataclass
class SampleOptions:
    """Write a built-in head as an actor folder: the ICT-FaceKit head with its 53 targets, bones and teeth, or
    a procedural one.
    """

    folder: tyro.conf.Positional[Path]
    """Folder to write."""
    head: Head = "ict"
    """ict: the generic head of ICT-FaceKit (MIT), exactly as published. procedural: made by a program,
    with an in-between and a combination."""
    trained: bool = False
    """Also write FOLDER.aim, the finished model of the ict head: to look at before anything is trained."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_sample(options: SampleOptions) -> dict[str, Any]:
    """Write the folder."""
    if options.trained and options.head != "ict":
        raise AimError(
            f"There is no finished model of the {options.head} head.",
            "Only the ict head comes with one.",
            "Leave --trained out and train it, or take --head ict.",
        )
    actor = write_head(options.head, options.folder)
    sys.stdout.write(
        f"{options.folder}: {len(actor.rig.targets)} targets; aimface train {options.folder} trains it\n"
    )
    if options.trained:
        model = options.folder.with_name(options.folder.name + ".aim")
        write_ict_model(model)
        sys.stdout.write(f"{model}: aimface view {model} shows it\n")
    return {
        "folder": str(options.folder),
        "head": options.head,
        "vertices": len(actor.neutral.points),
        "targets": list(actor.rig.targets),
    }


def write_head(head: Head, folder: Path) -> Actor:
    """Write that head as an actor folder."""
    if head == "ict":
        return write_ict_head(folder)
    from trainer.sample import sample_actor  # needs scipy, which the other head does not

    actor = sample_actor()
    write_actor(actor, folder)
    return actor


@dataclass
class DemoOptions:
    """The whole line on the head that comes with the package (ICT-FaceKit's): write it, train, export,
    evaluate, bake, report. Under four minutes on two cores.
    """

    out: Path = Path("out/demo")
    """Folder for everything."""
    head: Head = "ict"
    """Which built-in head."""
    steps: int = 1000
    """Optimiser steps of the training."""
    preset: Literal["draft", "standard"] = "standard"
    """draft is done in seconds."""
    progress: Literal["auto", "bar", "lines", "json", "none"] = "auto"
    """How to report progress."""
    json: Path | None = None
    """Write the figures here as JSON."""


def run_demo(options: DemoOptions) -> dict[str, Any]:
    """Leaves sample/, sample.aim, metrics.json, smile.csv, smile.npz and report.html in the folder."""
    # late: torch takes two seconds to import, and a head is written in one
    from aim_maya.runtime import FaceModel
    from trainer.bake.bake import bake
    from trainer.evaluate.report import write_report
    from trainer.evaluate.tables import accuracy_table
    from trainer.train import train

    out, began = options.out, (time.perf_counter(), time.process_time())
    write_head(options.head, out / "sample")
    actor = read_actor(out / "sample")
    trained = train(
        actor,
        out / "sample.aim",
        TrainConfig(preset=options.preset, steps=options.steps),
        RunFolder(out / "sample.run"),
        style=options.progress,
    )
    write_json(out / "metrics.json", trained.metrics)
    model = FaceModel.load(out / "sample.aim", "cpu")
    _write_take(out / "smile.csv", model.targets)
    baked = bake(out / "sample.aim", out / "smile.csv", out / "smile.npz", device="cpu", style="none")
    write_report(model, out / "report.html", actor, trained.metrics)
    wall, cpu = (time.perf_counter() - began[0], time.process_time() - began[1])
    sys.stdout.write(
        f"{accuracy_table(trained.metrics)}\n\n{baked['frames']} frames baked. All of it took {wall:.0f} s, "
        f"{cpu:.0f} s of them one core's work. Open {out / 'report.html'}\n"
    )
    return trained.metrics


def _write_take(path: Path, controls: tuple[str, ...]) -> None:
    """Two seconds of jaw, smile and blink at 24 frames a second."""
    t = np.linspace(0, 2, 49)
    curves = {
        "jawOpen": 0.5 - 0.5 * np.cos(2 * np.pi * t),
        "mouthSmile_L": np.clip(t - 0.5, 0, 1),
        "mouthSmile_R": np.clip(t - 0.5, 0, 1),
        "eyeBlink_L": np.exp(-(((t - 1.2) / 0.08) ** 2)),
        "eyeBlink_R": np.exp(-(((t - 1.2) / 0.08) ** 2)),
    }
    names = [c for c in curves if c in controls]
    lines = ["time," + ",".join(names)] + [
        f"{x:.6f}," + ",".join(f"{curves[n][i]:.4f}" for n in names) for i, x in enumerate(t)
    ]
    write_text(path, "\n".join(lines) + "\n")
