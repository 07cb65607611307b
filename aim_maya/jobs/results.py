"""What came of each scene: the report, the exit code that a farm reads, what an output was made from, and
whether an exported file is complete."""

from __future__ import annotations

import struct
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aim_maya import __version__
from aim_maya.core.errors import AimError
from aim_maya.core.files import write_json
from aim_maya.core.fingerprint import file_state, fingerprint, is_complete, read_note, write_note

from .options import Item, Plan

# What came of each scene, the report, and the exit code a farm reads.

DONE, SKIPPED, FAILED, CRASHED, TIMED_OUT, LEFT = (
    "done",
    "skipped",
    "failed",
    "crashed",
    "timed out",
    "not run",
)
ALL_DONE, SOME_FAILED, BAD_REQUEST, CANNOT_START, CRASH, STOPPED = 0, 1, 2, 3, 4, 130


@dataclass
class Result:
    """One scene: its state, what was written, figures of each face, notes, and for what failed the error's
    three parts."""

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
        why = (
            f": {self.error['what']}"
            if self.error
            else f" ({self.notes[0]})"
            if self.state == SKIPPED and self.notes
            else ""
        )
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

    def write(self, results: list[Result], code: int | None, refused: AimError | None = None) -> None:
        """Raises AimError when it cannot be written. exit_code is null while scenes are left; error says why
        the whole run ended before its scenes."""
        if self._path is None:
            return
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._begin))
        head = {
            "command": self._plan.command,
            "version": __version__,
            "maya": self.maya,
            "options": self._plan.options,
            "started": started,
        }
        known = {r.scene for r in results}
        rows = [*results, *(Result(i.scene, LEFT) for i in self._plan.items if i.scene not in known)]
        tail: dict[str, Any] = {
            "seconds": round(time.time() - self._begin, 2),
            "exit_code": code,
            "counts": dict(Counter(r.state for r in rows)),
        }
        if refused is not None:
            tail["error"] = error_parts(refused)
        write_json(self._path, head | tail | {"scenes": [asdict(r) for r in rows]})


# What an output was made from, in OUTPUT.json beside it: --resume skips what would come out the same. Scenes
# and exports are large, so files count by path, size and time.

_IRRELEVANT = {"scenes", "out", "report", "resume", "timeout", "in_process", "in_place"}


def note_path(output: str) -> Path:
    """Beside the output."""
    return Path(f"{output}.json")


def note_output(plan: Plan, item: Item, sources: Iterable[str]) -> None:
    """Note what the output was made from: scene, `sources` (references and models), options, version."""
    files = [item.scene, *sorted(set(sources))]
    output = file_state(item.output)
    write_note(note_path(item.output), _inputs(plan, files), output, version=__version__, sources=files)


def is_up_to_date(plan: Plan, item: Item) -> bool:
    """Whether the output is there as it was written, from sources that are as they were, with the same
    options and version."""
    if not item.output:
        return False
    note = note_path(item.output)
    files = read_note(note).get("sources")
    if not isinstance(files, list) or files[:1] != [item.scene] or not all(isinstance(f, str) for f in files):
        return False
    return is_complete(note, _inputs(plan, files), file_state(item.output))


def _inputs(plan: Plan, files: list[str]) -> str:
    decisive = {k: v for k, v in plan.options.items() if k not in _IRRELEVANT}
    return fingerprint(__version__, plan.command, decisive, [file_state(f) for f in files])


# Is an exported file complete? A full disk or a crash in a plug-in may leave one that only looks so.

_HEAD, _TAIL = 88, 64
_FBX_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")  # the last 16 bytes of every binary FBX


def check_complete(path: Path) -> None:
    """Look at the bytes that each format writes last. Raises AimError for a file that is missing, empty or
    cut off."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            stream.seek(max(0, size - _TAIL))
            tail = stream.read()
    except OSError as error:
        raise AimError(
            f"The exporter wrote no {path.suffix} file ({error.strerror}).",
            "It failed without saying so.",
            "Look at the log above.",
        ) from error
    kind = path.suffix.lower()
    if not _closed(kind, head, tail, size):
        raise AimError(
            f"The {kind} file came out cut off or damaged ({size} bytes).",
            "The disk is full, or the exporter failed half-way.",
            "Free some space and run it again.",
        )


def _closed(kind: str, head: bytes, tail: bytes, size: int) -> bool:
    if kind == ".abc":  # Ogawa: byte 5 becomes 0xff when the archive is closed; HDF5 has its own head
        return head[:6] == b"Ogawa\xff" or head[:8] == b"\x89HDF\r\n\x1a\n"
    if kind == ".fbx":
        return (
            tail.endswith(_FBX_END)
            if head.startswith(b"Kaydara FBX Binary")
            else head.startswith(b"; FBX") and tail.rstrip().endswith(b"}")
        )
    if head.startswith(b"PXR-USDC"):  # the offset of the table of contents, which is written last
        return len(head) >= 24 and 0 < struct.unpack("<q", head[16:24])[0] < size
    return head.startswith(b"#usda") and kind != ".usdc" and tail.rstrip().endswith(b"}")
