"""A binary USD layer as text, one sample in memory at a time: USD's own writer would hold them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .crate import copy_without_samples, sampled_attributes, usd_errors

_PLACE = 900_000_000  # a time code that no shot has: placeholder number n stands at _PLACE + n


def write_as_text(binary: Path, out: Path, named: Path) -> None:
    """Write the layer `binary` as usda to `out` (`named` in messages). Raises AimError for a layer that cannot be read."""
    from pxr import Sdf

    with usd_errors(f"Writing {named} failed"):
        source, still = Sdf.Layer.OpenAsAnonymous(str(binary)), Sdf.Layer.CreateAnonymous(".usda")
        copy_without_samples(source, still)
        order = sampled_attributes(source)
        for number, path in enumerate(order):
            kind = type(source.QueryTimeSample(path, source.ListTimeSamplesForPath(path)[0]))
            still.SetTimeSample(path, float(_PLACE + number), kind())
        pieces = re.split(r"^ *(9000\d{5}): .*\n", still.ExportToString(), flags=re.MULTILINE)
        with out.open("w", encoding="utf-8") as stream:
            for piece in pieces:
                if re.fullmatch(r"9000\d{5}", piece):
                    stream.writelines(_lines(source, order[int(piece) - _PLACE]))
                else:
                    stream.write(piece)


def _lines(layer: Any, path: str) -> Iterator[str]:
    for code in layer.ListTimeSamplesForPath(path):
        yield f"            {code!r}: {_text(layer.QueryTimeSample(path, code))},\n"


def _text(value: Any) -> str:
    array = np.array(value)
    if array.ndim == 2 and array.shape[1] == 3:  # nine digits give a float32 back exactly
        return "[" + ", ".join(f"({x:.9g}, {y:.9g}, {z:.9g})" for x, y, z in array.tolist()) + "]"
    if array.ndim == 1:
        return "[" + ", ".join(f"{x:.9g}" for x in array.tolist()) + "]"
    return "( " + ", ".join("(" + ", ".join(repr(x) for x in row) + ")" for row in array.tolist()) + " )"
