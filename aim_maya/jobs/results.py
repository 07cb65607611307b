"""What came of each scene, the report, and the exit code a farm reads."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aim_maya import __version__
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json

from .plan import Plan

DONE, SKIPPED, FAILED, CRASHED, TIMED_OUT, LEFT = "done", "skipped", "failed", "crashed", "timed out", "not run"
ALL_DONE, SOME_FAILED, BAD_REQUEST, CANNOT_START, CRASH, STOPPED = 0, 1, 2, 3, 4, 130


@dataclass
class Result:
    """One scene: its state, what was written, figures of each face, notes, and for what failed the error's three parts."""

    scene: str
    state: str
    output: str = ""
    seconds: float = 0.0
    faces: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    error: dict[str, str] | None = None

    def line(self) -> str:
        """For the log."""
        what = f" -> {self.output}" if self.output and self.state == DONE else ""
        why = f": {self.error['what']}" if self.error else f" ({self.notes[0]})" if self.state == SKIPPED and self.notes else ""
        return f"{self.state:<9} {self.scene}{what}{why}  [{self.seconds:.1f} s]"


def error_parts(error: AimError) -> dict[str, str]:
    """what, cause and remedy."""
    return {"what": error.what, "cause": error.cause, "remedy": error.remedy}


def exit_code(results: list[Result], refused: AimError | None, *, stopped: bool = False) -> int:
    """See EXIT_CODES in options."""
    states = {r.state for r in results}
    if stopped:
        return STOPPED
    if refused is not None:
        return CANNOT_START
    if states & {CRASHED, TIMED_OUT}:
        return CRASH
    return SOME_FAILED if states & {FAILED, LEFT} else ALL_DONE


class Report:
    """The JSON report, written again after every scene, so that one that never ends has it too."""

    def __init__(self, path: str | None, plan: Plan) -> None:
        self._path, self._plan, self._begin = Path(path) if path else None, plan, time.time()
        self.maya = ""

    def write(self, results: list[Result], code: int | None) -> None:
        """Raises AimError when it cannot be written. exit_code is null while scenes are left."""
        if self._path is None:
            return
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._begin))
        head = {"command": self._plan.command, "version": __version__, "maya": self.maya, "options": self._plan.options, "started": started}
        known = {r.scene for r in results}
        rows = [*results, *(Result(i.scene, LEFT) for i in self._plan.items if i.scene not in known)]
        tail = {"seconds": round(time.time() - self._begin, 2), "exit_code": code, "counts": dict(Counter(r.state for r in rows))}
        write_json(self._path, head | tail | {"scenes": [asdict(r) for r in rows]})
