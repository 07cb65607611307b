"""One training from an actor to an actor.aim: prepare, solve, learn, score, export; whole or resumable at
every moment."""

from __future__ import annotations

import _thread
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.files import write_json
from aim_maya.core.progress import Progress, Style
from aim_maya.core.run_folder import RunFolder, told_by
from aim_maya.core.training_options import TrainConfig, config_from_json
from trainer.evaluate.anatomy import leave_regions_out, write_bones
from trainer.evaluate.pictures import Preview
from trainer.evaluate.score import accuracy, trained_jaw_accuracy
from trainer.export.aim import bones_report, export, learned_jaw
from trainer.learn.loop import Training
from trainer.learn.model import FaceNetworks, JawPoses
from trainer.learn.problem import Problem, make_tables, prepare
from trainer.learn.run import Heartbeat, pick_device, reported
from trainer.learn.solvers import known_jaw, ridge_config, settle, solve, with_width

_SAME_MM = 0.1  # between two readings of one neutral
RIDGE_FEATURES = {"draft": 1536, "standard": 1024, "final": 1024}


@dataclass
class Trained:
    """What a training leaves: the problem, the networks and their figures."""

    problem: Problem
    networks: FaceNetworks
    jaw: JawPoses
    metrics: dict[str, Any]


def train(
    actor: Actor,
    out: Path,
    config: TrainConfig,
    run: RunFolder,
    *,
    resume: bool = False,
    style: Style = "auto",
    leave_out: bool = False,
    with_parent: bool = False,
    source: Path | None = None,
) -> Trained:
    """Train `actor` and write `out`; the RUN folder holds progress, checkpoint and metrics. with_parent: stop
    when standard input ends. source: where the actor was read, for whoever resumes.

    Raises AimError for bad input or a RUN folder in use, Cancelled (with a usable checkpoint on disk) when
    asked to stop.
    """
    device = pick_device(config.device)
    state, unlike = run.load() if resume else None, ""
    if state is not None:
        begun_with = _config_of(state, run)
        _check_same(state, actor, run)
        unlike = _told_otherwise(begun_with, config)
        config = replace(begun_with, device=config.device)
    run.begin()
    write_json(run.config, config.to_json())
    if state is None:
        # so that whenever it is stopped, --resume knows what was asked for
        run.save({"config": config.to_json(), "step": 0, "actor": _known_by(actor)})
    with (
        _interruptible() as interruption,
        Progress(style, run.progress) as progress,
        Heartbeat(run, progress, interruption.now, with_parent=with_parent) as heartbeat,
    ):
        progress.cancelled = lambda: interruption.asked() or heartbeat.asked.is_set()
        with reported(progress, actor.name, out, int(state.get("shown", 0)) if state else 0, source):
            if unlike:
                progress.note(unlike, warning=True)
            return _train(actor, out, config, run, state, device, progress, leave_out)


