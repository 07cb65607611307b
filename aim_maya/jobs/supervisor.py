"""Which scenes, to which outputs: what can be refused before Maya is started is refused here. Then the scenes
are run in a Maya of its own, which is watched: one that crashes or hangs costs its scene, not the others.

The worker writes one JSON line an event into a file: {"event": "ready"}, {"event": "begin", "scene": ...},
{"event": "end", "result": ...}, {"event": "refused", "error": ...}. What it says goes to the log as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import ADP_LIBRARY, ADP_REMEDY, adp_missing
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json

from .options import FORMATS, Item, Plan, Sampling, read_range
from .results import CRASHED, TIMED_OUT, Result

SCENE_ENDINGS = (".ma", ".mb")
_NOT_SCENES = {".mayaswatches", "incrementalsave", "autosave", "backup"}


def make_plan(options: argparse.Namespace) -> Plan:
    """Raises AimError for scenes that are not there, outputs that collide, and values that cannot be
    meant.
    """
    values = vars(options).copy()
    command = values.pop("command")
    if options.timeout < 0:
        raise AimError(
            f"The timeout is {options.timeout:g} seconds.",
            remedy="Give a number above zero, or 0 for no limit.",
        )
    found = _find(options.scenes)
    ending = ""
    if command == "export":
        ending = _check_export(values)
    elif command == "attach":
        values["model"] = _model(options.model)
    items = tuple(
        Item(str(scene), str(_output(values, scene, below, ending, len(found))) if values.get("out") else "")
        for scene, below in found
    )
    if values.get("in_place"):
        items = tuple(Item(i.scene, i.scene) for i in items)
    _check_outputs(items, in_place=bool(values.get("in_place")))
    return Plan(command, values, items)


def sampling(options: dict[str, Any], playback: tuple[float, float]) -> Sampling:
    """The frames asked for, or the scene's playback range. Raises AimError."""
    first, last = read_range(options["frames"]) if options["frames"] is not None else playback
    return Sampling(first, last, options["step"], tuple(options["sub_frames"]))


def _find(given: list[str]) -> list[tuple[Path, Path]]:
    """(scene, its path below the folder that was given) in the order given, folders sorted by name."""
    found: dict[Path, Path] = {}
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            inside = [
                p
                for p in sorted(path.rglob("*"))
                if p.suffix.lower() in SCENE_ENDINGS and p.is_file() and not _set_aside(p.relative_to(path))
            ]
            if not inside:
                raise AimError(
                    f"There is no scene below {path}.",
                    f"No file ends in {' or '.join(SCENE_ENDINGS)}.",
                    "Name the folder that holds them.",
                )
            found |= {p.absolute(): p.relative_to(path) for p in inside}
        elif not path.is_file():
            raise AimError(
                f"There is no scene {path}.",
                "The path is misspelt, or the file was moved.",
                "Check the path.",
            )
        elif path.suffix.lower() not in SCENE_ENDINGS:
            raise AimError(f"{path} is no Maya scene.", f"It does not end in {' or '.join(SCENE_ENDINGS)}.")
        else:
            found[path.absolute()] = Path(path.name)
    return list(found.items())


def _set_aside(path: Path) -> bool:
    return any(part.lower() in _NOT_SCENES or part.startswith(".") for part in path.parts)


def _check_export(values: dict[str, Any]) -> str:
    """Settle format and space; the ending of the outputs."""
    given = Path(values["out"]).suffix.lower().lstrip(".")
    if (
        given
        and values["format"]
        and values["format"] != given
        and values["format"] in FORMATS
        and given in FORMATS
    ):
        raise AimError(f"-o names a .{given}, --format {values['format']}.", remedy="Give one of the two.")
    kind = values["format"] = values["format"] or (given if given in FORMATS else "abc")
    if kind == "fbx" and values["space"] == "world":
        raise AimError(
            "FBX-safe faces are in object space.",
            "Their targets are; the transforms above them go along.",
            "Leave --space out, or take abc or usd.",
        )
    values["space"] = values["space"] or ("object" if kind == "fbx" else "world")
    if values["samples"] < 1:
        raise AimError(f"--samples is {values['samples']}.", remedy="Give a number of poses above zero.")
    sampling(values, (0.0, 0.0))
    return f".{kind}"


