"""Keys, driven keys, expressions, layers, playback range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.node import Node
from tests.fake_maya.nodes_anim import CURVE_TYPES, curve_value
from tests.fake_maya.plugs import PlugPath, attr_name

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
