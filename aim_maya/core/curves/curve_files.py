"""CSV files of curves: a frame, time or timecode column, then one column a control; Live Link Face files as they come.

frame,jawOpen,...       frames at --curve-fps (30 when nothing says otherwise)
time,jawOpen,...        seconds; also time_s, seconds
Timecode,BlendshapeCount,EyeBlinkLeft,...,HeadYaw,...     Live Link Face: HH:MM:SS:FF.sss; a row without values is a gap
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError
from aim_maya.core.files import write_text

from . import timecode
from .live_link import ROTATIONS, live_link_rows
from .take import Curves, exact_rate, nearest_rate

Floats = NDArray[np.floating]
_TIME, _FRAME, _CODE, _COUNT = ("time", "time_s", "seconds"), ("frame",), ("timecode",), ("blendshapecount",)
DEFAULT_FPS = 30.0


def read_curves(
    path: str | Path, fps: float | None = None, *, default_fps: float | None = None, sort: bool = False, drop_frame: bool | None = None,
) -> Curves:  # fmt: skip
    """Read a CSV of weight curves.

    fps: what the file's frame numbers or timecodes count; found from the clock when not given. default_fps: for a file with frame
    numbers alone, else 30. sort: put rows in order of time
    instead of refusing them. drop_frame: None as the timecode's separator says. Of rows at one time the last counts, and it is noted.
    Raises AimError naming line, column and value for text, NaN, rows of another length, times that run backwards, or no rows at all.
    """
    header, rows = _table(path)
    lowered = [name.lower() for name in header]
    clock = {kind: next((i for i, name in enumerate(lowered) if name in names), None) for kind, names in (("time", _TIME), ("code", _CODE), ("frame", _FRAME))}
    if all(column is None for column in clock.values()):
        raise AimError(f"{path} has no 'frame' or 'time' column.", f"Its columns are {', '.join(header[:6])} ...", "Add one, or a 'timecode' column.")
    untracked = [number for number, row in rows if _untracked(row, lowered)]
    rows = [(number, row) for number, row in rows if number not in set(untracked)]
    if not rows:
        raise AimError(f"{path} holds no frames.", "No row has values.", "Export the curves again.")
    codes = [row[clock["code"]] for _, row in rows] if clock["code"] is not None else []
    apart = (*_TIME, *_FRAME, *_CODE, *_COUNT, *ROTATIONS)
    kept = [i for i, name in enumerate(lowered) if name not in apart]
    read = [i for i, name in enumerate(lowered) if name in (*_TIME, *_FRAME)] + kept
    values = _values(path, header, rows, read)
    column = {i: values[:, at] for at, i in enumerate(read)}
    if clock["time"] is not None:
        times = column[clock["time"]]
        rate = fps or _rate(np.sort(times))
    elif clock["code"] is not None:
        rate = fps or _code_rate(codes)
        times = _code_times(path, rows, codes, rate, drop_frame)
    else:
        rate = fps or default_fps or DEFAULT_FPS
        times = column[clock["frame"]] / float(exact_rate(rate))  # type: ignore[index]
    notes = [f"{len(untracked)} row(s) hold no values (the first is line {untracked[0]}): a gap."] if untracked else []
    table = values[:, len(read) - len(kept) :]
    order, repeated = _order(path, times, [number for number, _ in rows], sort)
    return Curves(tuple(header[i] for i in kept), table[order], times[order], float(exact_rate(rate)), tuple(notes + repeated))


def _table(path: str | Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header's names, and (line number, fields) of every row."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "Give a CSV; `aimface curves FILE -o OUT.csv` makes one of USD files and performances."
        raise AimError(f"Cannot read the curves {path}: {error}.", "It is missing, or no text file.", remedy) from error
    if len(rows) < 2:
        raise AimError(f"{path} holds no frames.", "It is empty or has a header only.", "Export the curves again.")
    header = [name.strip() for name in rows[0][1]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise AimError(f"{path} has the column '{twice[0]}' {header.count(twice[0])} times.", "Two exports were joined.", "Remove one of them.")
    counted = any(name.lower() in _COUNT for name in header)
    for number, row in rows[1:]:
        if len(row) != len(header) and not (counted and _untracked(row, [name.lower() for name in header])):
            raise AimError(f"{path}, line {number}: {len(row)} values under {len(header)} columns.", "The line is cut off or has an extra comma.")
    return header, rows[1:]


def _untracked(row: list[str], lowered: list[str]) -> bool:
    """A Live Link Face row of a moment in which no face was seen: a count of 0 and nothing else."""
    count = next((i for i, name in enumerate(lowered) if name in _COUNT), None)
    return count is not None and len(row) > count and row[count].strip() == "0" and not any(field.strip() for field in row[count + 1 :])


def _values(path: str | Path, header: list[str], rows: list[tuple[int, list[str]]], read: list[int]) -> Floats:
    """(F, len(read)) numbers of those columns: all at once, and one by one only to find the bad one."""
    try:
        table = np.array([[row[i] for i in read] for _, row in rows], np.float64).reshape(len(rows), -1)
    except ValueError:
        table = np.full((1, 1), math.nan)
    if np.isfinite(table).all():
        return table
    return np.array([[_number(path, number, header[i], row[i]) for i in read] for number, row in rows])


def _number(path: str | Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AimError(f"{path}, line {line}, column '{name}': '{text[:40]}' is not a finite number.", remedy="Mend that value.")
    return value


def _order(path: str | Path, times: Floats, lines: list[int], sort: bool) -> tuple[NDArray[np.intp], list[str]]:
    """Rows in order of time, the last of each time only, and a sentence on those left out."""
    backwards = np.flatnonzero(np.diff(times) < 0)
    if len(backwards) and not sort:
        at = int(backwards[0]) + 1
        raise AimError(
            f"{path}, line {lines[at]}: the time runs backwards ({times[at]:.6g} s after {times[at - 1]:.6g} s).", "Rows are unsorted.", "--sort puts them in order."
        )
    order = np.argsort(times, kind="stable")
    last = np.append(np.diff(times[order]) > 0, True)
    dropped = [lines[i] for i in order[~last]]
    notes = [f"{len(dropped)} row(s) share their time with a later one, which counts (the first is line {min(dropped)})."] if dropped else []
    return order[last], notes


def _rate(times: Floats) -> float:
    """Frames a second from sorted times: whole steps over the whole span, near a standard rate that rate."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return DEFAULT_FPS
    return nearest_rate(float(np.maximum(np.round(steps / np.median(steps)), 1).sum() / steps.sum()))


