"""The stages of a check, one after the other, each for itself; and its tables."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, first_line
from aim_maya.core.files import write_json
from aim_maya.core.run_folder import RunFolder
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import FaceModel
from aim_maya.runtime.engine import Engine
from aim_maya.runtime.session import open_session
from trainer.actor import load_actor
from trainer.evaluate.tables import markdown
from trainer.export.graphs import pose_frame_graph
from trainer.learn import passes
from trainer.research.bench import subdivided
from trainer.sample import ict_head, sample_actor, write_ict_model
from trainer.train import train

from . import frames, machine

PACKED = Path(__file__).resolve().parents[2] / "aim_maya" / "sample" / "sample.aim"
GOALS = {"full": ("median_ms", 1.0), "cached resident": ("median_ms", 0.3)}
_PLAIN, _AS_GOOD = "training, kernel by kernel", 1.2  # times its mean error
_RIGHT, _WRONG = "everything right", "SOMETHING IS WRONG"
_COLUMNS = ("median_ms", "p99_ms", "frames", "first_s", "memory_mib")
_PARTS = ("copies_in_ms", "run_ms", "copy_out_ms", "rest_ms")
_HEADER = (
    *("vertices", "way", "median ms", "p99 ms", "frames", "first points s", "MiB of the card"),
    *("copies in ms", "run ms", "copy out ms", "rest ms"),
)
_P99, _FIRST, _MEMORY, _FINE, _TRAINING = 1.5, 1.0, 400.0, 40_000, 20.0


def run(options: argparse.Namespace) -> int:
    """Everything that there is to find; the exit code."""
    try:
        open_session(pose_frame_graph(1, np.zeros(3)), options.device)
    except AimError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    figures = Stages(options).figures
    sys.stdout.write(report(figures))
    return 0 if figures["right"] else 1


class Stages:
    """Runs them; `figures` is all that was found, `errors` of it what a stage said that could not end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._begin = options, time.perf_counter()
        self.figures: dict[str, Any] = {"device": options.device, "errors": {}, "stages": {}}
        device, figures = options.device, self.figures
        self._stage("versions", machine.versions)
        model: FaceModel | None = self._stage("model", self._model, kept=False)
        if model is not None:
            self._stage("placement", lambda: machine.placement(model.data, device))
            self._stage("parity", lambda: frames.parity(model, device))
            self._stage("failing", lambda: frames.failing(model, device))
            self._stage("times", lambda: self._times(model))
            self._stage("times, fine", lambda: self._times(_finer(model)))
        if options.model is None:
            self._stage("training", lambda: self._trained("trained"))
            if device == "cuda":  # what the recorded steps are to be judged by
                with mock.patch.object(passes, "_stream_aside", return_value=None):
                    self._stage(_PLAIN, lambda: self._trained("trained_plain"))
        figures["seconds"] = round(time.perf_counter() - self._begin, 1)
        self._write()

    def _stage(self, name: str, work: Callable[[], Any], *, kept: bool = True) -> Any:
        begin, found = time.perf_counter(), None
        try:
            found = work()
        except Exception as error:  # noqa: BLE001 - the others' figures are wanted all the same
            self.figures["errors"][name] = f"{type(error).__name__}: {first_line(error, 500)}"
            sys.stderr.write(traceback.format_exc())
        seconds = round(time.perf_counter() - begin, 1)
        self.figures["stages"][name] = seconds
        if kept and found is not None:
            self.figures[name] = found
        said = "FAILED, " if name in self.figures["errors"] else ""
        sys.stderr.write(
            f"{name}: {said}{seconds} s, {time.perf_counter() - self._begin:.0f} s since the start\n"
        )
        sys.stderr.flush()
        self._write()
        return found

    def _write(self) -> None:
        figures, out = self.figures, self._options.out
        rows = [
            *(row for row in figures.get("placement", []) if row["graph"] in machine.OF_A_FRAME),
            *figures.get("parity", []),
            *figures.get("failing", []),
        ]
        recorded, plain = figures.get("training"), figures.get(_PLAIN)
        if recorded and plain:
            recorded["right"] = recorded["mean_mm"] <= _AS_GOOD * plain["mean_mm"]
            rows.append(recorded)
        figures["right"] = not figures["errors"] and all(row["right"] for row in rows)
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "gpu_check.json", figures)
        (out / "gpu_check.md").write_text(report(figures), encoding="utf-8")

    def _model(self) -> FaceModel:
        """The finished head of the package, so that nothing depends on a training."""
        path = self._options.model or (PACKED if self._options.coarse else self._options.out / "head.aim")
        if not path.exists():
            write_ict_model(path)
        model = FaceModel.load(path, "cpu")
        if path.name == "head.aim":
            self.figures["head_mm"] = model.manifest["training"]["skin"]["mean"]
        return model

    def _times(self, model: FaceModel) -> list[dict[str, Any]]:
        count, seconds = (5, 0.2) if self._options.coarse else (500, 4.0)
        return frames.times(model, self._options.device, count, seconds)

    def _trained(self, name: str) -> dict[str, Any]:
        options = self._options
        config = TrainConfig(preset="draft" if options.coarse else options.preset, device=options.device)
        path = options.out / f"{name}.aim"
        begin = time.perf_counter()
        actor = self._actor()
        metrics = train(actor, path, config, RunFolder(path.with_suffix(".run")), style="none").metrics
        return {
            "actor": actor.name,
            "preset": config.preset,
            "device": metrics["device"],
            "seconds": round(time.perf_counter() - begin, 1),
            "parts": metrics["seconds"],
            "mean_mm": metrics["skin"]["mean"],
            "max_mm": metrics["skin"]["max"],
            "parity_mm": max(metrics["parity_mm"].values()),
        }

    def _actor(self) -> Actor:
        if self._options.actor:
            return load_actor(self._options.actor)
        return sample_actor((20, 26)) if self._options.coarse else ict_head()


