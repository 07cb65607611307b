"""CSV files of curves: a frame, time or timecode column, then one column a control; Live Link Face files and
Audio2Face's JSON as they come.

* frame,jawOpen,...: frames at --curve-fps (30 when nothing says otherwise); also Frame, FRAME_NUMBER,
  frame_index.
* time,jawOpen,...: seconds, or what its name says (time_ms, timestamp_us), or what the step between rows
  says.
* Timecode,BlendshapeCount,EyeBlinkLeft,...: Live Link Face, HH:MM:SS:FF.sss; a row without values is a gap.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json, write_text
from aim_maya.core.json_fields import Fields

from . import clock
from .clock import DEFAULT_FPS, Ticks, can_drop, clock_kind, clock_texts, code_ticks, time_ticks, to_timecode
from .table import Row, Table, numbers, read_table
from .take import LARGEST_WEIGHT, ControlNames, Curves, exact_rate

# The columns of Live Link Face: ARKit's blend shapes in Apple's order with capitals, then the head's and the
# eyes' rotations.

# Apple, ARFaceAnchor.BlendShapeLocation; Live Link Face writes them in this order.
ARKIT = [
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawRight",
    "jawLeft",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRight",
    "mouthLeft",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
]
_POSES = (
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
)
ROTATIONS = tuple(name.lower() for name in _POSES)  # radians, and no blend shapes: never matched to a control


def live_link_rows(curves: Curves) -> tuple[list[str], list[list[str]]]:
    """Header and rows; a shape the take has only in sides (browInnerUp_L, _R) is their mean; what it lacks,
    and every rotation, is 0.

    Raises AimError when the take has none of ARKit's shapes.
    """
    names = ControlNames(curves.names)
    columns = [names.driven(name) for name in ARKIT]
    if not any(columns):
        raise AimError(
            "None of these curves has a name that Live Link Face knows.",
            f"They are {', '.join(curves.names[:6])} ...",
            "Write plain CSV.",
        )
    header = ["Timecode", "BlendshapeCount", *(name[0].upper() + name[1:] for name in ARKIT), *_POSES]
    rows = []
    for time, values in zip(curves.times, curves.values, strict=True):
        thousandths = round(time * curves.fps * 1000)
        label = to_timecode(thousandths // 1000, curves.fps, can_drop(curves.fps))
        shapes = [repr(float(np.mean(values[found]))) if found else "0.0" for found in columns]
        rows.append(
            [f"{label}.{thousandths % 1000:03d}", str(len(header) - 2), *shapes, *["0.0"] * len(_POSES)]
        )
    return header, rows


# Audio2Face's JSON of blend shape weights: facsNames, weightMat (a row a frame) and exportFps.


def read_audio2face(path: Path, fps: float | None = None) -> Curves:
    """Read such a file; fps takes the place of its exportFps. Raises AimError for what is none, or weights
    that are no numbers.
    """
    about = Fields(read_json(path), str(path))
    if "facsNames" not in about or "weightMat" not in about:
        raise AimError(
            f"{path} holds no weight curves.",
            "It has no facsNames and weightMat, as Audio2Face writes them.",
            "Give a CSV.",
        )
    names = about.names("facsNames")
    values = about.numbers("weightMat", (-1, len(names))).reshape(-1, len(names))
    if not len(values) or not names:
        raise AimError(
            f"{path} holds no frames.", "Its facsNames or weightMat is empty.", "Export the curves again."
        )
    if (np.abs(values) > LARGEST_WEIGHT).any():
        raise AimError(
            f"{path}: a weight is {np.abs(values).max():.3g}.",
            "No weight is beyond 1e30.",
            "Export the curves again.",
        )
    rate = float(exact_rate(fps or about.number("exportFps", above=0, high=1e6)))
    return Curves(names, values, np.arange(len(values)) / rate, rate)


# Files of curves: a CSV with a frame, time or timecode column and one a control, Live Link Face's as they

_COUNT = "blendshapecount"


def read_curves(
    path: str | Path,
    fps: float | None = None,
    *,
    default_fps: float | None = None,
    sort: bool = False,
    drop_frame: bool | None = None,
) -> Curves:
    """Read a CSV of weight curves, or Audio2Face's JSON; the values are those of the file, whatever their
    scale.

    fps: what the file's frame numbers or timecodes count; found from the clock when not given. default_fps:
    for a file with frame numbers alone, else 30. sort: put rows in order of time instead of refusing them.
    drop_frame: None as the timecode's separator says. Of rows at one time the last counts, and it is noted,
    as is everything else that was a guess or was left out. Raises AimError naming line, column and value for
    text, NaN, rows of another length, times that run backwards, or no rows at all.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        return read_audio2face(path, fps)
    table = read_table(path, lambda names: any(clock_kind(name) for name in names))
    at = _clock(table)
    kept = [
        i
        for i, name in enumerate(table.header)
        if not clock_kind(name) and name.lower() not in (_COUNT, *ROTATIONS)
    ]
    untracked = _untracked(table)
    lines, texts, gaps, gap_texts = [], [], [], []

    def tracked() -> Iterator[Row]:
        for number, row in table.rows(untracked):
            if untracked(row):
                gaps.append(number)
                gap_texts.append(row[at])
            else:
                lines.append(number)
                texts.append(row[at])
                yield number, [row[i] for i in kept]

    names = tuple(table.header[i] for i in kept)
    values = numbers(path, names, tracked())
    if not lines:
        cause = "No row has values." if gaps else "It has a header only."
        raise AimError(f"{path} holds no frames.", cause, "Export the curves again.")
    ticks = _ticks(path, table.header[at], (lines, texts, gap_texts), fps, default_fps, drop_frame)
    notes = [f"{len(gaps)} row(s) hold no values (the first is line {gaps[0]}): a gap."] if gaps else []
    order, repeated = _order(path, ticks.times, lines, sort)
    told = (*table.notes, *notes, *ticks.notes, *repeated)
    return Curves(names, values[order], ticks.times[order], float(exact_rate(ticks.fps)), told)


