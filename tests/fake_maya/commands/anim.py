"""Keys, driven keys, expressions, the playback range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.node import Key, Node
from tests.fake_maya.nodes_anim import CURVE_TYPES
from tests.fake_maya.plugs import PlugPath, attr_name

from .attributes import connect_units
from .core import Flags, command, flatten, need_node, need_plug, short_name, targets
from .values import unit_factor

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_SUFFIX = {"doubleLinear": "L", "doubleAngle": "A", "time": "T"}
_TANGENTS = "fixed=1 linear=2 flat=3 step=5 slow=6 fast=7 spline=9 clamped=10 plateau=16 stepnext=17 auto=18"
TANGENTS = {word.partition("=")[0]: int(word.partition("=")[2]) for word in _TANGENTS.split(" ")}


def plugs_of(session: Session, args: list[Any], flags: Flags) -> list[PlugPath]:
    """Plugs named, or the attributes given of the nodes named."""
    found: list[PlugPath] = []
    for name in targets(session, args):
        plugs = [name] if "." in name else [f"{name}.{a}" for a in flatten([flags["attribute"]])]
        found += [need_plug(session, plug) for plug in plugs]
    return found


def curve_of(plug: PlugPath) -> Node | None:
    """The curve in time that drives a plug (through a unit conversion)."""
    end = plug.node.inputs.get(plug.key)
    while end is not None:
        node = end[0]
        if "animCurve" in node.type.lineage:
            return node if CURVE_TYPES[node.type.name][0] == "time" else None
        end = node.inputs.get(("input", ())) if node.type.name == "unitConversion" else None
    return None


def keys_of(node: Node) -> list[tuple[float, float, int]]:
    """(input, value, tangent) of a curve, internal units."""
    return sorted(
        (
            node.stored(("keyTime", (i,))),
            node.stored(("keyValue", (i,))),
            node.stored(("keyTanOutType", (i,))),
        )
        for i in node.indices("keyTimeValue")
    )


def write_keys(session: Session, node: Node, keys: list[tuple[float, float, int]]) -> None:
    """Replace all keys."""
    session.graph.clear_value(node, ("keyTimeValue", ()))
    session.graph.clear_value(node, ("keyTanOutType", ()))
    for i, (at, value, tangent) in enumerate(sorted(keys)):
        session.graph.set_value(node, ("keyTime", (i,)), at)
        session.graph.set_value(node, ("keyValue", (i,)), value)
        session.graph.set_value(node, ("keyTanOutType", (i,)), tangent)


def make_curve(session: Session, plug: PlugPath, family: str) -> Node:
    """A curve of the family T or U for a plug, not connected."""
    kind = plug.node.attr(plug.attr).kind
    name = re.sub(r"\W", "_", f"{plug.node.name.rpartition(':')[2]}_{attr_name(plug.node, plug.key)}")
    return session.graph.create(f"animCurve{family}{_SUFFIX.get(kind, 'U')}", name)


@command("setKeyframe", "attribute time value inTangentType outTangentType")
def set_keyframe(session: Session, args: list[Any], flags: Flags) -> int:
    """Set keys; how many."""
    times = flatten([flags.get("time", session.time / session.ticks_per_frame)])
    count = 0
    for plug in plugs_of(session, args, flags):
        node, key = plug.node, plug.key
        kind = node.attr(key[0]).kind
        curve = curve_of(plug)
        if curve is None and (node.is_locked(key) or key in node.inputs):
            continue  # Maya does not key what is locked or driven
        value = flags.get("value")
        held = (
            session.evaluator.normal_value(node, key)
            if value is None
            else coerce(kind, value * unit_factor(session, kind))
        )
        if curve is None:
            curve = make_curve(session, plug, "T")
            session.graph.connect(curve, ("output", ()), node, key)
        for at in times:
            ticks = float(at) * session.ticks_per_frame
            kept = [k for k in keys_of(curve) if abs(k[0] - ticks) > 1e-6]
            write_keys(
                session,
                curve,
                [*kept, (ticks, float(held), TANGENTS.get(flags.get("outTangentType", "auto"), 18))],
            )
            count += 1
    session.modified = True
    return count


@command("keyframe", "timeChange valueChange floatChange keyframeCount", undoable=False)
def keyframe(session: Session, args: list[Any], flags: Flags) -> Any:
    """Times (or inputs), values or number of the keys of curves, or of the curve of a plug."""
    curves: list[Node] = []
    for name in targets(session, args):
        node = need_node(session, name.partition(".")[0])
        if "." in name:
            plug = need_plug(session, name)
            end = plug.node.inputs.get(plug.key)
            node = curve_of(plug) or (end[0] if end else node)
        curves += [node] if "animCurve" in node.type.lineage else []
    if flags.get("keyframeCount"):
        return sum(len(keys_of(c)) for c in curves)
    result: list[float] = []
    for curve in curves:
        timed, out = CURVE_TYPES[curve.type.name]
        column = 1 if flags.get("valueChange") else 0
        factor = (
            unit_factor(session, out) if column else unit_factor(session, timed) if timed == "time" else 1.0
        )
        result += [key[column] / factor for key in keys_of(curve)]
    return result or None


@command("cutKey", "clear")
def cut_key(session: Session, args: list[Any], flags: Flags) -> int:
    """Remove all keys; a curve without keys goes."""
    from .edit import delete_node

    count = 0
    for plug in plugs_of(session, args, flags):
        curve = curve_of(plug)
        if curve is not None:
            count += len(keys_of(curve))
            session.graph.disconnect(plug.node, plug.key)
            delete_node(session, curve)
    return count


@command("playbackOptions", "minTime maxTime animationStartTime animationEndTime")
def playback_options(session: Session, args: list[Any], flags: Flags) -> Any:
    """The time range."""
    if flags.get("query"):
        return session.playback_range[next(f for f in flags if f in session.playback_range)]
    for flag, value in flags.items():
        session.journal.put(session.playback_range, flag, float(value))
    return None


@command("setDrivenKeyframe", "currentDriver driverValue value")
def set_driven_keyframe(session: Session, args: list[Any], flags: Flags) -> int:
    """One key of a driven plug at its driver's value. A second driver brings a blendWeighted node in."""
    driver = need_plug(session, flags["currentDriver"])
    count = 0
    for plug in plugs_of(session, args, flags):
        kind, driver_kind = plug.node.attr(plug.attr).kind, driver.node.attr(driver.attr).kind
        at, held = (
            flags["driverValue"] * unit_factor(session, driver_kind),
            flags["value"] * unit_factor(session, kind),
        )
        curve = _driven_curve(session, plug, driver)
        conversion = curve.inputs[("input", ())][0]
        if conversion.type.name == "unitConversion":
            at *= conversion.stored(("conversionFactor", ()))
        kept = [k for k in keys_of(curve) if abs(k[0] - at) > 1e-9]
        write_keys(session, curve, [*kept, (float(at), float(held), TANGENTS["auto"])])
        count += 1
    session.modified = True
    return count