def _finer(model: FaceModel) -> FaceModel:
    fine = subdivided(model.data)
    return FaceModel(fine, model.edit, Engine(fine, "cpu", "cached"))


def report(figures: dict[str, Any]) -> str:
    """The figures, as far as they are there, as markdown."""
    times = [*figures.get("times", []), *figures.get("times, fine", [])]
    parts = [
        f"# Check on {figures['device']}: {_RIGHT if figures['right'] else _WRONG}\n",
        markdown(["", "found"], [list(row) for row in figures.get("versions", {}).items()]),
    ]
    if figures["errors"]:
        rows = [[name, text.replace("|", "/")] for name, text in figures["errors"].items()]
        parts.append(markdown(["stage that FAILED", "what it said"], rows))
    trainings = {name: figures[name] for name in ("training", _PLAIN) if name in figures}
    if trainings:
        parts.append(
            markdown(
                ["", "head", "preset", "on", "s", "skin mean mm", "max mm", "exported mm", "of it", "right"],
                [
                    [
                        name,
                        *(row[key] for key in ("actor", "preset", "device", "seconds", "mean_mm", "max_mm")),
                        f"{row['parity_mm']:.1e}",
                        _laps(row),
                        _yes(row.get("right", True)),
                    ]
                    for name, row in trainings.items()
                ],
            )
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
                for row in figures.get("placement", [])
            ],
        ),
        markdown(
            ["largest difference from numpy, mm", "", "how", "right"],
            [
                [row["way"], f"{row['mm']:.2e}", row["report"], _yes(row["right"])]
                for row in figures.get("parity", [])
            ],
        ),
        markdown(
            ["the device fails in the third frame", "mm", "what the face says", "right"],
            [
                [row["evaluation"], f"{row['mm']:.2e}", row["status"], _yes(row["right"])]
                for row in figures.get("failing", [])
            ],
        ),
        markdown(
            _HEADER,
            [
                [row["vertices"], row["way"], *(_short(row.get(key)) for key in (*_COLUMNS, *_PARTS))]
                for row in times
            ],
        ),
        _goals(figures, times),
        "Seconds: " + ", ".join(f"{name} {value}" for name, value in figures["stages"].items()) + ".\n",
        f"{figures.get('seconds', 'not yet done')} s in all.\n",
    ]
    return "\n\n".join(parts)


def _goals(figures: dict[str, Any], times: list[dict[str, Any]]) -> str:
    """What was wanted of a data-centre card, and whether it was reached; where not, what takes the time.
    Nothing on the CPU."""
    if figures["device"] != "cuda":
        return "Goals are for CUDA; these times are the processor's."
    rows: list[list[Any]] = []

    def goal(what: str, wanted: float, got: float | None, of_it: str) -> None:
        if got is not None:
            rows.append([what, wanted, f"{got:.3g}", _yes(got <= wanted), "" if got <= wanted else of_it])

    for row in times:
        if row["vertices"] >= _FINE and row["way"] in GOALS:
            key, wanted = GOALS[row["way"]]
            name = f"{row['way']}, {row['vertices']} vertices"
            goal(f"{name}, median ms", wanted, row[key], _most(row))
            if row["way"] == "full":
                goal("full, p99 ms", _P99, row["p99_ms"], _most(row))
                goal("full, first points s", _FIRST, row["first_s"], f"opening {_short(row['opened_s'])} s")
                goal("full, MiB of the card", _MEMORY, row["memory_mib"], "")
    trained = figures.get("training")
    if trained is not None and trained["preset"] == "standard":
        goal(f"training of {trained['actor']}, s", _TRAINING, trained["seconds"], _laps(trained))
        if known := figures.get("head_mm"):  # of the package's, which a processor trained
            goal(f"training of {trained['actor']}, mean mm", _AS_GOOD * known, trained["mean_mm"], "")
    return markdown(["goal (H100 or H200)", "at most", "measured", "reached", "where the time goes"], rows)


def _most(row: dict[str, Any]) -> str:
    """The parts of a frame, the longest first."""
    known = [(row[key], key.removesuffix("_ms").replace("_", " ")) for key in _PARTS if row.get(key)]
    return ", ".join(f"{name} {value:.3g} ms" for value, name in sorted(known, reverse=True))


def _laps(trained: dict[str, Any]) -> str:
    """The parts of a training, the longest first."""
    laps = sorted(((v, k) for k, v in trained["parts"].items() if k != "total"), reverse=True)
    return ", ".join(f"{name.removesuffix('_s').replace('_', ' and ')} {value:.3g} s" for value, name in laps)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _yes(right: bool) -> str:
    return "yes" if right else "NO"
