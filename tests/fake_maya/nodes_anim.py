"""Animation: curves in time and of drivers, blends of driven keys, expressions, unit conversions."""

from __future__ import annotations

import ast
import math
import operator
import re
from bisect import bisect_right
from typing import Any

from .evaluation import Data
from .node import Key
from .schema import declare

CURVE = """
input i {inp} >output
output o {out} ro nostore
keyTimeValue ktv compound[] >output
  keyTime kt {inp}
  keyValue kv {out}
keyTanOutType kot byte[] >output
tangentType tan enum enum:Fixed=1,Linear,Flat,Step=5,Slow,Fast,Spline=9,Clamped,Plateau=16,StepNext,Auto
preInfinity pre enum enum:Constant,Linear,Cycle=3,CycleRelative,Oscillate >output
postInfinity pst enum enum:Constant,Linear,Cycle=3,CycleRelative,Oscillate >output
"""

WEIGHTED = """
input i double[] >output
weight w double[] =1 >output
output o double ro nostore
current c double
"""

CONVERSION = """
input i double >output
output o double ro nostore
conversionFactor cf double =1 >output
"""

EXPRESSION = """
expression exp string nostore
internalExpression ixp string >output
object obm message
attribute at string[]
input in double[] >output
output out double[] ro nostore
time tim time >output
frame frm double
evaluate ev bool
"""

_OUT = {"L": "doubleLinear", "A": "doubleAngle", "U": "double", "T": "time"}
CURVE_TYPES = {f"animCurveT{suffix}": ("time", out) for suffix, out in _OUT.items()}
CURVE_TYPES |= {f"animCurveU{suffix}": ("double", out) for suffix, out in _OUT.items()}


def curve_keys(data: Data) -> list[tuple[float, float, int]]:
    """(input, value, out tangent) of every key, by input."""
    found = [
        (data.get("keyTime", i), data.get("keyValue", i), data.get("keyTanOutType", i))
        for i in data.indices("keyTimeValue")
    ]
    return sorted(found)


def curve_value(keys: list[tuple[float, float, int]], at: float, pre: int = 0, post: int = 0) -> float:
    """Linear between keys (all tangents count as linear), stepped ones excepted; constant outside unless the
    infinity is linear."""
    if not keys:
        return 0.0
    times = [k[0] for k in keys]
    i = bisect_right(times, at) - 1
    if i < 0 and (pre != 1 or len(keys) < 2):
        return keys[0][1]
    if i >= len(keys) - 1 and (post != 1 or len(keys) < 2 or at == times[-1]):
        return keys[-1][1]
    i = min(max(i, 0), len(keys) - 2)
    (t0, v0, tangent), (t1, v1, _) = keys[i], keys[i + 1]
    if tangent == 5 and t0 <= at < t1:
        return v0
    if tangent == 17 and t0 < at <= t1:
        return v1
    return v0 + (v1 - v0) * (at - t0) / (t1 - t0)


def compute_curve(data: Data, key: Key) -> None:
    """output at the input; a time curve with nothing connected to its input follows the scene's time."""
    name = data.node.type.name
    context = data.context
    if CURVE_TYPES[name][0] == "time" and not data.connected("input"):
        at = data.evaluator.session.time if context.time is None else context.time
    else:
        at = data.get("input")
    data.put(
        "output", (), curve_value(curve_keys(data), at, data.get("preInfinity"), data.get("postInfinity"))
    )


def compute_weighted(data: Data, key: Key) -> None:
    """Sum of input[i] * weight[i]."""
    data.put("output", (), sum(data.get("input", i) * data.get("weight", i) for i in data.indices("input")))


def compute_conversion(data: Data, key: Key) -> None:
    """output = input * conversionFactor."""
    data.put("output", (), data.get("input") * data.get("conversionFactor"))


_FUNCTIONS: dict[str, Any] = {"max": max, "min": min, "sin": math.sin, "cos": math.cos, "sqrt": math.sqrt}
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def arithmetic(text: str, names: dict[str, float]) -> float:
    """Value of one expression of + - * /, signs, and MEL's max, min, sin, cos (radians, says the MEL command
    reference) and sqrt."""

    def walk(node: ast.AST) -> float:
        if isinstance(node, ast.Expression):
            return walk(node.body)
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))  # type: ignore[operator]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return _FUNCTIONS[node.func.id](*map(walk, node.args))
        raise ValueError(f"the stand-in's expressions know arithmetic only: {text!r}")

    return walk(ast.parse(text.strip(), mode="eval"))


def compute_expression(data: Data, key: Key) -> None:
    """`.O[k] = ...;` and `float $x = ...;`, arithmetic of .I[k], $x, time and frame, from the top to the
    bottom."""
    session = data.evaluator.session
    ticks = session.time if data.context.time is None else data.context.time
    if data.connected("time"):
        ticks = data.get("time")
    names = {"time": ticks / 6000.0, "frame": ticks / session.ticks_per_frame}
    names |= {f"I{k}": float(data.get("input", k)) for k in data.indices("input")}
    for statement in (data.get("internalExpression") or "").split(";"):
        left, equals, right = (part.strip() for part in statement.partition("="))
        if equals:
            value = arithmetic(re.sub(r"\.I\[(\d+)\]", r"I\1", right).replace("$", "local_"), names)
            if left.startswith(".O["):
                data.put("output", (int(left[3:-1]),), value)
            else:
                names[left.removeprefix("float").strip().replace("$", "local_")] = value


def register() -> None:
    """Declare the types."""
    declare("animCurve", "node")
    for name, (inp, out) in CURVE_TYPES.items():
        text = CURVE.format(inp=inp, out=out)
        declare(name, "animCurve", text, compute=compute_curve, api_type="kAnimCurve")
    declare("blendWeighted", "node", WEIGHTED, compute=compute_weighted, api_type="kBlendWeighted")
    declare("unitConversion", "node", CONVERSION, compute=compute_conversion, api_type="kUnitConversion")
    declare("expression", "node", EXPRESSION, compute=compute_expression, api_type="kExpression")
