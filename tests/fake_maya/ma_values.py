"""Values of attributes as Maya ASCII text, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .evaluation import coerce
from .ma_text import Quoted, number, quote, write_number
from .schema import Attr


def read_typed(kind: str, words: list[str]) -> Any:
    """A value written with -type (not mesh faces)."""
    if kind == "string":
        return str(words[0]) if words else ""
    if kind in ("matrix", "fltMatrix"):
        if words and words[0] == "xform":
            raise ValueError("xform matrices are not read")
        return np.array([number(w) for w in words], np.float64).reshape(4, 4)
    if kind in ("pointArray", "vectorArray"):
        width = 4 if kind == "pointArray" else 3
        return np.array([number(w) for w in words[1:]], np.float64).reshape(-1, width)
    if kind in ("doubleArray", "floatArray"):
        return np.array([number(w) for w in words[1:]], np.float64)
    if kind == "Int32Array":
        return np.array([int(w) for w in words[1:]], np.int64)
    if kind in ("componentList", "stringArray", "attributeAlias"):
        return [str(w) for w in words if isinstance(w, Quoted)]
    return None


def write_typed(kind: str, value: Any) -> str:
    """The words after -type "kind"."""
    if kind == "string":
        return quote(value)
    if kind in ("matrix", "fltMatrix"):
        return " ".join(write_number(v, "double") for v in np.asarray(value).ravel()) + " "
    if kind in ("pointArray", "vectorArray"):
        rows = np.asarray(value, np.float64)
        width = 4 if kind == "pointArray" else 3
        if rows.size and rows.shape[1] < width:
            rows = np.concatenate([rows, np.ones((len(rows), 1))], 1)
        return " ".join([str(len(rows)), *(write_number(v, "double") for v in rows.ravel())]) + " "
    if kind in ("doubleArray", "floatArray"):
        return " ".join([str(len(value)), *(write_number(v, "double") for v in value)]) + " "
    if kind == "Int32Array":
        return " ".join([str(len(value)), *(str(int(v)) for v in value)]) + " "
    if kind == "componentList" and not value:
        return ""  # an empty list is written without its count
    if kind in ("componentList", "stringArray", "attributeAlias"):
        return " ".join([str(len(value)), *(quote(v) for v in value)]) + (
            " " if kind != "componentList" else ""
        )
    raise ValueError(f"no text for {kind}")


_ARRAYS = "pointArray vectorArray doubleArray floatArray Int32Array componentList stringArray"
TYPED = {"string", "matrix", "fltMatrix", *_ARRAYS.split()}


def read_number(attr: Attr, word: str, factor: float) -> Any:
    """One number of a file, in internal units."""
    value = number(word)
    return coerce(attr.kind, value if attr.kind == "bool" else value * factor)