def _driver(curve: Node) -> tuple[Node, Key] | None:
    end = curve.inputs.get(("input", ()))
    return end[0].inputs.get(("input", ())) if end and end[0].type.name == "unitConversion" else end


def _driven_curve(session: Session, plug: PlugPath, driver: PlugPath) -> Node:
    graph, node, key = session.graph, plug.node, plug.key
    end = node.inputs.get(key)
    blend = end[0] if end and end[0].type.name == "blendWeighted" else None
    curves = [e[0] for e in blend.inputs.values()] if blend else [end[0]] if end else []
    for curve in curves:
        if "animCurve" in curve.type.lineage and _driver(curve) == (driver.node, driver.key):
            return curve
    if end is not None and blend is None:
        blend = graph.create(
            "blendWeighted", f"bw_{node.name}_{re.sub(r'[^A-Za-z0-9]', '_', attr_name(node, key))}"
        )
        graph.connect(*end, blend, ("input", (0,)))
        graph.connect(blend, ("output", ()), node, key)
    made = make_curve(session, plug, "U")
    connect_units(session, driver.node, driver.key, made, ("input", ()))
    if blend is None:
        graph.connect(made, ("output", ()), node, key)
    else:
        graph.connect(made, ("output", ()), blend, ("input", (max(blend.indices("input"), default=-1) + 1,)))
    return made


_PLUG = re.compile(r"[A-Za-z_:|][\w:|]*\.[A-Za-z_][\w.\[\]]*")


@command("expression", "string name")
def expression(session: Session, args: list[Any], flags: Flags) -> Any:
    """`node.attr = ...;` becomes .O and .I with connections; `float $x = ...;` stays as it is."""
    node = session.graph.create("expression", flags.get("name") or "expression1")
    inputs: dict[str, int] = {}
    lines: list[str] = []
    outputs = 0

    def replace(match: re.Match[str]) -> str:
        return f".I[{inputs.setdefault(match[0], len(inputs))}]"

    for statement in filter(str.strip, flags["string"].split(";")):
        left, _, right = (part.strip() for part in statement.partition("="))
        if "$" not in left:
            target = need_plug(session, left)
            session.graph.connect(node, ("output", (outputs,)), target.node, target.key)
            left, outputs = f".O[{outputs}]", outputs + 1
        lines.append(f"{left} = {_PLUG.sub(replace, right)};")
    for name, number in inputs.items():
        source = need_plug(session, name)
        session.graph.connect(source.node, source.key, node, ("input", (number,)))
    session.graph.connect(need_node(session, "time1"), ("outTime", ()), node, ("time", ()))
    session.graph.set_value(node, ("internalExpression", ()), "\n".join(lines))
    return short_name(session, node)
