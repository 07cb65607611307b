"""Weight curves: frames of control values read from CSV, matched to a model's controls by name.

A `frame` or `time` column (seconds; also `time_s`), then one column a control. Columns that no control matches are listed with the
nearest name, never dropped silently; a control without a column stays at zero.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import AimError, nearest_name

Floats = NDArray[np.floating]
_TIME, _FRAME = ("time", "time_s", "seconds"), ("frame",)
DEFAULT_FPS = 30.0


@dataclass(frozen=True)
class Curves:
    """names (C,), values (F, C) float64, times (F,) seconds, fps."""

    names: tuple[str, ...]
    values: Floats
    times: Floats
    fps: float


def read_curves(path: str | Path, fps: float | None = None) -> Curves:
    """Read a CSV of weight curves. fps is found from a time column when not given, else 30.

    Raises AimError naming line and value for text, NaN, rows of another length, times that do not increase, or no rows at all.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AimError(f"Cannot read the curves {path}: {error}.") from error
    if len(rows) < 2:
        raise AimError(f"{path} holds no frames.", "It is empty or has a header only.", "Export the curves again.")
    header = [name.strip() for name in rows[0]]
    table = np.array([_numbers(path, number, row, header) for number, row in enumerate(rows[1:], 2)])
    lowered = [name.lower() for name in header]
    clock = next((i for i, name in enumerate(lowered) if name in _TIME), None)
    frames = next((i for i, name in enumerate(lowered) if name in _FRAME), None)
    if clock is None and frames is None:
        raise AimError(f"{path} has no 'frame' or 'time' column.", f"Its columns are {', '.join(header[:6])} ...", "Add one.")
    rate = fps or (_rate(table[:, clock]) if clock is not None else DEFAULT_FPS)
    times = table[:, clock] if clock is not None else table[:, frames] / rate  # type: ignore[index]
    if len(times) > 1 and not (np.diff(times) > 0).all():
        bad = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 3
        raise AimError(f"{path}, line {bad}: the time does not increase.", "Rows are unsorted or doubled.", "Sort the file by time.")
    kept = [i for i, name in enumerate(lowered) if name not in (*_TIME, *_FRAME)]
    return Curves(tuple(header[i] for i in kept), table[:, kept], times, float(rate))


def _numbers(path: str | Path, number: int, row: list[str], header: list[str]) -> list[float]:
    if len(row) != len(header):
        raise AimError(f"{path}, line {number}: {len(row)} values under {len(header)} columns.", "The line is cut off or has an extra comma.")
    values = []
    for name, text in zip(header, row, strict=True):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise AimError(f"{path}, line {number}, column '{name}': '{text[:40]}' is not a finite number.", remedy="Mend that value.")
        values.append(value)
    return values


def _rate(times: Floats) -> float:
    """Frames a second from times; near a standard rate it is that rate."""
    if len(times) < 2 or np.median(np.diff(times)) <= 0:
        return DEFAULT_FPS
    rate = 1 / float(np.median(np.diff(times)))
    return next((r for r in (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 24000 / 1001, 30000 / 1001, 60000 / 1001) if abs(rate - r) < 0.005 * r), rate)


def match_controls(curves: Curves, controls: tuple[str, ...]) -> tuple[Floats, list[str]]:
    """(F, C) weights in the controls' order, and one sentence for each column that no control matches.

    Names match exactly, else by case, else when the rig splits the column into sides (browInnerUp -> browInnerUp_L and _R).
    """
    weights, notes = np.zeros((len(curves.values), len(controls))), []
    lowered = {name.lower(): i for i, name in enumerate(controls)}
    for column, name in enumerate(curves.names):
        sides = [lowered[f"{name.lower()}{suffix}"] for suffix in ("_l", "_r", "left", "right") if f"{name.lower()}{suffix}" in lowered]
        hits = [lowered[name.lower()]] if name.lower() in lowered else sides
        if not hits:
            notes.append(f"column '{name}' matches no control. {nearest_name(name, controls)}".strip())
        weights[:, hits] = curves.values[:, [column]]
    return weights, notes
