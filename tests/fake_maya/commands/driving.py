"""Driven keys, expressions and animation layers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.node import Key, Node
from tests.fake_maya.plugs import PlugPath, attr_name

from .attributes import connect_units
from .core import Flags, command, flatten, need_node, need_plug, short_name
from .values import unit_factor

if TYPE_CHECKING:
    from tests.fake_maya.session import Session
from .anim import TANGENTS, keys_of, make_curve, plugs_of, write_keys


@command("setDrivenKeyframe", "currentDriver driverValue value attribute driven inTangentType outTangentType")
def set_driven_keyframe(session: Session, args: list[Any], flags: Flags) -> int:
    """One key of a driven plug at its driver's value. A second driver brings a blendWeighted node in."""
    driver = need_plug(session, flags["currentDriver"])
    count = 0
    for plug in plugs_of(session, args, flags):
        kind = plug.node.attr(plug.attr).kind
        at = flags.get("driverValue")
        driver_kind = driver.node.attr(driver.attr).kind
        at = session.evaluator.normal_value(driver.node, driver.key) if at is None else at * unit_factor(session, driver_kind)
        value = flags.get("value")
        held = session.evaluator.normal_value(plug.node, plug.key) if value is None else value * unit_factor(session, kind)
        curve = _driven_curve(session, plug, driver)
        conversion = curve.inputs[("input", ())][0]
        if conversion.type.name == "unitConversion":
            at *= conversion.stored(("conversionFactor", ()))
        kept = [k for k in keys_of(curve) if abs(k[0] - at) > 1e-9]
        write_keys(session, curve, [*kept, (float(at), float(held), TANGENTS.get(flags.get("outTangentType", "auto"), 18))])
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
        blend = graph.create("blendWeighted", f"bw_{node.name}_{re.sub(r'[^A-Za-z0-9]', '_', attr_name(node, key))}")
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


@command("expression", "string name object alwaysEvaluate unitConversion safe animated")
def expression(session: Session, args: list[Any], flags: Flags) -> Any:
    """`node.attr = arithmetic of node.attr, time, frame;` becomes .O and .I with connections."""
    if flags.get("query"):
        return need_node(session, args[0]).stored(("internalExpression", ()))
    node = session.graph.create("expression", flags.get("name") or "expression1")
    inputs: dict[str, int] = {}
    lines = []
    for output, statement in enumerate(s for s in flags["string"].split(";") if s.strip()):
        left, _, right = statement.partition("=")
        target = need_plug(session, left.strip())

        def replace(match: re.Match[str]) -> str:
            number = inputs.setdefault(match[0], len(inputs))
            return f".I[{number}]"

        lines.append(f".O[{output}] = {_PLUG.sub(replace, right.strip())};")
        session.graph.connect(node, ("output", (output,)), target.node, target.key)
    for name, number in inputs.items():
        source = need_plug(session, name)
        session.graph.connect(source.node, source.key, node, ("input", (number,)))
    session.graph.connect(need_node(session, "time1"), ("outTime", ()), node, ("time", ()))
    session.graph.set_value(node, ("internalExpression", ()), "\n".join(lines))
    return short_name(session, node)


@command("animLayer", "attribute weight mute override root")
def anim_layer(session: Session, args: list[Any], flags: Flags) -> Any:
    """Create a layer (and the base layer), put plugs on it through blend nodes."""
    graph = session.graph
    names = flatten(args)
    if flags.get("query"):
        if flags.get("root"):
            return "BaseAnimation" if graph.find("BaseAnimation") else None
        layer = need_node(session, names[0])
        if flags.get("attribute"):
            return [f"{end[0].name}.{attr_name(*end)}" for k, end in sorted(layer.inputs.items()) if k[0] == "dagSetMembers"] or None
        return session.evaluator.normal_value(layer, (next(f for f in ("weight", "mute") if flags.get(f)), ()))
    if not graph.find("BaseAnimation"):
        graph.create("animLayer", "BaseAnimation")
    layer = need_node(session, names[0]) if names and graph.find(names[0]) else graph.create("animLayer", names[0] if names else "AnimLayer1")
    for flag in ("weight", "mute", "override"):
        if flag in flags:
            graph.set_value(layer, (flag, ()), coerce(layer.attr(flag).kind, flags[flag]))
    for name in flatten([flags.get("attribute") or []]):
        plug = need_plug(session, name)
        kind = plug.node.attr(plug.attr).kind
        suffix = {"doubleLinear": "DL", "doubleAngle": "DA", "float": "F"}.get(kind, "")
        blend = graph.create(f"animBlendNodeAdditive{suffix}", f"{plug.node.name}_{re.sub(r'[^A-Za-z0-9]', '_', attr_name(plug.node, plug.key))}_{layer.name}")
        end = plug.node.inputs.get(plug.key)
        if end is not None:
            graph.connect(*end, blend, ("inputA", ()))
        else:
            graph.set_value(blend, ("inputA", ()), session.evaluator.normal_value(plug.node, plug.key))
        graph.connect(layer, ("backgroundWeight", ()), blend, ("weightA", ()))
        graph.connect(layer, ("foregroundWeight", ()), blend, ("weightB", ()))
        graph.connect(blend, ("output", ()), plug.node, plug.key)
        graph.connect(plug.node, plug.key, layer, ("dagSetMembers", (max(layer.indices("dagSetMembers"), default=-1) + 1,)))
    return short_name(session, layer)
