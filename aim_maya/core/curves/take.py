"""Curves: what every reader gives and every writer takes; which of their columns drives which control;
weights as people write them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Rig
from aim_maya.core.errors import AimError, nearest_name

# Curves: what every reader gives and every writer takes.

LARGEST_WEIGHT = 1e30  # what is beyond is no weight, and overflows on its way to points


@dataclass(frozen=True)
class Curves:
    """names (C,), values (F, C) float64, times (F,) float64 seconds, increasing; fps: the file's own rate.

    notes: one sentence for everything odd that was read over, such as rows at one and the same time.
    """

    names: tuple[str, ...]
    values: Floats
    times: Floats
    fps: float
    notes: tuple[str, ...] = ()


_STANDARD = (24000, 24, 25, 30000, 30, 48000, 48, 50, 60000, 60, 90, 100, 120000, 120)


def exact_rate(fps: float) -> Fraction:
    """The rate a decimal stands for: 29.97 is 30000/1001, 23.976 is 24000/1001; anything else is the decimal
    itself."""
    for number in _STANDARD:
        rate = Fraction(number, 1001) if number > 1000 else Fraction(number)
        if abs(fps - rate) < 1e-4 * rate:
            return rate
    return Fraction(fps).limit_denominator(1_000_000)


def nearest_rate(fps: float, tolerance: float = 0.005) -> float:
    """The standard rate nearest to a measured one, or the measured one when none is within the relative
    tolerance."""
    rates = [float(Fraction(n, 1001) if n > 1000 else n) for n in _STANDARD]
    best = min(rates, key=lambda rate: abs(rate - fps))
    return best if abs(best - fps) <= tolerance * best else fps


# Columns of a file to the controls of a model: by name, by case, by how sides are written, and to both sides

Name = TypeVar("Name", str, tuple[str, str])

_LISTED = 12  # columns that are named one by one
# times the whole shape: not spoken of, said, and taken as percent
_PLAIN, _EXAGGERATED, _PERCENT = 2.0, 5.0, (20.0, 150.0)

# In these names left and right are where something goes, not whose side it is on: a column 'jaw' must not
# drive jawLeft and jawRight.
_DIRECTED = ("jaw", "mouth", "tongue", "head")
_SIDE = re.compile(r"^(.+?)(?:[_.\-\s](l|r|left|right)|(?<=[a-z0-9])(Left|Right|L|R))$", re.IGNORECASE)
_PREFIX = re.compile(r"^(l|r|left|right)_(.+)$", re.IGNORECASE)


def key(name: str) -> tuple[str, str]:
    """(stem, side) under which two spellings are one control: JawOpen = jawOpen = jaw_open, EyeBlinkLeft =
    eyeBlink_L = L_eyeBlink.
    """
    stem, side = name.strip(), ""
    if found := _PREFIX.match(stem):
        side, stem = found[1], found[2]
    elif (found := _SIDE.match(stem)) and (found[2] or found[3][0].isupper()):
        stem, side = found[1], found[2] or found[3]
    return re.sub(r"[\W_]+", "", stem).lower(), side[:1].lower()


def plain(name: str) -> str:
    """The name itself of 'char01:face_bs.jawOpen', '|head|jawOpen' or 'head_lod0_mesh__jawOpen': without
    node, namespace and mesh.
    """
    stem = re.split(r"[:|/]", name.strip())[-1]
    head, dot, rest = stem.rpartition(".")
    part_of_name = re.fullmatch(r"l|r|left|right|\d*", rest, re.IGNORECASE)  # 'smile.L', 'smile.001'
    stem = rest if dot and head and not part_of_name else stem
    return stem.rpartition("__")[2] or stem


class ControlNames:
    """The controls of a model, to be asked which of them a column drives."""

    def __init__(self, controls: Sequence[str]) -> None:
        self.controls = tuple(controls)
        composed = [unicodedata.normalize("NFC", name) for name in controls]
        keys = [key(name) for name in composed]
        self._known = (_first(composed), _first([name.lower() for name in composed]), _first(keys))
        short = [key(plain(name)) for name in composed]
        counts = Counter(short)
        self._short = {name: i for i, name in enumerate(short) if counts[name] == 1}

    def driven(self, column: str) -> list[int]:
        """Indices of the controls a column drives: the one of that name, of that name in another spelling or
        without what stands before it (node, namespace, mesh), or both sides of a split one.
        """
        name = unicodedata.normalize("NFC", column)
        for asked in (name, plain(name)):
            exact, lowered, keyed = self._known
            found = [exact.get(asked), lowered.get(asked.lower()), keyed.get(key(asked))]
            if spelt := [i for i in found if i is not None]:
                return spelt[:1]
            stem, side = key(asked)
            if not side and stem not in _DIRECTED:
                sides = [keyed[each] for each in ((stem, "l"), (stem, "r")) if each in keyed]
                if sides:
                    return sides
        short = self._short.get(key(plain(name)))
        return [] if short is None else [short]


def _first(names: Sequence[Name]) -> dict[Name, int]:
    return {name: i for i, name in reversed(list(enumerate(names)))}


def hits(name: str, controls: Sequence[str]) -> list[int]:
    """Indices of the controls a column drives; for more than a few columns ask one ControlNames."""
    return ControlNames(controls).driven(name)


def match_controls(
    curves: Curves,
    controls: Sequence[str],
    *,
    scale: float | None = None,
    reach: Sequence[float] | None = None,
) -> tuple[Floats, list[str]]:
    """(F, C) weights in the controls' order, and a sentence on columns that no control matches, that override
    another, or were scaled.

    scale: what the weights are multiplied by; found when not given: a take in percent (0 to 100) becomes one
    of 0 to 1. reach (C,): the largest value that each control has a shape at, where that is more than 1. A
    control without a column stays at zero. Raises AimError when no column matches any control, and for
    weights whose scale is in doubt.
    """
    names = ControlNames(controls)
    driven = [names.driven(name) for name in curves.names]
    if not any(driven):
        raise _nothing_matches(curves.names, controls)
    columns = [i for i, found in enumerate(driven) if found]
    good = (np.abs(curves.values[:, columns] * (scale or 1.0)) <= LARGEST_WEIGHT).all(axis=0)
    if not good.all():
        what = (
            f"The weights of '{curves.names[columns[int(np.argmin(good))]]}' are not all finite "
            "numbers up to 1e30."
        )
        raise AimError(what, "The curves are damaged, or --scale is wrong.", "Export the curves again.")
    full = np.array([max([1.0, *(reach[c] for c in driven[i] if reach is not None)]) for i in columns])
    factor, notes = weight_scale([curves.names[i] for i in columns], curves.values[:, columns] / full, scale)
    weights, driver = np.zeros((len(curves.values), len(controls))), dict[int, str]()
    twice = []
    for column, name in enumerate(curves.names):
        for i in driven[column]:
            if i in driver:
                twice.append(
                    f"columns '{driver[i]}' and '{name}' both drive '{controls[i]}'; the last one counts."
                )
            driver[i] = name
            weights[:, i] = curves.values[:, column] * factor
    unmatched = [name for name, found in zip(curves.names, driven, strict=True) if not found]
    return weights, [*notes, *_unmatched(unmatched, controls), *_shortened(twice)]


def control_reach(rig: Rig) -> list[float]:
    """The largest value that each control has a shape at, alone or in a combination; 0 for one without."""
    reach = {
        control.name: max((abs(value) for value, _ in control.knots), default=0.0) for control in rig.controls
    }
    for name, value in (item for pose in rig.poses for item in pose.weights.items()):
        reach[name] = max(reach[name], abs(value))
    return [reach[name] for name in rig.names]


def weight_scale(names: Sequence[str], values: Floats, scale: float | None = None) -> tuple[float, list[str]]:
    """What weights (F, C), of which 1 is the whole shape, are multiplied by: scale, or 0.01 for a take in
    percent; and sentences on it.

    Raises AimError where the weights are neither of 0 to 1 nor clearly percent, and no scale was given.
    """
    if scale is not None:
        if not 0 < abs(scale) <= 1e6:
            raise AimError(
                f"The scale is {scale}.", remedy="Give a number: 0.01 for percent, 1 for weights as they are."
            )
        return scale, []
    peaks = np.abs(values).max(axis=0, initial=0.0)
    if peaks.max(initial=0.0) <= _PLAIN:
        return 1.0, []
    most = int(np.argmax(peaks))
    what = f"The weights reach {peaks[most]:.4g} ('{names[most]}'), where 1 is the whole shape"
    if peaks[most] <= _EXAGGERATED:
        return 1.0, [f"{what}: taken as they are; for percent give --scale 0.01."]
    large = peaks[peaks > 0] > _PLAIN
    if _PERCENT[0] <= peaks[most] <= _PERCENT[1] and 2 * np.count_nonzero(large) >= len(large):
        return 0.01, [f"{what}: taken as percent and divided by 100; --scale 1 takes them as they are."]
    raise AimError(
        f"{what}.",
        "They are on another scale, or a value is wrong.",
        "--scale 0.01 is for percent, --scale 0.1 for 0 to 10, 1 as they are.",
    )


def _nothing_matches(names: Sequence[str], controls: Sequence[str]) -> AimError:
    if not names:
        return AimError(
            "The take has no columns of weights.", "It has a clock alone.", "Export the curves again."
        )
    cause = f"Its columns are {_some(names)}; the model's controls are {_some(controls)}."
    near = next((found for name in names[:_LISTED] if (found := nearest_name(plain(name), controls))), "")
    return AimError(
        f"None of the take's {len(names)} columns drives a control of the model.",
        cause,
        near or "Rename the columns, or take another model.",
    )


def _unmatched(names: Sequence[str], controls: Sequence[str]) -> list[str]:
    """One sentence, however many there are."""
    near = [(name, nearest_name(plain(name), controls)) for name in names[:_LISTED]]
    if len(near) == 1:
        return [f"column '{near[0][0]}' matches no control. {near[0][1]}".strip()]
    if not near:
        return []
    listed = ", ".join(
        f"'{name[:60]}'" + (f" ({said[0].lower()}{said[1:]})" if said else "") for name, said in near
    )
    more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
    return [f"{len(names)} columns match no control: {listed}{more}."]


def _shortened(sentences: list[str]) -> list[str]:
    more = len(sentences) - 3
    return sentences[:3] + ([f"{more} more columns drive a control that another drives."] if more > 0 else [])


def _some(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:60] for name in names[:most]) + more


# Weights as people write them on a command line.


def parse_weights(given: tuple[str, ...], controls: tuple[str, ...]) -> NDArray[np.floating]:
    """(C,) weights from NAME=VALUE. Raises AimError naming what is wrong."""
    weights = np.zeros(len(controls))
    composed = [unicodedata.normalize("NFC", control) for control in controls]
    for entry in given:
        name, _, text = entry.partition("=")
        name = unicodedata.normalize("NFC", name)
        if name not in composed:
            raise AimError(
                f"There is no control '{name}'.", nearest_name(name, controls), "aimface info lists them."
            )
        try:
            value = float(text or 1)
        except ValueError as error:
            raise AimError(
                f"'{entry}' is not NAME=VALUE.", remedy="For example --weights jawOpen=0.5"
            ) from error
        if not abs(value) <= LARGEST_WEIGHT:
            raise AimError(
                f"'{entry}' is no weight.",
                "It is not finite, or beyond 1e30.",
                "For example --weights jawOpen=0.5",
            )
        weights[composed.index(name)] = value
    return weights
