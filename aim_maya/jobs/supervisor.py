"""Runs the scenes in a Maya of its own and watches it: one that crashes or hangs costs its scene, not the
others.

The worker writes one JSON line an event into a file: {"event": "ready"}, {"event": "begin", "scene": ...},
{"event": "end", "result": ...}, {"event": "refused", "error": ...}. What it says goes to the log as it is.
"""

from __future__ import annotations

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

from .plan import Item, Plan
from .results import CRASHED, TIMED_OUT, Result

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
            self._give_up(
                next(iter(self._left.values())), code, timed_out, limit
            )  # between two scenes: or it would begin for ever
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