def _code_rate(codes: list[str]) -> float:
    """The rate timecodes are counted in, from their highest frame label; drop-frame labels run at 1000/1001 of it."""
    highest = timecode.highest_label(codes)
    base = next((rate for rate in (24.0, 25.0, 30.0, 50.0, 60.0, 120.0) if highest < rate), 240.0)
    if len(codes) < 2 * base:  # less than two seconds may not reach the highest label: faces are captured at 30 or 60
        base = 60.0 if highest >= 30 else 30.0
    return base * 1000 / 1001 if any(timecode.is_drop(code) for code in codes) else base


def _code_times(path: str | Path, rows: list[tuple[int, list[str]]], codes: list[str], rate: float, drop: bool | None) -> Floats:
    """(F,) seconds of timecodes; past midnight they go on counting."""
    frames = np.empty(len(codes))
    for i, ((line, _), code) in enumerate(zip(rows, codes, strict=True)):
        try:
            frames[i] = timecode.to_frame(code, rate, drop)
        except ValueError as why:
            raise AimError(f"{path}, line {line}: '{code[:40]}' is {why}.", "Another rate, or a damaged line.", "Give --curve-fps, or mend that line.") from None
    day = timecode.frames_a_day(rate, timecode.is_drop(codes[0]) if drop is None and codes else bool(drop))
    frames += day * np.cumsum(np.append(0, np.diff(frames) < -day / 2))[: len(frames)]
    return np.asarray(frames / float(exact_rate(rate)), np.float64)


def write_curves(path: str | Path, curves: Curves, kind: Literal["plain", "live-link"] = "plain") -> None:
    """Write a CSV that read_curves reads back with the same numbers: time and one column a control, or Live Link Face's columns.

    live-link holds what ARKit has a name for; its clock has thousandths of a frame. Raises AimError when nothing of it has.
    """
    if kind == "live-link":
        header, rows = live_link_rows(curves)
    else:
        header = ["time", *curves.names]
        rows = [[repr(float(t)), *(repr(float(v)) for v in row)] for t, row in zip(curves.times, curves.values, strict=True)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())
