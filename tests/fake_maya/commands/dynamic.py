"""addAttr and deleteAttr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fake_maya.evaluation import coerce
from tests.fake_maya.schema import COMPOUND_NUMERIC, DATA, NUMERIC, Attr

from .core import Flags, command, flatten, need_node, need_plug, targets
from .values import to_user, unit_factor

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_SUPPORTED = (
    "longName shortName attributeType dataType defaultValue minValue maxValue softMinValue softMaxValue hasMinValue hasMaxValue enumName keyable hidden multi parent numberOfChildren"
    " niceName usedAsFilename storable readable writable indexMatters disconnectBehaviour exists cachedInternally category usedAsColor internalSet"
)


@command("addAttr", _SUPPORTED)
def add_attr(session: Session, args: list[Any], flags: Flags) -> Any:
    """Add a dynamic attribute, or ask for and edit one."""
    names = targets(session, args)
    if flags.get("query") or flags.get("edit"):
        return _existing(session, names[0], flags)
    for name in names:
        node = need_node(session, name.partition(".")[0])
        attr = make(session, flags)
        if attr.parent is not None:
            parent = node.find_attr(attr.parent)
            if parent is None:
                raise RuntimeError(f"addAttr: no attribute '{attr.parent}' on {node.name}")
            attr.parent = parent.long
            session.journal.assign(parent, "children", [*parent.children, attr.long])
        session.add_dynamic(node, attr)
    session.modified = True
    return None


def make(session: Session, flags: Flags) -> Attr:
    """The attribute that flags of addAttr describe."""
    kind = flags.get("attributeType") or flags.get("dataType") or "double"
    kind = kind[0] if isinstance(kind, list | tuple) else kind
    if kind not in NUMERIC | COMPOUND_NUMERIC | DATA | {"compound", "reflectance", "spectrum"}:
        raise RuntimeError(f"addAttr: Type specified for new attribute is unknown: {kind}")
    long = flags.get("longName") or flags.get("shortName")
    if not long:
        raise RuntimeError("addAttr: the new attribute needs a name")
    attr = Attr(long, flags.get("shortName") or long, kind, multi=bool(flags.get("multi")), parent=flags.get("parent"))
    attr.keyable, attr.hidden = bool(flags.get("keyable")), bool(flags.get("hidden"))
    for flag, field in (
        ("storable", "storable"),
        ("readable", "readable"),
        ("writable", "writable"),
        ("indexMatters", "index_matters"),
        ("usedAsFilename", "used_as_filename"),
    ):
        if flag in flags:
            setattr(attr, field, bool(flags[flag]))
    attr.nice_name = flags.get("niceName") or ""
    attr.disconnect = ("delete", "reset", "nothing")[int(flags.get("disconnectBehaviour", 2))]
    _limits(session, attr, flags)
    return attr


def _limits(session: Session, attr: Attr, flags: Flags) -> None:
    factor = unit_factor(session, attr.kind)
    for flag, field in (("minValue", "minimum"), ("maxValue", "maximum"), ("softMinValue", "soft_minimum"), ("softMaxValue", "soft_maximum")):
        if flags.get(flag) is not None:
            setattr(attr, field, float(flags[flag]) * factor)
    if flags.get("hasMinValue") is False:
        attr.minimum = None
    if flags.get("hasMaxValue") is False:
        attr.maximum = None
    if flags.get("enumName"):
        attr.fields = {}
        following = 0
        for part in str(flags["enumName"]).strip(":").split(":"):
            name, _, value = part.partition("=")
            following = int(value) if value else following
            attr.fields[name] = following
            following += 1
    if flags.get("defaultValue") is not None:
        value = flags["defaultValue"]
        attr.default = value if isinstance(value, str) else coerce(attr.kind, value * factor)


def _existing(session: Session, name: str, flags: Flags) -> Any:
    plug = need_plug(session, name)
    attr = plug.node.attr(plug.attr)
    if flags.get("edit"):
        if not attr.dynamic:
            raise RuntimeError(f"addAttr: '{name}' is not a dynamic attribute")
        _limits(session, attr, flags)
        for flag, field in (("niceName", "nice_name"), ("keyable", "keyable"), ("hidden", "hidden")):
            if flag in flags:
                session.journal.assign(attr, field, flags[flag])
        session.graph.dirty(plug.node, plug.key)
        return None
    answers = {
        "exists": True, "longName": attr.long, "shortName": attr.short, "attributeType": attr.kind if attr.kind in NUMERIC | COMPOUND_NUMERIC | {"message", "compound"} else "typed",
        "dataType": [attr.kind], "defaultValue": to_user(session, attr.kind, attr.initial()), "minValue": attr.minimum, "maxValue": attr.maximum, "softMinValue": attr.soft_minimum,
        "softMaxValue": attr.soft_maximum, "hasMinValue": attr.minimum is not None, "hasMaxValue": attr.maximum is not None, "keyable": attr.keyable, "hidden": attr.hidden,
        "multi": attr.multi, "niceName": attr.nice_name, "usedAsFilename": attr.used_as_filename, "enumName": ":".join(attr.fields or {}),
    }  # fmt: skip
    return next(answers[f] for f in flags if f in answers)


@command("deleteAttr", "attribute name")
def delete_attr(session: Session, args: list[Any], flags: Flags) -> None:
    """Delete a dynamic attribute."""
    for name in flatten(args):
        plug = need_plug(session, f"{name}.{flags['attribute']}" if flags.get("attribute") else name)
        attr = plug.node.attr(plug.attr)
        if not attr.dynamic:
            raise RuntimeError(f"deleteAttr: '{name}' is not a dynamic attribute")
        if plug.node.is_locked(plug.key):
            raise RuntimeError(f"deleteAttr: '{name}' is locked")
        if attr.parent:
            raise RuntimeError(f"deleteAttr: '{name}' is a child of a compound")
        session.remove_dynamic(plug.node, attr)
    session.modified = True
