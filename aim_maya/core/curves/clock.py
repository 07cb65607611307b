"""When the rows of a take are: SMPTE timecode, drop-frame included, and which column of a table says it, in
what unit.

Drop-frame timecode counts 29.97 (59.94) frames a second with the labels of 30 (60): the first 2 (4) labels of
every minute that is not a multiple of ten are left out, so that the label stays on the clock. SMPTE ST
12-1:2014, 5.2.3.

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

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError

from .take import exact_rate, nearest_rate

# SMPTE timecode to frame numbers and back, drop-frame included.

_PATTERN = re.compile(r"^(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})(?:\.(\d+))?$")


def labels_per_second(fps: float) -> int:
    """How many labels a second has: 30 for 29.97, 24 for 23.976."""
    return math.ceil(fps - 1e-6)


def can_drop(fps: float) -> bool:
    """Whether drop-frame labels exist at this rate: 29.97 and 59.94, and 119.88 by the same rule."""
    return labels_per_second(fps) in (30, 60, 120) and abs(fps * 1001 / 1000 - labels_per_second(fps)) < 1e-3


def to_frame(text: str, fps: float, drop: bool | None = None) -> float:
    """Frames since 00:00:00:00 of 'HH:MM:SS:FF', of 'HH:MM:SS;FF' (drop-frame), and of 'HH:MM:SS:FF.sss' with
    a part of a frame.

    drop None: as the separator says. Raises ValueError, in words, for what is no timecode at that rate.
    """
    found = _PATTERN.match(text.strip())
    if not found:
        raise ValueError("no timecode; HH:MM:SS:FF is one")
    hours, minutes, seconds, frames = (int(found[i]) for i in (1, 2, 3, 5))
    base = labels_per_second(fps)
    if minutes > 59 or seconds > 59 or frames >= base:
        raise ValueError(f"no timecode at {fps:g} frames a second")
    part = float(f"0.{found[6]}") if found[6] else 0.0
    label = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if not (is_drop(text) if drop is None else drop):
        return label + part
    _check_drop(fps)
    dropped = base // 15
    if frames < dropped and seconds == 0 and minutes % 10:
        raise ValueError("a label that drop-frame timecode leaves out")
    total = hours * 60 + minutes
    return label - dropped * (total - total // 10) + part


def to_timecode(frame: int, fps: float, drop: bool = False) -> str:
    """The label of a frame, modulo 24 hours; drop-frame labels have ';' before the frames. Raises AimError
    for a rate without drop-frame."""
    base, mark = labels_per_second(fps), ":"
    if drop:
        _check_drop(fps)
        dropped, mark = base // 15, ";"
        in_ten, in_one = 600 * base - 9 * dropped, 60 * base - dropped
        tens, rest = divmod(frame, in_ten)
        frame += dropped * (9 * tens + (max(rest - dropped, 0) // in_one))
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def frames_a_day(fps: float, drop: bool) -> int:
    """After how many frames the labels begin again at 00:00:00:00."""
    labels = 24 * 3600 * labels_per_second(fps)
    return labels - labels_per_second(fps) // 15 * 24 * 54 if drop else labels


def is_drop(text: str) -> bool:
    """Whether the separator before the frames says drop-frame."""
    found = _PATTERN.match(text.strip())
    return bool(found and found[4] in ";,")


def second_and_label(text: str) -> tuple[int, int] | None:
    """(seconds since 00:00:00, frame label) of a timecode at any rate, None for what is none: what the rate
    can be found from."""
    found = _PATTERN.match(text.strip())
    return (
        None if found is None else ((int(found[1]) * 60 + int(found[2])) * 60 + int(found[3]), int(found[5]))
    )


def _check_drop(fps: float) -> None:
    if not can_drop(fps):
        raise AimError(
            f"There is no drop-frame timecode at {fps:g} frames a second.",
            "Drop-frame is for 29.97 and 59.94.",
            "Give the rate the take was recorded at.",
        )


# The clock of a table of curves: which column says when each row is, in what unit, and how many rows a

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
            frames[i] = to_frame(code, labels, drop)
        except ValueError as why:
            what = f"{path}, line {line}: '{code[:40]}' is {why}."
            raise AimError(
                what, "Another rate, or a damaged line.", "Give --curve-fps, or mend that line."
            ) from None
    day = frames_a_day(labels, is_drop(codes[0]) if drop is None else drop)
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
    parts = sorted(part for code in (*codes, *gaps) if (part := second_and_label(code)))
    highest = max((label for _, label in parts), default=-1)
    base = next((rate for rate in (24.0, 25.0, 30.0, 50.0, 60.0, 120.0) if highest < rate), 240.0)
    # where the last label of a second was seen, the rate is known
    turns = {a + 1.0 for (s, a), (t, b) in pairwise(parts) if t == s + 1 and b == 0}
    notes = []
    if turns != {base} and len(parts) < 2 * base:  # below two seconds the highest label may be missing
        base = 60.0 if highest >= 30 else 30.0  # what faces are captured at
        why = f"the take is short and its labels reach {highest}"
        notes.append(f"{base:g} frames a second is a guess: {why}; --curve-fps says it.")
    return (base * 1000 / 1001 if any(is_drop(code) for code in codes) else base), notes


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
    """How many rows go into the step from one label to the next, when nearly all steps are that part of
    it.
    """
    steps = np.diff(frames)
    if len(steps) < 3 or not 0 < np.median(steps) < 0.75:
        return 1
    rows = round(1 / float(np.median(steps)))
    near = np.abs(steps * rows - np.maximum(np.round(steps * rows), 1)) < 0.2
    return rows if rows <= 16 and near.mean() > 0.9 and math.isfinite(rows) else 1