def _model(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_file():
        raise AimError(
            f"There is no model {path}.", "The path is misspelt, or the model was moved.", "Check --model."
        )
    return str(path.absolute())


def _output(values: dict[str, Any], scene: Path, below: Path, ending: str, count: int) -> Path:
    out = Path(values["out"]).expanduser().absolute()
    kinds = (f".{k}" for k in FORMATS) if ending else SCENE_ENDINGS
    if out.suffix.lower() in tuple(kinds) and not out.is_dir():
        if count > 1:
            raise AimError(f"{count} scenes cannot all become {out.name}.", "-o is a file.", "Name a folder.")
        return out
    if out.is_file():
        raise AimError(f"{out} is a file.", "-o is to be a folder here.", "Name a folder.")
    return out / below.with_suffix(ending or scene.suffix)


def _check_outputs(items: tuple[Item, ...], *, in_place: bool) -> None:
    seen: dict[str, str] = {}
    scenes = {i.scene for i in items}
    for item in items:
        if not item.output:
            continue
        if item.output in seen:
            raise AimError(
                f"{seen[item.output]} and {item.scene} would both become {item.output}.",
                "They have one name.",
                "Name the folder above them, which keeps them apart.",
            )
        if not in_place and item.output in scenes:
            raise AimError(
                f"{item.output} would be written over a scene that is read.",
                "-o is the scenes' own folder.",
                "Name another folder, or say --in-place.",
            )
        seen[item.output] = item.scene


STARTUP_S = 900.0
SILENT_END = 255
_POLL_S = 0.1


class Supervisor:
    """command: what starts a worker, to which the plan's file and the events' file are added; report is
    called for every result."""

    def __init__(
        self,
        command: Sequence[str],
        timeout_s: float,
        report: Callable[[Result], None],
        started: Callable[[str], None],
    ) -> None:
        self._command, self._timeout_s, self._report, self._started = (
            list(command),
            timeout_s,
            report,
            started,
        )

    def run(self, plan: Plan) -> None:
        """Every scene of the plan, in as many Mayas as it takes. Raises AimError when none can be started."""
        left = plan.items
        while left:
            with tempfile.TemporaryDirectory(prefix="aim_batch_") as folder:
                left = self._run_one(replace(plan, items=left), Path(folder))

    def _run_one(self, plan: Plan, folder: Path) -> tuple[Item, ...]:
        """One worker, until it ends; returns the scenes it left."""
        file, events = folder / "plan.json", folder / "events.jsonl"
        write_json(file, plan.to_json() | {"parent": os.getpid()})
        events.touch()
        try:
            worker = subprocess.Popen([*self._command, str(file), str(events)])
        except OSError as error:
            raise AimError(
                f"{self._command[0]} cannot be started: {error.strerror}.",
                "It is no executable file.",
                "Use --in-process, or set AIM_MAYAPY.",
            ) from error
        watch = _Watch(plan.items, self._report, self._started)
        try:
            timed_out = self._follow(worker, events, watch)
        finally:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        watch.read(events)
        return watch.conclude(worker.returncode, timed_out, self._timeout_s)

    def _follow(self, worker: subprocess.Popen[bytes], events: Path, watch: _Watch) -> bool:
        """Wait for the worker's end; True when it was given up."""
        while worker.poll() is None:
            watch.read(events)
            limit = self._timeout_s if watch.ready else STARTUP_S
            if limit and time.monotonic() - watch.since > limit:
                return True
            time.sleep(_POLL_S)
        return False


class _Watch:
    """What one worker has said so far."""

    def __init__(
        self, items: tuple[Item, ...], report: Callable[[Result], None], started: Callable[[str], None]
    ) -> None:
        self._left = {i.scene: i for i in items}
        self._report, self._started = report, started
        self._read = 0
        self._present: Item | None = None
        self._refused: AimError | None = None
        self.ready, self.since = False, time.monotonic()

    def read(self, events: Path) -> None:
        """Take in the lines that have come since."""
        with events.open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        self.since = time.monotonic()
        if event["event"] == "ready":
            self.ready = True
            self._started(event["maya"])
        elif event["event"] == "begin":
            self._present = self._left[event["scene"]]
        elif event["event"] == "end":
            result = Result(**event["result"])
            self._left.pop(result.scene, None)
            self._present = None
            self._report(result)
        else:
            self._refused = AimError(**event["error"])

    def conclude(self, code: int, timed_out: bool, limit: float) -> tuple[Item, ...]:
        """The scenes left, after the one that was open when the worker ended is reported. Raises AimError
        where none was even begun."""
        if self._refused is not None:
            raise self._refused
        if not self.ready:
            why = (
                f"did not start within {STARTUP_S:g} s"
                if timed_out
                else f"ended with code {code} while it started"
            )
            if code == SILENT_END and adp_missing():
                raise AimError(f"Maya {why}.", f"{ADP_LIBRARY} is not there: Maya 2027 needs it.", ADP_REMEDY)
            raise AimError(
                f"Maya {why}.",
                "A licence, a plug-in or a start-up script.",
                "Run bin/aim-mayapy doctor on this machine; try --skip-user-setup.",
            )
        if self._present is not None:
            self._give_up(self._present, code, timed_out, limit)
        elif self._left and code:
            # between two scenes: or it would begin for ever
            self._give_up(next(iter(self._left.values())), code, timed_out, limit)
        return tuple(self._left.values())

    def _give_up(self, item: Item, code: int, timed_out: bool, limit: float) -> None:
        if timed_out:
            state, what, cause = (
                TIMED_OUT,
                f"The scene was not done after {limit:g} s.",
                "It hangs, or it is large.",
            )
        else:
            state, what, cause = CRASHED, f"Maya ended with code {code} in this scene.", "It crashed."
        remedy = "Run it alone with --in-process to see where; --timeout gives it longer."
        del self._left[item.scene]
        self._report(
            Result(
                item.scene,
                state,
                seconds=round(time.monotonic() - self.since, 2),
                error={"what": what, "cause": cause, "remedy": remedy},
            )
        )