def _train(
    actor: Actor,
    out: Path,
    config: TrainConfig,
    run: RunFolder,
    state: dict[str, Any] | None,
    device: torch.device,
    progress: Progress,
    leave_out: bool,
) -> Trained:
    clock = _Clock()
    for warning in actor.warnings:
        progress.note(warning, warning=True)
    progress.stage("prepare")
    problem = prepare(actor, config)
    for note in problem.welded.notes:
        progress.note(f"{note}.")
    if config.bones == "none":
        progress.note(
            "Trained without bones, as asked for: the file has expressions alone, no anatomy, and "
            "cannot be edited by thickness or bones.",
            warning=True,
        )
    if problem.bones is not None:
        progress.note(
            f"No {' or '.join(problem.bones.wanted)} given: {problem.bones.report}. Look at what was "
            f"estimated in {run.bones}; put better bones into the actor folder.",
            warning=True,
        )
        write_bones(run.bones, actor, problem.bones)
    lost = problem.tissue.landmarks is None and config.bones != "none"
    progress.note(f"{problem.tissue.note}.", warning=lost)
    if problem.tissue.landmarks is not None and problem.tissue.landmarks.warning:
        progress.note(problem.tissue.landmarks.warning, warning=True)
    progress.note(
        f"Template: {'; '.join(problem.template.openings)}. Jaw from {problem.jaw.source}: "
        f"{problem.jaw.report}."
    )
    clock.lap("prepare_s")
    progress.stage("linear solution")
    tables = make_tables(problem, device)
    linear = solve(problem, tables, ridge_config(config, RIDGE_FEATURES[config.preset]))
    linear_jaw = known_jaw(problem, device)
    if config.preset == "draft":
        problem = settle(problem, tables, linear, linear_jaw)
    preview = Preview(problem, run.preview, progress)
    linear_accuracy = accuracy(problem, linear, linear_jaw, preview.show_all)
    clock.lap("linear_s")
    if config.preset == "draft":
        trained, extra = (linear, linear_jaw), {"steps": 0, "restarts": 0, "curve": []}
        figures = linear_accuracy
    else:
        config, note = with_width(problem, tables, config)
        if note:
            progress.note(f"{note}.")
        training = Training(problem, config, linear_accuracy["skin"]["mean"], device, tables)
        if state is not None and "networks" in state:
            try:
                training.restore(state)
            except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
                raise run.damaged(_misfit(error)) from error
            progress.note("Resuming at step {} of {}.".format(*training.shown))
        training.run(progress, lambda: _save(run, training, actor, progress), preview.show)
        trained, problem = (training.whole, training.jaw), training.problem
        extra = {"steps": training.shown[0], "restarts": training.restarts, "curve": training.curve}
        clock.lap("train_s")
        progress.stage("score")
        figures = accuracy(problem, *trained, preview.show_all)
    metrics: dict[str, Any] = {
        "actor": actor.name,
        "preset": config.preset,
        "device": str(device),
        "config": config.to_json(),
        **figures,
        **extra,
        "linear": {k: linear_accuracy[k] for k in ("skin", "neutral", "between", "worst_relative")},
        "jaw": {
            "source": problem.jaw.source,
            "report": problem.jaw.report,
            "error": trained_jaw_accuracy(
                problem.actor, problem.constraints, learned_jaw(problem, trained[1]).poses
            ),
        },
        "bones": bones_report(problem),
        "thickness_prior": problem.tissue.note,
        "warnings": actor.warnings,
    }
    if leave_out:
        metrics["left_out"] = leave_regions_out(problem, config, device, progress)
        clock.lap("leave_out_s")
    metrics["seconds"] = clock.laps | {"total": clock.total}
    write_json(run.metrics, metrics)  # before the export, which may refuse: the figures are known
    progress.stage("export")
    metrics["parity_mm"] = export(
        problem, *trained, out, {k: metrics[k] for k in ("preset", "config", "skin", "neutral", "curve")}
    )
    clock.lap("score_export_s")
    metrics["peak_memory_mib"] = peak_memory_mib()
    metrics["seconds"] = clock.laps | {"total": clock.total}
    write_json(run.metrics, metrics)
    return Trained(problem, *trained, metrics)


def _known_by(actor: Actor) -> dict[str, Any]:
    """What a checkpoint knows its actor by: plain values and the neutral (V, 3) in mm."""
    neutral = torch.tensor(actor.neutral.points * actor.mm_per_unit, dtype=torch.float32)
    return {
        "name": actor.name,
        "topology": actor.neutral.topology_hash,
        "targets": list(actor.rig.targets),
        "neutral": neutral,
    }


def _config_of(state: dict[str, Any], run: RunFolder) -> TrainConfig:
    """The configuration that a checkpoint carries. Raises AimError when it is none of a training of ours."""
    if not isinstance(state.get("config"), dict) or type(state.get("step")) is not int or state["step"] < 0:
        raise run.damaged(
            "it has no configuration and step of a training", "It is another program's, or was altered."
        )
    if state["step"] and "networks" not in state:
        raise run.damaged(f"it lacks the networks of step {state['step']}")
    try:
        config = config_from_json(state["config"])
    except (AimError, TypeError, ValueError) as error:
        raise run.damaged(
            f"its configuration: {told_by(error)}", "It is another program's, or of another version."
        ) from error
    choices = {
        name: get_args(kind)
        for name, kind in get_type_hints(TrainConfig).items()
        if get_origin(kind) is Literal
    }
    unknown = next((name for name, known in choices.items() if getattr(config, name) not in known), "")
    wrong = unknown or _unlike(config.to_json(), TrainConfig().to_json())
    if wrong:
        raise run.damaged(f"its configuration has '{wrong}' of another kind", "It was altered.")
    return config


