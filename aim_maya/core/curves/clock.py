"""The clock of a table of curves: which column says when each row is, in what unit, and how many rows a
second there are.

A column is found by its name (time, Timestamp, time_ms, Frame, FRAME_NUMBER, Timecode ...). Where the name
does not say the unit of a time, the usual step between rows does: faces are captured at 4 to 250 frames a
second.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.errors import AimError

from . import timecode
from .take import exact_rate, nearest_rate

Floats = NDArray[np.floating]
DEFAULT_FPS = 30.0
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_LONG = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_SPELT = {
    "s": "sec secs second seconds",
    "ms": "ms msec msecs millis millisecond milliseconds",
    "us": "us usec micros microseconds",
    "ns": "ns nanos nanoseconds",
}
_WORDS = {word: unit for unit, words in _SPELT.items() for word in words.split()}
_TIME = re.compile(
    r"^(?:elapsed|capture|media|video|audio|unix)?_?(?:time|timestamp)s?"
    rf"(?:_?(?:in_)?({'|'.join(_WORDS)})|_s)?$"
)
_FRAME = re.compile(r"^(?:frame|frames|frame_?(?:number|no|num|index|idx|id))$")
_CODE = re.compile(r"^(?:smpte_?)?time_?code$|^smpte$")
_FASTEST, _ODD_S = 250.0, (1e-3, 1.0)  # frames a second; steps outside of this many seconds are spoken of
_EPOCH_S = 1e8  # three years: clocks that began in 1970
_CLOCK = re.compile(r"^(\d{1,3}):([0-5]?\d):([0-5]?\d)(?:[.,](\d{1,9}))?$")


def clock_kind(name: str) -> tuple[str, str] | None:
    """('time' | 'frame' | 'code', unit) of a column's name; the unit is '' where the name does not say it.
    None for any other name.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    if plain in _WORDS and len(plain) > 2:  # a column 'ms' may be anything
        return "time", _WORDS[plain]
    if _FRAME.match(plain):
        return "frame", ""
    if _CODE.match(plain):
        return "code", ""
    if found := _TIME.match(plain):
        return "time", "s" if plain.endswith("_s") else _WORDS.get(found[1] or "", "")
    return None


@dataclass(frozen=True)
class Ticks:
    """times (F,) seconds of the rows as they stand, fps of the take, a sentence on everything that was not in
    so many words in the file.
    """

    times: Floats
    fps: float
    notes: tuple[str, ...] = ()


def clock_texts(texts: Sequence[str], digits: int = 0) -> Floats | None:
    """(F,) seconds of 'HH:MM:SS.sss', None when they are not all of that kind with at least so many digits
    after the seconds.
    """
    found = [f for text in texts if (f := _CLOCK.match(text.strip())) and len(f[4] or "") >= digits]
    if len(found) < len(texts):
        return None
    return np.array([3600 * int(f[1]) + 60 * int(f[2]) + float(f"{f[3]}.{f[4] or 0}") for f in found])


def time_ticks(name: str, values: Floats, unit: str, fps: float | None) -> Ticks:
    """The clock of a column of times. unit '' is found from the steps; a clock that began in 1970 counts from
    the first row.
    """
    notes = []
    steps = np.diff(np.sort(values))
    steps = steps[steps > 0]
    step = float(np.median(steps)) if len(steps) else 0.0
    if not unit:
        unit = _unit(values, step)
        if unit != "s":
            remedy = "call the column time_s if it is in seconds"
            notes.append(f"'{name}' was read as {_LONG[unit]}, since its rows are {step:g} apart; {remedy}.")
    first = float(values.min())
    times, step = values * UNITS[unit], step * UNITS[unit]
    if first * UNITS[unit] > _EPOCH_S:
        times = (values - first) * UNITS[unit]
        notes.append(f"'{name}' counts from 1970: the first row is taken as 0 s.")
    rate = fps or _rate(np.sort(times))
    if step and not _ODD_S[0] <= step <= _ODD_S[1]:
        remedy = f"if '{name}' is not in {_LONG[unit]}, call it time_ms or time_s"
        notes.append(f"The rows are {step:.4g} s apart, {rate:.4g} frames a second: {remedy}.")
    return Ticks(times, rate, tuple(notes))


def _unit(values: Floats, step: float) -> str:
    """The unit of a clock that began in 1970; else that in which the usual step is one of a capture, and
    seconds for two rows.
    """
    first = float(values.min())
    since_1970 = [unit for unit in UNITS if 1 < first * UNITS[unit] / _EPOCH_S < 100]
    if since_1970:
        return since_1970[0]
    captured = [unit for unit in ("ns", "us", "ms") if step * UNITS[unit] >= 1 / _FASTEST]
    return captured[0] if captured and len(values) > 2 else "s"


