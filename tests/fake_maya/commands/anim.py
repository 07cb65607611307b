"""Keys, driven keys, expressions, layers, playback range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.graph import Key, Node
from tests.fake_maya.nodes_anim import CURVE_TYPES, curve_value
from tests.fake_maya.plugs import PlugPath, attr_name

from .attributes import connect_units
from .core import Flags, command, flatten, need_node, need_plug, short_name, targets
from .values import unit_factor

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_SUFFIX = {"doubleLinear": "L", "doubleAngle": "A", "time": "T"}
TANGENTS = {"fixed": 1, "linear": 2, "flat": 3, "step": 5, "slow": 6, "fast": 7, "spline": 9, "clamped": 10, "plateau": 16, "stepnext": 17, "auto": 18}


def plugs_of(session: Session, args: list[Any], flags: Flags) -> list[PlugPath]:
    """Plugs named, or the attributes given (or all keyable ones) of the nodes named."""
    found: list[PlugPath] = []
    for name in targets(session, args):
        if "." in name:
            found.append(need_plug(session, name))
            continue
        node = need_node(session, name)
        attrs = flatten([flags.get("attribute") or []])
        if not attrs and "animCurve" not in node.type.lineage:
            attrs = [a.long for a in node.attributes() if a.keyable and not a.children and not a.multi]
            attrs += [f"{a.long}[{i}]" for a in node.attributes() if a.keyable and a.multi and not a.parent for i in node.indices(a.long)]
        found += [need_plug(session, f"{name}.{attr}") for attr in attrs]
    return found


def curve_of(plug: PlugPath) -> Node | None:
    """The curve in time that drives a plug (through a layer's blend or a unit conversion, the first found)."""
    end = plug.node.inputs.get(plug.key)
    while end is not None:
        node = end[0]
        if "animCurve" in node.type.lineage:
            return node if CURVE_TYPES[node.type.name][0] == "time" else None
        upstream = [e for k, e in sorted(node.inputs.items()) if k[0] in ("input", "inputA")]
        end = (
            upstream[0]
            if upstream
            and node.type.name
            in ("unitConversion", *(n for n in ("animBlendNodeAdditive", "animBlendNodeAdditiveDL", "animBlendNodeAdditiveDA", "animBlendNodeAdditiveF")))
            else None
        )
    return None


def keys_of(node: Node) -> list[tuple[float, float, int]]:
    """(input, value, tangent) of a curve, internal units."""
    return sorted((node.stored(("keyTime", (i,))), node.stored(("keyValue", (i,))), node.stored(("keyTanOutType", (i,)))) for i in node.indices("keyTimeValue"))


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


@command("setKeyframe", "attribute time value inTangentType outTangentType insert float breakdown")
def set_keyframe(session: Session, args: list[Any], flags: Flags) -> int:
    """Set keys; how many."""
    times = flatten([flags.get("time") if flags.get("time") is not None else session.time / session.ticks_per_frame])
    count = 0
    for plug in plugs_of(session, args, flags):
        node, key = plug.node, plug.key
        kind = node.attr(key[0]).kind
        curve = curve_of(plug)
        if curve is None and (node.is_locked(key) or key in node.inputs):
            continue  # Maya does not key what is locked or driven
        value = flags.get("value")
        held = session.evaluator.normal_value(node, key) if value is None else coerce(kind, value * unit_factor(session, kind))
        if curve is None:
            curve = make_curve(session, plug, "T")
            session.graph.connect(curve, ("output", ()), node, key)
        for at in times:
            ticks = float(at) * session.ticks_per_frame
            kept = [k for k in keys_of(curve) if abs(k[0] - ticks) > 1e-6]
            write_keys(session, curve, [*kept, (ticks, float(held), TANGENTS.get(flags.get("outTangentType", "auto"), 18))])
            count += 1
    session.modified = True
    return count


def _chosen(session: Session, curve: Node, flags: Flags) -> list[int]:
    keys = keys_of(curve)
    factor = session.ticks_per_frame if CURVE_TYPES[curve.type.name][0] == "time" else 1.0
    if flags.get("index") is not None:
        return [i for pair in flatten([flags["index"]]) for i in [int(pair)] if i < len(keys)]
    for flag, scale in (("time", factor), ("float", 1.0)):
        span = flags.get(flag)
        if span:
            low, high = (span if isinstance(span, tuple | list) else (span, span))[:2] if len(flatten([span])) > 1 else (flatten([span])[0],) * 2
            return [i for i, k in enumerate(keys) if float(low) * scale - 1e-6 <= k[0] <= float(high) * scale + 1e-6]
    return list(range(len(keys)))


@command("keyframe", "attribute time float index query timeChange valueChange floatChange keyframeCount name eval absolute relative")
def keyframe(session: Session, args: list[Any], flags: Flags) -> Any:
    """Ask for keys, or move them."""
    curves: list[Node] = []
    for name in targets(session, args):
        if "." not in name and "animCurve" in (node := need_node(session, name)).type.lineage:
            curves.append(node)
        else:
            curves += [c for p in plugs_of(session, [name], flags) if (c := _any_curve(p)) is not None]
    if not flags.get("query"):
        return _edit_keys(session, curves, flags)
    if flags.get("keyframeCount"):
        return sum(len(_chosen(session, c, flags)) for c in curves)
    if flags.get("name"):
        return [short_name(session, c) for c in curves] or None
    result: list[float] = []
    for curve in curves:
        timed, out = CURVE_TYPES[curve.type.name]
        keys = keys_of(curve)
        factors = (unit_factor(session, timed) if timed == "time" else 1.0, unit_factor(session, out))
        if flags.get("eval"):
            at = [float(t) * factors[0] for t in dict.fromkeys(flatten([flags.get("time") or session.time / session.ticks_per_frame]))]
            result += [curve_value(keys, t) / factors[1] for t in at]
            continue
        column = 1 if flags.get("valueChange") else 0
        result += [keys[i][column] / factors[column] for i in _chosen(session, curve, flags)]
    return result or None


def _any_curve(plug: PlugPath) -> Node | None:
    end = plug.node.inputs.get(plug.key)
    return curve_of(plug) or (end[0] if end is not None and "animCurve" in end[0].type.lineage else None)


def _edit_keys(session: Session, curves: list[Node], flags: Flags) -> int:
    moved = 0
    for curve in curves:
        timed, out = CURVE_TYPES[curve.type.name]
        keys = keys_of(curve)
        for i in _chosen(session, curve, flags):
            at, value, tangent = keys[i]
            if flags.get("valueChange") is not None:
                step = flags["valueChange"] * unit_factor(session, out)
                value = value + step if flags.get("relative") else step
            if flags.get("timeChange") is not None:
                step = flags["timeChange"] * (unit_factor(session, timed) if timed == "time" else 1.0)
                at = at + step if flags.get("relative") else step
            keys[i] = (at, value, tangent)
            moved += 1
        write_keys(session, curve, keys)
    return moved


@command("cutKey", "attribute time clear float index option")
def cut_key(session: Session, args: list[Any], flags: Flags) -> int:
    """Remove keys; a curve without keys goes."""
    from .edit import delete_node

    count = 0
    for plug in plugs_of(session, args, flags):
        curve = curve_of(plug)
        if curve is None:
            continue
        chosen = set(_chosen(session, curve, flags))
        count += len(chosen)
        left = [k for i, k in enumerate(keys_of(curve)) if i not in chosen]
        write_keys(session, curve, left)
        if not left:
            session.graph.disconnect(plug.node, plug.key)
            delete_node(session, curve)
    return count


@command("keyTangent", any_flag=True)
def key_tangent(session: Session, args: list[Any], flags: Flags) -> None:
    """Out tangents step or not; all else is ignored."""
    if flags.get("query") or "outTangentType" not in flags:
        return
    for plug in plugs_of(session, args, flags):
        curve = _any_curve(plug)
        if curve is not None:
            chosen = set(_chosen(session, curve, flags))
            write_keys(session, curve, [(t, v, TANGENTS.get(flags["outTangentType"], 18) if i in chosen else old) for i, (t, v, old) in enumerate(keys_of(curve))])


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


@command("playbackOptions", "minTime maxTime animationStartTime animationEndTime framesPerSecond")
def playback_options(session: Session, args: list[Any], flags: Flags) -> Any:
    """The time range."""
    if flags.get("query"):
        if flags.get("framesPerSecond"):
            return 6000.0 / session.ticks_per_frame
        return session.playback_range[next(f for f in flags if f in session.playback_range)]
    for flag, value in flags.items():
        session.journal.put(session.playback_range, flag, float(value))
    return None
