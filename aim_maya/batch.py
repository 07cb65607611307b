"""`aim-mayapy batch export | attach | restore | check`: scenes without an interface, for a shell or a farm.

Maya runs in a process of its own, which this one watches: a scene that crashes it or hangs costs that scene,
not the others.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aim_maya.core.dependencies import add_dependency_folder
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.files import read_json
from aim_maya.install import find_python
from aim_maya.jobs import results
from aim_maya.jobs.options import Plan, parse
from aim_maya.jobs.results import Report, Result
from aim_maya.jobs.supervisor import Supervisor, make_plan

_WORKER = "--worker"  # not for people: how the watching process starts the one with Maya


def main(argv: Sequence[str]) -> int:
    """The command; see EXIT_CODES in jobs/options.py."""
    options = parse(argv)
    try:
        plan = make_plan(options)
    except AimError as error:
        _complain(error)
        return results.BAD_REQUEST
    if options.skip_user_setup:
        os.environ["MAYA_SKIP_USERSETUP_PY"] = "1"
    return _Batch(plan).run()


class _Batch:
    """One run over the scenes of a plan: results as they come, the report kept up to date."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._results = plan, list[Result]()
        self._report = Report(plan.options["report"], plan)

    def run(self) -> int:
        """Do the work; returns the exit code."""
        refused, stopped = None, False
        try:
            self._report.write([], None)
        except AimError as error:
            _complain(error)
            return results.BAD_REQUEST
        try:
            with_signal(signal.SIGTERM)
            if self._plan.options["in_process"]:
                work(self._plan, self._started, lambda scene: _say(f"begin     {scene}"), self._take)
            else:
                command = [str(find_python()), "-m", "aim_maya.batch", _WORKER]
                Supervisor(command, self._plan.options["timeout"], self._take, self._started).run(self._plan)
        except AimError as error:
            refused = error
            _complain(error)
        except (KeyboardInterrupt, Cancelled):
            stopped = True
        return self._finish(results.exit_code(self._results, refused, stopped=stopped), refused)

    def _started(self, version: str) -> None:
        self._report.maya = version

    def _take(self, result: Result) -> None:
        self._results.append(result)
        _say(result.line())
        for note in result.notes if result.state != results.SKIPPED else []:
            _say(f"          {note}")
        if result.error:
            _complain_of(result.error)
        self._save(None)

    def _finish(self, code: int, refused: AimError | None) -> int:
        self._save(code, refused)
        done = sum(r.state in (results.DONE, results.SKIPPED) for r in self._results)
        _say(f"{done} of {len(self._plan.items)} scenes done; exit code {code}")
        return code

    def _save(self, code: int | None, refused: AimError | None = None) -> None:
        try:
            self._report.write(self._results, code, refused)
        except AimError as error:  # a full disk: the work goes on, the exit code still says how it went
            _complain(error)


def with_signal(number: int) -> None:
    """A farm's polite stop ends the work as Ctrl-C does."""

    def stop(_signal: int, _frame: Any) -> None:
        raise Cancelled("stopped from outside")

    signal.signal(number, stop)


def work(
    plan: Plan, started: Callable[[str], None], begun: Callable[[str], None], ended: Callable[[Result], None]
) -> None:
    """Start Maya in this process and go through the scenes. Raises AimError when it cannot be started, or
    cannot do the work."""
    add_dependency_folder()
    try:
        import maya.standalone
    except ImportError as error:
        raise AimError(
            f"{sys.executable} is not Maya's Python ({error}).",
            remedy="Run bin/aim-mayapy batch, or mayapy -m aim_maya.batch.",
        ) from error
    maya.standalone.initialize(name="python")
    from maya import cmds

    try:
        from aim_maya.scene.batch import run
    except ImportError as error:
        raise AimError(
            f"The package '{error.name}' is not installed for this Maya.",
            remedy="Run bin/aim-mayapy install.",
        ) from error
    run.prepare(plan)
    started(str(cmds.about(version=True)))
    run.run(plan, begun, ended)


def worker(plan_file: str, events_file: str) -> None:
    """The process with Maya: works off a plan and writes one line an event (jobs/supervisor.py)."""
    data = read_json(plan_file)
    plan, parent = Plan.from_json(data), int(data["parent"])
    with Path(events_file).open("a", encoding="utf-8") as stream:

        def tell(**event: Any) -> None:
            stream.write(json.dumps(event) + "\n")
            stream.flush()

        def begun(scene: str) -> None:
            if sys.platform != "win32" and os.getppid() != parent:
                os._exit(results.STOPPED)  # whoever watched is gone: nobody would end this Maya
            tell(event="begin", scene=scene)

        try:
            work(
                plan,
                lambda version: tell(event="ready", maya=version),
                begun,
                lambda result: tell(event="end", result=asdict(result)),
            )
        except AimError as error:
            tell(event="refused", error=results.error_parts(error))


def _say(text: str) -> None:
    """A line in the log, which may be plain ASCII; scene names are not."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def _complain(error: AimError) -> None:
    _say(f"Error: {error.what}")
    _complain_of(results.error_parts(error))


def _complain_of(parts: dict[str, str]) -> None:
    if parts["cause"]:
        _say(f"  Likely cause: {parts['cause']}")
    if parts["remedy"]:
        _say(f"  What to do:   {parts['remedy']}")


def _leave(code: int) -> None:
    """Out without Maya's own clean-up, which changes the exit code, or crashes."""
    sys.stdout.flush()
    sys.stderr.flush()
    if "maya.standalone" in sys.modules:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    if sys.argv[1:2] == [_WORKER]:
        worker(*sys.argv[2:4])
        _leave(0)
    _leave(main(sys.argv[1:]))