def _clock(table: Table) -> int:
    """The column of the best clock that there is: seconds, then timecode, then frame numbers. Raises AimError
    without any.
    """
    found = [
        (("time", "code", "frame").index(kind[0]), i)
        for i, name in enumerate(table.header)
        if (kind := clock_kind(name))
    ]
    if not found:
        if next(table.rows(), None) is None:
            raise AimError(
                f"{table.path} holds no frames.", "It has one line only.", "Export the curves again."
            )
        columns = ", ".join(table.header[:6]) + (" ..." if len(table.header) > 6 else "")
        cause = f"Its columns are {columns[:200]}."
        raise AimError(
            f"{table.path} has no 'frame' or 'time' column.", cause, "Add one, or a 'timecode' column."
        )
    return min(found)[1]


def _untracked(table: Table) -> Callable[[list[str]], bool]:
    """Whether a Live Link Face row is one of a moment in which no face was seen: a count of 0 and nothing
    else.
    """
    count = next((i for i, name in enumerate(table.header) if name.lower() == _COUNT), None)
    if count is None:
        return lambda _: False
    return lambda row: row[count].strip() == "0" and not "".join(row[count + 1 :]).strip()


def _ticks(
    path: Path,
    name: str,
    rows: tuple[Sequence[int], Sequence[str], Sequence[str]],
    fps: float | None,
    default_fps: float | None,
    drop: bool | None,
) -> Ticks:
    """The rows' times, from the clock's column: rows are lines, texts, and the texts of rows without
    values.
    """
    lines, texts, gaps = rows
    kind, unit = clock_kind(name) or ("time", "")
    if kind != "frame" and ":" in texts[0]:
        seconds = clock_texts(texts, 3 if kind == "code" else 0)  # two digits in a timecode are frames
        if seconds is not None:
            return time_ticks(name, seconds, "s", fps)
        if kind == "code" or clock.second_and_label(texts[0]):
            return code_ticks(path, lines, texts, gaps, fps, drop)
    elif kind == "code":
        return code_ticks(path, lines, texts, gaps, fps, drop)
    column = numbers(path, [name], ((line, [text]) for line, text in zip(lines, texts, strict=True)))[:, 0]
    if kind == "frame":
        rate = fps or default_fps or DEFAULT_FPS
        return Ticks(column / float(exact_rate(rate)), rate)
    return time_ticks(name, column, unit, fps)


def _order(path: Path, times: Floats, lines: Sequence[int], sort: bool) -> tuple[NDArray[np.intp], list[str]]:
    """Rows in order of time, the last of each time only, and a sentence on those left out."""
    backwards = np.flatnonzero(np.diff(times) < 0)
    if len(backwards) and not sort:
        at = int(backwards[0]) + 1
        what = (
            f"{path}, line {lines[at]}: the time runs backwards ({times[at]:.6g} s after "
            f"{times[at - 1]:.6g} s)."
        )
        raise AimError(
            what,
            "Two takes are in one file, or its rows are unsorted.",
            "Part them, or let --sort put the rows in order.",
        )
    order = np.argsort(times, kind="stable")
    last = np.append(np.diff(times[order]) > 0, True)
    dropped = [lines[i] for i in order[~last]]
    if not dropped:
        return order[last], []
    first = f"the first is line {min(dropped)}"
    return order[last], [f"{len(dropped)} row(s) share their time with a later one, which counts ({first})."]


def write_curves(path: str | Path, curves: Curves, kind: Literal["plain", "live-link"] = "plain") -> None:
    """Write a CSV that read_curves reads back with the same numbers: time and one column a control, or Live
    Link Face's columns.

    live-link holds what ARKit has a name for; its clock has thousandths of a frame. Raises AimError when
    nothing of it has.
    """
    if kind == "live-link":
        header, rows = live_link_rows(curves)
    else:
        header = ["time", *curves.names]
        rows = [
            [repr(float(t)), *(repr(float(v)) for v in row)]
            for t, row in zip(curves.times, curves.values, strict=True)
        ]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())
