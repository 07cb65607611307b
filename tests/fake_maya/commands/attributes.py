"""getAttr, setAttr, connections, aliases and dynamic attributes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import Context, coerce
from tests.fake_maya.node import Key, Node
from tests.fake_maya.plugs import PlugPath, attr_name, plug_name
from tests.fake_maya.schema import COMPOUND_NUMERIC, DATA, NUMERIC, Attr

from .core import Flags, command, flatten, need_node, need_plug, short_name, targets
from .values import check_range, from_user, typed_value, unit_factor, user_value

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


def label(session: Session, plug: PlugPath) -> str:
    """node.attr for messages."""
    return f"{short_name(session, plug.node)}.{attr_name(plug.node, plug.key)}"


@command("getAttr", "asString multiIndices size lock keyable channelBox settable time", undoable=False)
def get_attr(session: Session, args: list[Any], flags: Flags) -> Any:
    """Value or state of a plug, in the user's units."""
    name = flatten(args)[0]
    star = isinstance(name, str) and name.endswith("[*]")
    plug = need_plug(session, name[:-3] if star else name)
    node, key = plug.node, plug.key
    array = node.attr(key[0]).multi and node.is_array(key)
    if flags.get("multiIndices"):
        return node.indices(*key) or None
    if flags.get("size"):
        return len(node.indices(*key)) if array else 1
    for flag in ("lock", "keyable", "channelBox"):
        if flags.get(flag):
            return node.is_locked(key) if flag == "lock" else node.flag(key, flag)
    if flags.get("settable"):
        return not node.is_locked(key) and node.source(key) is None and node.attr(key[0]).writable
    context = (
        session.evaluator.normal
        if flags.get("time") is None
        else Context(float(flags["time"]) * session.ticks_per_frame)
    )

    def read(one: Key) -> Any:
        return user_value(session, node, one, session.evaluator.value(context, node, one))

    if plug.stop is not None:
        return [read(k) for k in plug.elements()]
    if array:
        found = [read((key[0], (*key[1], i))) for i in node.indices(*key)]
        merged = [
            v[0] if isinstance(v, list) and len(v) == 1 and isinstance(v[0], tuple) else v for v in found
        ]
        return merged if star or (merged and isinstance(merged[0], tuple)) or not merged else [tuple(merged)]
    value = read(key)
    if flags.get("asString"):
        fields = node.attr(key[0]).fields or {}
        return next((n for n, v in fields.items() if v == value), "")
    return value


def _settable(session: Session, plug: PlugPath, key: Key) -> None:
    node = plug.node
    attr = node.attr(key[0])
    if (
        node.is_locked(key)
        or node.source(key) is not None
        or any(node.is_locked((c, key[1])) or node.source((c, key[1])) for c in attr.children)
    ):
        raise RuntimeError(
            f"setAttr: The attribute '{label(session, plug)}' is locked or connected and cannot be modified."
        )
    if not attr.writable:
        raise RuntimeError(f"setAttr: The attribute '{label(session, plug)}' is not writable.")


def _leaves(node: Node, key: Key) -> list[Key]:
    children = node.attr(key[0]).children
    return [leaf for child in children for leaf in _leaves(node, (child, key[1]))] if children else [key]


@command("setAttr", "type lock keyable channelBox size")
def set_attr(session: Session, args: list[Any], flags: Flags) -> None:
    """Set value or state of a plug, in the user's units."""
    plug = need_plug(session, args[0])
    node, values = plug.node, list(args[1:])
    for key in plug.elements():
        for flag in ("lock", "keyable", "channelBox"):
            if flag in flags:
                session.graph.set_flag(node, key, flag, bool(flags[flag]))
    if not values:
        if not {"lock", "keyable", "channelBox", "size"} & set(flags):
            raise RuntimeError("setAttr: no value was given")
        return
    session.modified = True
    kind = flags.get("type")
    numeric_group = re.fullmatch(r"(double|float|long|short)[234]", kind) if kind else None
    if kind and not numeric_group:
        _set_typed(session, plug, kind, values)
        return
    keys = [leaf for key in plug.elements() for leaf in _leaves(node, key)]
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = list(values[0])
    if node.is_array(plug.key) and node.attr(plug.attr).multi and plug.stop is None:
        raise RuntimeError(
            f"setAttr: The attribute '{label(session, plug)}' is a multi: give an index or a range"
        )
    if len(values) != len(keys):
        raise RuntimeError(
            f"setAttr: {len(values)} values for {len(keys)} data elements of '{label(session, plug)}'"
        )
    for key in plug.elements():
        _settable(session, plug, key)
    for key, value in zip(keys, values, strict=True):
        _settable(session, plug, key)
        attr = node.attr(key[0])
        made = from_user(session, attr, value)
        check_range(session, attr, made, label(session, plug))
        session.graph.set_value(node, key, made)


