"""A table of numbers in a text file, as many programs write it: its encoding, separator and decimal mark are
found.

Fields are separated by a comma, a semicolon or a tab, with or without quotes; numbers have a decimal point or
a decimal comma. Lines before the header, comments (#) and columns without a name are left out.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.files import decoded, read_bytes

from .take import LARGEST_WEIGHT

Row = tuple[int, list[str]]
_SEPARATORS = (",", ";", "\t")
_BEFORE_HEADER = 50  # lines in which the header is looked for
_BLOCK = 4096  # rows that are text at one time


@dataclass(frozen=True)
class Table:
    """Text of a table: `header` are the names of its columns, `rows()` their fields, line by line; notes on
    what was left out.
    """

    path: Path
    header: tuple[str, ...]
    notes: tuple[str, ...]
    _lines: str
    _separator: str
    _named: tuple[int, ...]
    _width: int
    _first_line: int

    def rows(self, empty: Callable[[list[str]], bool] = lambda _: False) -> Iterator[Row]:
        """(line number, fields) of every row; one that is cut short is filled up where `empty` says that it
        holds no values. Raises AimError for other rows that are not as long as the header, and for a quote
        that is never closed."""
        short = max(self._named, default=-1) + 1  # without what follows the last name
        every = self._named == tuple(range(short))
        for number, row in _split(self.path, self._lines, self._separator, self._first_line):
            if not any(row) or row[0].startswith("#"):
                continue
            if len(row) > self._width and not any(field.strip() for field in row[self._width :]):
                row = row[: self._width]  # a separator at the end of every row
            if len(row) not in (self._width, short):
                if not any(field.strip() for field in row):
                    continue
                filled = row + [""] * (short - len(row))
                if len(row) > short or not empty([filled[i] for i in self._named]):
                    raise self._wrong_length(number, row)
                row = filled
            yield number, row if every else [row[i] for i in self._named]

    def _wrong_length(self, number: int, row: list[str]) -> AimError:
        what = f"{self.path}, line {number}: {len(row)} values under {self._width} columns."
        if self._separator == "," and len(row) >= 2 * self._width - 1:
            cause, remedy = (
                "Its numbers may have decimal commas.",
                "Export it with semicolons between the fields.",
            )
            return AimError(what, cause, remedy)
        cause, remedy = (
            "The line is cut off or has an extra separator.",
            "Mend that line, or export the curves again.",
        )
        return AimError(what, cause, remedy)


def read_table(path: str | Path, is_header: Callable[[Sequence[str]], bool]) -> Table:
    """Find the header of a table: the first line of which `is_header` is true of its names, or else the first
    line.

    Raises AimError for what is no text, for an empty file, and for two columns of one name.
    """
    path = Path(path)
    remedy = "Give a CSV; `aimface curves FILE -o OUT.csv` makes one of USD files and performances."
    text, notes = decoded(path, read_bytes(path), "the curves", remedy)
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    first, separator, names = _header(path, lines, is_header)
    if first > 1 and (skipped := sum(1 for line in lines.split("\n", first)[: first - 1] if line.strip())):
        notes.append(f"{skipped} line(s) before the header, which is line {first}, are left out.")
    named = tuple(i for i, name in enumerate(names) if name)
    inner = [i for i, name in enumerate(names) if not name and i < max(named, default=-1)]
    if inner:
        left = f"{len(inner)} column(s) without a name are left out"
        notes.append(f"{left} (the first is column {inner[0] + 1}).")
    header = tuple(names[i] for i in named)
    name, times = Counter(header).most_common(1)[0] if header else ("", 0)
    if times > 1:
        what = f"{path} has the column '{name[:60]}' {times} times."
        raise AimError(what, "Two exports were joined.", "Remove one of them.")
    return Table(path, header, tuple(notes), lines, separator, named, len(names), first)


def numbers(path: Path, names: Sequence[str], rows: Iterable[Row]) -> Floats:
    """(F, len(names)) float64 of rows that have these columns, block by block: text takes ten times the
    memory of numbers.

    Raises AimError naming line, column and text of what is no number, or beyond 1e30.
    """
    stream, blocks, comma = iter(rows), [], None
    while block := list(itertools.islice(stream, _BLOCK)):
        if comma is None:
            comma = _decimal_comma(block)
        blocks.append(_converted(path, names, block, comma is True))
    return np.concatenate(blocks) if blocks else np.zeros((0, len(names)))


def _decimal_comma(block: list[Row]) -> bool | None:
    """Whether most of these numbers have a decimal comma; None where all are whole."""
    commas, points = (sum(mark in text for _, row in block for text in row) for mark in ",.")
    return commas > points if commas or points else None


def _converted(path: Path, names: Sequence[str], block: list[Row], comma: bool) -> Floats:
    """One block at once, and field by field only to find the bad one."""
    texts = itertools.chain.from_iterable(row for _, row in block)
    try:
        values = np.fromiter(map(_with_comma if comma else float, texts), np.float64, len(block) * len(names))
    except ValueError:
        values = np.full(1, np.nan)
    if (np.abs(values) <= LARGEST_WEIGHT).all():
        return values.reshape(len(block), len(names))
    for line, row in block:
        for name, text in zip(names, row, strict=True):
            try:
                value = _with_comma(text) if comma else float(text)
            except ValueError:
                value = math.nan
            if not abs(value) <= LARGEST_WEIGHT:
                cause = "It is beyond 1e30, which no weight is." if math.isfinite(value) else ""
                place = f"{path}, line {line}, column '{name[:60]}'"
                raise AimError(
                    f"{place}: '{text.strip()[:40]}' is not a finite number.", cause, "Mend that value."
                )
    raise AssertionError("a block holds a bad value that none of its fields has")


def _with_comma(text: str) -> float:
    """A number with a decimal comma; a point beside it parts thousands, or is a slip: no number either
    way.
    """
    return float("" if "." in text else text.replace(",", "."))


def _header(path: Path, lines: str, is_header: Callable[[Sequence[str]], bool]) -> tuple[int, str, list[str]]:
    """(line number, separator, names) of the header."""
    candidates: list[tuple[int, str, list[str]]] = []
    seen = 0
    for number, line in enumerate(itertools.islice(io.StringIO(lines), 10 * _BEFORE_HEADER), 1):
        if not line.strip() or seen >= _BEFORE_HEADER:
            continue
        seen += 1
        splits = [
            (number, mark, [name.strip() for name in _fields(path, line, mark)]) for mark in _SEPARATORS
        ]
        found = [split for split in splits if is_header(split[2])]
        if found:
            return max(found, key=lambda split: len(split[2]))
        if not line.lstrip().startswith(("#", "//")):
            candidates.append(max(splits, key=lambda split: len(split[2])))
    if not candidates:
        raise AimError(f"{path} holds no frames.", "It is empty.", "Export the curves again.")
    return candidates[0]


def _fields(path: Path, line: str, separator: str) -> list[str]:
    try:
        return next(iter(_split(path, line, separator, 0)), (0, [""]))[1]
    except AimError:  # without its separator a wide header is one field beyond the reader's limit
        return [line]


def _split(path: Path, lines: str, separator: str, after: int) -> Iterator[Row]:
    """(line number, fields) of the lines after that one."""
    stream = io.StringIO(lines, newline="")
    for _ in range(after):
        stream.readline()
    reader = csv.reader(stream, delimiter=separator)
    try:
        for row in reader:
            yield after + reader.line_num, row
    except csv.Error as error:
        what = f"{path}, line {after + reader.line_num}: {error}."
        raise AimError(what, "A quote is not closed, or it is no table.", "Mend that line.") from error