def _told_otherwise(begun: TrainConfig, told: TrainConfig) -> str:
    """What is said where a training is to go on with other settings than it was begun with; '' without. The
    networks' sizes follow from the targets, and are not looked at."""
    settings = told.to_json()
    other = [
        f"{name} {value}, not {settings[name]}"
        for name, value in begun.to_json().items()
        if name != "device" and not isinstance(value, dict) and value != settings[name]
    ]
    if not other:
        return ""
    return (
        f"It goes on with the settings that it was begun with: {'; '.join(other)}. "
        "Without --resume it begins anew."
    )


def _misfit(error: Exception) -> str:
    """Why a state could not be taken up: torch's own words are for programmers."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    own = f": {error}" if type(error) is ValueError else ""
    return f"its networks do not fit this actor and its settings{own}"


def _unlike(values: dict[str, Any], known: dict[str, Any]) -> str:
    """The first entry that is of another kind than the known one; '' when there is none. Whole numbers may
    stand for others."""
    for name, value in known.items():
        given = values[name]
        if isinstance(value, dict) and isinstance(given, dict):
            inner = _unlike(given, value)
            if inner:
                return f"{name}.{inner}"
        elif not (type(given) is type(value) or (type(value) is float and type(given) is int)):
            return name
    return ""


def _check_same(state: dict[str, Any], actor: Actor, run: RunFolder) -> None:
    """Raises AimError when a checkpoint is of another actor: with as many targets it would go on, and learn a
    mixture.

    One of before knows none.
    """
    old, new = state.get("actor"), _known_by(actor)
    if old is None:
        return
    if not isinstance(old, dict) or old.keys() != new.keys() or not isinstance(old["neutral"], torch.Tensor):
        raise run.damaged("what it says of its actor is not understood")
    if (
        all(old[key] == new[key] for key in ("topology", "targets"))
        and old["neutral"].shape == new["neutral"].shape
    ):
        if float((old["neutral"] - new["neutral"]).norm(dim=1).mean()) < _SAME_MM:
            return
        ratio = float(_extent(new["neutral"]) / _extent(old["neutral"]))
        if abs(ratio - 1) > 0.01:
            raise AimError(
                f"The checkpoint in {run.path} was begun with another unit: '{actor.name}' is "
                f"{ratio:.4g} times as large now.",
                "Another --mm-per-unit, or the unit in actor.json, was given then.",
                "Give the unit that it was begun with, or train from the start.",
            )
    raise AimError(
        f"The checkpoint in {run.path} is of '{old['name']}', not of '{actor.name}'.",
        "Faces, targets or the neutral are another's.",
        "Give the actor that it was begun with, or train from the start.",
    )


def _extent(points: torch.Tensor) -> torch.Tensor:
    return (points.amax(0) - points.amin(0)).norm()


def _save(run: RunFolder, training: Training, actor: Actor, progress: Progress) -> None:
    """A disk that is full now may have room again later: what was learned is in memory, and goes on being
    learned."""
    try:
        run.save(training.state() | {"actor": _known_by(actor)})
    except AimError as error:
        progress.note(
            f"{error} The training goes on; until one can be written, Resume begins at the checkpoint "
            "before.",
            warning=True,
        )


def peak_memory_mib() -> float | None:
    """Peak resident memory of this process; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)


class _Clock:
    def __init__(self) -> None:
        self._begin = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 2), now

    @property
    def total(self) -> float:
        return round(time.perf_counter() - self._begin, 2)


@dataclass
class _Interruption:
    """asked(): whether Ctrl-C was pressed. now: raises Cancelled in the main thread; None when that is not
    where training runs."""

    asked: Callable[[], bool]
    now: Callable[[], None] | None


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    """Ctrl-C, or a farm's end of the job (SIGTERM), sets a flag that training looks at between steps; a
    second one interrupts at once. Off the main thread, nothing."""
    asked: list[bool] = []
    interrupted: list[bool] = []

    def ask(_signal: int, _frame: Any) -> None:
        if asked:
            interrupted.append(True)
            raise Cancelled("interrupted")
        asked.append(True)

    def now() -> None:
        asked.append(True)
        _thread.interrupt_main()

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        yield _Interruption(lambda: bool(asked), None)
        return
    try:
        yield _Interruption(lambda: bool(asked), now)
    except (AimError, Cancelled):
        raise
    except Exception as error:
        if interrupted:  # inside a library in C++, which made another exception of Cancelled
            raise Cancelled("interrupted") from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
