"""Checked access to parsed JSON: every entry is of the kind that its reader expects, or is named in one
sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from aim_maya.core.arrays import Floats

from .errors import AimError, nearest_name


class Fields:
    """The entries of one JSON object. `where` names it in messages: "actor.json", "actor.json: controls[2]".

    >>> about = Fields({"name": "anna", "mm_per_unit": 10}, "actor.json")
    >>> about.text("name"), about.number("mm_per_unit", above=0)
    ('anna', 10.0)
    """

    def __init__(self, value: Any, where: str, known: Iterable[str] | None = None) -> None:
        """Raises AimError unless value is an object, and for entries that are not among `known`, naming the
        nearest."""
        if not isinstance(value, Mapping):
            raise AimError(
                f"{where} must be an object, not {kind_of(value)}.", remedy='Write {"entry": value, ...}.'
            )
        self._value, self.where = value, where
        names = None if known is None else tuple(known)
        unknown = [] if names is None else [str(key) for key in value if key not in names]
        if names is not None and unknown:
            what = f"{where} has the unknown entry '{unknown[0][:60]}'."
            raise AimError(what, nearest_name(unknown[0], names), f"Known entries: {', '.join(names)}.")

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def __iter__(self) -> Iterator[str]:
        return (str(name) for name in self._value)

    def fail(self, name: str, wanted: str) -> AimError:
        """The error that says what the entry is, and what it should be."""
        if name not in self._value:
            return AimError(
                f"{self.where}: '{name}' is missing; it should be {wanted}.",
                "It was altered, or written by hand.",
            )
        given = str(self._value[name])[:60]
        what = f"{self.where}: '{name}' is {given!r}; it should be {wanted}."
        return AimError(what, "It was altered, or written by hand.")

    def text(self, name: str, default: str | None = None) -> str:
        """A text. Raises AimError when it is another kind, or missing without a default."""
        value = self._value.get(name, default)
        if not isinstance(value, str):
            raise self.fail(name, "a text")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of a few texts."""
        value = self._value.get(name, default)
        if value not in choices:
            raise self.fail(name, f"one of {', '.join(choices)}")
        return str(value)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """true or false."""
        value = self._value.get(name, default)
        if not isinstance(value, bool):
            raise self.fail(name, "true or false")
        return value

    def number(
        self,
        name: str,
        default: float | None = None,
        *,
        above: float = -math.inf,
        low: float = -math.inf,
        high: float = 1e30,
    ) -> float:
        """A finite number above `above`, from `low` to `high`."""
        value = self._value.get(name, default)
        if not is_number(value) or not above < value <= high or value < low or value < -1e30:
            raise self.fail(name, _range("a number", above, low, high))
        return float(value)

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**31 - 1) -> int:
        """A whole number from low to high."""
        value = self._value.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(name, f"a whole number from {low} to {high}")
        return value

    def items(self, name: str, default: Sequence[Any] | None = None) -> Sequence[Any]:
        """A list of anything."""
        value = self._value.get(name, default)
        if not isinstance(value, list | tuple):
            raise self.fail(name, "a list")
        return value

    def names(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of texts, all different."""
        values = self.items(name, default)
        if not all(isinstance(v, str) for v in values) or len(set(values)) != len(values):
            raise self.fail(name, "a list of distinct texts")
        return tuple(values)

    def fields(self, name: str, known: Iterable[str] | None = None) -> Fields:
        """An object inside this one."""
        return Fields(self._value.get(name), f"{self.where}: '{name}'", known)

    def objects(self, name: str, default: Sequence[Any] | None = None) -> list[Fields]:
        """A list of objects."""
        return [
            Fields(value, f"{self.where}: {name}[{i}]") for i, value in enumerate(self.items(name, default))
        ]

    def numbers(self, name: str, shape: Sequence[int]) -> Floats:
        """Nested lists of finite numbers as a float64 array; -1 in `shape` stands for any length.

        Raises AimError for another shape, and anything that is not a number.
        """
        try:
            array = np.array(self._value[name])
            fits = (array.dtype.kind in "fiu" and array.ndim == len(shape)) or (
                array.size == 0 and -1 in shape
            )
            fits = fits and all(want in (-1, have) for want, have in zip(shape, array.shape, strict=False))
            if not fits or not np.isfinite(array.astype(np.float64)).all():
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            size = " x ".join("any" if n < 0 else str(n) for n in shape)
            raise self.fail(name, f"{size or 'one'} finite numbers") from error
        return array.astype(np.float64)


def is_number(value: Any) -> bool:
    """Whether value is an int or float that is finite and fits a float; true and false are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def kind_of(value: Any) -> str:
    """What JSON calls a value."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _range(what: str, above: float, low: float, high: float) -> str:
    words = [f"above {above:g}"] if above > -math.inf else []
    words += [f"from {low:g}"] if low > -math.inf else []
    words += [f"up to {high:g}"] if high < 1e30 else []
    return " ".join([what, *words])
