"""Between plug values (internal units) and what cmds gives and takes (the user's units)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.node import Key, Node
from tests.fake_maya.schema import Attr
from tests.fake_maya.values import Geometry

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


def unit_factor(session: Session, kind: str) -> float:
    """Internal units in one user unit of this kind."""
    if kind in ("doubleLinear", "floatLinear"):
        return session.centimetres
    if kind == "doubleAngle":
        return math.pi / 180 if session.units["angle"] == "deg" else 1.0
    return session.ticks_per_frame if kind == "time" else 1.0


def to_user(session: Session, kind: str, value: Any) -> Any:
    """One value as getAttr gives it.

    Matrices are unitless: their translation is in centimetres whatever the unit."""
    if value is None:
        return None
    if kind in ("doubleLinear", "floatLinear", "doubleAngle", "time"):
        return value / unit_factor(session, kind)
    if kind in ("matrix", "fltMatrix"):
        return [float(v) for v in np.asarray(value).ravel()]
    if kind in ("pointArray", "vectorArray"):
        rows = np.asarray(value, np.float64)
        width = 4 if kind == "pointArray" else 3
        if rows.shape[1:] == (3,) and width == 4:
            rows = np.concatenate([rows, np.ones((len(rows), 1))], 1)
        return [tuple(float(v) for v in row) for row in rows]
    if isinstance(value, np.ndarray):
        return [v.item() for v in value.ravel()]
    if isinstance(value, Geometry) or kind in ("mesh", "geometry", "nurbsCurve"):
        raise RuntimeError("The data is not a numeric or string attribute, and cannot be displayed.")
    return list(value) if isinstance(value, list | tuple) else value


def user_value(session: Session, node: Node, key: Key, value: Any) -> Any:
    """A plug's value as getAttr gives it: a compound is a list with one tuple."""
    attr = node.attr(key[0])
    if attr.kind == "message":
        raise RuntimeError("Message attributes have no data values.")
    if attr.children:
        if any(node.attr(child).multi for child in attr.children):
            raise RuntimeError("The data is not a numeric or string attribute, and cannot be displayed.")
        parts = []
        for child, part in zip(attr.children, value, strict=True):
            made = user_value(session, node, (child, key[1]), part)
            parts.append(made[0] if isinstance(made, list) and node.attr(child).children else made)
        return [tuple(parts)]
    return to_user(session, attr.kind, value)


def from_user(session: Session, attr: Attr, value: Any) -> Any:
    """One number, or text, as setAttr takes it, in internal units."""
    if attr.kind == "string":
        raise RuntimeError(f"setAttr: '{attr.long}' is a string: the flag type=\"string\" is needed")
    if isinstance(value, str) or not isinstance(value, int | float | np.number | bool):
        raise RuntimeError(f"setAttr: Error reading data element for '{attr.long}': {value!r}")
    number = (
        value if attr.kind == "bool" else coerce(attr.kind, float(value) * unit_factor(session, attr.kind))
    )
    return coerce(attr.kind, number)


def typed_value(kind: str, args: list[Any]) -> Any:
    """A value given with the flag `type`."""
    if kind == "string":
        if len(args) != 1 or not (args[0] is None or isinstance(args[0], str)):
            raise RuntimeError(f"setAttr: Error reading string: {args!r}")
        return args[0] or ""
    items = list(args[0]) if len(args) == 1 and isinstance(args[0], list | tuple) else list(args)
    if kind in ("matrix", "fltMatrix"):
        if len(items) != 16:
            raise RuntimeError(f"setAttr: a matrix needs 16 numbers, not {len(items)}")
        return np.array(items, np.float64).reshape(4, 4)
    counted = (
        len(items) > 0
        and isinstance(items[0], int)
        and not isinstance(items[0], bool)
        and (len(items) == items[0] + 1)
    )
    if kind in ("pointArray", "vectorArray"):
        rows = items[1:] if counted else items
        width = 4 if kind == "pointArray" else 3
        return np.array([list(r) + [1.0] * (width - len(r)) for r in rows], np.float64).reshape(-1, width)
    if kind in ("componentList", "stringArray"):
        return [str(i) for i in (items[1:] if (counted and isinstance(items[-1], str)) or counted else items)]
    if kind == "doubleArray":
        return np.array(items, np.float64)
    if kind == "floatArray":
        return np.array(items, np.float32).astype(np.float64)
    if kind == "Int32Array":
        return np.array(items, np.int64)
    raise RuntimeError(f"setAttr: Invalid or unknown data type: {kind}")


def check_range(session: Session, attr: Attr, value: Any, name: str) -> None:
    """Maya refuses values past the hard limits."""
    if isinstance(value, int | float):
        for limit, word, past in (
            (attr.minimum, "minimum", lambda v, m: v < m),
            (attr.maximum, "maximum", lambda v, m: v > m),
        ):
            if limit is not None and past(value, limit):
                raise RuntimeError(
                    f"setAttr: Cannot set the attribute '{name}' past its {word} value of {limit:g}."
                )