def _set_typed(session: Session, plug: PlugPath, kind: str, values: list[Any]) -> None:
    attr = plug.node.attr(plug.attr)
    if attr.kind != kind and attr.kind != "generic":
        raise RuntimeError(
            f"setAttr: The type '{kind}' does not fit '{label(session, plug)}', which is a {attr.kind}"
        )
    if plug.node.is_array(plug.key):
        raise RuntimeError(f"setAttr: The attribute '{label(session, plug)}' is a multi: give an index")
    _settable(session, plug, plug.key)
    session.graph.set_value(plug.node, plug.key, typed_value(kind, values))


# connections --------------------------------------------------------------------------------------------
_NUMBERS = {
    "double",
    "float",
    "floatLinear",
    "doubleLinear",
    "doubleAngle",
    "time",
    "long",
    "short",
    "byte",
    "char",
    "bool",
    "enum",
}
_GEOMETRY = {"mesh", "nurbsCurve", "geometry"}


def compatible(source: Node, source_key: Key, target: Node, target_key: Key) -> bool:
    """Whether Maya would connect these."""
    a, b = source.attr(source_key[0]), target.attr(target_key[0])
    if "generic" in (a.kind, b.kind) or b.kind == "message":
        return a.kind == "message" or b.kind != "message"
    if a.children or b.children:
        return len(a.children) == len(b.children) and all(
            compatible(source, (x, source_key[1]), target, (y, target_key[1]))
            for x, y in zip(a.children, b.children, strict=True)
        )
    if a.kind in _NUMBERS and b.kind in _NUMBERS:
        return True
    if a.kind in _GEOMETRY and b.kind in _GEOMETRY:
        return "geometry" in (a.kind, b.kind) or a.kind == b.kind
    return a.kind == b.kind or {a.kind, b.kind} == {"matrix", "fltMatrix"}


def _conversion(session: Session, source_kind: str, target_kind: str) -> float:
    """Factor of the unitConversion node that Maya puts between plugs of different units; 1 for none."""
    if source_kind == target_kind or not {source_kind, target_kind} <= {
        "double",
        "float",
        "doubleLinear",
        "doubleAngle",
        "time",
    }:
        return 1.0
    return unit_factor(session, target_kind) / unit_factor(session, source_kind)


def first_instance(plug: PlugPath) -> PlugPath:
    """`shape.worldMesh` means the first instance."""
    if plug.node.attr(plug.attr).world_space and plug.node.is_array(plug.key):
        return replace(plug, indices=(*plug.indices, 0))
    return plug


@command("connectAttr", "force nextAvailable")
def connect_attr(session: Session, args: list[Any], flags: Flags) -> str:
    """Connect two plugs."""
    source, target = (
        first_instance(need_plug(session, args[0], error=RuntimeError)),
        first_instance(need_plug(session, args[1], error=RuntimeError)),
    )
    key = target.key
    attr = target.node.attr(target.attr)
    names = f"'{label(session, source)}' to '{label(session, target)}'"
    if flags.get("nextAvailable") and attr.multi and target.node.is_array(key):
        if attr.index_matters:
            raise RuntimeError(f"connectAttr: the indices of '{label(session, target)}' matter: give one")
        key = (key[0], (*key[1], max(target.node.indices(*key), default=-1) + 1))
    if not source.node.attr(source.attr).readable or not attr.writable or not attr.connectable:
        raise RuntimeError(f"The attribute {names} cannot be connected")
    if attr.multi != source.node.attr(source.attr).multi and (
        target.node.is_array(key) or source.node.is_array(source.key)
    ):
        raise RuntimeError(f"Cannot connect {names}: one is a multi without an index")
    if not compatible(source.node, source.key, target.node, key):
        raise RuntimeError(
            f"The attribute '{label(session, source)}' cannot be connected to '{label(session, target)}'."
        )
    existing = target.node.inputs.get(key)
    if existing == (source.node, source.key):
        session.say("warning", f"{names} are already connected.")
        return f"{names} are already connected."
    if target.node.is_locked(key) or (existing is not None and not flags.get("force")):
        raise RuntimeError(
            f"connectAttr: '{label(session, target)}' is locked or already has an incoming"
            f" connection; use the force flag"
        )
    if flags.get("force") is None and any((c, key[1]) in target.node.inputs for c in attr.children):
        raise RuntimeError(f"connectAttr: a child of '{label(session, target)}' has an incoming connection")
    connect_units(session, source.node, source.key, target.node, key)
    session.modified = True
    return f"Connected {label(session, source)} to {plug_name(session.graph, target.node, key)}."