def _rate(times: Floats) -> float:
    """Frames a second from sorted times: whole steps over the whole span, near a standard rate that rate."""
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not len(steps):
        return DEFAULT_FPS
    return nearest_rate(float(np.maximum(np.round(steps / np.median(steps)), 1).sum() / steps.sum()))


def code_ticks(
    path: Path,
    lines: Sequence[int],
    codes: Sequence[str],
    gaps: Sequence[str],
    fps: float | None,
    drop: bool | None,
) -> Ticks:
    """The clock of timecodes, which go on counting past midnight. fps: what the labels count; found when not
    given, also from the timecodes of rows without values (gaps).

    Rows between two labels, or several under each, are a take of more frames a second than the labels count.
    Raises AimError for what is no timecode at that rate.
    """
    labels, notes = (fps, []) if fps else _label_rate(codes, gaps)
    frames = np.empty(len(codes))
    for i, (line, code) in enumerate(zip(lines, codes, strict=True)):
        try:
            frames[i] = timecode.to_frame(code, labels, drop)
        except ValueError as why:
            what = f"{path}, line {line}: '{code[:40]}' is {why}."
            raise AimError(what, "Another rate, or a damaged line.", "Give --curve-fps, or mend that line.") from None
    day = timecode.frames_a_day(labels, timecode.is_drop(codes[0]) if drop is None else drop)
    frames += day * np.cumsum(np.append(0, np.diff(frames) < -day / 2))[: len(frames)]
    rows = _rows_under_a_label(frames)
    if rows > 1:
        frames += _place_under_label(frames) / rows
        rate = f"{labels * rows:g} frames a second"
        notes.append(f"{rows} rows stand under each timecode: they are spread evenly, {rate}.")
    else:
        rows = _rows_between_labels(frames)
        if rows > 1:
            rate = f"the take has {labels * rows:g} frames a second"
            notes.append(f"{rows} rows stand between two timecodes of {labels:g} a second: {rate}.")
    exact = float(exact_rate(labels))
    return Ticks(frames / exact, float(exact_rate(labels * rows)), tuple(notes))


def _label_rate(codes: Sequence[str], gaps: Sequence[str]) -> tuple[float, list[str]]:
    """The rate timecodes are counted in, from their highest frame label; drop-frame labels run at 1000/1001
    of it.
    """
    parts = sorted(part for code in (*codes, *gaps) if (part := timecode.second_and_label(code)))
    highest = max((label for _, label in parts), default=-1)
    base = next((rate for rate in (24.0, 25.0, 30.0, 50.0, 60.0, 120.0) if highest < rate), 240.0)
    # where the last label of a second was seen, the rate is known
    turns = {a + 1.0 for (s, a), (t, b) in pairwise(parts) if t == s + 1 and b == 0}
    notes = []
    if turns != {base} and len(parts) < 2 * base:  # below two seconds the highest label may be missing
        base = 60.0 if highest >= 30 else 30.0  # what faces are captured at
        why = f"the take is short and its labels reach {highest}"
        notes.append(f"{base:g} frames a second is a guess: {why}; --curve-fps says it.")
    return (base * 1000 / 1001 if any(timecode.is_drop(code) for code in codes) else base), notes


def _rows_under_a_label(frames: Floats) -> int:
    """How many rows every label has, where all (but the first and the last) have as many; 1 otherwise."""
    if len(frames) < 4 or (frames != np.floor(frames)).any() or (np.diff(frames) < 0).any():
        return 1
    counts = np.unique(frames, return_counts=True)[1]
    usual, often = Counter(counts[1:-1].tolist() or counts.tolist()).most_common(1)[0]
    return int(usual) if 2 <= usual <= 8 and often == max(len(counts) - 2, 1) and counts.max() == usual else 1


def _place_under_label(frames: Floats) -> Floats:
    """(F,) 0, 1, ... for the rows of each label; the first label's rows are its last ones."""
    starts = np.flatnonzero(np.append(True, np.diff(frames) > 0))
    counts = np.diff(np.append(starts, len(frames)))
    place = np.arange(len(frames)) - np.repeat(starts, counts)
    place[: counts[0]] += counts.max() - counts[0]
    return np.asarray(place, np.float64)


def _rows_between_labels(frames: Floats) -> int:
    """How many rows go into the step from one label to the next, when nearly all steps are that part of it."""
    steps = np.diff(frames)
    if len(steps) < 3 or not 0 < np.median(steps) < 0.75:
        return 1
    rows = round(1 / float(np.median(steps)))
    near = np.abs(steps * rows - np.maximum(np.round(steps * rows), 1)) < 0.2
    return rows if rows <= 16 and near.mean() > 0.9 and math.isfinite(rows) else 1