def connect_units(session: Session, source: Node, source_key: Key, target: Node, target_key: Key) -> None:
    """Connect, through a unitConversion node when the units differ."""
    factor = _conversion(session, source.attr(source_key[0]).kind, target.attr(target_key[0]).kind)
    if abs(factor - 1.0) < 1e-12:
        session.graph.connect(source, source_key, target, target_key)
        return
    middle = session.graph.create("unitConversion", "unitConversion1")
    session.graph.set_value(middle, ("conversionFactor", ()), factor)
    session.graph.connect(source, source_key, middle, ("input", ()))
    session.graph.connect(middle, ("output", ()), target, target_key)


@command("disconnectAttr")
def disconnect_attr(session: Session, args: list[Any], flags: Flags) -> str:
    """Break a connection."""
    source, target = (
        need_plug(session, args[0], error=RuntimeError),
        need_plug(session, args[1], error=RuntimeError),
    )
    if target.node.inputs.get(target.key) != (source.node, source.key):
        names = f"'{label(session, source)}' to '{label(session, target)}'"
        raise RuntimeError(f"There is no connection from {names} to disconnect")
    if target.node.is_locked(target.key):
        raise RuntimeError(
            f"The destination attribute '{label(session, target)}' cannot be disconnected: it is locked"
        )
    session.graph.disconnect(target.node, target.key)
    session.modified = True
    return f"Disconnect {label(session, source)} from {label(session, target)}."


@command("aliasAttr")
def alias_attr(session: Session, args: list[Any], flags: Flags) -> Any:
    """Name plugs: name, plug, name, plug ..."""
    args = flatten(args)
    if flags.get("query"):
        if "." in args[0]:
            plug = need_plug(session, args[0])
            return plug.node.aliases.get(plug.key, "")
        node = need_node(session, args[0])
        pairs = sorted(node.aliases.items(), key=lambda item: item[0])
        return [text for key, alias in pairs for text in (alias, attr_name(node, key, alias=False))] or None
    for alias, name in zip(args[::2], args[1::2], strict=True):
        set_alias(session, need_plug(session, name), alias)
    return True


def set_alias(session: Session, plug: PlugPath, alias: str) -> None:
    """Name one plug; the name must be new on the node."""
    node = plug.node
    if not re.fullmatch(r"[A-Za-z_]\w*", alias):
        raise RuntimeError(f"aliasAttr: '{alias}' is no valid attribute name")
    if node.find_attr(alias) is not None or any(
        a == alias and k != plug.key for k, a in node.aliases.items()
    ):
        raise RuntimeError(f"aliasAttr: the attribute name '{alias}' is in use on {node.name}")
    session.graph.set_alias(node, plug.key, alias)


@command(
    "addAttr",
    "longName shortName attributeType dataType defaultValue minValue maxValue enumName keyable"
    " hidden multi parent"
    " numberOfChildren usedAsFilename",
)
def add_attr(session: Session, args: list[Any], flags: Flags) -> Any:
    """Add a dynamic attribute."""
    for name in targets(session, args):
        node = need_node(session, name.partition(".")[0])
        attr = made_attribute(session, flags)
        if attr.parent is not None:
            parent = node.find_attr(attr.parent)
            if parent is None:
                raise RuntimeError(f"addAttr: no attribute '{attr.parent}' on {node.name}")
            attr.parent = parent.long
            session.journal.assign(parent, "children", [*parent.children, attr.long])
        session.add_dynamic(node, attr)
    session.modified = True
    return None


def made_attribute(session: Session, flags: Flags) -> Attr:
    kind = flags.get("attributeType") or flags.get("dataType") or "double"
    if kind not in NUMERIC | COMPOUND_NUMERIC | DATA | {"compound"}:
        raise RuntimeError(f"addAttr: Type specified for new attribute is unknown: {kind}")
    long = flags.get("longName") or flags.get("shortName")
    if not long:
        raise RuntimeError("addAttr: the new attribute needs a name")
    attr = Attr(long, flags.get("shortName") or long, kind, multi=bool(flags.get("multi")))
    attr.parent, attr.used_as_filename = flags.get("parent"), bool(flags.get("usedAsFilename"))
    attr.keyable, attr.hidden = bool(flags.get("keyable")), bool(flags.get("hidden"))
    factor = unit_factor(session, kind)
    attr.minimum, attr.maximum = (
        float(v) * factor if (v := flags.get(f)) is not None else None for f in ("minValue", "maxValue")
    )
    if flags.get("enumName"):
        attr.fields, following = {}, 0
        for part in str(flags["enumName"]).strip(":").split(":"):
            name, _, value = part.partition("=")
            following = int(value) if value else following
            attr.fields[name] = following
            following += 1
    if flags.get("defaultValue") is not None:
        attr.default = coerce(kind, flags["defaultValue"] * factor)
    return attr
